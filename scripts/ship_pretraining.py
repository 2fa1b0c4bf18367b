"""Keeps a finished pretraining with the package: `wsrl ship-pretraining`."""

from wsrl_mjx.cli.ship_pretraining import main

if __name__ == "__main__":
    main()
