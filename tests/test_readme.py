"""The README's first command does what it says: its train part is read from there and run, small."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def train_command() -> list[str]:
    """Returns the words of the first train command in the README, without what installs."""
    lines = (ROOT / "README.md").read_text().splitlines()
    line = next(line for line in lines if "python scripts/train.py" in line)
    return shlex.split(re.search(r"python (scripts/train\.py[^&|`]*)", line).group(1))


def test_the_first_command_is_the_promised_one() -> None:
    assert train_command() == ["scripts/train.py", "--env", "ant", "--warmup-steps", "5000"]


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
    assert "offline data dropped: 4,000 rows" in done.stdout
    for name in ("config.json", "metrics.csv", "summary.json", "learning_curve.png", "checkpoints"):
        assert (run_dir / name).exists()
