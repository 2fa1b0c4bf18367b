"""Pictures that rank methods over all runs and environments, after Agarwal et al. 2021."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from wsrl_mjx.analysis import curve_plots
from wsrl_mjx.analysis.comparison import Arm, by_label, by_unit, environments, improvements
from wsrl_mjx.analysis.statistics import Estimate, iqm_interval, performance_profile


def can_be_aggregated(arms: Sequence[Arm]) -> bool:
    """Returns whether several environments have scores of 0 to 100 in one unit, and a method runs in all."""
    return bool(_aggregated(arms))


def aggregate_figure(arms: Sequence[Arm], title: str, ordered: bool = False) -> Figure:
    """Returns each method's interquartile mean over all environments' runs, with stratified intervals.

    Environments of each unit have a panel of their own. A method without a run in each of a panel's
    environments is left out there. A step counts that all of them evaluate.

    Raises:
        ValueError: see `can_be_aggregated`.
    """
    panels, looks = _aggregated(arms), curve_plots.styles_of(arms, ordered)
    if not panels:
        raise ValueError(
            "an aggregate needs several environments, each with a score of 0 to 100 in one unit, and a "
            "method that has a run in all of them"
        )
    with mpl.rc_context(curve_plots.STYLE):
        drawn, grid = _panels(len(panels))
        for axes, (unit, own) in zip(grid, panels.items(), strict=True):
            count = len(environments(own))
            for label, of_label in by_label(own).items():
                if len(of_label) == count:
                    steps, (value, low, high) = _aggregate(of_label)
                    color, line = looks[label]
                    axes.plot(steps, value, line, color=color, linewidth=1.6, label=label)
                    axes.fill_between(steps, low, high, color=color, alpha=0.16, linewidth=0)
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.set_xlabel("environment steps since the switch")
            axes.set_ylabel(f"IQM over {count} environments: {unit}")
        _finish(drawn, title)
    return drawn


def profile_figure(arms: Sequence[Arm], title: str, ordered: bool = False) -> Figure:
    """Returns the share of runs that end above each score, with pointwise 95 % intervals, a panel a unit.

    Raises:
        ValueError: an environment without a score of 0 to 100.
    """
    without = sorted({arm.world for arm in arms if arm.unit == "return"})
    if without:
        raise ValueError(f"a performance profile needs scores of 0 to 100; {', '.join(without)} has none")
    panels, looks = by_unit(arms), curve_plots.styles_of(arms, ordered)
    with mpl.rc_context(curve_plots.STYLE):
        drawn, grid = _panels(len(panels))
        for axes, (unit, own) in zip(grid, panels.items(), strict=True):
            ends = [scores for arm in own for scores in arm.moment("final")]
            thresholds = np.linspace(min(0.0, *ends), max(100.0, *ends), 201)
            for label, of_label in by_label(own).items():
                value, low, high = performance_profile([arm.moment("final") for arm in of_label], thresholds)
                color, line = looks[label]
                axes.step(thresholds, value, line, color=color, linewidth=1.6, label=label)
                axes.fill_between(thresholds, low, high, color=color, alpha=0.16, linewidth=0, step="pre")
            axes.set_ylim(-0.02, 1.02)
            axes.set_xlabel(f"final score, {unit}")
            axes.set_ylabel("share of runs above it")
        _finish(drawn, title)
    return drawn


def _aggregated(arms: Sequence[Arm]) -> dict[str, list[Arm]]:
    """Returns by unit the arms whose environments are several, with a method that runs in all of them."""
    found: dict[str, list[Arm]] = {}
    for unit, own in by_unit(arms).items():
        count = len(environments(own))
        if unit != "return" and count > 1 and any(len(runs) == count for runs in by_label(own).values()):
            found[unit] = own
    return found


def _aggregate(arms: Sequence[Arm]) -> tuple[list[Any], Estimate]:
    """Returns the steps that all arms evaluate, and the interquartile mean over their runs there."""
    curves = [dict(zip(*arm.scores(), strict=True)) for arm in arms]
    steps = sorted(set.intersection(*map(set, curves)))
    return steps, iqm_interval([np.stack([curve[step] for step in steps]) for curve in curves])


def _panels(count: int) -> tuple[Figure, Sequence[Axes]]:
    """Returns an empty figure, and its panels beside each other."""
    drawn = Figure(figsize=(2.4 + 4.4 * count, 3.4), layout="constrained")
    return drawn, list(drawn.subplots(1, count, squeeze=False).flat)


def _finish(drawn: Figure, title: str) -> None:
    """Adds the title, and a legend with each label once."""
    lines = [line for axes in drawn.axes for line in axes.get_lines()]
    once = {str(line.get_label()): line for line in lines}
    drawn.legend(list(once.values()), list(once), loc="outside right center")
    drawn.suptitle(title, fontsize=10)


def improvement_figure(arms: Sequence[Arm], title: str) -> Figure:
    """Returns the probability that a run of the first label ends above one of each other.

    Raises:
        ValueError: there is no other label with an environment in common.
    """
    found = improvements(arms)
    if not found:
        raise ValueError("the probability of improvement compares two methods or more, got one")
    looks, first = curve_plots.styles_of(arms), arms[0].label
    with mpl.rc_context(curve_plots.STYLE):
        drawn = Figure(figsize=(5.2, 1.2 + 0.36 * len(found)), layout="constrained")
        axes = drawn.subplots()
        for place, (label, (value, low, high)) in enumerate(found.items()):
            axes.barh(place, high - low, left=low, height=0.5, color=looks[label].color, alpha=0.35)
            axes.plot(
                [value, value],
                [place - 0.25, place + 0.25],
                clip_on=False,
                color=looks[label].color,
                linewidth=2,
            )
        axes.axvline(0.5, color=curve_plots.GREY, linestyle="--", linewidth=0.8)
        axes.set_yticks(range(len(found)), list(found))
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_xlim(0.0, 1.02)
        axes.set_xlabel(f"P({first} ends above), with 95 % intervals")
        drawn.suptitle(title, fontsize=10)
    return drawn
