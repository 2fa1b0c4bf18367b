"""Times a user's first minute: a new process up to its first online step, with an empty and a warm cache."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def first_online_step(preset: str, env_name: str, repeats: int) -> dict[str, Any]:
    """Returns the median seconds of each stage, cold and warm, and all repeats.

    "total" has the interpreter's start in it.
    """
    runs: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            for temperature in ("cold", "warm"):  # the second finds what the first has compiled
                runs[temperature].append(_run(preset, env_name, folder))
    return {
        temperature: {stage: statistics.median(run[stage] for run in taken) for stage in taken[0]}
        for temperature, taken in runs.items()
    } | {"repeats": runs}


def _run(preset: str, env_name: str, folder: str) -> dict[str, float]:
    child = str(Path(__file__).with_name("first_step.py"))
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # this process may have taken most of the device
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, child, preset, env_name, folder],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    total = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"the process that makes the first step failed:\n{done.stderr}")
    return {**json.loads(done.stdout.splitlines()[-1]), "total": total}
