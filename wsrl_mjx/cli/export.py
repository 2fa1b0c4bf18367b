"""Writes a run's policy as files that need no training code, each checked against the checkpoint.

    python scripts/export.py runs/peg-insertion-mixed-laptop-1 --format npz onnx --out policy

npz comes with a module that runs it with NumPy alone; stablehlo is for `jax.export`, onnx for ONNX runtimes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.runs.export.policy_files import Export, Format, export
from wsrl_mjx.training import runtime


@dataclass(frozen=True)
class Command:
    """Export a run's policy."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a run."""
    out: Path
    """The new folder."""
    format: tuple[Format, ...] = ("npz",)
    """What to write."""
    step: str = "latest"
    """Online step of the checkpoint, or latest."""
    pretrained: bool = False
    """Export the policy at the end of pretraining."""
    seed: int | None = None
    """Which of the run's seeds; needed where it has several."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, writes, prints the card; bad input ends with one message and exit code 2."""
    runtime.prepare()
    command = flags.read(Command, arguments, program, __doc__)
    try:
        card = export(_order(command))
    except ValueError as error:
        fail(str(error))
    print(json.dumps(card, indent=2))


def _order(command: Command) -> Export:
    if not command.format:
        raise ValueError("format must name one at least: npz, stablehlo, onnx")
    if command.step != "latest" and not command.step.isdecimal():
        raise ValueError(f"step must be an online step or latest, got {command.step!r}")
    if command.step != "latest" and command.pretrained:
        raise ValueError("give step or pretrained, not both")
    step = None if command.step == "latest" else int(command.step)
    formats = tuple(dict.fromkeys(command.format))
    return Export(command.run, command.out, formats, step, command.pretrained, command.seed)
