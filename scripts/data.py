"""Looks into another project's dataset, or converts it: `wsrl data`."""

from wsrl_mjx.cli.data import main

if __name__ == "__main__":
    main()
