"""Hosts of one job meet through `jax.distributed`; here as two processes that believe SLURM started them."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from wsrl_mjx.experiments import hosts

ROOT = Path(__file__).parents[3]
MEET = "from wsrl_mjx.experiments import hosts; host = hosts.meet(60); print(host.index, 'of', host.count)"


def slurm(index: int, port: int) -> dict[str, str]:
    """Returns what `srun --ntasks 2` sets for one of two tasks on this machine."""
    return {
        "SLURM_JOB_ID": "1", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2",
        "SLURM_PROCID": str(index), "SLURM_LOCALID": str(index), "JAX_COORDINATOR_PORT": str(port),
    }  # fmt: skip


@pytest.mark.slow
def test_two_hosts_meet_and_part() -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MEET],
            env=os.environ | slurm(index, port) | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for index in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in processes]
    assert [out.strip() for out, _ in said] == ["0 of 2", "1 of 2"], said


def test_without_a_cluster_the_choices_are_said() -> None:
    expected = re.escape("jax.distributed can find (srun, mpirun or Kubernetes), which failed: ValueError")
    with pytest.raises(ValueError, match=expected + ".*say which share is whose with --share"):
        hosts.meet(5)


def test_a_folder_that_never_comes_is_said(tmp_path: Path) -> None:
    hosts.wait_for(tmp_path)
    with pytest.raises(ValueError, match=r"no sweep.json of the first host; do all hosts see it\?"):
        hosts.wait_for(tmp_path / "sweep.json", 0.0)
