"""Calls a command that knows the probe environment `Line`, whose runs take seconds: train, or torture.

PYTHONPATH=. python tests/line.py torture --kills 30 --no-disk
"""

import importlib
import sys
from pathlib import Path

from probe_envs import Line

import envs

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def main(command: str, *arguments: str) -> None:
    envs.REGISTRY["line"] = Line
    given = list(arguments)
    if command == "torture":
        sys.path.insert(0, str(SCRIPTS))
        given += ["--env", "line", "--program", __file__, "train"]
        importlib.import_module("tortures.command").main(given)
        return
    if "--dataset" not in given:
        given += ["--dataset", "random"]  # no behaviour of this world is shipped
    importlib.import_module(f"wsrl_mjx.cli.{command}").main(given)


if __name__ == "__main__":
    main(*sys.argv[1:])
