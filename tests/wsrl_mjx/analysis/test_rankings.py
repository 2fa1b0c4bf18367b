"""Pictures that rank methods: profiles, probabilities of improvement, and the mean over environments."""

from pathlib import Path

import finished_runs
import numpy as np
import pytest

from wsrl_mjx.analysis import rankings
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.runs.arms import read_arm

RETURNS = {0: (0.0, 0.5), 1000: (0.0, 0.0), 2000: (1.0, 0.5)}  # by step and seed


def arm(path: Path, label: str = "", returns: dict = RETURNS, env: str = "pointmaze-umaze") -> Arm:
    return read_arm(finished_runs.write(path, {"eval/return": returns}, env), label or path.name)


def test_a_profile_shows_the_share_of_runs_above_each_score(tmp_path: Path) -> None:
    (axes,) = rankings.profile_figure([arm(tmp_path / "run")], "title").axes
    scores, shares = axes.lines[0].get_xydata().T
    np.testing.assert_allclose(shares[scores < 50.0], 1.0)  # the two runs end at 50 and 100
    np.testing.assert_allclose(shares[(scores >= 50.0) & (scores < 100.0)], 0.5)
    assert axes.get_xlabel() == "final score, success rate, %"
    plain = arm(tmp_path / "plain", env="ant-direction")
    with pytest.raises(ValueError, match="needs scores of 0 to 100; ant-direction has none"):
        rankings.profile_figure([plain], "")


def test_improvements_are_drawn_with_their_labels(tmp_path: Path) -> None:
    arms = [arm(tmp_path / name) for name in ("mine", "yours", "theirs")]
    (axes,) = rankings.improvement_figure(arms, "title").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["yours", "theirs"]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.5, 0.5])
    with pytest.raises(ValueError, match="compares two methods or more, got one"):
        rankings.improvement_figure(arms[:1], "")


def test_the_mean_over_environments_is_interquartile_and_over_steps_that_all_have(tmp_path: Path) -> None:
    other = {0: (0.25, 0.25), 500: (1.0, 1.0), 2000: (1.0, 0.0)}
    arms = [
        arm(tmp_path / "a", "mine"),
        arm(tmp_path / "b", "yours"),
        arm(tmp_path / "c", "mine", other, "pointmaze-large"),
    ]
    (axes,) = rankings.aggregate_figure(arms, "title").axes
    (line,) = axes.lines  # yours has no run in the large maze
    # Four runs: the lowest and the highest are left out.
    np.testing.assert_allclose(line.get_xydata(), [[0, 25], [2000, 75]])
    assert line.get_label() == "mine" and axes.get_ylabel() == "IQM over 2 environments: success rate, %"
    with pytest.raises(
        ValueError, match="needs several environments, each with a score of 0 to 100 in one unit"
    ):
        rankings.aggregate_figure(arms[:2], "")
    assert not rankings.can_be_aggregated(arms[1:])  # nobody has been in both


def test_each_unit_has_a_panel_of_its_own(tmp_path: Path) -> None:
    """Percent of successes and normalised scores have no common axis, and no common mean."""
    worlds = ("pointmaze-umaze", "pointmaze-large", "hopper", "ant")
    arms = [arm(tmp_path / world, "mine", env=world) for world in worlds]
    units = ["success rate, %", "normalised score"]
    profile = rankings.profile_figure(arms, "title")
    assert [axes.get_xlabel() for axes in profile.axes] == [f"final score, {unit}" for unit in units]
    assert [text.get_text() for text in profile.legends[0].get_texts()] == ["mine"]
    means = rankings.aggregate_figure(arms, "title")
    assert [axes.get_ylabel() for axes in means.axes] == [
        f"IQM over 2 environments: {unit}" for unit in units
    ]
    np.testing.assert_allclose(means.axes[0].lines[0].get_ydata(), [25, 0, 75])
    one = rankings.aggregate_figure(arms[:3], "title")  # a single robot is no mean
    assert [axes.get_ylabel() for axes in one.axes] == ["IQM over 2 environments: success rate, %"]
    assert not rankings.can_be_aggregated(arms[1:3])
