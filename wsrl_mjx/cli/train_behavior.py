"""Trains a behaviour policy with our own SAC: many environments, one compiled loop.

    python scripts/train_behavior.py --env halfcheetah --steps 500000

The run folder keeps a snapshot of the actor with its score at every evaluation; `scripts/ship_behavior.py`
picks the medium and the expert among them. Interrupted, the same command goes on where the last snapshot was.
"""

from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.runs.behavior_training import BehaviorConfig, train
from wsrl_mjx.training import runtime


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses and trains; bad input ends with one message and exit code 2."""
    runtime.prepare()
    config = flags.read(BehaviorConfig, arguments, program, None)
    try:
        train(config)
    except ValueError as error:
        fail(str(error))
