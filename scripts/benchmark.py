"""Measures this machine: what training costs, and its share of what the machine could do."""

from benchmarks.command import main

if __name__ == "__main__":
    main()
