"""Trains a behaviour policy: `wsrl train-behavior`."""

from wsrl_mjx.cli.train_behavior import main

if __name__ == "__main__":
    main()
