"""`scripts/compare.py`: the figures and tables that it writes, and what it refuses."""

from pathlib import Path

import finished_runs
import pytest

from wsrl_mjx.cli.compare import Command, compare

SUCCESS = {"eval/return": {0: (0.0, 0.5), 2000: (1.0, 0.5)}}


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    one, other = (finished_runs.write(tmp_path / name, SUCCESS) for name in ("with", "without"))
    return one, other


def test_figures_and_tables_lie_beside_each_other(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    compare(Command(runs, ("a", "b"), out, profile=True, improvement=True))
    for name in ("out.png", "out-profile.png", "out-improvement.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3
    table = (tmp_path / "out.md").read_text()
    assert "| a | pointmaze-umaze | 2 | 2,000 | 25 [0, 50] |" in table
    assert table in capsys.readouterr().out
    curves = (tmp_path / "out-curves.csv").read_text().splitlines()
    assert curves[0].endswith(",unit,step,seed,score,eval/return") and len(curves) == 1 + 2 * 4
    assert curves[-1] == 'b,pointmaze-umaze,wsrl,false,5000,"success rate, %",2000,1,50,0.5'


def test_a_file_of_curves_stands_for_its_runs(runs: tuple[Path, Path], tmp_path: Path) -> None:
    compare(Command(runs, ("a", "b"), tmp_path / "out.png"))
    curves = tmp_path / "out-curves.csv"
    compare(Command((curves,), (), tmp_path / "again.png"))
    for end in (".csv", ".md", "-curves.csv"):
        assert (tmp_path / f"again{end}").read_text() == (tmp_path / f"out{end}").read_text()
    before = curves.read_text()
    for out in ("out.png", "out-curves.png"):  # whose curves, or whose table, would lie there
        with pytest.raises(ValueError, match=r"would overwrite .*out-curves\.csv, which is read"):
            compare(Command((curves,), (), tmp_path / out, arms=("a",)))
    assert curves.read_text() == before
    mine = (curves, runs[1])
    compare(Command(mine, ("mine",), tmp_path / "mixed.png", arms=("mine", "a")))
    lines = (tmp_path / "mixed.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == ["mine", "a"]


def test_a_method_over_all_environments_is_one_curve(tmp_path: Path) -> None:
    runs = [
        finished_runs.write(tmp_path / name, SUCCESS, env)
        for name, env in (("a", "pointmaze-umaze"), ("b", "pointmaze-large"))
    ]
    compare(Command(tuple(runs), ("mine", "mine"), tmp_path / "out.png", aggregate=True))
    assert (tmp_path / "out-all.png").read_bytes().startswith(b"\x89PNG")
    assert "| mine | all 2 | 4 | 2,000 |" in (tmp_path / "out.md").read_text()


def test_worlds_with_other_options_are_apart(tmp_path: Path) -> None:
    """The score of the one and the returns of the other have no common axis."""
    changed = {"env_options": ["time_limit=500"]}
    runs = (
        finished_runs.write(tmp_path / "plain", SUCCESS, "hopper"),
        finished_runs.write(tmp_path / "short", SUCCESS, "hopper", **changed),
    )
    compare(Command(runs, ("a", "b"), tmp_path / "out.png"))
    lines = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:3] for line in lines] == [
        ["a", "hopper", "normalised score"],
        ["b", "hopper time_limit=500", "return"],
    ]


def test_a_maze_and_a_robot_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tuple(finished_runs.write(tmp_path / env, SUCCESS, env) for env in ("pointmaze-umaze", "hopper"))
    compare(Command(runs, ("mine", "mine"), tmp_path / "out.png", profile=True))
    said = capsys.readouterr().out
    assert "Success rate, %:\n\n| arm | env |" in said and "Normalised score:\n\n| arm | env |" in said
    assert "| all 2 |" not in said
    with pytest.raises(ValueError, match="each with a score of 0 to 100 in one unit"):
        compare(Command(runs, ("mine", "mine"), tmp_path / "out.png", aggregate=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("a",)}, "labels must be one for each of the 2 runs, got"),
        ({"out": Path("nowhere/out.png")}, "its folder does not exist"),
        ({"out": Path("out.gif")}, "out must end in .png, .pdf or .svg, got out.gif"),
        ({"panels": ("drift/kl",)}, "no run has measured drift/kl"),
        ({"labels": ("a", "a")}, "labels must be different in one environment, got 'a' twice"),
        (
            {"arms": ("without", "wiht")},
            "arms must be one of with, without, got 'wiht'; did you mean 'with'?",
        ),
        ({"runs": (Path("no.csv"),)}, "no.csv holds no curves of runs: .*No such file"),
    ],
)
def test_bad_input_is_refused(
    runs: tuple[Path, Path], changes: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        compare(Command(**{"runs": runs, **changes}))
    assert not list(tmp_path.glob("*.png"))
