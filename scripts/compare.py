"""Draws several runs side by side, with 95 % intervals over seeds, and prints where they end.

python scripts/compare.py runs/with runs/without --labels warmup "no warmup" --out compare.png
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from wsrl_mjx import comparison


@dataclass(frozen=True)
class Arguments:
    """Runs to compare."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""
    labels: tuple[str, ...] = ()
    """One for each run; unset: the folders' names."""
    out: Path = Path("comparison.png")
    """Where the figure goes."""
    title: str = ""


def main(arguments: Arguments) -> None:
    """Draws and prints.

    Raises:
        ValueError: fewer or more labels than runs, or a folder without results.
    """
    if not arguments.out.absolute().parent.is_dir():
        raise ValueError(f"out {arguments.out}: its folder does not exist")
    if arguments.labels and len(arguments.labels) != len(arguments.runs):
        count = len(arguments.runs)
        raise ValueError(f"labels must be one for each of the {count} runs, got {arguments.labels}")
    labels = arguments.labels or (None,) * len(arguments.runs)
    arms = [
        arm
        for run, label in zip(arguments.runs, labels, strict=True)
        for arm in comparison.read_points(run, label)
    ]
    comparison.figure(arms, arguments.title).savefig(arguments.out, dpi=130)
    print(comparison.markdown(comparison.table(arms)))
    print(f"figure: {arguments.out}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Arguments))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
