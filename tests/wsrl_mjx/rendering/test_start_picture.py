"""The picture of an insertion's starts: three moments, and each start in the colour of how it ended."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.colors
import numpy as np

import envs
from wsrl_mjx.rendering import moments, start_picture, start_view


def test_it_shows_which_starts_went_in_at_three_moments(tmp_path: Path) -> None:
    env = envs.make("peg-insertion")
    view = start_view.of(env, tmp_path / "starts")
    assert view is not None
    obs = np.zeros((1, 4, env.obs_size), np.float32)
    obs[0, :, 0] = [-1.0, -0.5, 0.5, 1.0]  # times 5 cm
    for step, successes in ((0, 2), (500, 0), (1000, 4)):
        played: Any = SimpleNamespace(
            first_obs=obs, returns=np.array([[1.0] * successes + [0.0] * (4 - successes)])
        )
        view.keep(step, played)
    seen = moments.read(tmp_path / "starts")
    np.testing.assert_allclose(seen[0].seen["start"][0, :, 0], [-0.05, -0.025, 0.025, 0.05], atol=1e-6)
    panels = start_picture.draw(seen, {0: 50.0, 500: 0.0, 1000: 100.0}, "title").axes
    green = matplotlib.colors.to_rgb(start_picture.IN)
    counts = []
    for axes in panels:
        points = {tuple(dots.get_facecolor()[0][:3]): len(dots.get_offsets()) for dots in axes.collections}
        counts.append(points.get(green, 0))
    assert counts == [2, 0, 4]
    assert [axes.get_title().split(":")[0] for axes in panels] == ["at the switch", "lowest", "end"]


def test_other_worlds_have_none(tmp_path: Path) -> None:
    assert start_view.of(envs.make("pointmaze-umaze"), tmp_path) is None
