"""The picture of an insertion's starts: from where the peg went in, and from where not, at three moments."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from envs.insertion import INSIDE, RING
from wsrl_mjx.rendering.moments import Moment, three

IN, OUT, HOLE, REGION = "#2e8b57", "#b3202c", "#1f1f1f", "#1f5fa8"
CM = 100.0  # a metre


def draw(moments: Sequence[Moment], success: Mapping[int, float], title: str) -> Figure:
    """Returns three panels seen from above: at the switch, at the lowest success after it, and at the end.

    Args:
        moments: what `rendering.start_view` kept.
        success: by step, in percent, of the world's own starts.
        title: of the figure.
    """
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(12, 5.0), layout="compressed")
        panels = figure.subplots(1, 3, sharey=True)
        for axes, (name, moment) in zip(panels, three(moments, success), strict=True):
            _panel(axes, moment)
            axes.set_title(f"{name}: step {moment.step:,}, success {success[moment.step]:.0f} %", fontsize=10)
        panels[0].set_ylabel("start, y in cm")
        figure.supxlabel("start, x in cm; blue: the region that the data starts in", fontsize=10)
        handles = panels[2].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper right", ncols=3, frameon=False)
        figure.suptitle(title, fontsize=11)
    return figure


def _panel(axes: Axes, moment: Moment) -> None:
    seen = moment.seen
    starts, success = CM * seen["start"].reshape(-1, 3), seen["success"].reshape(-1)
    inside = CM * INSIDE
    region = Rectangle(
        (-inside, -inside), 2 * inside, 2 * inside, fill=False, edgecolor=REGION, linewidth=1.2
    )
    axes.add_patch(region)
    size = float(np.clip(4800 / len(starts), 10, 30))  # so that many seeds' starts can still be told apart
    for went_in, color, label in ((True, IN, "went in"), (False, OUT, "did not")):
        axes.scatter(
            *starts[success == went_in, :2].T, s=size, color=color, alpha=0.75, linewidth=0, label=label
        )
    axes.scatter(*(CM * seen["hole"]), s=60, marker="s", color=HOLE, zorder=3, label="hole")
    reach = CM * RING + 0.5
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
