"""Curves as a page draws them: every seed, the mean over seeds and its interval, and what happened when.

The panels, the values and the intervals are those of `curve_plots`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from wsrl_mjx.analysis import curve_plots
from wsrl_mjx.analysis.comparison import Arm, environments
from wsrl_mjx.analysis.curve_plots import Panel
from wsrl_mjx.analysis.metrics import Curve, curve
from wsrl_mjx.analysis.statistics import Estimate, mean_interval

NUMBERS = 60_000  # that a page may hold; each takes about six bytes
FEWEST = 40  # steps of a curve that are always drawn, where it has them
PRETRAINING_SHARE = 0.3  # width of the pretraining's part of a chart, relative to the online part


@dataclass(frozen=True)
class Series:
    """One arm's curve of one metric.

    Attributes:
        label: of the arm.
        color: such as #1f5fa8.
        line: "-", "--" or ":".
        steps: [T]; gradient steps before the switch are negative.
        values: of every seed, [T, S]; NaN where nothing was measured.
        seeds: their names, S.
        stride: every which step of the run is drawn.
    """

    label: str
    color: str
    line: str
    steps: np.ndarray
    values: np.ndarray
    seeds: tuple[int, ...]
    stride: int = 1

    @cached_property
    def estimate(self) -> Estimate:
        """The mean over seeds with its interval, [T] each."""
        return mean_interval(self.values)


@dataclass(frozen=True)
class Mark:
    """A step, or a value, that has a line of its own."""

    at: float
    text: str
    color: str = ""  # of the arm that it belongs to, if it is one's


@dataclass(frozen=True)
class Chart:
    """One metric in one world.

    Attributes:
        name: the metric's.
        label: what it is, with the unit.
        series: a curve an arm, and where a panel has a second metric, dotted ones.
        log: whether the axis is logarithmic.
        limits: of the axis; None where they follow the values.
        steps: marked, such as the switch.
        levels: values that are marked.
        before: width of a step before the switch, relative to one after it; 0 where nothing is drawn there.
    """

    name: str
    label: str
    series: tuple[Series, ...]
    log: bool = False
    limits: tuple[float, float] | None = None
    steps: tuple[Mark, ...] = ()
    levels: tuple[Mark, ...] = ()
    before: float = 0.0


@dataclass(frozen=True)
class World:
    """The charts of one world, which share their steps."""

    name: str
    charts: tuple[Chart, ...] = field(default_factory=tuple)


def of_arms(arms: Sequence[Arm], names: Sequence[str] = (), ordered: bool = False) -> list[World]:
    """Returns the charts of all arms, world by world.

    Args:
        arms: the runs.
        names: the metrics, see `curve_plots.choose`.
        ordered: the arms are steps of one quantity, and so are their colours.

    Raises:
        ValueError: a panel that cannot be drawn.
    """
    panels, styles = curve_plots.choose(arms, names), curve_plots.styles_of(arms, ordered)
    colors = {label: to_hex(style.color) for label, style in styles.items()}
    found: list[World] = []
    for world in environments(arms):
        own = [arm for arm in arms if arm.world == world]
        drawn: list[Chart] = []
        for panel in panels:
            series = [
                Series(arm.label, colors[arm.label], line, steps, values, tuple(arm.seeds[: values.shape[1]]))
                for arm in own
                for line, (steps, values) in _lines(arm, panel, styles[arm.label].line)
                if len(steps)
            ]
            if series:
                drawn.append(_chart(panel, own, tuple(series), _first_updates(own, colors)))
        found.append(World(world, tuple(drawn)))
    return found


def _lines(arm: Arm, panel: Panel, line: str) -> list[tuple[str, Curve]]:
    """Returns the curves of a panel: the arm's own, and the dotted one that goes with it."""
    lines = [(line, arm.scores() if panel.name == "score" else arm.online(panel.name))]
    return lines if panel.dotted is None else [*lines, (":", arm.online(panel.dotted))]


def _chart(panel: Panel, arms: Sequence[Arm], series: tuple[Series, ...], marks: tuple[Mark, ...]) -> Chart:
    is_score = panel.name == "score"
    rates = is_score and all(arm.success_rate for arm in arms)
    label = arms[0].unit if is_score else panel.label
    return Chart(panel.name, label, series, panel.log, (-3.0, 103.0) if rates else None, marks)


def _first_updates(arms: Sequence[Arm], colors: dict[str, str]) -> tuple[Mark, ...]:
    """Returns the switch, and where updates begin: once where all arms agree, else a mark an arm."""
    switch = Mark(0.0, "switch")
    if len({arm.warmup for arm in arms}) == 1:
        return (switch, Mark(arms[0].warmup, "first update")) if arms[0].warmup else (switch,)
    own = (Mark(arm.warmup, f"first update: {arm.label}", colors[arm.label]) for arm in arms if arm.warmup)
    return (switch, *own)


def marked(world: World, steps: tuple[Mark, ...], levels: tuple[Mark, ...]) -> World:
    """Returns the charts with these steps marked, and these values of the score."""
    of = lambda chart: levels if chart.name == "score" else ()
    return replace(world, charts=tuple(replace(c, steps=steps, levels=of(c)) for c in world.charts))


def with_pretraining(world: World, arm: Arm, gradient_steps: int, joined: bool) -> World:
    """Returns the charts of one arm with the steps before the switch on their left.

    Args:
        world: the charts.
        arm: whose they are.
        gradient_steps: of the pretraining.
        joined: whether what is measured at the switch is the end of the pretraining.
    """
    width = PRETRAINING_SHARE * float(arm.scores()[0][-1]) / max(gradient_steps, 1)
    if not any(row.phase == "pretrain" for row in arm.rows):
        return world
    charts = (_joined(replace(chart, before=width), arm, gradient_steps, joined) for chart in world.charts)
    return replace(world, charts=tuple(charts))


def _joined(chart: Chart, arm: Arm, gradient_steps: int, joined: bool) -> Chart:
    name = "eval/return" if chart.name == "score" else chart.name
    steps, values = curve(arm.rows, "pretrain", name)
    after = chart.series[0]
    if not len(steps) or values.shape[1] != after.values.shape[1]:
        return chart
    if chart.name == "score" and arm.reference is not None:
        values = arm.reference.normalize(values)
    if not (joined and after.steps[0] == 0):  # a gap: what follows is no step further
        steps, values = (
            np.append(steps, gradient_steps),
            np.append(values, np.full_like(values[:1], np.nan), 0),
        )
    whole = replace(
        after,
        steps=np.concatenate([steps - gradient_steps, after.steps]),
        values=np.concatenate([values, after.values]),
    )
    return replace(chart, series=(whole, *chart.series[1:]))


def thinned(worlds: Sequence[World], numbers: int = NUMBERS) -> list[World]:
    """Returns the charts with every second, third, ... step of long curves, so that a page stays small."""
    all_series = [series for world in worlds for chart in world.charts for series in chart.series]
    per_step = [series.values.shape[1] + 3 for series in all_series]
    most = max((len(series.steps) for series in all_series), default=0)
    held = lambda cap: sum(n * min(len(s.steps), cap) for s, n in zip(all_series, per_step, strict=True))
    while most > FEWEST and held(most) > numbers:
        most = max(FEWEST, int(0.8 * most))

    def thin(series: Series) -> Series:
        stride = -(-len(series.steps) // max(most, 1))
        chosen = np.arange(len(series.steps) - 1, -1, -stride)[::-1]  # the end is always there
        return replace(series, steps=series.steps[chosen], values=series.values[chosen], stride=stride)

    change = lambda chart: replace(chart, series=tuple(map(thin, chart.series)))
    return [replace(world, charts=tuple(map(change, world.charts))) for world in worlds]


# -- as JSON ----------------------------------------------------------------------------------------------


def as_json(chart: Chart) -> dict[str, Any]:
    """Returns a chart as plain values, for the script of the page; what is not finite is None."""
    return {
        "log": chart.log,
        "limits": chart.limits,
        "before": _short(chart.before),
        "steps": [vars(mark) for mark in chart.steps],
        "levels": [vars(mark) for mark in chart.levels],
        "series": [_as_json(series) for series in chart.series],
    }


def _as_json(series: Series) -> dict[str, Any]:
    estimate = series.estimate
    one = series.values.shape[1] == 1 or series.line == ":"
    return {
        "label": series.label,
        "color": series.color,
        "line": series.line,
        "at": [int(step) for step in series.steps],
        "mean": _shorts(estimate.value),
        "low": [] if one else _shorts(estimate.low),
        "high": [] if one else _shorts(estimate.high),
        "seeds": [] if one else [_shorts(values) for values in series.values.T],
    }


def _shorts(values: np.ndarray) -> list[float | None]:
    return [_short(value) for value in values.tolist()]


def _short(value: float) -> float | None:
    if not np.isfinite(value):
        return None
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
