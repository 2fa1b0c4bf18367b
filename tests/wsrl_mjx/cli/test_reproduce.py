"""`scripts/reproduce.py`: bad input is answered before anything runs, and what is finished is drawn."""

from pathlib import Path
from typing import ClassVar

import finished_runs
import pytest

from wsrl_mjx.cli import reproduce
from wsrl_mjx.config.settings import Config
from wsrl_mjx.experiments import figure_runs, jobs
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.programs import Programs
from wsrl_mjx.runs.setup import RunOptions, open_folder

FIGURE = "when_warmup_matters"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "laptp"], "preset must be one of paper, laptop, smoke, auto, got 'laptp'"),
        (["--envs", "ant"], "envs must be worlds that are scored by success, as mazes are, got 'ant'"),
        (["--envs", "pointmaze-huge"], "env must be one of "),
        (["--envs", "pointmaze-umaze", "pointmaze-umaze"], "envs must be different values"),
        (["--axes", "offline_steps=3000,3000"], "axes offline_steps must have different values"),
        (
            ["--set", "offline_steps=200", "--axes", "offline_steps=200"],
            "axes cannot have offline_steps: it is set for all runs",
        ),
        (["--axes", "success_share=1.5"], "success_share must be in [0, 1], got 1.5"),
        (
            ["--envs", "peg-insertion", "--axes", "clearance=0.001,-1"],
            "clearance is -1.0; it must be positive",
        ),
        (["--envs", "peg-insertion", "--env-options", "clearence=1"], "has no option 'clearence'"),
        (["--num-seeds", "0"], "num_seeds"),
        (["--arms", "wsrl"], "arms must be one of "),
        (["--draw"], "no cell of when_warmup_matters is finished there"),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        reproduce.main([FIGURE, "--out", str(tmp_path / "out"), "--cache-dir", str(tmp_path), *arguments])
    assert left.value.code == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_cache_that_is_a_file_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(SystemExit):
        reproduce.main([FIGURE, "--out", str(tmp_path / "out"), "--cache-dir", str(tmp_path / "cache")])
    assert "is no folder" in capfd.readouterr().err


def test_what_is_finished_is_drawn_and_nothing_of_other_settings(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small = {"preset": "smoke", "envs": ("pointmaze-umaze",)}
    one = reproduce.Command(FIGURE, **small, axes=("offline_steps=400", "success_share=none"))
    for _, job in figure_runs.plan(reproduce.request(one)).runs:
        folder = open_folder(job.config, tmp_path / "runs" / job.name, resume=False)
        steps = job.config.online.online_steps
        finished_runs.write_metrics(folder, {"eval/return": {0: (0.0, 0.0), steps: (0.5, 0.5)}})
        folder.write_json("summary.json", {"online_steps": steps, "offline_rows": 900})
    arguments = ["--preset", "smoke", "--out", str(tmp_path), "--envs", "pointmaze-umaze", "--draw"]
    reproduce.main([FIGURE, *arguments])
    assert "2 of 18 runs drawn" in capfd.readouterr().out  # three lengths, three shares, two arms
    with pytest.raises(SystemExit):
        reproduce.main([FIGURE, *arguments, "--num-seeds", "3"])
    assert "num_seeds: the run has 8, now 3" in capfd.readouterr().err
    own = tmp_path / FIGURE
    assert (own / f"{FIGURE}.png").read_bytes().startswith(b"\x89PNG")
    assert len((own / f"{FIGURE}.csv").read_text().splitlines()) == 3
    page = (own / f"{FIGURE}.md").read_text()
    assert "| pointmaze-umaze | 400 | none | 900 | 0 [0, 0] | 50 [50, 50] | 50 [50, 50] | 0 [0, 0] |" in page
    assert f"reproduce.py {FIGURE} --preset smoke --num-seeds 8 --envs pointmaze-umaze " in page
    assert "--axes offline_steps=200,400,800 success_share=none,0.02,0.1\n" in page


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("offline_steps", "set must be name=value, each name once, got 'offline_steps'"),
        ("method=cql", "set must be one of "),
        ("offline_step=3000", "did you mean 'offline_steps'?"),
        ("offline_steps=many", "set offline_steps must have integers, got 'many'"),
        ("offline_steps=-1", "arm pointmaze-umaze-wsrl: offline_steps must be an integer, zero or more"),
    ],
)
def test_a_bad_setting_is_refused(
    setting: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--preset", "smoke", "--envs", "pointmaze-umaze", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        reproduce.main(["warmup", *arguments, "--set", setting])
    assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_seeds_of_every_run_begin_where_they_are_told_to() -> None:
    command = reproduce.Command("warmup", preset="smoke", envs=("pointmaze-umaze",), set=("seed=8",))
    wanted = reproduce.request(command)
    assert {job.config.seed for _, job in figure_runs.plan(wanted).runs} == {8}
    assert wanted.command.endswith("--num-seeds 8 --envs pointmaze-umaze --set seed=8")


class Finished:
    """Stands for a run that comes to its end at once."""

    carried_out: ClassVar[list[str]] = []

    def __init__(self, config: Config, options: RunOptions, console: Console, programs: Programs) -> None:
        del console, programs
        self.config, self.options = config, options

    def train(self) -> None:
        folder = open_folder(self.config, self.options.run_dir, self.options.resume)
        finished_runs.write_metrics(folder, {"eval/return": {0: (0.0, 0.5), 6000: (1.0, 0.5)}})
        (folder.path / "summary.json").write_text('{"online_steps": 6000}')
        self.carried_out.append(folder.path.name)


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What every call has in common; runs come to their end at once, and pretrainings have no arrays."""
    monkeypatch.setattr(jobs, "Run", Finished)
    monkeypatch.setattr(jobs.pretrained, "is_kept", jobs.is_finished)
    monkeypatch.setattr(Finished, "carried_out", [])
    small = ["--preset", "smoke", "--num-seeds", "2", "--envs", "pointmaze-umaze"]
    return [*small, "--out", str(tmp_path), "--cache-dir", str(tmp_path / "cache")]


def test_figures_run_what_is_not_finished_and_share_it(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reproduce.main(["warmup", *arguments])
    said = capfd.readouterr().out
    assert "run 2 of 2: pointmaze-umaze-wsrl-warmup-0 (1 not finished yet, about 0 s left)" in said
    assert "2 of 2 runs drawn: " in said
    reproduce.main(["warmup_source", *arguments])
    assert capfd.readouterr().out.count("finished before") == 2
    names = ["wsrl", "wsrl-warmup-0", "wsrl-warmup-random", "wsrl-warmup-data"]
    assert Finished.carried_out == [f"pointmaze-umaze-{name}" for name in names]
    table = (tmp_path / "warmup_source" / "warmup_source.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == [
        "WSRL",
        "random actions",
        "offline rows",
        "no warmup",
    ]
    reproduce.main(["warmup_length", *arguments, "--draw"])
    said = capfd.readouterr().out
    assert "2 of 4 runs drawn: " in said and len(Finished.carried_out) == 4


def test_axes_are_for_the_heat_map_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        reproduce.main(["warmup", "--out", str(tmp_path / "out"), "--axes", "success_share=0.1"])
    assert "axes is for when_warmup_matters, got success_share=0.1 for warmup" in capfd.readouterr().err


def test_options_of_worlds_reach_the_runs_and_the_command() -> None:
    changes = {"preset": "smoke", "envs": ("peg-insertion",), "env_options": ("radius=0.004",)}
    request = reproduce.request(reproduce.Command("warmup", **changes, set=("online_steps=7000",)))
    assert {job.config.env_options for _, job in figure_runs.plan(request).runs} == {("radius=0.004",)}
    assert request.command.endswith("--envs peg-insertion --env-options radius=0.004 --set online_steps=7000")


def test_only_the_arms_that_are_asked_for_are_run(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    reproduce.main(["no_retention", *arguments, "--arms", "sac", "wsrl"])
    assert Finished.carried_out == ["pointmaze-umaze-wsrl", "pointmaze-umaze-sac"]
    assert "2 of 6 runs drawn: " in capfd.readouterr().out
