"""Pictures that rank methods over all runs and environments, after Agarwal et al. 2021."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from wsrl_mjx.analysis import curve_plots
from wsrl_mjx.analysis.comparison import Arm, by_label, environments, improvements
from wsrl_mjx.analysis.statistics import iqm_interval, performance_profile


def can_be_aggregated(arms: Sequence[Arm]) -> bool:
    """Returns whether there are several environments, each with a score of 0 to 100, and a method in all."""
    count = len(environments(arms))
    whole = any(len(own) == count for own in by_label(arms).values())
    return count > 1 and whole and all(arm.unit != "return" for arm in arms)


def aggregate_figure(arms: Sequence[Arm], title: str, ordered: bool = False) -> Figure:
    """Returns each method's interquartile mean over all environments' runs, with stratified intervals.

    A method without a run in each of the environments is left out. A step counts that all of them evaluate.

    Raises:
        ValueError: see `can_be_aggregated`.
    """
    if not can_be_aggregated(arms):
        raise ValueError(
            "an aggregate needs several environments, each with a score of 0 to 100, and a method that has "
            "a run in all of them"
        )
    worlds, looks = environments(arms), curve_plots.styles_of(arms, ordered)
    with mpl.rc_context(curve_plots.STYLE):
        drawn = Figure(figsize=(6.8, 3.4), layout="constrained")
        axes = drawn.subplots()
        for label, own in by_label(arms).items():
            if len(own) < len(worlds):
                continue
            curves = [dict(zip(*arm.scores(), strict=True)) for arm in own]
            steps = sorted(set.intersection(*map(set, curves)))
            tasks = [np.stack([curve[step] for step in steps]) for curve in curves]
            value, low, high = iqm_interval(tasks)
            look = looks[label]
            axes.plot(steps, value, color=look.color, linestyle=look.line, linewidth=1.6, label=label)
            axes.fill_between(steps, low, high, color=look.color, alpha=0.16, linewidth=0)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel("environment steps since the switch")
        axes.set_ylabel(f"IQM of the score, {len(worlds)} environments")
        drawn.legend(loc="outside right center")
        drawn.suptitle(title, fontsize=10)
    return drawn


def profile_figure(arms: Sequence[Arm], title: str, ordered: bool = False) -> Figure:
    """Returns the share of runs that end above each score, with pointwise 95 % intervals.

    Raises:
        ValueError: an environment without a score of 0 to 100.
    """
    without = sorted({arm.world for arm in arms if arm.unit == "return"})
    if without:
        raise ValueError(f"a performance profile needs scores of 0 to 100; {', '.join(without)} has none")
    units = {arm.unit for arm in arms}
    with mpl.rc_context(curve_plots.STYLE):
        drawn = Figure(figsize=(6.8, 3.4), layout="constrained")
        axes = drawn.subplots()
        ends = [scores for arm in arms for scores in arm.moment("final")]
        thresholds = np.linspace(min(0.0, *ends), max(100.0, *ends), 201)
        for (label, own), look in zip(
            by_label(arms).items(), curve_plots.styles_of(arms, ordered).values(), strict=True
        ):
            value, low, high = performance_profile([arm.moment("final") for arm in own], thresholds)
            axes.step(thresholds, value, color=look.color, linestyle=look.line, linewidth=1.6, label=label)
            axes.fill_between(thresholds, low, high, color=look.color, alpha=0.16, linewidth=0, step="pre")
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(f"final score, {units.pop() if len(units) == 1 else '0 to 100'}")
        axes.set_ylabel("share of runs above it")
        drawn.legend(loc="outside right center")
        drawn.suptitle(title, fontsize=10)
    return drawn


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
