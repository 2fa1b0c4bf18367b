"""Pictures of runs side by side: curves over the steps since the switch, with intervals over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import EngFormatter, LogFormatter
from scipy.optimize import isotonic_regression

from wsrl_mjx.analysis.comparison import Arm, by_label, environments
from wsrl_mjx.analysis.statistics import mean_interval
from wsrl_mjx.analysis.text import counted

DPI = 150
# A method has its colour in every picture; arms that differ in something else take them in this order.
METHOD_COLORS = {
    "wsrl": "#1f5fa8",
    "calql": "#d9822b",
    "cql": "#2e8b57",
    "iql": "#9b3d78",
    "rlpd": "#c0392b",
    "sac": "#6b6b6b",
    "jsrl": "#b8860b",
    "so2": "#3aa6b9",
}
GREY = "#6b6b6b"
PANEL_SIZE = (3.7, 3.0)  # inches
COLUMNS = 4  # panels beside each other, at most
LINE_HEIGHT = 0.075  # of a label, as a share of its panel's height
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Panel:
    """One metric over the online steps.

    Attributes:
        name: the metric's; `score` is the environment's own score.
        label: of the axis, with the unit.
        log: whether the axis is logarithmic.
        dotted: a second metric, drawn dotted in the same colours.
    """

    name: str
    label: str
    log: bool = False
    dotted: str | None = None


# Squared TD errors span orders of magnitude where critics diverge; values can have either sign.
PANELS = (
    Panel("score", "score"),
    Panel("critic/q", "mean Q, training batches"),
    Panel("held_out/q", "mean Q, held-out data"),
    Panel("held_out/td_error", "squared TD error, held-out data", log=True),
    Panel("warmup/q", "mean Q, warmup data"),
    Panel("warmup/td_error", "squared TD error, warmup data", log=True),
    Panel("replay/q", "mean Q, replay buffer"),
    Panel("replay/td_error", "squared TD error, replay buffer", log=True),
    Panel("value/q", "value: Q (line), measured (dots)", dotted="value/true"),
    Panel("value/gap", "Q minus measured value"),
    Panel("value/best_gap", "Q minus measured value, best of samples"),
    Panel("drift/kl", "KL to the pretrained policy, nats"),
    Panel("drift/action", "distance to the pretrained actions"),
    Panel("cql/below_floor", "share of samples below the return"),
    Panel("eval/score_inside", "success from inside the data's starts, %"),
    Panel("eval/score_outside", "success from outside the data's starts, %"),
)


class Style(NamedTuple):
    """How an arm is drawn."""

    color: Any
    line: str


def choose(arms: Sequence[Arm], names: Sequence[str] = ()) -> list[Panel]:
    """Returns the panels of these metrics; without names, every one that all arms have measured.

    Raises:
        ValueError: a name that has no panel, or one that no arm has measured.
    """
    measured = lambda panel, arm: panel.name == "score" or arm.measured(panel.name)
    if not names:
        return [panel for panel in PANELS if all(measured(panel, arm) for arm in arms)]
    known = {panel.name: panel for panel in PANELS}
    for name in names:
        if name not in known:
            raise ValueError(f"panels must be of {', '.join(known)}, got {name!r}")
        if not any(measured(known[name], arm) for arm in arms):
            raise ValueError(f"panels: no run has measured {name}")
    return [known[name] for name in names]


def metrics_of(names: Sequence[str]) -> list[str]:
    """Returns the metrics in the panels of these names, those drawn dotted too."""
    shown = [panel for panel in PANELS if panel.name in names]
    return [name for panel in shown for name in (panel.name, panel.dotted) if name]


def figure(arms: Sequence[Arm], title: str, names: Sequence[str] = (), ordered: bool = False) -> Figure:
    """Returns the curves of all arms: a row of panels for each environment; bands are 95 % intervals.

    Args:
        arms: the runs.
        title: above all.
        names: the metrics, see `choose`.
        ordered: the arms are steps of one quantity, and so are their colours.

    Raises:
        ValueError: no arm, or a panel that cannot be drawn.
    """
    if not arms:
        raise ValueError("a figure shows one run or more, got none")
    panels, worlds, styles = choose(arms, names), environments(arms), styles_of(arms, ordered)
    lines = -(-len(panels) // COLUMNS)
    columns = -(-len(panels) // lines)
    width, height = PANEL_SIZE
    with mpl.rc_context(STYLE):
        rows = lines * len(worlds)
        drawn = Figure(figsize=(width * columns + 1.3, height * rows + 0.6), layout="constrained")
        grid = drawn.subplots(rows, columns, squeeze=False)
        for place, world in enumerate(worlds):
            own = [arm for arm in arms if arm.world == world]
            band = grid[place * lines : (place + 1) * lines]
            for axes, panel in zip(band.flat, panels, strict=False):
                _draw(axes, panel, own, styles)
            _shade_warmup(list(band.flat)[: len(panels)], own)
            for axes in band.flat[len(panels) :]:
                axes.set_visible(False)
            if len(worlds) > 1:
                band[0, 0].set_title(world, loc="left", fontweight="bold")
            for line in range(lines):
                last = min(columns, len(panels) - line * columns) - 1
                texts = _label_ends(band[line, last], panels[line * columns + last], own, styles)
                for text in texts:
                    text.set_in_layout(last == columns - 1)  # else there is room where a panel would be
        drawn.suptitle(_headline(title, arms), fontsize=10)
    return drawn


def styles_of(arms: Sequence[Arm], ordered: bool = False) -> dict[str, Style]:
    """Returns how each label is drawn: in its method's colour, and dashed where its twin alone keeps data.

    A second arm of the same method has a colour that no method here needs; where there are too many for that,
    or the arms are steps of one quantity, colours go from dark to light.
    """
    firsts = {label: own[0] for label, own in by_label(arms).items()}
    kinds = [(arm.method, arm.keeps_data) for arm in firsts.values()]
    new = [kind not in kinds[:place] and kind[0] in METHOD_COLORS for place, kind in enumerate(kinds)]
    spare = [color for name, color in METHOD_COLORS.items() if name not in dict(kinds)]
    if ordered or new.count(False) > len(spare):
        shades = mpl.colormaps["viridis"](np.linspace(0.0, 0.85, len(firsts)))
        return {label: Style(color, "-") for label, color in zip(firsts, shades, strict=True)}
    styles = {}
    for label, (method, keeps_data), first in zip(firsts, kinds, new, strict=True):
        color = METHOD_COLORS[method] if first else spare.pop(0)
        styles[label] = Style(color, "--" if not keeps_data and (method, True) in kinds else "-")
    return styles


def _headline(title: str, arms: Sequence[Arm]) -> str:
    counts = sorted({len(arm.seeds) for arm in arms})
    seeds = counted(counts[0], "seed") if len(counts) == 1 else "all seeds"
    note = f"mean of {seeds}, bands are 95 % bootstrap intervals"
    return f"{title}\n{note}" if title else note


def _values(arm: Arm, name: str) -> tuple[np.ndarray, np.ndarray]:
    return arm.scores() if name == "score" else arm.online(name)


def _draw(axes: Axes, panel: Panel, arms: Sequence[Arm], styles: dict[str, Style]) -> None:
    for arm in arms:
        look = styles[arm.label]
        steps, values = _values(arm, panel.name)
        if not len(steps):
            continue
        mean, low, high = mean_interval(values)
        axes.plot(steps, mean, color=look.color, linestyle=look.line, linewidth=1.6, label=arm.label)
        axes.fill_between(steps, low, high, color=look.color, alpha=0.16, linewidth=0)
        if panel.dotted is not None:
            steps, values = arm.online(panel.dotted)
            axes.plot(steps, mean_interval(values).value, color=look.color, linestyle=":", linewidth=1.6)
    if panel.log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter())
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.0, 0.4)))
    if panel.name == "score" and all(arm.success_rate for arm in arms):
        axes.set_ylim(-3.0, 103.0)
    axes.set_xlim(0, max(int(arm.scores()[0][-1]) for arm in arms))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("environment steps since the switch")
    axes.set_ylabel(arms[0].unit if panel.name == "score" else panel.label)


def _shade_warmup(panels: Sequence[Axes], arms: Sequence[Arm]) -> None:
    """Shades the warmup in an environment's panels where all arms have the same one, and names it once."""
    warmups = {arm.warmup for arm in arms}
    if len(warmups) == 1 and (steps := warmups.pop()) > 0:
        for axes in panels:
            axes.axvspan(0, steps, color=GREY, alpha=0.12, linewidth=0)
        panels[0].text(0.02, 1.0, "warmup", transform=panels[0].transAxes, va="top", color=GREY)


def _label_ends(axes: Axes, panel: Panel, arms: Sequence[Arm], styles: dict[str, Style]) -> list[Text]:
    """Writes each arm's label beside the end of its line, moved apart where ends are close; returns them."""
    ends: list[float] = []
    for arm in arms:
        steps, values = _values(arm, panel.name)
        seen = mean_interval(values).value[np.isfinite(values).all(axis=1)] if len(steps) else []
        end = axes.transScale.transform((0.0, seen[-1])) if len(seen) else None
        ends.append(0.0 if end is None else axes.transLimits.transform(end)[1])
    texts: list[Text] = []
    for arm, end, place in zip(arms, ends, spread(np.array(ends), LINE_HEIGHT), strict=True):
        (color, line), to = styles[arm.label], axes.transAxes
        axes.plot([1.005, 1.035], [end, place], color=color, linewidth=0.7, clip_on=False, transform=to)
        axes.plot([1.035, 1.1], [place, place], line, color=color, linewidth=1.6, clip_on=False, transform=to)
        texts.append(axes.text(1.12, place, arm.label, color=color, va="center", transform=to))
    return texts


def spread(places: np.ndarray, gap: float) -> np.ndarray:
    """Returns the places, [N], moved as little as they must be for `gap` between any two, inside [0, 1].

    The least squares solution: an isotonic regression of places less gaps, cut to its bounds.
    """
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    apart = isotonic_regression(places[order] - steps).x
    moved = np.empty(len(places))
    moved[order] = np.clip(apart, 0.0, max(0.0, 1.0 - gap * (len(places) - 1))) + steps
    return moved
