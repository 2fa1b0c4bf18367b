"""What `scripts/benchmark.py` measures: one part a module, each a function that returns plain numbers."""
