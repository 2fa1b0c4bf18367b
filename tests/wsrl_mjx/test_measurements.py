"""The numbers behind the curves: whole, in order, and empty where nothing was measured."""

import csv
from dataclasses import replace
from pathlib import Path

import finished_runs
import pytest

from wsrl_mjx import measurements
from wsrl_mjx.comparison import Arm
from wsrl_mjx.run_folder import Row

RETURNS = {0: (0.0, 0.5), 1000: (1.0, 0.25)}
VALUES = {0: (-2.0, -4.0), 1000: (-1.0, -1.0)}


@pytest.fixture
def arms(tmp_path: Path) -> list[Arm]:
    """One that has measured all, and one without a metric."""
    first = finished_runs.write(
        tmp_path / "a", {"eval/return": RETURNS, "held_out/q": VALUES, "replay/q": VALUES}
    )
    second = finished_runs.write(tmp_path / "b", {"eval/return": RETURNS})
    return [Arm.read(first, "all of it"), Arm.read(second, "score alone")]


def test_names_are_those_that_some_arm_has(arms: list[Arm]) -> None:
    asked = ["score", "value/q", "held_out/q", "score"]
    assert measurements.measured(arms, asked) == ["score", "held_out/q"]
    assert measurements.measured(arms[1:], asked) == ["score"]


def test_every_seed_of_every_evaluation_has_a_line(arms: list[Arm], tmp_path: Path) -> None:
    measurements.write_csv(arms, ["score", "held_out/q"], tmp_path / "curves.csv")
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["arm", "env", "unit", "step", "seed", "score", "held_out/q"],
        ["all of it", "pointmaze-umaze", "success rate, %", "0", "0", "0", "-2"],
        ["all of it", "pointmaze-umaze", "success rate, %", "0", "1", "50", "-4"],
        ["all of it", "pointmaze-umaze", "success rate, %", "1000", "0", "100", "-1"],
        ["all of it", "pointmaze-umaze", "success rate, %", "1000", "1", "25", "-1"],
        ["score alone", "pointmaze-umaze", "success rate, %", "0", "0", "0", ""],
        ["score alone", "pointmaze-umaze", "success rate, %", "0", "1", "50", ""],
        ["score alone", "pointmaze-umaze", "success rate, %", "1000", "0", "100", ""],
        ["score alone", "pointmaze-umaze", "success rate, %", "1000", "1", "25", ""],
    ]


def test_steps_between_evaluations_and_seeds_without_a_number_have_their_place(
    arms: list[Arm], tmp_path: Path
) -> None:
    """What is logged every chunk has lines of its own; no seed's number goes to another seed."""
    logged = [Row("online", step, 1, "critic/q", float(step)) for step in (500, 1000)]
    arm = replace(arms[1], rows=arms[1].rows + logged)
    measurements.write_csv([arm], ["score", "critic/q"], tmp_path / "curves.csv")
    lines = [line.split('%",')[1] for line in (tmp_path / "curves.csv").read_text().splitlines()[1:]]
    assert lines == ["0,0,0,", "0,1,50,", "500,1,,500", "1000,0,100,", "1000,1,25,1000"]


def test_a_metric_measured_at_fewer_steps_is_empty_elsewhere(tmp_path: Path) -> None:
    late = finished_runs.write(tmp_path / "late", {"eval/return": RETURNS, "replay/q": {1000: (7.0, 8.0)}})
    measurements.write_csv([Arm.read(late, "late")], ["score", "replay/q"], tmp_path / "curves.csv")
    lines = (tmp_path / "curves.csv").read_text().splitlines()
    assert [line.rsplit(",", 1)[1] for line in lines] == ["replay/q", "", "", "7", "8"]


def test_the_table_has_both_ends(arms: list[Arm]) -> None:
    header, _, first, second = measurements.markdown(arms, ["held_out/q"]).splitlines()
    assert header == "| arm | env | `held_out/q`, first | `held_out/q`, last |"
    assert first == "| all of it | pointmaze-umaze | -3 [-4, -2] | -1 [-1, -1] |"
    assert second == "| score alone | pointmaze-umaze |  |  |"
