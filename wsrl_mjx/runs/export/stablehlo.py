"""A policy as a StableHLO program for any number of observations, which `jax.export.deserialize` reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

PLATFORMS = ("cpu", "cuda")


def write(path: Path, mode: Callable[[jax.Array], jax.Array], obs_size: int) -> None:
    """Writes the program of `mode`, from observations [N, O] to actions [N, A]."""
    (count,) = jax.export.symbolic_shape("N")
    obs = jax.ShapeDtypeStruct((count, obs_size), jnp.float32)
    exported = jax.export.export(jax.jit(mode), platforms=PLATFORMS)(obs)
    path.write_bytes(bytes(exported.serialize()))


def run(path: Path, obs: Any) -> Any:
    """Returns the actions of the file's program."""
    exported = jax.export.deserialize(bytearray(path.read_bytes()))
    return np.asarray(exported.call(jnp.asarray(obs, jnp.float32)))
