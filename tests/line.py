"""Calls a script that knows the probe environment `Line`, whose runs take seconds: train, or torture.

PYTHONPATH=. python tests/line.py torture --kills 30 --no-disk
"""

import importlib
import sys
from pathlib import Path

from probe_envs import Line

import envs

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def main(script: str, *arguments: str) -> None:
    sys.path.insert(0, str(SCRIPTS))
    envs.REGISTRY["line"] = Line
    given = list(arguments)
    if script == "torture":
        given += ["--env", "line", "--program", __file__, "train"]
    elif "--dataset" not in given:
        given += ["--dataset", "random"]  # no behaviour of this world is shipped
    importlib.import_module(script).main(given)


if __name__ == "__main__":
    main(*sys.argv[1:])
