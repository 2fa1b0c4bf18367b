"""scripts/torture.py on the probe world: a short version of what docs/reliability.md shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LINE = Path(__file__).resolve().parents[1] / "line.py"


@pytest.mark.thorough
def test_killed_runs_and_flipped_bits_keep_every_promise(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, str(LINE), "torture", "--kills", "1", "--flips", "4", "--no-signals", "--no-disk"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(LINE.parents[1]), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    table = [line for line in told.stdout.splitlines() if line.endswith(("| yes |", "| NO |"))]
    assert any("| one flipped bit in the newest checkpoint | 4 | 4 answered" in line for line in table)
    assert any("| SIGKILL at random moments and during saves | 1 (" in line for line in table)
