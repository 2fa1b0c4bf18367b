"""When does the warmup matter? Maps over two or three axes of what it gains, from finished runs.

A cell compares a run with the warmup and one without, both from the same pretraining.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.statistics import mean_interval
from wsrl_mjx.analysis.text import markdown_table, with_interval
from wsrl_mjx.data import files
from wsrl_mjx.experiments.warmup_grid import ENV, Axis, Cell, Grid
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.arms import read_arm

SUCCESS_RANGE = 100.0  # points, of a map's colours
READABLE = 0.6  # of the range: beyond it black on the colour cannot be read


class Measure(NamedTuple):
    """One number of a run that the maps compare, [S]."""

    name: str  # in tables
    title: str
    of: Callable[[Arm], np.ndarray]
    is_success: bool = True


def _lowest_q(arm: Arm) -> np.ndarray:
    steps, values = arm.online("held_out/q")
    return values[steps > arm.warmup].min(axis=0)


def _lowest_score(arm: Arm) -> np.ndarray:
    steps, scores = arm.scores()
    return scores[steps > arm.warmup].min(axis=0)


# The lowest is that of evaluations after the first update: before it, the policy is the pretrained one.
MEASURES = (
    Measure("final", "final success, %", lambda arm: arm.moment("final")),
    Measure("lowest", "lowest success since the first update, %", _lowest_score),
    Measure("lowest_q", "lowest mean Q on held-out rows", _lowest_q, is_success=False),
)


class Pair(NamedTuple):
    """One measure with the warmup and without, [S] each."""

    with_warmup: np.ndarray
    without: np.ndarray

    @property
    def gain(self) -> np.ndarray:
        """With minus without, seed by seed, [S]."""
        return self.with_warmup - self.without


@dataclass(frozen=True)
class Result:
    """What a cell's two runs came to.

    Attributes:
        cell: its place.
        rows: of its data.
        pretrained: success at the switch in percent, [S].
        pairs: by the measure's name; mean Q is missing where no rows were held out.
    """

    cell: Cell
    rows: int
    pretrained: np.ndarray
    pairs: dict[str, Pair]


def read(folder: Path, grid: Grid, is_done: Callable[[str], bool]) -> list[Result]:
    """Returns the cells whose two runs are done; `is_done` says it of the name of a run in `folder`."""
    return [_result(folder, cell) for cell in grid.cells if all(map(is_done, cell.runs))]


def _result(folder: Path, cell: Cell) -> Result:
    paths = [folder / name for name in cell.runs]
    arms = [read_arm(path) for path in paths]
    pairs = {
        measure.name: Pair(*(measure.of(arm) for arm in arms))
        for measure in MEASURES
        if measure.is_success or all(arm.measured("held_out/q") for arm in arms)
    }
    rows = json.loads((paths[0] / layout.SUMMARY).read_text())["offline_rows"]
    return Result(cell, rows, arms[0].moment("at switch"), pairs)


# -- tables -----------------------------------------------------------------------------------------------


def write_csv(results: Sequence[Result], path: Path) -> None:
    """Writes one line a cell and seed."""
    names = [name for name, _ in results[0].cell.values]
    measured = [measure.name for measure in _measured(results)]
    columns = [f"{name}_{arm}" for name in measured for arm in ("with", "without")]
    lines: list[list[Any]] = []
    for result in results:
        place = [result.cell.env, *(text for _, text in result.cell.values), result.rows]
        values = [result.pretrained, *(values for name in measured for values in result.pairs[name])]
        for seed, numbers in enumerate(zip(*values, strict=True)):
            lines.append([*place, seed, *(round(float(number), 1) for number in numbers)])
    files.write_csv(path, [ENV, *names, "rows", "seed", "pretrained", *columns], lines)


def markdown(results: Sequence[Result]) -> str:
    """Returns a table with one line a cell for each measure: means with intervals over seeds."""
    names = [name for name, _ in results[0].cell.values]
    parts = []
    for measure in _measured(results):
        lines: list[list[str]] = []
        for result in results:
            pair = result.pairs[measure.name]
            shown = [result.pretrained, *pair, pair.gain]
            place = [result.cell.env, *(_shown(text) for _, text in result.cell.values), f"{result.rows:,}"]
            lines.append([*place, *(with_interval(mean_interval(values), ".0f") for values in shown)])
        header = [ENV, *names, "rows", "pretrained, %", "with", "without", "difference"]
        parts += [f"{measure.title[0].upper()}{measure.title[1:]}:", markdown_table(header, lines)]
    return "\n\n".join(parts)


def _measured(results: Sequence[Result]) -> list[Measure]:
    return [measure for measure in MEASURES if all(measure.name in result.pairs for result in results)]


def _shown(text: str) -> str:
    """Returns a value as people read it."""
    return f"{int(text):,}" if text.isdecimal() else text


# -- pictures ---------------------------------------------------------------------------------------------


def figure(results: Sequence[Result], grid: Grid) -> Figure:
    """Returns a map for each measure, side by side, and below them those of the third axis's other values.

    Colours are the difference that the warmup makes; cells that are not there stay empty.
    """
    rows, columns, *more = grid.directions
    slices = [(more[0].name, text) for text in more[0].texts] if more else [None]
    measures = _measured(results)
    width = (2.3 * len(columns.texts) + 1.6) * len(measures)
    height = (1.15 * len(rows.texts) + 1.3) * len(slices) + 0.5
    with mpl.rc_context({"font.size": 10}):
        drawn = Figure(figsize=(width, height), layout="constrained")
        panels = drawn.subplots(len(slices), len(measures), squeeze=False)
        for part, line in zip(slices, panels, strict=True):
            here = [result for result in results if part is None or part in _place(result.cell)]
            for measure, axes in zip(measures, line, strict=True):
                _draw_map(axes, here, measure, (rows, columns), _largest(results, measure))
                about = "" if part is None else f"\n{part[0]}: {_shown(part[1])}"
                axes.set_title(measure.title + about, fontsize=10)
        seeds = len(results[0].pretrained)
        for column, measure in enumerate(measures):
            label = "points" if measure.is_success else "mean Q"
            drawn.colorbar(panels[0, column].images[0], ax=list(panels[:, column]), label=label)
        drawn.suptitle(f"With the warmup minus without ({seeds} seeds a cell); blue: higher with it")
    return drawn


def _place(cell: Cell) -> tuple[tuple[str, str], ...]:
    return ((ENV, cell.env), *cell.values)


def _largest(results: Sequence[Result], measure: Measure) -> float:
    """Returns the difference that has the strongest colour, the same in all maps of a measure."""
    if measure.is_success:
        return SUCCESS_RANGE
    return max(1.0, *(abs(float(result.pairs[measure.name].gain.mean())) for result in results))


def _draw_map(
    axes: Axes, results: Sequence[Result], measure: Measure, directions: tuple[Axis, Axis], largest: float
) -> None:
    rows, columns = directions
    gains = np.full((len(rows.texts), len(columns.texts)), np.nan)
    for result in results:
        place = dict(_place(result.cell))
        row, column = rows.texts.index(place[rows.name]), columns.texts.index(place[columns.name])
        gains[row, column] = result.pairs[measure.name].gain.mean()
        color = "white" if abs(gains[row, column]) > READABLE * largest else "black"
        axes.text(column, row, _text(result, measure), ha="center", va="center", fontsize=9, color=color)
    axes.set_xticks(range(len(columns.texts)), list(map(_shown, columns.texts)))
    axes.set_yticks(range(len(rows.texts)), list(map(_shown, rows.texts)))
    axes.set_xlabel(columns.name)
    axes.set_ylabel(rows.name)
    axes.imshow(gains, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")


def _text(result: Result, measure: Measure) -> str:
    pair = result.pairs[measure.name]
    lines = [
        with_interval(mean_interval(pair.gain), "+.0f"),
        f"with {pair.with_warmup.mean():.0f}, without {pair.without.mean():.0f}",
    ]
    if measure.name == "final":
        lines.append(f"pretrained {result.pretrained.mean():.0f}")
    return "\n".join(lines)
