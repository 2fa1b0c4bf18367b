"""When does the warmup matter? Its gain over mazes, lengths of pretraining, shares of successes.

A cell holds the final success with the warmup minus that without, both from the same pretraining.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wsrl_mjx.analysis.statistics import mean_interval
from wsrl_mjx.analysis.text import markdown_table, with_interval
from wsrl_mjx.data import files
from wsrl_mjx.experiments.jobs import PlannedRun, per_seed
from wsrl_mjx.runs import layout

WARMUP_STEPS = 5000
SCORES = ("pretrained", "with_warmup", "without_warmup")
FIELDS = ("env", "success_share", "rows", "offline_steps", "seed", *SCORES)
AS_ROLLED_OUT = None  # the share of successes that the data happens to have


class Place(NamedTuple):
    """Where a cell is in the maps: a maze, a share of successes in its data, a length of pretraining."""

    env: str
    success_share: float | None
    offline_steps: int

    @property
    def runs(self) -> tuple[str, str]:
        """The names of its runs, with and without the warmup."""
        share = "" if self.success_share is None else f"-success-{100 * self.success_share:g}"
        start = f"{self.env}-{self.offline_steps}{share}"
        return f"{start}-with", f"{start}-without"


@dataclass(frozen=True)
class Grid:
    """The mazes, shares of successes and lengths of pretraining that are asked for; one map a share."""

    envs: Sequence[str]
    lengths: Sequence[int]
    shares: Sequence[float | None] = (AS_ROLLED_OUT,)

    @property
    def places(self) -> list[Place]:
        """Every cell's place."""
        return [Place(*values) for values in product(self.envs, self.shares, self.lengths)]


@dataclass(frozen=True)
class Cell:
    """What is at one place: the rows of its data, and success in percent, by seed [S]."""

    place: Place
    rows: int
    pretrained: np.ndarray
    with_warmup: np.ndarray
    without_warmup: np.ndarray

    @property
    def gain(self) -> float:
        """Mean success with the warmup minus without, in points."""
        return float(np.mean(self.with_warmup - self.without_warmup))


def arms(grid: Grid, changes: Mapping[str, Any]) -> list[PlannedRun]:
    """Returns two arms a cell, with `changes`: with the warmup, and without from the same pretraining."""
    found = []
    for place in grid.places:
        own = {**changes, "offline_steps": place.offline_steps}
        if place.success_share is not None:
            own["success_share"] = place.success_share
        with_warmup, without = place.runs
        found.append(PlannedRun(with_warmup, place.env, {**own, "warmup_steps": WARMUP_STEPS}))
        found.append(PlannedRun(without, place.env, {**own, "warmup_steps": 0}, pretrained=with_warmup))
    return found


def read(folder: Path, grid: Grid, is_done: Callable[[str], bool]) -> list[Cell]:
    """Returns the cells whose two arms are done; `is_done` says it of the name of a run in `folder`."""
    cells = []
    for place in grid.places:
        if all(map(is_done, place.runs)):
            runs = [folder / name for name in place.runs]
            scores = [per_seed(runs[0], "pretrained"), *(per_seed(run, "final") for run in runs)]
            rows = json.loads((runs[0] / layout.SUMMARY).read_text())["offline_rows"]
            cells.append(Cell(place, rows, *map(np.array, scores)))
    return cells


def write_csv(cells: Sequence[Cell], path: Path) -> None:
    """Writes one line a cell and seed."""
    rows: list[list[Any]] = []
    for cell in cells:
        env, share, length = cell.place
        scores = zip(cell.pretrained, cell.with_warmup, cell.without_warmup, strict=True)
        for seed, row in enumerate(scores):
            rows.append([env, share, cell.rows, length, seed, *(round(float(x), 1) for x in row)])
    files.write_csv(path, FIELDS, rows)


def markdown(cells: Sequence[Cell]) -> str:
    """Returns one line a cell: success with intervals over seeds, and the gain."""
    about = ["env", "successes in the data", "its rows", "pretraining"]
    rows: list[list[str]] = []
    for cell in cells:
        gain = cell.with_warmup - cell.without_warmup
        shown = [cell.pretrained, cell.with_warmup, cell.without_warmup, gain]
        numbers = [with_interval(mean_interval(values), ".0f") for values in shown]
        env, share, length = cell.place
        rows.append([env, _share(share), f"{cell.rows:,}", f"{length:,}", *numbers])
    return markdown_table([*about, "pretrained", "with", "without", "gain"], rows)


def figure(cells: Sequence[Cell], grid: Grid) -> Figure:
    """Returns one heat map for each share of successes; cells that are not there stay empty."""
    width, height = 2.6 * len(grid.lengths) + 2.2, 1.5 * len(grid.envs) + 1.2
    with mpl.rc_context({"font.size": 10}):
        drawn = Figure(figsize=(width, height * len(grid.shares) + 0.4), layout="constrained")
        below = drawn.subplots(len(grid.shares), squeeze=False)[:, 0]
        for share, axes in zip(grid.shares, below, strict=True):
            _draw_map(axes, [cell for cell in cells if cell.place.success_share == share], grid)
            axes.set_title(f"successes in the data: {_share(share)}", fontsize=10)
        below[-1].set_xlabel("gradient steps of pretraining")
        seeds = len(cells[0].pretrained) if cells else 0
        drawn.suptitle(f"Final success with the warmup minus without, points ({seeds} seeds a cell)")
        drawn.colorbar(below[0].images[0], ax=list(below), label="points of success")
    return drawn


def _draw_map(axes: Axes, cells: Sequence[Cell], grid: Grid) -> None:
    gains = np.full((len(grid.envs), len(grid.lengths)), np.nan)
    for cell in cells:
        row, column = grid.envs.index(cell.place.env), grid.lengths.index(cell.place.offline_steps)
        gains[row, column] = cell.gain
        axes.text(column, row, _text(cell), ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(grid.lengths)), [f"{length:,}" for length in grid.lengths])
    axes.set_yticks(range(len(grid.envs)), grid.envs)
    axes.imshow(gains, cmap="RdBu", vmin=-100.0, vmax=100.0, aspect="auto")


def _share(share: float | None) -> str:
    return "as rolled out" if share is None else f"{100 * share:g} %"


def _text(cell: Cell) -> str:
    gain = mean_interval(cell.with_warmup - cell.without_warmup)
    return (
        f"{with_interval(gain, '+.0f')}\n"
        f"pretrained {cell.pretrained.mean():.0f} %\n"
        f"with {cell.with_warmup.mean():.0f} %, without {cell.without_warmup.mean():.0f} %"
    )
