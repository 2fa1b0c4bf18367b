"""A process that starts from nothing and makes one online step; prints how long each stage took, as JSON.

    python first_step.py PRESET ENV CACHE_FOLDER

Run by `startup.py`, so that imports and compilation are those of a user's first minute.
"""

import json
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()

import jax
import jax.numpy as jnp

import envs
from wsrl_mjx.config import build, presets
from wsrl_mjx.data import cache
from wsrl_mjx.training import loop, runtime
from wsrl_mjx.types import Clock


def main(preset: str, env_name: str, folder: str) -> None:
    """Makes the step and prints the seconds of its stages."""
    marks = {"import": time.perf_counter()}
    runtime.prepare()
    cache.enable_compilation_cache(Path(folder))
    config = presets.preset_config(preset, env_name)
    recipe = build.make(config, envs.make(env_name))

    begun = recipe.begin_all(jax.random.split(jax.random.key(0), 1))
    state = jax.block_until_ready(jax.jit(jax.vmap(recipe.switch))(begun))
    # Past the warmup, so that the step has its updates.
    clock = Clock.zero().replace(env_steps=jnp.asarray(config.online.replay_capacity, jnp.int32))
    marks["reset"] = time.perf_counter()
    program = runtime.compiled(loop.make_chunk(1).lower(recipe.online, recipe.shared, state, clock))
    marks["compile"] = time.perf_counter()
    jax.block_until_ready(program(recipe.online, recipe.shared, state, clock))
    marks["first step"] = time.perf_counter()
    times = list(marks.values())
    stages = dict(zip(marks, (b - a for a, b in zip([BEGAN, *times], times, strict=False)), strict=True))
    print(json.dumps(stages))


if __name__ == "__main__":
    main(*sys.argv[1:])
