"""The README's first command does what it says: its train part is read from there and run, small."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import flat_fields

ROOT = Path(__file__).parent.parent
# The rows of the README's table of presets and the settings they show; layers are written 256-256.
PRESET_ROWS = {
    "dataset, transitions": "dataset_size",
    "pretraining, gradient steps": "offline_steps",
    "pretraining, batch": "offline_batch_size",
    "online, environment steps (warmup included)": "online_steps",
    "online, batch of each of the four updates": "batch_size",
    "critics": "critic_hidden",
    "actor": "actor_hidden",
    "actor's learning rate": "actor_lr",
    "discount": "discount",
    "target rate": "target_rate",
    "first temperature": "init_temperature",
    "share of behaviour cloning in the pretraining actor's loss": "cloning_weight",
    "CQL actions from each source": "cql_actions",
    "replay buffer, rows": "replay_capacity",
    "evaluation, episodes": "eval_episodes",
}


def train_command() -> list[str]:
    """Returns the words of the first train command in the README, without what installs."""
    lines = (ROOT / "README.md").read_text().splitlines()
    line = next(line for line in lines if "python scripts/train.py" in line)
    return shlex.split(re.search(r"python (scripts/train\.py[^&|`]*)", line).group(1))


def test_the_first_command_is_the_promised_one() -> None:
    assert train_command() == ["scripts/train.py", "--env", "ant", "--warmup-steps", "5000"]


@pytest.mark.parametrize(("column", "preset"), [(1, "smoke"), (2, "laptop"), (3, "paper")])
def test_the_table_of_presets_is_true(column: int, preset: str) -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    start = lines.index("| | `smoke` | `laptop` | `paper` |")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 3 : start + 18]]
    assert [row[0] for row in rows] == list(PRESET_ROWS)
    config = flat_fields(preset_config(preset, "halfcheetah"))
    for row in rows:
        value, shown = config[PRESET_ROWS[row[0]]], row[column].removeprefix(f"{config['ensemble_size']} of ")
        if isinstance(value, tuple):
            assert shown == "-".join(map(str, value)), row[0]
        else:
            assert float(shown.replace(",", "")) == value, row[0]


@pytest.mark.slow
def test_the_first_command_trains(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    command = [sys.executable, *train_command(), "--preset", "smoke", "--run-dir", str(run_dir)]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "WSRL_MJX_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("preset smoke (chosen by --preset), on ")
    assert "rows held out to measure on" in done.stdout and "offline data dropped: " in done.stdout
    for name in ("config.json", "metrics.csv", "summary.json", "learning_curve.png", "checkpoints"):
        assert (run_dir / name).exists()
