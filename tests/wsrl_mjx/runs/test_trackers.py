"""Where metrics are copied to: what is sent, what comes again after a resume, and that nothing waits."""

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import pytest

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.runs import setup, trackers, wandb_tracker
from wsrl_mjx.runs.run_folder import RunFolder, read_metrics
from wsrl_mjx.runs.trackers import Track

FAKE = """
import json, os, time
from types import SimpleNamespace

_here = os.path.dirname(__file__)
_how = json.load(open(os.path.join(_here, "how.json")))
Settings = dict
api = SimpleNamespace(api_key=_how["key"])

def login():
    raise AssertionError("would ask")

def _note(what, values):
    with open(os.path.join(_here, "noted"), "a") as file:
        file.write(json.dumps([what, values]) + "\\n")

def init(**given):
    print("wandb is talkative")
    _note("init", given)
    return _Run()

class _Run:
    def define_metric(self, name, step_metric=None):
        _note("axis", [name, step_metric])

    def log(self, values):
        if _how["fails"]:
            raise ConnectionError("no network")
        _note("log", values)

    def finish(self):
        time.sleep(_how["waits"])
        _note("finish", None)
"""


class Fake:
    """A module `wandb` that keeps what it is given, for the process that sends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "wandb.py").write_text(FAKE)
        self.acts()

    def acts(self, waits: float = 0.0, fails: bool = False, key: str | None = "k") -> None:
        (self.folder / "how.json").write_text(json.dumps({"waits": waits, "fails": fails, "key": key}))

    def noted(self, what: str) -> list[Any]:
        lines = [json.loads(line) for line in (self.folder / "noted").read_text().splitlines()]
        return [values for kind, values in lines if kind == what]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    made = Fake(tmp_path / "modules")
    monkeypatch.setenv("PYTHONPATH", str(made.folder))
    monkeypatch.syspath_prepend(made.folder)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return made


def opened(path: Path, track: Track | None = None, resume: bool = False) -> tuple[RunFolder, list[str]]:
    """Returns the folder of a run, and what a person is told."""
    said: list[str] = []
    options = setup.RunOptions(path, path.parent, resume, track=track)
    return setup.open_run(preset_config("smoke", "pointmaze-umaze"), options, said.append), said


def rows(step: int, *values: float) -> list[Row]:
    return [Row("online", step, seed, "critic/q", value) for seed, value in enumerate(values)]


def test_every_seed_has_a_key_and_several_have_their_mean() -> None:
    of_point = Row("online", 10, 0, "critic/q", 5.0, "actor_lr=1e-3")
    assert wandb_tracker.as_logged([*rows(10, 1.0, 3.0), of_point, *rows(20, 4.0)]) == [
        {
            "online/step": 10,
            "online/critic/q/seed0": 1.0,
            "online/critic/q/seed1": 3.0,
            "online/critic/q": 2.0,
            "online/critic/q/actor_lr=1e-3/seed0": 5.0,
        },
        {"online/step": 20, "online/critic/q/seed0": 4.0},
    ]


def track_and_resume(path: Path) -> list[str]:
    """Trains to step 20 with a checkpoint at 10, and goes on from there to 30; returns what was said."""
    folder, said = opened(path, "wandb")
    folder.append(rows(10, 1.0))
    remembered = folder.mark()["size"]
    folder.append(rows(20, 2.0))
    folder.close()
    resumed, said_then = opened(path, resume=True)  # it is remembered what tracks it
    resumed.cut_metrics(remembered)
    for step, value in ((20, 2.0), (30, 3.0)):
        resumed.append(rows(step, value))
    resumed.close()
    assert [row.step for row in read_metrics(path)] == [10, 20, 30]
    return said + said_then


def test_a_resumed_run_goes_on_in_the_same_one_and_sends_nothing_twice(tmp_path: Path, fake: Fake) -> None:
    assert track_and_resume(tmp_path / "run") == []
    assert [values["online/step"] for values in fake.noted("log")] == [10, 20, 30]
    first, second = fake.noted("init")
    assert first["id"] == second["id"] and second["resume"] == "allow" and "mode" not in first
    assert first["config"]["env"] == "pointmaze-umaze" and first["name"] == "run"
    assert ["online/*", "online/step"] in fake.noted("axis") and len(fake.noted("finish")) == 2
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_rows_that_another_tracker_had_are_sent_when_they_come_again(tmp_path: Path, fake: Fake) -> None:
    folder, _ = opened(tmp_path / "run")
    folder.append(rows(10, 1.0))
    folder.close()
    resumed, _ = opened(tmp_path / "run", "wandb", resume=True)
    resumed.cut_metrics()
    resumed.append(rows(10, 1.0))
    resumed.close()
    assert [values["online/step"] for values in fake.noted("log")] == [10]


def test_a_network_that_never_answers_holds_the_end_up_for_a_moment(
    tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_tracker, "WAIT", 0.05)
    fake.acts(waits=60.0)
    folder, said = opened(tmp_path / "run", "wandb")
    began = time.perf_counter()
    folder.append(rows(10, 1.0))
    folder.close()
    assert time.perf_counter() - began < 20.0
    assert len(said) == 1 and said[0].startswith("wandb: not all was sent within 0 s")
    assert [row.value for row in read_metrics(tmp_path / "run")] == [1.0]


def test_an_error_there_is_said_and_the_run_goes_on(tmp_path: Path, fake: Fake) -> None:
    fake.acts(fails=True)
    folder, said = opened(tmp_path / "run", "wandb")
    folder.append(rows(10, 1.0))
    folder.close()
    folder.append(rows(20, 2.0))  # there is nobody who reads it
    assert said == ["wandb: it ends here, the training goes on (ConnectionError: no network)"]
    assert [row.value for row in read_metrics(tmp_path / "run")] == [1.0, 2.0]


def test_without_a_key_it_stays_offline_says_so_once_and_does_not_ask(tmp_path: Path, fake: Fake) -> None:
    fake.acts(key=None)
    folder, said = opened(tmp_path / "run", "wandb")
    folder.append(rows(10, 1.0))
    folder.append(rows(20, 2.0))
    folder.close()
    assert fake.noted("init")[0]["mode"] == "offline" and len(fake.noted("log")) == 2
    assert len(said) == 1 and said[0].startswith("wandb: there is no key, so this run is offline")


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="needs the extra wandb")
def test_the_real_one_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert track_and_resume(tmp_path / "run") == []
    kept = sorted((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
    assert len(kept) == 2 and kept[0].name == kept[1].name  # a run there, of two parts
    counts = [content.read_bytes().count(b"online/critic/q/seed0") for content in kept]
    assert min(counts) > 0


def test_none_writes_metrics_alone_and_tensorboard_is_the_default(tmp_path: Path) -> None:
    for track, there in (("none", False), (None, True)):
        folder, _ = opened(tmp_path / str(track), track)
        folder.append(rows(10, 1.0))
        folder.close()
        assert (folder.path / "tensorboard").exists() == there
        assert (folder.path / "tracker.json").exists() != there
        assert len(read_metrics(folder.path)) == 1


def test_what_cannot_track_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"track wandb needs the wandb extra: pip install 'wsrl_mjx\[wandb\]'"
    ):
        opened(tmp_path / "run", "wandb")
    with pytest.raises(ValueError, match="track must be one of tensorboard, wandb, none, got 'mlflow'"):
        trackers.check("mlflow")  # pyright: ignore
    assert not list(tmp_path.iterdir())


def test_torn_rows_that_are_dropped_hold_no_resume_up(tmp_path: Path) -> None:
    folder, _ = opened(tmp_path / "run")
    folder.append(rows(10, 1.0))
    size = folder.mark()["size"]
    folder.close()
    with (tmp_path / "run" / "metrics.csv").open("a") as file:
        file.write("online,2\x00,\nonline\n")
    resumed = RunFolder(tmp_path / "run")
    resumed.cut_metrics(size)
    assert [row.step for row in read_metrics(tmp_path / "run")] == [10]
