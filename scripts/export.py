"""Writes a run's policy as files that need no training code: `wsrl export`."""

from wsrl_mjx.cli.export import main

if __name__ == "__main__":
    main()
