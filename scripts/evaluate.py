"""Scores the policies of a run, or a behaviour: `wsrl evaluate`."""

from wsrl_mjx.cli.evaluate import main

if __name__ == "__main__":
    main()
