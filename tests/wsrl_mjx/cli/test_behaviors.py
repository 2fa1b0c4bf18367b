"""A behaviour is trained, goes on where it was stopped, leaves its replay as a dataset, and is shipped."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from probe_envs import Line, probe

from wsrl_mjx.cli import ship_behavior, train_behavior
from wsrl_mjx.data import behaviors, dataset
from wsrl_mjx.runs import behavior_shipping

pytestmark = pytest.mark.usefixtures("workplace")
TRAIN = [
    "--env", "line", "--steps", "64", "--num-envs", "4", "--eval-every", "32", "--eval-episodes", "2",
    "--hidden", "8", "--batch-size", "4", "--capacity", "200", "--cache-dir", "cache",
]  # fmt: skip


@pytest.fixture
def package(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the folder of `envs`, which behaviours are shipped into."""
    folder = workplace / "envs"
    (folder / "behaviors").mkdir(parents=True)
    (folder / "references.json").write_text('{"line": {"random": -1.0}}')
    monkeypatch.setattr(behaviors, "shipped_folder", lambda name: folder / "behaviors" / name)
    monkeypatch.setattr(behavior_shipping, "REFERENCES", folder / "references.json")
    return folder


def refused(command: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_a_behavior_is_trained_and_shipped(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_behavior.main([*TRAIN, "--run-dir", "cut", "--stop-at", "32"])
    train_behavior.main([*TRAIN, "--run-dir", "cut", "--save-replay"])
    said = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["steps"] for line in said if line.startswith("{")] == [32, 64]
    assert "continuing at 32 steps" in said
    replay = dataset.load(Path("cache/datasets/line-medium-replay"), probe(Line))
    assert replay.size == 64 and replay.card["policies"][0]["transitions"] == 64
    follows = np.isclose(replay.rows["next_obs"][:-1], replay.rows["obs"][1:], atol=1e-6).all(axis=1)
    ended = np.maximum(replay.rows["terminated"], replay.rows["truncated"]) == 1
    # Four environments, 16 steps each. Rows follow from each other but where an episode or a stream ends.
    assert ended[[15, 31, 47, 63]].all() and not follows[[15, 31, 47]].any()
    assert (ended[:-1] | follows).all()

    ship_behavior.main(["--run-dir", "cut", "--level", "expert", "--step", "64", "--episodes", "3"])
    card = json.loads(capsys.readouterr().out)
    assert card["made_by"][0].startswith("python scripts/train_behavior.py --env line --steps 64 ")
    shipped = behaviors.load(package / "behaviors" / "line", "expert")
    assert shipped.card["return_mean"] == card["return_mean"] and shipped.card["env"] == "line"
    entry = json.loads((package / "references.json").read_text())["line"]
    assert entry["expert"] == card["deterministic"]["return_mean"] and entry["random"] == -1.0
    said = refused(ship_behavior, ["--run-dir", "cut", "--level", "best", "--step", "41"], capsys)
    assert "behavior '00000041' is not in snapshots; choose one of ['00000032', '00000064']" in said


def test_a_package_that_cannot_be_written_is_said_before_anything_is_scored(
    package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("run").mkdir()
    Path("run", "config.json").write_text('{"env": "line"}')
    monkeypatch.setattr(behavior_shipping.os, "access", lambda path, mode: path == package / "behaviors")
    said = refused(ship_behavior, ["--run-dir", "run", "--level", "best", "--step", "40"], capsys)
    assert said == (
        f"error: {package}/references.json cannot be written: behaviours are shipped from a checkout of the "
        "repository, installed with pip install -e .\n"
    )


def test_bad_input_is_refused(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(train_behavior, ["--env", "lime", "--run-dir", "run"], capsys)
    assert said.startswith("error: ") and "lime" in said and not Path("run").exists()
    said = refused(ship_behavior, ["--run-dir", "nowhere", "--level", "best", "--step", "40"], capsys)
    assert said.startswith("error: run-dir nowhere holds no behaviour's training: No such file")
