"""Experiments of many runs: done in order, never twice, gone on with."""

import json
from pathlib import Path
from typing import ClassVar

import pytest

from wsrl_mjx.config.settings import Config
from wsrl_mjx.data.trajectories import TooFewError
from wsrl_mjx.experiments import jobs, warmup_grid
from wsrl_mjx.experiments.jobs import PlannedRun, is_finished
from wsrl_mjx.experiments.warmup_grid import Axis, Grid
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.programs import Programs
from wsrl_mjx.runs.setup import RunOptions, open_folder
from wsrl_mjx.training.non_finite import NotFiniteError

ENVS, LENGTHS = ("pointmaze-umaze", "pointmaze-large"), Axis("offline_steps", ("200", "400"))
GRID = Grid(ENVS, (LENGTHS,))


class CutOffError(Exception):
    """The power fails."""


class Recorded:
    """Stands for a run: writes the config that a run writes, and a summary where it is let to its end."""

    done: ClassVar[list[tuple[str, bool, Path | None, Config]]] = []
    cut: ClassVar[str] = ""

    def __init__(self, config: Config, options: RunOptions, console: Console, programs: Programs) -> None:
        del console, programs
        self.config, self.options = config, options

    def train(self) -> None:
        folder, name = self.options.run_dir, self.options.run_dir.name
        self.done.append((name, self.options.resume, self.options.pretrained, self.config))
        open_folder(self.config, folder, self.options.resume)
        if name == self.cut:
            raise CutOffError
        finish(folder, 50.0, 100.0, seeds=self.config.num_seeds, steps=self.config.online.online_steps)


def finish(folder: Path, pretrained: float, final: float, seeds: int, steps: int = 6000) -> None:
    scores = {"pretrained": {"score": pretrained}, "final": {"score": final}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(
        json.dumps(
            {
                "seeds": dict.fromkeys(map(str, range(seeds)), scores),
                "online_steps": steps,
                "offline_rows": 900,
            }
        )
    )


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> type[Recorded]:
    monkeypatch.setattr(jobs, "Run", Recorded)
    monkeypatch.setattr(jobs.pretrained, "is_kept", is_finished)  # what is recorded has no arrays
    monkeypatch.setattr(Recorded, "done", [])
    monkeypatch.setattr(Recorded, "cut", "")
    return Recorded


def carry_out(arms: list[PlannedRun], tmp_path: Path) -> None:
    planned = [arm.job("smoke", 2) for arm in arms]
    jobs.carry_out(planned, tmp_path / "out", tmp_path / "cache", Console())


def test_arms_run_in_order_with_their_settings(runs: type[Recorded], tmp_path: Path) -> None:
    carry_out(warmup_grid.runs(GRID, {"online_steps": 6000}), tmp_path)
    names = [name for name, *_ in runs.done]
    assert (
        names[:2] == ["pointmaze-umaze,offline_steps=200-with", "pointmaze-umaze,offline_steps=200-without"]
        and len(names) == 8
    )
    assert names[-1] == "pointmaze-large,offline_steps=400-without"
    for name, resume, pretrained, config in runs.done:
        assert not resume and config.num_seeds == 2 and config.preset == "smoke"
        assert f"{config.env},offline_steps={config.offline.offline_steps}-" in name
        assert config.online.warmup_steps == (0 if name.endswith("without") else 5000)
        with_warmup = tmp_path / "out" / name.replace("without", "with")
        assert pretrained == (with_warmup if name.endswith("without") else None)


def test_what_was_cut_off_goes_on_and_nothing_is_done_twice(runs: type[Recorded], tmp_path: Path) -> None:
    arms = warmup_grid.runs(Grid(ENVS[:1], (LENGTHS,)), {"online_steps": 6000})
    runs.cut = "pointmaze-umaze,offline_steps=200-without"
    with pytest.raises(CutOffError):
        carry_out(arms, tmp_path)
    runs.cut = ""
    runs.done.clear()
    carry_out(arms, tmp_path)
    assert [(name, resume) for name, resume, *_ in runs.done] == [
        ("pointmaze-umaze,offline_steps=200-without", True),
        ("pointmaze-umaze,offline_steps=400-with", False),
        ("pointmaze-umaze,offline_steps=400-without", False),
    ]


def test_a_finished_run_with_other_settings_is_refused(runs: type[Recorded], tmp_path: Path) -> None:
    carry_out([PlannedRun("one", "pointmaze-umaze", {"utd": 4.0})], tmp_path)
    with pytest.raises(ValueError, match=r"made with another config:\n  utd: the run has 4\.0, now 2\.0"):
        carry_out([PlannedRun("one", "pointmaze-umaze", {"utd": 2.0})], tmp_path)
    assert len(runs.done) == 1


@pytest.mark.parametrize("error", [TooFewError("no success"), NotFiniteError("no number")])
def test_a_run_that_would_end_early_again_does_not_hold_up_the_others(
    runs: type[Recorded],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    class Failing(Recorded):
        """Ends early, the first time."""

        def train(self) -> None:
            if self.options.run_dir.name == "first":
                raise error
            super().train()

    monkeypatch.setattr(jobs, "Run", Failing)
    heir = PlannedRun("heir", "pointmaze-umaze", {"warmup_steps": 0}, pretrained="first")
    carry_out(
        [PlannedRun("first", "pointmaze-umaze"), heir, PlannedRun("second", "pointmaze-umaze")], tmp_path
    )
    assert [name for name, *_ in runs.done] == ["second"]
    said = capsys.readouterr().out
    assert f"run first ended early: {error}" in said
    assert "run heir is left out: first has no pretraining to start from" in said


def test_a_pretraining_that_was_not_kept_is_looked_for_elsewhere(
    runs: type[Recorded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.pretrained, "is_kept", lambda _: False)
    heir = PlannedRun("heir", "pointmaze-umaze", {"warmup_steps": 0}, pretrained="first")
    carry_out([PlannedRun("first", "pointmaze-umaze"), heir], tmp_path)
    assert [(name, source) for name, _, source, _ in runs.done] == [("first", None), ("heir", None)]


def test_bad_settings_are_refused_before_the_first_run(runs: type[Recorded], tmp_path: Path) -> None:
    good, bad = PlannedRun("good", "pointmaze-umaze"), PlannedRun("bad", "pointmaze-umaze", {"utd": -1.0})
    with pytest.raises(ValueError, match=r"arm bad: utd .* must be a positive integer"):
        carry_out([good, bad], tmp_path)
    assert not runs.done and not (tmp_path / "out").exists()
