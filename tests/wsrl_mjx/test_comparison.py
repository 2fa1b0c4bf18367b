"""Runs side by side: what is drawn of them, where they end, and what cannot be compared."""

from pathlib import Path

import numpy as np
import pytest

from wsrl_mjx import comparison
from wsrl_mjx.comparison import Arm
from wsrl_mjx.config import flat_fields
from wsrl_mjx.presets import preset_config
from wsrl_mjx.pretrained import as_json
from wsrl_mjx.run_folder import Row, RunFolder

SUCCESS = {0: (0.0, 0.5), 1000: (0.0, 0.0), 2000: (1.0, 0.5)}  # by step and seed


def run(path: Path, env: str = "pointmaze-umaze", held_out: bool = True) -> Path:
    """Writes what a run with two seeds leaves."""
    folder = RunFolder.create(path, as_json(flat_fields(preset_config("smoke", env))))
    for step, returns in SUCCESS.items():
        for seed, value in enumerate(returns):
            rows = {"eval/return": value, "eval/score": 100 * value, "critic/q": -value - step}
            rows |= {"held_out/q": -2 * value} if held_out else {}
            folder.append(Row("online", step, seed, name, number) for name, number in rows.items())
    folder.close()
    return path


def test_the_table_says_where_runs_start_fall_and_end(tmp_path: Path) -> None:
    (row,) = comparison.table([Arm.read(run(tmp_path / "one"), "mine")])
    assert (row["arm"], row["seeds"], row["online_steps"]) == ("mine", 2, 2000)
    assert [row[name].split()[0] for name in ("pretrained", "lowest", "final", "final score")] == [
        "0.25", "0.00", "0.75", "75.0",
    ]  # fmt: skip
    lines = comparison.markdown([row]).splitlines()
    assert len(lines) == 3 and lines[0].startswith("| arm | seeds |") and "mine" in lines[2]


def test_success_and_both_means_of_q_are_drawn(tmp_path: Path) -> None:
    arms = [Arm.read(run(tmp_path / name)) for name in ("with", "without")]
    success, training, held_out = comparison.figure(arms, "title").axes
    assert [text.get_text() for text in success.get_legend().get_texts()] == [
        "with (2 seeds)",
        "without (2 seeds)",
    ]
    np.testing.assert_allclose(success.lines[0].get_xydata(), [[0, 25], [1000, 0], [2000, 75]])
    np.testing.assert_allclose(training.lines[1].get_xydata()[:, 1], [-0.25, -1000.0, -2000.75])
    np.testing.assert_allclose(held_out.lines[0].get_xydata()[:, 1], [-0.5, 0.0, -1.5])
    assert held_out.get_ylabel() == "mean Q on held-out offline data"


def test_a_panel_that_one_run_cannot_fill_is_left_out(tmp_path: Path) -> None:
    arms = [Arm.read(run(tmp_path / "new")), Arm.read(run(tmp_path / "old", held_out=False))]
    assert len(comparison.figure(arms, "title").axes) == 2


def test_success_and_return_are_not_drawn_together(tmp_path: Path) -> None:
    arms = [Arm.read(run(tmp_path / "maze")), Arm.read(run(tmp_path / "ant", env="ant"))]
    with pytest.raises(ValueError, match="scored by success and runs scored by return"):
        comparison.figure(arms, "title")


def test_a_run_without_results_is_named(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", as_json(flat_fields(preset_config("smoke", "ant"))))
    with pytest.raises(ValueError, match="has no evaluation after the switch yet"):
        Arm.read(folder.path)
