"""A run of two seeds on the probe `line` with its checkpoints, as training leaves them, without training."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import jax
import jax.numpy as jnp
from probe_envs import Line, probe

from wsrl_mjx.config import build
from wsrl_mjx.config.presets import PRESETS
from wsrl_mjx.config.settings import Config, flat_fields, replace_flat
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.runs.run_folder import RunFolder
from wsrl_mjx.types import Clock

WIDTHS = {"ensemble_size": 2, "actor_hidden": (4,), "critic_hidden": (4,)}
SMALL = {**PRESETS["smoke"], **WIDTHS, "env": "line", "num_seeds": 2, "seed": 4}
CONFIG: Config = replace_flat(Config(), SMALL)


KEPT = TemporaryDirectory(prefix="wsrl_mjx_test_policies")


def write(path: Path) -> Path:
    """Leaves a finished pretraining, and checkpoints of the run's last two intervals."""
    return shutil.copytree(written(), path)


@cache
def written() -> Path:
    """Returns the one folder that is written, which nobody changes."""
    path = Path(KEPT.name) / "run"
    RunFolder.create(path, flat_fields(CONFIG)).close()
    recipe = build.make(CONFIG, probe(Line))
    begun = jax.jit(recipe.begin_all)(jax.random.split(jax.random.key(0), 2))
    switched = jax.jit(jax.vmap(recipe.switch))(begun)
    kept = Checkpoints(path / "checkpoints")
    kept.save(400, (begun, Clock.zero()), {"phase": "pretrain", "step": 400})
    later = switched.replace(agent=jax.tree.map(moved, switched.agent))
    kept.save(2400, (later, Clock.zero()), {"phase": "online", "step": 2000})
    kept.close()
    pretrained = Checkpoints(path / "pretrained")
    pretrained.save(0, (begun, Clock.zero()), {})
    pretrained.close()
    return path


def moved(leaf: jax.Array) -> jax.Array:
    """Returns what the steps after the switch made of a parameter."""
    return leaf + 0.3 * jnp.cos(jnp.arange(leaf.size, dtype=jnp.float32)).reshape(leaf.shape).astype(
        leaf.dtype
    )
