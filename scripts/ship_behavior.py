"""Keeps a snapshot of a behaviour's training among the behaviours: `wsrl ship-behavior`."""

from wsrl_mjx.cli.ship_behavior import main

if __name__ == "__main__":
    main()
