"""The numbers behind the curves: whole, in order, and empty where nothing was measured."""

import csv
from dataclasses import replace
from pathlib import Path

import finished_runs
import pytest

from wsrl_mjx.analysis import curve_files
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.runs.arms import read_arm

ABOUT = ["arm", "env", "method", "keeps_data", "warmup"]
RETURNS = {0: (0.0, 0.5), 1000: (1.0, 0.25)}
VALUES = {0: (-2.0, -4.0), 1000: (-1.0, -1.0)}


@pytest.fixture
def arms(tmp_path: Path) -> list[Arm]:
    """One that has measured all, and one without a metric."""
    first = finished_runs.write(
        tmp_path / "a", {"eval/return": RETURNS, "held_out/q": VALUES, "replay/q": VALUES}
    )
    second = finished_runs.write(tmp_path / "b", {"eval/return": RETURNS})
    return [read_arm(first, "all of it"), read_arm(second, "score alone")]


def test_names_are_those_that_some_arm_has(arms: list[Arm]) -> None:
    asked = ["score", "value/q", "held_out/q", "score"]
    assert curve_files.measured(arms, asked) == ["score", "held_out/q"]
    assert curve_files.measured(arms[1:], asked) == ["score"]


def test_every_seed_of_every_evaluation_has_a_line(arms: list[Arm], tmp_path: Path) -> None:
    curve_files.write_csv(arms, ["score", "held_out/q"], tmp_path / "curves.csv")
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    about = ["pointmaze-umaze", "wsrl", "false", "5000", "success rate, %"]
    assert rows == [
        [*ABOUT, "unit", "step", "seed", "score", "held_out/q", "eval/return"],
        ["all of it", *about, "0", "0", "0", "-2", "0"],
        ["all of it", *about, "0", "1", "50", "-4", "0.5"],
        ["all of it", *about, "1000", "0", "100", "-1", "1"],
        ["all of it", *about, "1000", "1", "25", "-1", "0.25"],
        ["score alone", *about, "0", "0", "0", "", "0"],
        ["score alone", *about, "0", "1", "50", "", "0.5"],
        ["score alone", *about, "1000", "0", "100", "", "1"],
        ["score alone", *about, "1000", "1", "25", "", "0.25"],
    ]


def test_what_was_written_is_read_back(arms: list[Arm], tmp_path: Path) -> None:
    path, names = tmp_path / "curves.csv", ["score", "held_out/q", "replay/q"]
    robot = replace(arms[0], world="hopper", method="calql", keeps_data=True, warmup=0)
    written = [*arms, robot, replace(robot, label="short, quick", world="hopper time_limit=9")]
    curve_files.write_csv(written, names, path)
    found = curve_files.read_csv(path)
    assert [replace(arm, rows=[]) for arm in found] == [replace(arm, rows=[]) for arm in written]
    assert [sorted(arm.rows) for arm in found] == [sorted(arm.rows) for arm in written]
    again = tmp_path / "again.csv"
    curve_files.write_csv(found, names, again)
    assert again.read_text() == path.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("arm,env\n", "the columns eval/return, keeps_data, method, seed, step, warmup are missing"),
        ("{head}\nA,ant,wsrl,perhaps,0,0,0,1.5\n", "line 2 has 'perhaps'"),
        ("{head}\nA,ant,wsrl,true,0,0,0,1.5\nA,ant,wsrl,true,0,1000,0,high\n", "line 3 has could not"),
        ("{head}\nA,ant,wsrl,true,0,0,0,1.5\n", "arm 'A' has no evaluation after the switch"),
    ],
)
def test_what_holds_no_curves_is_refused(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    if text is not None:
        path.write_text(text.format(head="arm,env,method,keeps_data,warmup,step,seed,eval/return"))
    with pytest.raises(ValueError, match=f"curves.csv holds no curves of runs: .*{message}"):
        curve_files.read_csv(path)


def test_steps_between_evaluations_and_seeds_without_a_number_have_their_place(
    arms: list[Arm], tmp_path: Path
) -> None:
    """What is logged every chunk has lines of its own; no seed's number goes to another seed."""
    logged = [Row("online", step, 1, "critic/q", float(step)) for step in (500, 1000)]
    arm = replace(arms[1], rows=arms[1].rows + logged)
    curve_files.write_csv([arm], ["score", "critic/q"], tmp_path / "curves.csv")
    lines = [line.split('%",')[1] for line in (tmp_path / "curves.csv").read_text().splitlines()[1:]]
    assert lines == ["0,0,0,,0", "0,1,50,,0.5", "500,1,,500,", "1000,0,100,,1", "1000,1,25,1000,0.25"]


def test_a_metric_measured_at_fewer_steps_is_empty_elsewhere(tmp_path: Path) -> None:
    late = finished_runs.write(tmp_path / "late", {"eval/return": RETURNS, "replay/q": {1000: (7.0, 8.0)}})
    curve_files.write_csv([read_arm(late, "late")], ["score", "replay/q"], tmp_path / "curves.csv")
    lines = (tmp_path / "curves.csv").read_text().splitlines()
    assert [line.rsplit(",", 2)[1] for line in lines] == ["replay/q", "", "", "7", "8"]


def test_the_table_has_both_ends(arms: list[Arm]) -> None:
    header, _, first, second = curve_files.markdown(arms, ["held_out/q"]).splitlines()
    assert header == "| arm | env | `held_out/q`, first | `held_out/q`, last |"
    assert first == "| all of it | pointmaze-umaze | -3 [-4, -2] | -1 [-1, -1] |"
    assert second == "| score alone | pointmaze-umaze |  |  |"
