"""The picture of a maze: which moments it shows."""

from pathlib import Path

import numpy as np

from wsrl_mjx.rendering import maze_picture, moments
from wsrl_mjx.rendering.maze_view import POINTS_PER_CELL


def look(folder: Path, name: str, value: float) -> None:
    """Writes what was seen of two seeds in a maze of one free cell; their ways end in `value`."""
    points = np.stack(np.meshgrid([-0.375, -0.125, 0.125, 0.375], [-0.375, -0.125, 0.125, 0.375]), -1)
    np.savez(
        folder / f"{name}.npz",
        paths=np.full((2, 5, 4, 2), value), success=np.ones((2, 4), bool),
        values=np.full((2, POINTS_PER_CELL**2), -value), points=points.reshape(-1, 2),
        walls=np.pad(np.zeros((1, 1), bool), 1, constant_values=True), cell_size=1.0,
        start=np.zeros(2), goal=np.full(2, 0.2),
    )  # fmt: skip


def test_the_lowest_moment_is_that_of_all_evaluated_episodes(tmp_path: Path) -> None:
    for name, value in (("pretrain-100", 0.4), ("online-0", 0.0), ("online-2000", 0.2), ("online-500", 0.1)):
        look(tmp_path, name, value)
    look(tmp_path, "online-10000", 0.3)
    seen = moments.read(tmp_path)
    assert [moment.step for moment in seen] == [0, 500, 2000, 10_000]
    # All episodes that are drawn arrive at every moment; of those that are not, the fewest at 2,000.
    success = {0: 10.0, 500: 60.0, 2000: 40.0, 10_000: 100.0}
    panels = maze_picture.draw(seen, success, "title").axes[:3]
    assert [panel.get_title() for panel in panels] == [
        "at the switch: step 0, success 10 %",
        "lowest: step 2,000, success 40 %",
        "end: step 10,000, success 100 %",
    ]
    assert [panel.lines[0].get_xdata()[-1] for panel in panels] == [0.0, 0.2, 0.3]


def test_a_run_without_looks_has_none(tmp_path: Path) -> None:
    assert moments.read(tmp_path) == [] and moments.read(tmp_path / "maze") == []
