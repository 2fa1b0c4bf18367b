"""The picture of a run in a maze: the value of every place and the ways taken, at three moments."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from wsrl_mjx.rendering.maze_view import POINTS_PER_CELL
from wsrl_mjx.rendering.moments import Moment, three

WALL, REACHED, LOST, START, GOAL = "#4a4f57", "#ffffff", "#b3202c", "#1f5fa8", "#2e8b57"


def draw(moments: list[Moment], success: dict[int, float], title: str) -> Figure:
    """Returns three panels: at the switch, at the lowest success after it, and at the end.

    Args:
        moments: as `read` returns them.
        success: by step, in percent; of all evaluated episodes, of which a panel shows a few.
        title: of the figure.
    """
    chosen = three(moments, success)
    values = np.concatenate([moment.seen["values"].mean(axis=0) for _, moment in chosen])
    scale = Normalize(values.min(), values.max())
    rows, columns = moments[0].seen["walls"].shape
    with mpl.rc_context({"font.size": 10}):
        width = 4.2
        figure = Figure(figsize=(3 * width + 0.8, width * rows / columns + 1.1), layout="constrained")
        panels = figure.subplots(1, 3)
        for axes, (name, moment) in zip(panels, chosen, strict=True):
            _panel(axes, moment, scale)
            axes.set_title(f"{name}: step {moment.step:,}, success {success[moment.step]:.0f} %", fontsize=10)
        colors = ScalarMappable(scale, "viridis")
        figure.colorbar(colors, ax=list(panels), label="mean Q of the policy's action, at rest", shrink=0.85)
        figure.suptitle(title, fontsize=11)
    return figure


def _panel(axes: Axes, moment: Moment, scale: Normalize) -> None:
    """Draws walls, values averaged over seeds, and every seed's ways."""
    seen = moment.seen
    rows, columns = seen["walls"].shape
    size = float(seen["cell_size"])
    tile = size / POINTS_PER_CELL
    tiles = [Rectangle((x - tile / 2, y - tile / 2), tile, tile) for x, y in seen["points"]]
    ground = PatchCollection(tiles, cmap="viridis", norm=scale, linewidth=0, rasterized=True)
    ground.set_array(seen["values"].mean(axis=0))
    axes.add_collection(ground)
    left, top = -columns * size / 2, rows * size / 2
    walls = [
        Rectangle((left + column * size, top - (row + 1) * size), size, size)
        for row, column in np.argwhere(seen["walls"])
    ]
    axes.add_collection(PatchCollection(walls, facecolor=WALL, edgecolor=WALL, linewidth=0.5))
    paths = np.moveaxis(seen["paths"], 1, 2).reshape(-1, seen["paths"].shape[1], 2)
    for path, success in zip(paths, seen["success"].reshape(-1), strict=True):
        axes.plot(*path.T, color=REACHED if success else LOST, linewidth=0.9, alpha=0.8)
    axes.add_patch(Circle(tuple(seen["goal"]), 0.3 * size, facecolor=GOAL, edgecolor="white", zorder=3))
    axes.add_patch(Circle(tuple(seen["start"]), 0.2 * size, facecolor=START, edgecolor="white", zorder=3))
    axes.set_xlim(left, -left)
    axes.set_ylim(-top, top)
    axes.set_aspect("equal")
    axes.set_axis_off()
