"""A whole run of a peg insertion: both groups of starts and their picture; its datasets and SERL."""

import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import envs
from wsrl_mjx.cli import train
from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import DataConfig
from wsrl_mjx.data import trajectories
from wsrl_mjx.rendering import moments
from wsrl_mjx.runs.run_folder import read_metrics

SIZES = {
    "dataset-size": 800, "collect-envs": 8, "offline-steps": 100, "warmup-steps": 100, "online-steps": 400,
    "log-every": 100, "eval-every": 200, "pretrain-eval-every": 100, "checkpoint-every": 200,
    "replay-capacity": 400, "num-seeds": 2,
}  # fmt: skip


@pytest.mark.slow
def test_an_insertion_is_judged_from_both_groups_of_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [word for name, value in SIZES.items() for word in (f"--{name}", str(value))]
    places = ["--run-dir", str(tmp_path / "run"), "--cache-dir", str(tmp_path / "cache")]
    train.main(["--env", "peg-insertion", "--preset", "smoke", *flags, *places])
    printed = capsys.readouterr().out
    assert "calql" in printed and "rows of mixed from fresh rollouts, success" in printed
    rows = read_metrics(tmp_path / "run")
    for name in ("eval/score", "eval/score_outside"):
        scores = [row.value for row in rows if row.name == name and row.phase == "online"]
        assert len(scores) == 6 and all(0.0 <= score <= 100.0 for score in scores)
    seeds = json.loads((tmp_path / "run" / "summary.json").read_text())["seeds"]
    assert {"final", "final_outside", "pretrained_outside"} <= seeds["0"].keys()
    seen = moments.read(tmp_path / "run" / "starts")
    assert [moment.step for moment in seen] == [0, 200, 400]
    furthest = np.abs(seen[0].seen["start"][..., :2]).max(axis=-1)  # [seeds, episodes]
    assert furthest.shape == (2, 4) and furthest[:, :2].max() < 0.05 < furthest[:, 2:].min()
    assert matplotlib.image.imread(tmp_path / "run" / "starts.png").std() > 0.1


@pytest.mark.parametrize("name", ["demos-20", pytest.param("demos-100", marks=pytest.mark.thorough)])
def test_demonstrations_are_so_many_successes_and_nothing_else(name: str, tmp_path: Path) -> None:
    env = envs.make("peg-insertion")
    data = named_datasets.resolve(DataConfig(dataset=name), env, tmp_path)
    made, _ = data.obtain(lambda rows: None)
    returns, _ = trajectories.whole_episodes(made.rows, env.time_limit)
    np.testing.assert_array_equal(returns, np.ones(int(name.removeprefix("demos-"))))
    assert made.size <= data.count
    again, origin = data.obtain(lambda rows: None)
    assert origin == "the cache" and again.card["digest"] == made.card["digest"]


def test_serl_learns_from_twenty_demonstrations() -> None:
    config = preset_config("laptop", "peg-insertion", "serl")
    assert config.data.dataset == "demos-20"
    assert (config.offline.offline_steps, config.online.offline_share) == (0, 0.5)
    with pytest.raises(ValueError, match="dataset must be one of medium, random"):
        named_datasets.check_available(preset_config("laptop", "hopper", "serl").data, "hopper")


def test_another_error_of_the_script_is_another_dataset(tmp_path: Path) -> None:
    env = envs.make("peg-insertion")
    sizes = {"dataset": "mixed", "dataset_size": 640, "collect_envs": 32}
    resolved = [
        named_datasets.resolve(DataConfig(**sizes, behavior_error=error), env, tmp_path)
        for error in (None, 0.0, 0.03)
    ]
    assert len({str(data.identity) for data in resolved}) == 3
