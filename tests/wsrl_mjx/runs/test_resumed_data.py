"""A dataset's folder after a run has begun: found from anywhere, and needed until the switch."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from watched import LINE, OFFLINE, CutOffError, Watched, settings

import envs
from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.settings import Config, from_saved
from wsrl_mjx.data import dataset
from wsrl_mjx.runs.resumed_data import is_needed
from wsrl_mjx.runs.run_folder import read_config
from wsrl_mjx.runs.setup import RunOptions


@pytest.fixture(autouse=True)
def probe_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment object for all runs, because programs are compiled for it."""
    monkeypatch.setattr(envs, "make_from_text", lambda name, options: {"line": LINE}[name])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def tmp_path(place: Path) -> Iterator[Path]:
    """One path for all tests, empty at the start: programs are compiled for a dataset's path too."""
    yield place
    for entry in place.iterdir():
        entry.unlink() if entry.is_symlink() or entry.is_file() else shutil.rmtree(entry)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset in a folder whose name has a space."""
    rolled_out = named_datasets.resolve(settings().data, LINE, tmp_path / "cache")
    made, _ = rolled_out.obtain(lambda rows: None)
    dataset.save(tmp_path / "my data", made)
    return tmp_path / "my data"


def cut_at(place: Path, phase: str, step: int, config: Config) -> Path:
    """Returns the folder of a run that was cut there."""
    with pytest.raises(CutOffError):
        Watched(config, RunOptions(place / "run", place / "cache"), cut=(phase, step)).train()
    return place / "run"


def resume(run_dir: Path) -> Watched:
    config = from_saved(read_config(run_dir))
    run = Watched(config, RunOptions(run_dir, run_dir.parent / "cache", resume=True))
    run.train()
    return run


def test_a_run_that_dropped_its_data_goes_on_without_the_folder(data: Path, tmp_path: Path) -> None:
    config = settings(dataset=str(data))
    straight = Watched(config, RunOptions(tmp_path / "straight", tmp_path / "cache-straight"))
    straight.train()
    run_dir = cut_at(tmp_path, "online", 40, config)
    shutil.rmtree(data)
    resume(run_dir)
    metrics = [(path / "metrics.csv").read_bytes() for path in (straight.options.run_dir, run_dir)]
    assert metrics[0] == metrics[1]
    assert not is_needed(config, run_dir)
    resume(run_dir)  # finished: there is nothing left to do


def test_a_run_that_needs_its_data_says_where_it_was(data: Path, tmp_path: Path) -> None:
    run_dir = cut_at(tmp_path, "pretrain", OFFLINE, settings(dataset=str(data)))
    assert is_needed(settings(dataset=str(data)), run_dir)
    data.rename(tmp_path / "moved")
    message = rf"run-dir {run_dir}: its dataset was {data}, which is no longer there"
    with pytest.raises(ValueError, match=message):
        resume(run_dir)
    data.symlink_to("moved")  # as the message says
    assert resume(run_dir).loaded is not None


def test_a_run_that_keeps_its_data_needs_it_to_the_end(data: Path, tmp_path: Path) -> None:
    config = settings(dataset=str(data), offline_share=0.5)
    run_dir = cut_at(tmp_path, "online", 40, config)
    data.rename(tmp_path / "moved")
    with pytest.raises(ValueError, match=rf"its dataset was {data}, which is no longer there"):
        resume(run_dir)


def test_a_path_of_an_earlier_version_is_looked_for_above_the_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was kept as it had been typed, in whichever folder that was."""
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"dataset": "my data"}))
    monkeypatch.chdir(run)
    assert read_config(run) == {"dataset": str(data)}
    assert read_config(Path()) == {"dataset": str(data)}
    monkeypatch.chdir(tmp_path)
    assert read_config(run) == {"dataset": str(data)}
    shutil.rmtree(data)
    assert read_config(run) == {"dataset": "my data"}


def test_a_folder_has_its_whole_path_and_a_name_stays(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    monkeypatch.setenv("HOME", str(data.parent))
    assert named_datasets.located("my data") == named_datasets.located("~/my data") == str(data)
    (data.parent / "medium").mkdir()
    assert [named_datasets.located(name) for name in ("medium", "nowhere", "")] == ["medium", "nowhere", ""]
    monkeypatch.chdir(data)
    assert named_datasets.located(".") == named_datasets.located("../my data") == str(data)
