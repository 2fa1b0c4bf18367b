"""Keeps the finished pretraining of a run among those that come with the package.

    python scripts/ship_pretraining.py --run-dir runs/antmaze-umaze-play-laptop-1

Writes wsrl_mjx/pretrainings/<env>-<dataset>-<preset>: a file for each seed, the rows held out, and a card.
Runs with the same settings begin with it from then on; `train.py --pretrained shipped` insists on it.
"""

import json

from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.runs.pretraining_shipping import Shipment, ship
from wsrl_mjx.training import runtime

LONG = ("rows", "identity", "settings")  # not shown


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, writes, prints the card; bad input ends with one message and exit code 2."""
    runtime.prepare()
    order = flags.read(Shipment, arguments, program, __doc__)
    try:
        card = ship(order)
    except ValueError as error:
        fail(str(error))
    print(json.dumps({name: value for name, value in card.items() if name not in LONG}, indent=2))
