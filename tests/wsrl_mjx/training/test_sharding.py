"""Members spread over several devices: the same numbers as on one, without a word between them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wsrl_mjx.training.sharding import Placement

TESTS = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("devices", "members", "message"),
    [
        (0, 4, "devices must be from 1 to 1, which this machine has, got 0"),
        (2, 4, "devices must be from 1 to 1, which this machine has, got 2"),
    ],
)
def test_devices_that_are_not_there_are_refused(devices: int, members: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Placement.over(devices, members)


@pytest.mark.slow
def test_four_devices_give_the_numbers_of_one(tmp_path: Path) -> None:
    """A run over two grid points and two seeds: spread, cut off and gone on with, on fewer devices too."""
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=4"
    environment = os.environ | {
        "XLA_FLAGS": flags,
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}",
    }
    done = subprocess.run(
        [sys.executable, str(TESTS / "devices.py"), str(tmp_path)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "all as on one device" in done.stdout
