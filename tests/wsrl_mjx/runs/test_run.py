"""Whole runs on a probe environment: what they leave behind, what they share, and that a resume is exact."""

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import damage
import jax
import numpy as np
import pytest
from watched import LINE, OFFLINE, ONLINE, WARMUP, CutOffError, Watched, power_cut, settings, values

import envs
from wsrl_mjx.analysis.metrics import COLUMNS
from wsrl_mjx.config import named_datasets
from wsrl_mjx.data import held_out
from wsrl_mjx.runs import lock, signals
from wsrl_mjx.runs.beside import Beside
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.runs.run import Run
from wsrl_mjx.runs.run_folder import read_metrics
from wsrl_mjx.runs.setup import RunOptions

SEEDS = range(2)


def terminate() -> None:
    """Sends this process what a cluster sends before its time limit; the run notes it and goes on."""
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def probe_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment object for all runs, because programs are compiled for it."""
    monkeypatch.setattr(envs, "make_from_text", lambda name, options: {"line": LINE}[name])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Gives the finished run for a number of seeds, each in a folder with a cache of its own."""

    @cache
    def finished(num_seeds: int) -> Watched:
        place = tmp_path_factory.mktemp(f"straight{num_seeds}")
        run = Watched(settings(num_seeds=num_seeds), RunOptions(place / "run", place / "cache"))
        run.train()
        return run

    return finished


@pytest.fixture
def straight(runs: Any) -> Watched:
    return runs(len(SEEDS))


def folder(run: Run) -> Path:
    return run.options.run_dir


# -- what a run leaves ------------------------------------------------------------------------------------


def test_the_run_folder_is_whole(straight: Watched) -> None:
    path = folder(straight)
    names = {
        "config.json",
        "versions.json",
        "metrics.csv",
        "summary.json",
        "learning_curve.png",
        "report.html",
        "held_out.npz",
    }
    assert {p.name for p in path.iterdir()} == names | {"checkpoints", "pretrained", "tensorboard", ".lock"}
    config = json.loads((path / "config.json").read_text())
    assert config["warmup_steps"] == WARMUP and config["critic_hidden"] == [8]
    assert {"jax", "mujoco", "python", "device"} <= json.loads((path / "versions.json").read_text()).keys()
    assert (path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert list((path / "tensorboard").glob("*/events*"))
    kept = {int(p.name) for p in (path / "checkpoints").iterdir() if p.name.isdigit()}
    assert kept == {OFFLINE + 20, OFFLINE + 40}


def test_a_finished_run_whose_last_checkpoint_is_missing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = Watched(settings(num_seeds=1), RunOptions(tmp_path / "run", tmp_path / "cache"))
    monkeypatch.setattr(Checkpoints, "save", full)
    with pytest.raises(OSError, match="run is finished, and its last checkpoint could not be saved"):
        run.train()
    said = run.said.getvalue()
    assert (tmp_path / "run" / "summary.json").is_file() and "metrics.csv" in said
    assert "metrics.csv, checkpoints" not in said


def test_metrics_hold_every_phase_step_and_seed(straight: Watched) -> None:
    path = folder(straight)
    assert (path / "metrics.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    rows = read_metrics(path)
    assert len({row[:4] for row in rows}) == len(rows)
    chunks = {(step, seed) for step in (10, 20, 30, 40) for seed in SEEDS}
    assert values(rows, "pretrain", "cql/gap").keys() == chunks
    assert values(rows, "online", "train/non_finite").keys() == chunks
    learning = {(step, seed) for step in (30, 40) for seed in SEEDS}  # the warmup ends with step 20
    assert values(rows, "online", "critic/loss").keys() == learning
    evaluated = values(rows, "online", "eval/return")
    assert evaluated.keys() == {(step, seed) for step in (0, 20, 40) for seed in SEEDS}
    assert values(rows, "pretrain", "eval/return").keys() == {(20, seed) for seed in SEEDS}
    scores = values(rows, "online", "eval/score")
    assert all(scores[k] == pytest.approx(100 * (evaluated[k] + 8.0) / 8.0, rel=1e-5) for k in scores)
    losses = values(rows, "pretrain", "critic/loss")
    assert all(losses[step, 0] != losses[step, 1] for step in (10, 20, 30, 40))


def test_the_critics_are_measured_on_rows_that_they_never_saw(straight: Watched) -> None:
    path = folder(straight)
    measured = held_out.load(path)
    trained = np.asarray(straight.trained_on)
    assert not np.isin(np.asarray(measured.obs[:, 0]), trained).any() and len(trained) == 200 - len(
        np.unique(measured.obs[:, 0])
    )
    rows = read_metrics(path)
    measured = {(step, seed) for step in (0, 20, 40) for seed in SEEDS}
    q, error = values(rows, "online", "held_out/q"), values(rows, "online", "held_out/td_error")
    assert q.keys() == error.keys() == measured and min(error.values()) > 0.0
    assert values(rows, "pretrain", "held_out/q").keys() == {(20, seed) for seed in SEEDS}
    assert q[0, 0] != q[0, 1] and q[0, 0] != q[40, 0]


def test_the_policy_stays_frozen_until_the_warmup_is_over(straight: Watched) -> None:
    rows = read_metrics(folder(straight))
    sizes = {step: values(rows, "online", "actor/entropy").get((step, 0)) for step in (10, 20, 30, 40)}
    assert sizes[10] is None and sizes[20] != sizes[30]


def test_the_summary_is_what_the_metrics_say(straight: Watched) -> None:
    summary = json.loads((folder(straight) / "summary.json").read_text())
    evaluated = values(read_metrics(folder(straight)), "online", "eval/return")
    for seed in SEEDS:
        entry = summary["seeds"][str(seed)]
        assert entry["pretrained"]["return"] == pytest.approx(evaluated[0, seed])
        assert entry["final"]["return"] == pytest.approx(evaluated[40, seed])
        lowest = min(evaluated[20, seed], evaluated[40, seed])
        assert entry["lowest_after_switch"]["return"] == pytest.approx(lowest)
    assert summary["offline_rows"] == 200 and summary["pretraining_from"] == "this run"
    assert {"data", "pretraining", "warmup", "fine-tuning", "evaluation"} <= summary["seconds"].keys()
    compiled = {"rollouts of random", "pretraining", "evaluation", "held-out data"}
    compiled |= {"switch", "draw of replay rows", "replay rows", "drift"}
    ahead = {"fine-tuning", "evaluation"}  # it depends on the machine whether these are waited for
    assert summary["compile_seconds"].keys() | ahead == compiled | ahead
    assert summary["online_steps_per_second"] > 0


def test_the_data_is_dropped_at_the_switch_and_the_console_says_so(straight: Watched) -> None:
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(straight.loaded))
    said = straight.said.getvalue()
    assert "offline data: 200 rows of random from fresh rollouts" in said
    assert f"offline data dropped: {len(straight.trained_on)} rows" in said
    for phase in ("Plan: WSRL on line", "compiling pretraining", "compiled fine-tuning in", "Return"):
        assert phase in said


def test_nothing_is_overwritten(straight: Watched) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder(straight).rglob("*")}
    with pytest.raises(ValueError, match="exists; go on in it with --resume, or take a free name"):
        Watched(settings(), straight.options)
    assert {p: p.stat().st_mtime_ns for p in folder(straight).rglob("*")} == before


def test_a_seed_in_a_sweep_is_the_seed_alone(runs: Any) -> None:
    together, alone = read_metrics(folder(runs(len(SEEDS)))), read_metrics(folder(runs(1)))
    ours = {row[:4]: row[4] for row in together if row[2] == 0}
    assert ours.keys() == {row[:4] for row in alone}
    for row in alone:
        tolerance = 1e-3 if row[0] == "pretrain" else 0.05  # rounding grows from update to update
        assert ours[row[:4]] == pytest.approx(row[4], rel=tolerance, abs=tolerance), row


# -- resume -----------------------------------------------------------------------------------------------


# Inside every phase, where no checkpoint is due, and on its border. Rows are written before the cut: after a
# power cut they must come again, and only once.
CUTS = [
    ("data", 0),
    ("pretrain", 10),
    ("pretrain", 20),
    ("pretrain", OFFLINE),
    ("online", 0),
    ("online", 10),
    ("online", WARMUP),
    ("online", 30),
    ("online", ONLINE),
]


def same_run(straight: Watched, resumed: Watched) -> None:
    for one, other in zip(jax.tree.leaves(straight.last), jax.tree.leaves(resumed.last), strict=True):
        np.testing.assert_array_equal(one, other)
    metrics = (folder(straight) / "metrics.csv").read_bytes()
    assert (folder(resumed) / "metrics.csv").read_bytes() == metrics
    summaries = [json.loads((folder(run) / "summary.json").read_text()) for run in (straight, resumed)]
    assert summaries[0]["seeds"] == summaries[1]["seeds"]
    assert summaries[0]["behavior"] == summaries[1]["behavior"]


POWER_CUT, SIGNAL = (power_cut, CutOffError), (terminate, signals.StoppedError)
CUT_RUNS = [(1, *POWER_CUT), (2, *SIGNAL)]
MORE_CUT_RUNS = [(1, *SIGNAL), (2, *POWER_CUT), (4, *POWER_CUT), (4, *SIGNAL)]


@pytest.mark.parametrize(
    ("num_seeds", "how", "end"),
    [*CUT_RUNS, *(pytest.param(*run, marks=pytest.mark.thorough) for run in MORE_CUT_RUNS)],
)
def test_a_run_that_is_cut_everywhere_is_the_straight_one_bit_for_bit(
    runs: Any, tmp_path: Path, num_seeds: int, how: Callable[[], None], end: type[Exception]
) -> None:
    config, straight = settings(num_seeds=num_seeds), runs(num_seeds)
    at = []
    for number, cut in enumerate(CUTS):
        options = RunOptions(tmp_path / "run", tmp_path / "cache", resume=number > 0)
        run = Watched(config, options, cut, how)
        if how is terminate:  # rows that wait for an evaluation would send the signal at some later step
            run.beside = Beside(threaded=False)
        with signals.listening(run.console.say), pytest.raises(end):
            run.train()
        at.append(run.said.getvalue().partition("resuming in ")[2].partition("\n")[0])
        assert not (tmp_path / "run" / "summary.json").exists()
    resumed = Watched(config, RunOptions(tmp_path / "run", tmp_path / "cache", resume=True))
    resumed.train()
    if how is power_cut:
        assert at[4:] == ["pretrain at step 20"] + ["pretrain at step 40"] * 3 + ["online at step 20"]
    else:
        assert at[2:6] == [f"pretrain at step {step}" for step in (10, 20, 40, 40)]
        assert at[6:] == [f"online at step {step}" for step in (10, 20, 30)]
        assert run.said.getvalue().count("SIGTERM: finishing the running chunk, then saving") == 1
    if resumed.last is None:  # the signal came in the last chunk, which was saved
        resumed.last = run.last
    same_run(straight, resumed)


def disturbed(run: Watched, phase: str, step: int, how: Callable[[], None]) -> None:
    """Lets something happen in the middle of one of a run's evaluations."""
    measure = run.evaluation._measure

    def measured(of_phase: str, of_step: int, *rest: Any) -> Any:
        if (of_phase, of_step) == (phase, step):
            how()
        return measure(of_phase, of_step, *rest)

    run.evaluation._measure = measured


IN_EVALUATIONS = [
    ("online", 20),
    *(pytest.param(*at, marks=pytest.mark.thorough) for at in [("pretrain", 20), ("online", ONLINE)]),
]


@pytest.mark.parametrize("num_seeds", [1, 2])  # beside the training, and between its chunks
@pytest.mark.parametrize(("phase", "step"), IN_EVALUATIONS)
def test_a_signal_in_an_evaluation_loses_nothing(
    runs: Any, tmp_path: Path, num_seeds: int, phase: str, step: int
) -> None:
    options = RunOptions(tmp_path / "run", tmp_path / "cache")
    stopped = Watched(settings(num_seeds=num_seeds), options)
    assert stopped.beside._thread is None or num_seeds == 1
    disturbed(stopped, phase, step, terminate)
    with signals.listening(stopped.console.say), pytest.raises(signals.StoppedError, match="SIGTERM"):
        stopped.train()
    resumed = Watched(settings(num_seeds=num_seeds), replace(options, resume=True))
    resumed.train()
    if resumed.last is None:
        resumed.last = stopped.last
    same_run(runs(num_seeds), resumed)


@pytest.mark.parametrize("num_seeds", [1, 2])
@pytest.mark.parametrize(("phase", "step"), IN_EVALUATIONS)
def test_an_evaluation_that_fails_ends_the_run_which_can_be_gone_on_with(
    runs: Any, tmp_path: Path, num_seeds: int, phase: str, step: int
) -> None:
    options = RunOptions(tmp_path / "run", tmp_path / "cache")
    failing = Watched(settings(num_seeds=num_seeds), options)
    disturbed(failing, phase, step, power_cut)
    with pytest.raises(CutOffError):
        failing.train()
    rows = read_metrics(tmp_path / "run")
    assert max((row.step for row in rows if row.phase == phase), default=0) <= step
    assert not (tmp_path / "run" / "summary.json").exists()
    resumed = Watched(settings(num_seeds=num_seeds), replace(options, resume=True))
    resumed.train()
    same_run(runs(num_seeds), resumed)


def test_a_finished_run_can_be_made_longer(runs: Any, tmp_path: Path) -> None:
    """It is then the run that was as long from the start. That other versions do it is said and recorded."""
    shutil.copytree(folder(runs(1)), tmp_path / "run")
    versions = json.loads((tmp_path / "run" / "versions.json").read_text())
    (tmp_path / "run" / "versions.json").write_text(json.dumps(versions | {"jax": "0.0"}))
    finished = Watched(settings(num_seeds=1), RunOptions(tmp_path / "run", tmp_path, resume=True))
    finished.train()
    assert "bits may differ" not in finished.said.getvalue()  # nothing is computed any more
    options = RunOptions(tmp_path / "run", runs(1).options.cache_dir, resume=True)
    longer = Watched(settings(num_seeds=1, online_steps=60), options)
    longer.train()
    assert "resuming in online at step 40" in longer.said.getvalue()
    said = longer.said.getvalue()
    assert f"not what it last ran with, so bits may differ: jax: 0.0, now {jax.__version__}" in said
    straight = Watched(
        settings(num_seeds=1, online_steps=60), RunOptions(tmp_path / "other", options.cache_dir)
    )
    straight.train()
    same_run(straight, longer)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["online_steps"] == 60
    with pytest.raises(ValueError, match=r"online_steps: the run has 60, now 40$"):
        Watched(settings(num_seeds=1), options)


def test_a_finished_run_has_nothing_left_to_do(straight: Watched) -> None:
    metrics = (folder(straight) / "metrics.csv").read_bytes()
    options = RunOptions(folder(straight), straight.options.cache_dir, resume=True)
    again = Watched(settings(), options)
    again.train()
    assert "is finished: 40 online steps are done" in again.said.getvalue()
    assert (folder(straight) / "metrics.csv").read_bytes() == metrics


def test_two_processes_in_one_folder_are_refused(straight: Watched) -> None:
    again = Watched(settings(), RunOptions(folder(straight), straight.options.cache_dir, resume=True))
    metrics = (folder(straight) / "metrics.csv").read_bytes()
    with lock.held(folder(straight)), pytest.raises(ValueError, match=r"is in use by process \d+ on "):
        again.train()
    assert (folder(straight) / "metrics.csv").read_bytes() == metrics


def test_a_resume_with_another_config_is_refused(straight: Watched) -> None:
    options = RunOptions(folder(straight), straight.options.cache_dir, resume=True)
    with pytest.raises(ValueError, match=r"made with another config:\n  utd: the run has 4.0, now 2.0$"):
        Watched(settings(utd=2.0), options)


# -- damage ----------------------------------------------------------------------------------------------


def test_a_run_goes_on_from_the_checkpoint_before_the_damaged_one(straight: Watched, tmp_path: Path) -> None:
    shutil.copytree(folder(straight), tmp_path / "run")
    damage.spoil(tmp_path / "run" / "checkpoints" / str(OFFLINE + ONLINE))
    resumed = Watched(settings(), RunOptions(tmp_path / "run", straight.options.cache_dir, resume=True))
    resumed.train()
    said = resumed.said.getvalue()
    assert "is damaged" in said and f"resuming in online at step {ONLINE - 20}" in said
    same_run(straight, resumed)


def test_a_damaged_pretraining_is_refused_where_it_is_named(straight: Watched, tmp_path: Path) -> None:
    shutil.copytree(folder(straight), tmp_path / "source")
    options = RunOptions(tmp_path / "run", tmp_path / "cache", pretrained=tmp_path / "source")
    damage.spoil(tmp_path / "source" / "pretrained" / "0")
    with pytest.raises(
        ValueError, match=r"pretrained .*source cannot be used: checkpoint 0 in .* is damaged"
    ):
        Watched(settings(), options).train()


def test_a_damaged_pretraining_in_the_cache_is_trained_again(straight: Watched, tmp_path: Path) -> None:
    shutil.copytree(straight.options.cache_dir, tmp_path / "cache")
    damage.spoil(next((tmp_path / "cache" / "pretrained").iterdir()) / "0")
    again = Watched(settings(), RunOptions(tmp_path / "run", tmp_path / "cache"))
    again.train()
    said = " ".join(again.said.getvalue().split())  # without the console's line ends
    assert "it is deleted from the cache, and the pretraining done again" in said
    same_run(straight, again)
    arm = Watched(settings(), RunOptions(tmp_path / "arm", tmp_path / "cache"), ("online", 0))
    with pytest.raises(CutOffError):
        arm.train()
    assert "pretraining: found finished in the cache" in arm.said.getvalue()


# -- sharing ----------------------------------------------------------------------------------------------


def test_a_borrowed_pretraining_is_not_forgotten_before_the_first_checkpoint(
    straight: Watched, tmp_path: Path, no_data: None
) -> None:
    """Cut at the switch, and resumed without being told where it came from, nor a cache that has it."""
    del no_data
    options = RunOptions(tmp_path / "run", tmp_path / "cache", pretrained=folder(straight))
    with pytest.raises(CutOffError):
        Watched(settings(), options, ("online", 0)).train()
    again = Watched(settings(), RunOptions(tmp_path / "run", tmp_path / "empty", resume=True))
    again.train()
    assert "pretraining: found finished in this run's folder" in again.said.getvalue()
    same_start(straight, again)
    assert again.record.pretraining_from == "this run's folder"


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("offline data was asked for")

    monkeypatch.setattr(named_datasets.NamedDataset, "obtain", refuse)


def same_start(one: Run, other: Run) -> None:
    ours, theirs = read_metrics(folder(one)), read_metrics(folder(other))
    assert [row for row in ours if row[0] == "pretrain"] == [row for row in theirs if row[0] == "pretrain"]
    assert [row for row in ours if row[:2] == ("online", 0)] == [
        row for row in theirs if row[:2] == ("online", 0)
    ]


@pytest.mark.usefixtures("no_data")
def test_a_finished_pretraining_is_reused_from_the_cache(straight: Watched, tmp_path: Path) -> None:
    options = RunOptions(tmp_path / "run", straight.options.cache_dir)
    arm = Watched(settings(warmup_steps=0), options)
    arm.train()
    same_start(straight, arm)
    assert "pretraining: found finished in the cache; its 200 rows of offline" in arm.said.getvalue()
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["pretraining_from"] == "the cache"


@pytest.mark.usefixtures("no_data")
def test_arms_share_a_named_pretraining(straight: Watched, tmp_path: Path) -> None:
    options = RunOptions(tmp_path / "run", tmp_path / "empty", pretrained=folder(straight))
    arm = Watched(settings(warmup_steps=0), options)
    arm.train()
    same_start(straight, arm)
    assert arm.record.pretraining_from == str(folder(straight))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"cql_alpha": 1.0}, "settings.cql_alpha: it has 5.0, now 1.0"),
        ({"seed": 5}, r"seeds: it has \[0, 2\], now \[5, 2\]"),
        ({"reward_scale": 2.0}, r"reward: it has \[1.0, 0.0\], now \[2.0, 0.0\]"),
    ],
)
def test_a_pretraining_that_does_not_fit_is_refused_before_anything_is_written(
    straight: Watched, tmp_path: Path, change: dict[str, Any], difference: str
) -> None:
    options = RunOptions(tmp_path / "run", tmp_path / "cache", pretrained=folder(straight))
    with pytest.raises(ValueError, match=f"does not fit:\n  {difference}$"):
        Watched(settings(**change), options)
    assert not list(tmp_path.iterdir())


def test_a_dataset_is_rolled_out_once(straight: Watched, tmp_path: Path) -> None:
    config = settings(cql_alpha=1.0, offline_steps=20)
    other = Watched(config, RunOptions(tmp_path / "run", straight.options.cache_dir), ("online", 0))
    with pytest.raises(CutOffError):
        other.train()
    assert "offline data: 200 rows of random from the cache" in other.said.getvalue()
    assert other.record.dataset_digest == straight.record.dataset_digest
