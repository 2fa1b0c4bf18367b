"""Scores one snapshot of a behaviour training over 100 episodes and ships it with its card.

    python scripts/ship_behavior.py --run-dir runs/halfcheetah --level medium --step 60000

Writes `envs/behaviors/<env>/<level>.{npz,json}`. With `--level expert` the task's expert reference becomes
the mean return of its deterministic policy (`envs/references.json`).
"""

import json

from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.runs.behavior_shipping import Shipment, ship
from wsrl_mjx.training import runtime


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, scores, writes, prints the card; bad input ends with one message and exit code 2."""
    runtime.prepare()
    order = flags.read(Shipment, arguments, program, None)
    try:
        print(json.dumps(ship(order), indent=2))
    except ValueError as error:
        fail(str(error))
