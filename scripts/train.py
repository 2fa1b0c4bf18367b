"""Runs WSRL: data, pretraining, the switch, warmup, fine-tuning.

python scripts/train.py --env ant --warmup-steps 5000
"""

from wsrl_mjx.cli.command_line import main

if __name__ == "__main__":
    main()
