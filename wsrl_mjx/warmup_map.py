"""When does the warmup matter? Its gain over mazes of growing size and pretraining of growing length.

A cell holds the final success with the warmup minus that without, both from the same pretraining.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from wsrl_mjx.experiments import Arm, per_seed
from wsrl_mjx.statistics import mean_interval

WARMUP_STEPS = 5000
FIELDS = ("env", "offline_steps", "seed", "pretrained", "with_warmup", "without_warmup")


@dataclass(frozen=True)
class Cell:
    """One maze after one length of pretraining; success in percent, by seed [S]."""

    env: str
    offline_steps: int
    pretrained: np.ndarray
    with_warmup: np.ndarray
    without_warmup: np.ndarray

    @property
    def gain(self) -> float:
        """Mean success with the warmup minus without, in points."""
        return float(np.mean(self.with_warmup - self.without_warmup))


def arms(envs: Sequence[str], lengths: Sequence[int], changes: Mapping[str, Any]) -> list[Arm]:
    """Returns two arms a cell, with `changes`: with the warmup, and without from the same pretraining."""
    found = []
    for env in envs:
        for length in lengths:
            sizes = {**changes, "offline_steps": length}
            with_warmup, without = _names(env, length)
            found.append(Arm(with_warmup, env, {**sizes, "warmup_steps": WARMUP_STEPS}))
            found.append(Arm(without, env, {**sizes, "warmup_steps": 0}, pretrained=with_warmup))
    return found


def read(
    folder: Path, envs: Sequence[str], lengths: Sequence[int], is_done: Callable[[str], bool]
) -> list[Cell]:
    """Returns the cells whose two arms are done; `is_done` says it of the name of a run in `folder`."""
    cells = []
    for env in envs:
        for length in lengths:
            names = _names(env, length)
            if all(map(is_done, names)):
                runs = [folder / name for name in names]
                scores = [per_seed(runs[0], "pretrained"), *(per_seed(run, "final") for run in runs)]
                cells.append(Cell(env, length, *map(np.array, scores)))
    return cells


def write_csv(cells: Sequence[Cell], path: Path) -> None:
    """Writes one line a cell and seed."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for cell in cells:
            scores = zip(cell.pretrained, cell.with_warmup, cell.without_warmup, strict=True)
            for seed, row in enumerate(scores):
                writer.writerow((cell.env, cell.offline_steps, seed, *(round(float(x), 1) for x in row)))


def markdown(cells: Sequence[Cell]) -> str:
    """Returns one line a cell: success with intervals over seeds, and the gain."""
    rows = [
        "| env | pretraining | pretrained | with | without | gain |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for cell in cells:
        gain = cell.with_warmup - cell.without_warmup
        shown = [cell.pretrained, cell.with_warmup, cell.without_warmup, gain]
        numbers = ["{:.0f} [{:.0f}, {:.0f}]".format(*mean_interval(values)) for values in shown]
        rows.append(f"| {cell.env} | {cell.offline_steps:,} | {' | '.join(numbers)} |")
    return "\n".join(rows)


def figure(cells: Sequence[Cell], envs: Sequence[str], lengths: Sequence[int]) -> Figure:
    """Returns the heat map; cells that are not there stay empty."""
    gains = np.full((len(envs), len(lengths)), np.nan)
    with mpl.rc_context({"font.size": 10}):
        drawn = Figure(figsize=(2.6 * len(lengths) + 2.2, 1.5 * len(envs) + 1.6), layout="constrained")
        axes = drawn.subplots()
        for cell in cells:
            row, column = envs.index(cell.env), lengths.index(cell.offline_steps)
            gains[row, column] = cell.gain
            axes.text(column, row, _text(cell), ha="center", va="center", fontsize=9)
        image = axes.imshow(gains, cmap="RdBu", vmin=-100.0, vmax=100.0, aspect="auto")
        axes.set_xticks(range(len(lengths)), [f"{length:,}" for length in lengths])
        axes.set_yticks(range(len(envs)), envs)
        axes.set_xlabel("gradient steps of pretraining")
        seeds = len(cells[0].pretrained) if cells else 0
        axes.set_title(f"Final success with the warmup minus without, points ({seeds} seeds a cell)")
        drawn.colorbar(image, ax=axes, label="points of success")
    return drawn


def _text(cell: Cell) -> str:
    gain, low, high = mean_interval(cell.with_warmup - cell.without_warmup)
    return (
        f"{gain:+.0f} [{low:+.0f}, {high:+.0f}]\n"
        f"pretrained {cell.pretrained.mean():.0f} %\n"
        f"with {cell.with_warmup.mean():.0f} %, without {cell.without_warmup.mean():.0f} %"
    )


def _names(env: str, length: int) -> tuple[str, str]:
    return f"{env}-{length}-with", f"{env}-{length}-without"
