"""Draws runs side by side: `wsrl compare`."""

from wsrl_mjx.cli.compare import main

if __name__ == "__main__":
    main()
