"""Several runs side by side: curves with intervals over seeds, and a table of where they end."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import envs
from envs.base import ReferenceScores
from wsrl_mjx.curves import curve, of_point
from wsrl_mjx.run_folder import Row, read_config, read_metrics
from wsrl_mjx.statistics import mean_interval

COLORS = ("#1f5fa8", "#d9822b", "#2e8b57", "#9b3d78", "#6b6b6b", "#b8860b")


@dataclass(frozen=True)
class Arm:
    """One run of the comparison."""

    label: str
    config: dict[str, Any]
    rows: list[Row]

    @classmethod
    def read(cls, path: Path, label: str | None = None) -> "Arm":
        """Reads a run folder; without a label the arm is named after it.

        Raises:
            ValueError: there is no run, or it has no online evaluation yet.
        """
        config = read_config(path)
        try:
            rows = read_metrics(path)
        except FileNotFoundError:
            raise ValueError(f"run {path} has no metrics.csv") from None
        if not any(row.phase == "online" and row.step > 0 and row.name == "eval/return" for row in rows):
            raise ValueError(f"run {path} has no evaluation after the switch yet")
        return cls(label or path.name, config, rows)

    @property
    def success_rate(self) -> bool:
        """Whether the score of its environment is a success rate."""
        reference = _reference(self.config["env"])
        return reference is not None and reference.of_success

    def measured(self, name: str) -> bool:
        """Returns whether there is a number of that name after the switch."""
        return any(row.phase == "online" and row.name == name for row in self.rows)

    @property
    def seeds(self) -> list[int]:
        """Its seeds, in the order of the columns of its curves."""
        return sorted({row.seed for row in self.rows})

    def final_returns(self) -> np.ndarray:
        """Returns each seed's last evaluation, [S]."""
        return curve(self.rows, "online", "eval/return")[1][-1]


def read_points(path: Path, label: str | None = None) -> list[Arm]:
    """Reads a run folder as one arm, or as one for each of its grid points, named after label and point.

    Raises:
        ValueError: see `Arm.read`.
    """
    whole = Arm.read(path, label)
    points = list(dict.fromkeys(row.point for row in whole.rows))
    name = lambda point: " ".join(part for part in (label or ("" if point else path.name), point) if part)
    return [Arm(name(point), whole.config, of_point(whole.rows, point)) for point in points]


def figure(arms: list[Arm], title: str) -> Figure:
    """Returns a panel for the return and one or two for the critics' mean Q; bands are 95 % intervals.

    The second is for held-out offline data, where all runs measured on it.

    Raises:
        ValueError: no arm, or scores that have no common axis.
    """
    if not arms:
        raise ValueError("a figure shows one run or more, got none")
    if len({arm.success_rate for arm in arms}) > 1:
        raise ValueError("runs scored by success and runs scored by return have no common axis")
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        success = all(arm.success_rate for arm in arms)
        panels = [("eval/score", "success rate, %") if success else ("eval/return", "return")]
        panels.append(("critic/q", "mean Q on the training batches"))
        if all(arm.measured("held_out/q") for arm in arms):
            panels.append(("held_out/q", "mean Q on held-out offline data"))
        drawn = Figure(figsize=(5.5 * len(panels), 4.2), layout="constrained")
        axes = drawn.subplots(1, len(panels))
        for panel, (name, label) in zip(axes, panels, strict=True):
            for arm, color in zip(arms, _colors(len(arms)), strict=True):
                _draw(panel, arm, name, color)
            panel.set_xlabel("environment steps since the switch")
            panel.set_ylabel(label)
        axes[0].legend(frameon=False)
        drawn.suptitle(title, fontsize=11)
    return drawn


def _colors(count: int) -> Sequence[Any]:
    """Returns a colour for each arm: told apart where they are few, in an order where they are many."""
    if count <= len(COLORS):
        return COLORS[:count]
    return list(mpl.colormaps["viridis"](np.linspace(0.0, 0.95, count)))


@cache
def _reference(env_name: str) -> ReferenceScores | None:
    return envs.make(env_name).reference


def _draw(axes: Axes, arm: Arm, name: str, color: str) -> None:
    steps, values = curve(arm.rows, "online", name)
    if not len(steps):
        return
    mean, low, high = mean_interval(values)
    axes.plot(steps, mean, color=color, linewidth=2, label=f"{arm.label} ({values.shape[1]} seeds)")
    axes.fill_between(steps, low, high, color=color, alpha=0.18, linewidth=0)


def table(arms: list[Arm]) -> list[dict[str, Any]]:
    """Returns one row an arm: pretrained, lowest and final return over seeds, with intervals."""
    rows = []
    for arm in arms:
        steps, returns = curve(arm.rows, "online", "eval/return")
        reference = _reference(arm.config["env"])
        entry: dict[str, Any] = {"arm": arm.label, "seeds": returns.shape[1], "online_steps": int(steps[-1])}
        lowest = returns[steps > 0].min(axis=0)
        milestones = {"pretrained": returns[0], "lowest": lowest, "final": returns[-1]}
        for name, values in milestones.items():
            mean, low, high = mean_interval(values)
            digits = 2 if arm.success_rate else 0
            entry[name] = f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
        if reference is not None:
            mean, low, high = mean_interval(reference.normalize(returns[-1]))
            entry["final score"] = f"{mean:.1f} [{low:.1f}, {high:.1f}]"
        rows.append(entry)
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    """Returns the table as Markdown."""
    header = list(rows[0])
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(str(row[name]) for name in header) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)
