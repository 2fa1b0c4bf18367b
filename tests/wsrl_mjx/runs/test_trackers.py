"""Where metrics are copied to: what is sent, what comes again after a resume, and that nothing waits."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import Config
from wsrl_mjx.runs import trackers, wandb_tracker
from wsrl_mjx.runs.run_folder import RunFolder, read_metrics
from wsrl_mjx.runs.setup import open_folder


class FakeWandb:
    """Keeps what is logged."""

    def __init__(self, waits: float = 0.0, fails: bool = False, key: str | None = "k") -> None:
        self.waits, self.fails = waits, fails
        self.api = SimpleNamespace(api_key=key)
        self.given: list[dict[str, Any]] = []
        self.logged: list[dict[str, float]] = []
        self.axes: list[tuple[str, Any]] = []
        self.Settings = dict

    def init(self, **given: Any) -> "FakeWandb":
        time.sleep(self.waits)
        self.given.append(given)
        return self

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.axes.append((name, step_metric))

    def log(self, values: dict[str, float]) -> None:
        if self.fails:
            raise ConnectionError("no network")
        self.logged.append(values)

    def finish(self) -> None:
        self.logged.append({})


def config() -> Config:
    return preset_config("smoke", "pointmaze-umaze")


def rows(step: int, *values: float) -> list[Row]:
    return [Row("online", step, seed, "critic/q", value) for seed, value in enumerate(values)]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    made = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", made)  # pyright: ignore
    monkeypatch.setattr(trackers, "find_spec", lambda name: name)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return made


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


def test_a_resumed_run_goes_on_in_the_same_one_and_sends_nothing_twice(
    tmp_path: Path, fake: FakeWandb
) -> None:
    folder = open_folder(config(), tmp_path / "run", resume=False, track="wandb")
    folder.append(rows(10, 1.0))
    remembered = folder.mark()["size"]
    folder.append(rows(20, 2.0))
    folder.close()
    resumed = open_folder(config(), tmp_path / "run", resume=True)  # it is remembered what tracks it
    resumed.cut_metrics(remembered)
    for step, value in ((20, 2.0), (30, 3.0)):
        resumed.append(rows(step, value))
    resumed.close()
    assert [values.get("online/step") for values in fake.logged] == [10, 20, None, 30, None]
    assert [row.step for row in read_metrics(tmp_path / "run")] == [10, 20, 30]
    first, second = fake.given
    assert (
        first["id"] == second["id"]
        and second["resume"] == "allow"
        and first["config"]["env"] == "pointmaze-umaze"
    )
    assert ("online/*", "online/step") in fake.axes
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_a_slow_or_broken_network_holds_nothing_up(
    tmp_path: Path, fake: FakeWandb, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wandb_tracker, "WAIT", 0.05)
    fake.waits, fake.fails = 0.5, True
    folder = open_folder(config(), tmp_path / "run", resume=False, track="wandb")
    began = time.perf_counter()
    folder.append(rows(10, 1.0))
    folder.close()
    assert time.perf_counter() - began < 0.45  # the thread is still in `init`
    assert [row.value for row in read_metrics(tmp_path / "run")] == [1.0]
    tracker = folder.tracker
    assert isinstance(tracker, wandb_tracker.WeightsAndBiases) and tracker.thread is not None
    tracker.thread.join()
    assert "wandb ends here, the run goes on (ConnectionError: no network)" in capsys.readouterr().out


def test_without_a_key_it_stays_offline_and_does_not_ask(tmp_path: Path, fake: FakeWandb) -> None:
    fake.api.api_key = None
    folder = open_folder(config(), tmp_path / "run", resume=False, track="wandb")
    folder.append(rows(10, 1.0))
    folder.close()
    assert fake.given[0]["mode"] == "offline"


def test_none_writes_metrics_alone_and_tensorboard_is_the_default(tmp_path: Path) -> None:
    for track, there in (("none", False), (None, True)):
        folder = open_folder(config(), tmp_path / str(track), resume=False, track=track)  # pyright: ignore
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
        open_folder(config(), tmp_path / "run", resume=False, track="wandb")
    with pytest.raises(ValueError, match="track must be one of tensorboard, wandb, none, got 'mlflow'"):
        trackers.check("mlflow")  # pyright: ignore
    assert not list(tmp_path.iterdir())


def test_torn_rows_that_are_dropped_hold_no_resume_up(tmp_path: Path) -> None:
    folder = open_folder(config(), tmp_path / "run", resume=False)
    folder.append(rows(10, 1.0))
    size = folder.mark()["size"]
    folder.close()
    with (tmp_path / "run" / "metrics.csv").open("a") as file:
        file.write("online,2\x00,\nonline\n")
    resumed = RunFolder(tmp_path / "run")
    resumed.cut_metrics(size)
    assert [row.step for row in read_metrics(tmp_path / "run")] == [10]
