"""Runs side by side: their scores, the table of where they start, fall and end, and what cannot be read."""

import csv
from pathlib import Path

import finished_runs
import numpy as np
import pytest

from wsrl_mjx.analysis import comparison
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import flat_fields
from wsrl_mjx.runs.arms import read_arm
from wsrl_mjx.runs.pretrained import as_json
from wsrl_mjx.runs.run_folder import RunFolder

SUCCESS = {0: (0.0, 0.5), 1000: (0.0, 0.0), 2000: (1.0, 0.5)}  # by step and seed
FLAT = dict.fromkeys(SUCCESS, (0.25, 0.25))


def arm(path: Path, label: str, env: str = "pointmaze-umaze", returns: dict = SUCCESS) -> Arm:
    return read_arm(finished_runs.write(path, {"eval/return": returns}, env), label)


def test_a_score_is_of_success_or_normalised_or_the_return_itself(tmp_path: Path) -> None:
    maze = arm(tmp_path / "maze", "a")
    steps, scores = maze.scores()
    np.testing.assert_array_equal(steps, [0, 1000, 2000])
    np.testing.assert_array_equal(scores, [[0, 50], [0, 0], [100, 50]])
    assert (maze.unit, maze.success_rate) == ("success rate, %", True)
    assert arm(tmp_path / "cheetah", "a", "halfcheetah").unit == "normalised score"
    changed = finished_runs.write(
        tmp_path / "short", {"eval/return": SUCCESS}, "hopper", env_options=["time_limit=9"]
    )
    assert read_arm(changed).unit == "return" and read_arm(changed).world == "hopper time_limit=9"
    plain = arm(tmp_path / "plain", "a", "ant-direction")
    assert plain.unit == "return"
    np.testing.assert_array_equal(plain.moment("final"), [1.0, 0.5])


@pytest.mark.parametrize(("source", "steps"), [("policy", 5000), ("random", 5000), ("data", 0)])
def test_rows_of_the_data_are_no_warmup_in_environment_steps(tmp_path: Path, source: str, steps: int) -> None:
    changes = {"warmup_steps": 5000, "warmup_source": source}
    path = finished_runs.write(tmp_path / "run", {"eval/return": SUCCESS}, **changes)
    assert read_arm(path).warmup == steps


def test_moments_are_of_each_seed(tmp_path: Path) -> None:
    one = arm(tmp_path / "one", "a")
    found = {name: one.moment(name).tolist() for name in comparison.MOMENTS}
    # The area of the first seed is half of the second thousand steps; of the other a quarter of all.
    assert found == {"at switch": [0, 50], "lowest": [0, 0], "final": [100, 50], "area": [25, 25]}


def test_the_table_says_where_runs_start_fall_and_end(tmp_path: Path) -> None:
    (line,) = comparison.table([arm(tmp_path / "one", "mine")])
    assert (line.arm, line.env, line.seeds, line.online_steps) == ("mine", "pointmaze-umaze", 2, 2000)
    value, low, high = line.estimates["final"]
    assert (value, low, high) == (75.0, 50.0, 100.0)
    header, _, row = comparison.markdown([line]).splitlines()
    assert header.startswith("| arm | env | seeds | online steps | at switch | lowest | final | area |")
    assert row == (
        "| mine | pointmaze-umaze | 2 | 2,000 | 25 [0, 50] | 0 [0, 0] | 75 [50, 100] | 25 [25, 25] | "
        "75 [50, 100] | 25 [25, 25] |"
    )


def test_a_method_has_a_line_over_all_environments(tmp_path: Path) -> None:
    """Its interquartile mean is over the runs of all; a label that lacks an environment has none."""
    arms = [
        arm(tmp_path / "a", "both"),
        arm(tmp_path / "b", "both", "pointmaze-medium", FLAT),
        arm(tmp_path / "c", "one"),
    ]
    *_, last = lines = comparison.table(arms)
    assert [(line.arm, line.env) for line in lines[2:]] == [("one", "pointmaze-umaze"), ("both", "all 2")]
    assert last.seeds == 4 and last.estimates["final IQM"].value == (25.0 + 50.0) / 2.0
    assert "at switch" not in last.estimates
    assert (
        comparison.markdown([last]).splitlines()[2].startswith("| both | all 2 | 4 | 2,000 |  |  |  |  | 38")
    )


def test_returns_of_different_tasks_are_not_averaged(tmp_path: Path) -> None:
    arms = [arm(tmp_path / "a", "a", "ant-direction"), arm(tmp_path / "b", "a")]
    assert [line.env for line in comparison.table(arms)] == ["ant-direction", "pointmaze-umaze"]


def test_each_unit_has_a_table_of_its_own(tmp_path: Path) -> None:
    """A mean over environments is of those in one unit."""
    worlds = ("hopper", "pointmaze-umaze", "ant-direction", "pointmaze-medium")
    lines = comparison.table([arm(tmp_path / world, "mine", world) for world in worlds])
    assert [(line.env, line.unit) for line in lines] == [
        ("hopper", "normalised score"),
        ("pointmaze-umaze", "success rate, %"),
        ("pointmaze-medium", "success rate, %"),
        ("all 2", "success rate, %"),
        ("ant-direction", "return"),
    ]
    text = comparison.markdown(lines)
    heading, *others = [line for line in text.splitlines() if line.endswith(":")]
    assert (heading, others) == ("Normalised score:", ["Success rate, %:", "Return:"])
    of_mazes = text.split("Success rate, %:\n\n")[1].split("\n\n")[0]
    assert of_mazes == comparison.markdown([line for line in lines if line.unit == "success rate, %"])


def test_the_csv_has_a_column_for_each_bound(tmp_path: Path) -> None:
    comparison.write_csv(comparison.table([arm(tmp_path / "one", "mine")]), tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["arm"], row["unit"], row["online_steps"]) == ("mine", "success rate, %", "2000")
    assert [float(row[f"final{end}"]) for end in ("", "_low", "_high")] == [75.0, 50.0, 100.0]
    assert float(row["area_IQM"]) == 25.0


def test_improvements_compare_the_first_with_each_other_where_both_have_run(tmp_path: Path) -> None:
    arms = [
        arm(tmp_path / "a", "first"),
        arm(tmp_path / "b", "second", returns=FLAT),
        arm(tmp_path / "c", "third"),
        arm(tmp_path / "d", "elsewhere", "pointmaze-medium"),
    ]
    found = comparison.improvements(arms)
    assert {label: estimate.value for label, estimate in found.items()} == {"second": 1.0, "third": 0.5}


def test_a_run_without_results_is_named(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", as_json(flat_fields(preset_config("smoke", "ant"))))
    with pytest.raises(ValueError, match="has no evaluation after the switch yet"):
        read_arm(folder.path)
