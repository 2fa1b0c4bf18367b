"""Runs WSRL: data, pretraining, the switch, warmup, fine-tuning: `wsrl train`."""

from wsrl_mjx.cli.train import main

if __name__ == "__main__":
    main()
