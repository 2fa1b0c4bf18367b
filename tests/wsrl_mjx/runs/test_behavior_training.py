"""Behaviour policies are trained in the same loop as everything else, and go on where they were cut off."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probe_envs import Line

import envs
from wsrl_mjx.data import behaviors, dataset
from wsrl_mjx.runs.behavior_training import BehaviorConfig, make_sac, train

SMALL: dict[str, Any] = {
    "env": "line", "steps": 96, "eval_every": 32, "num_envs": 4, "batch_size": 4, "hidden": 8,
    "capacity": 200, "eval_episodes": 2,
}  # fmt: skip


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(envs.REGISTRY, "line", Line)


def rows(text: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_cut_training_ends_where_a_straight_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(BehaviorConfig(run_dir=tmp_path / "straight", cache_dir=tmp_path, save_replay=True, **SMALL))
    straight = rows(capsys.readouterr().out)
    assert [row["steps"] for row in straight] == [32, 64, 96]
    assert all(np.isfinite(row["critic/loss"]) for row in straight)
    train(BehaviorConfig(run_dir=tmp_path / "cut", stop_at=40, **SMALL))
    train(BehaviorConfig(run_dir=tmp_path / "cut", **SMALL))
    said = capsys.readouterr().out
    assert "continuing at 64 steps" in said
    without_time = lambda row: {name: value for name, value in row.items() if name != "seconds"}
    assert list(map(without_time, rows(said))) == list(map(without_time, straight))
    one, other = (behaviors.load(tmp_path / run / "snapshots", "00000096") for run in ("straight", "cut"))
    assert one.card["network"]["hidden"] == [8, 8]
    kernel = lambda behavior: behavior.params["params"]["Dense_0"]["kernel"]
    np.testing.assert_array_equal(kernel(one), kernel(other))
    kept = dataset.load(tmp_path / "datasets" / "line-medium-replay", envs.make("line"))
    assert kept.size == 96 and kept.card["name"] == "medium-replay"


def test_the_rate_falls_in_a_straight_line() -> None:
    config = BehaviorConfig(run_dir=Path(), learning_rate=1e-3, final_learning_rate=1e-4, **SMALL)
    rates = [float(make_sac(config, envs.make("line"), done).actor_lr) for done in (0, 48, 96)]
    np.testing.assert_allclose(rates, [1e-3, 5.5e-4, 1e-4], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capacity": 40}, "save_replay needs capacity of at least 96, got 40"),
        ({"reward_scale": 2.0}, "save_replay needs the task's own reward"),
    ],
)
def test_a_replay_that_will_be_no_dataset_is_refused_at_once(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    config = BehaviorConfig(run_dir=tmp_path / "run", save_replay=True, **(SMALL | changes))
    with pytest.raises(ValueError, match=message):
        train(config)
    assert not (tmp_path / "run").exists()
