"""What a sweep leaves: a row a member, a table with intervals per grid point, and its picture."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wsrl_mjx.analysis import comparison, curve_plots
from wsrl_mjx.analysis.comparison import Arm, Line
from wsrl_mjx.analysis.metrics import curve
from wsrl_mjx.analysis.statistics import mean_interval
from wsrl_mjx.config.settings import Config
from wsrl_mjx.data import files
from wsrl_mjx.experiments.jobs import is_finished
from wsrl_mjx.experiments.sweep import Part
from wsrl_mjx.runs import layout, run_folder
from wsrl_mjx.runs.arms import read_arms

FIELDS = ("point", "seed", "pretrained", "lowest_after_switch", "final", "score_of_final")
PRETRAINED, FINAL = "#9aa0a8", "#1f5fa8"
ALL = "all"  # a grid without axes has one point


class Written(NamedTuple):
    """What was written."""

    table: list[Line]
    files: list[str]


def title(config: Config) -> str:
    """Returns the world, the data and the preset in a line."""
    return f"WSRL: {config.env}, {Path(config.data.dataset).name} data, preset {config.preset}"


def read(folder: Path, parts: Sequence[Part]) -> list[Arm]:
    """Returns one arm a grid point, with the seeds of all finished parts that hold it."""
    arms: dict[str, Arm] = {}
    for part in parts:
        if not is_finished(folder / part.name):
            continue
        for point, arm in zip(part.config.points or ("",), read_arms(folder / part.name), strict=True):
            label = part.label(point) or ALL
            earlier = arms[label].rows if label in arms else []
            arms[label] = replace(arm, label=label, rows=[*earlier, *arm.rows])
    return list(arms.values())


def write(folder: Path, arms: list[Arm], title: str) -> Written:
    """Writes metrics, members, table and pictures into the sweep's folder."""
    table = comparison.table(arms)
    rows = (row._replace(point=arm.label) for arm in arms for row in arm.rows)
    run_folder.write_metrics(folder, rows)
    (folder / layout.SWEEP_TABLE).write_text(comparison.markdown(table) + "\n")
    _write_members(folder / layout.SWEEP_MEMBERS, arms)
    ends(arms, title).savefig(folder / layout.SWEEP_ENDS, dpi=130)
    curve_plots.figure(arms, title).savefig(folder / layout.SWEEP_CURVES, dpi=curve_plots.DPI)
    files = [layout.METRICS, layout.SWEEP_MEMBERS, layout.SWEEP_TABLE, layout.SWEEP_ENDS, layout.SWEEP_CURVES]
    return Written(table, files)


def _write_members(path: Path, arms: list[Arm]) -> None:
    rows: list[list[Any]] = []
    for arm in arms:
        steps, returns = curve(arm.rows, "online", "eval/return")
        scores = curve(arm.rows, "online", "eval/score")[1]
        lowest = returns[steps > 0].min(axis=0)
        for i, seed in enumerate(arm.seeds):
            score = scores[-1, i] if scores.size else np.nan
            row = (returns[0, i], lowest[i], returns[-1, i], score)
            rows.append([arm.label, seed, *(round(float(x), 4) for x in row)])
    files.write_csv(path, FIELDS, rows)


def ends(arms: list[Arm], title: str) -> Figure:
    """Returns where every grid point starts and ends: its seeds, their mean and the mean's 95 % interval."""
    success = all(arm.success_rate for arm in arms)
    name, label = ("eval/score", "success rate, %") if success else ("eval/return", "return")
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        drawn = Figure(figsize=(8.0, 1.4 + 0.45 * len(arms)), layout="constrained")
        axes = drawn.subplots()
        for place, arm in enumerate(arms):
            values = curve(arm.rows, "online", name)[1]
            first = place == 0
            _draw_interval(axes, values[0], place - 0.14, PRETRAINED, "pretrained" if first else None)
            _draw_interval(axes, values[-1], place + 0.14, FINAL, "fine-tuned" if first else None)
        axes.set_yticks(range(len(arms)), [arm.label for arm in arms])
        axes.set_ylim(len(arms) - 0.5, -0.5)
        axes.set_xlabel(label)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        drawn.suptitle(title, fontsize=11)
    return drawn


def _draw_interval(axes: Axes, values: np.ndarray, place: float, color: str, label: str | None) -> None:
    mean, low, high = mean_interval(values)
    axes.scatter(values, np.full(len(values), place), s=10, color=color, alpha=0.4, linewidths=0)
    axes.plot([low, high], [place, place], color=color, linewidth=2)
    axes.plot(mean, place, "o", color=color, markersize=6, label=label)
