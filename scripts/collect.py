"""Rolls an offline dataset out onto disk: `wsrl collect`."""

from wsrl_mjx.cli.collect import main

if __name__ == "__main__":
    main()
