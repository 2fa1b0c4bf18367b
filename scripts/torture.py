"""Breaks real runs in every way that a cluster or a laptop does, and checks that nothing is lost."""

from tortures.command import main

if __name__ == "__main__":
    main()
