"""Trains a grid of settings, times seeds: `wsrl sweep`."""

from wsrl_mjx.cli.sweep import main

if __name__ == "__main__":
    main()
