"""A whole run in a maze: its own data and algorithm, success as the score, and the picture of the ways."""

import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from wsrl_mjx.cli import train
from wsrl_mjx.rendering import moments
from wsrl_mjx.runs.run_folder import read_metrics

SIZES = {
    "dataset-size": 800, "collect-envs": 8, "offline-steps": 200, "warmup-steps": 100, "online-steps": 400,
    "log-every": 100, "eval-every": 200, "pretrain-eval-every": 200, "checkpoint-every": 200,
    "replay-capacity": 400, "num-seeds": 2,
}  # fmt: skip


@pytest.mark.slow
def test_a_maze_trains_and_leaves_its_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [word for name, value in SIZES.items() for word in (f"--{name}", str(value))]
    places = ["--run-dir", str(tmp_path / "run"), "--cache-dir", str(tmp_path / "cache")]
    train.main(["--env", "pointmaze-umaze", "--preset", "smoke", *flags, *places])
    printed = capsys.readouterr().out
    assert "calql" in printed and "rows of diverse from fresh rollouts, success" in printed
    scores = [row.value for row in read_metrics(tmp_path / "run") if row.name == "eval/score"]
    assert scores and all(0.0 <= score <= 100.0 for score in scores)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert 0.0 <= summary["behavior"]["score"] <= 100.0

    seen = moments.read(tmp_path / "run" / "maze")
    assert [moment.step for moment in seen] == [0, 200, 400]
    paths = seen[0].seen["paths"]
    assert paths.shape == (2, 101, 4, 2)
    start = seen[0].seen["start"]
    assert np.abs(paths[:, 0] - start).max() <= 0.25 + 1e-6
    assert seen[0].seen["values"].shape == (2, 7 * 16) and seen[0].seen["points"].shape == (7 * 16, 2)
    assert matplotlib.image.imread(tmp_path / "run" / "maze.png").std() > 0.1
