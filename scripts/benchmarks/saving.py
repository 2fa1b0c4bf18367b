"""Times checkpoints: a save of a whole run's state, digests included."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import jax

import envs
from benchmarks.learning import filled
from wsrl_mjx.config import build
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.layout import CHECKPOINTS
from wsrl_mjx.runs.resumption import Resumption
from wsrl_mjx.runs.run_folder import RunFolder
from wsrl_mjx.types import Clock


def saves(config: Config, seeds: int, repeats: int) -> dict[str, Any]:
    """Returns the time and the size of a save at the end of a run, when the replay buffer is fullest."""
    config = replace_flat(config, {"replay_capacity": config.online.online_steps})
    recipe = build.make(config, envs.make(config.env))
    begun = recipe.begin_all(jax.random.split(jax.random.key(0), seeds))
    state = jax.block_until_ready(jax.jit(jax.vmap(lambda begun: filled(recipe, begun)))(begun))
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder.create(Path(place) / "run", {})
        resumption = Resumption(folder, Console())
        for index in range(repeats + 1):
            began = time.perf_counter()
            resumption.save(index, "online", index, {}, state, Clock.zero())
            taken.append(1e3 * (time.perf_counter() - began))
        newest = folder.path / CHECKPOINTS / str(repeats)
        size = sum(file.stat().st_size for file in newest.rglob("*") if file.is_file())
        resumption.close()
        folder.close()
    repeated = taken[1:]  # the first makes folders, and imports
    return {"milliseconds": statistics.median(repeated), "repeats_ms": repeated, "bytes": size}
