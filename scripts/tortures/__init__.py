"""The ways in which `scripts/torture.py` breaks runs, one a module, and who judges what came of it."""
