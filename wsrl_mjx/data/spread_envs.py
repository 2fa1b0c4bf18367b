"""Environments stepped over all cores of a CPU, with numbers that do not depend on how many there are.

They are stepped in groups of one size, one group after another on every device: how many rows a compiled
program has side by side decides how it rounds.
"""

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from envs.base import Environment, EnvState

GROUPS = 4  # at most; more than that are too few side by side
ENVS = PartitionSpec("envs")


class SpreadEnvs:
    """So many environments, on as many devices as share their groups evenly."""

    def __init__(self, env: Environment, num_envs: int) -> None:
        # An accelerator is the faster the more it has side by side, and so is a host that steps them.
        apart = jax.default_backend() == "cpu" and not getattr(env, "on_host", False)
        self._env, self._groups = env, math.gcd(num_envs, GROUPS) if apart else 1
        devices = jax.local_devices()[: math.gcd(self._groups, jax.local_device_count())]
        self._mesh = Mesh(np.array(devices), ("envs",)) if len(devices) > 1 else None

    def placed(self, tree: Any) -> Any:
        """Returns arrays [N, ...] where their environments are."""
        return tree if self._mesh is None else jax.device_put(tree, NamedSharding(self._mesh, ENVS))

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Steps all environments, [N]."""
        if self._mesh is None:
            return self._in_groups(state, action, self._groups)
        each = self._groups // self._mesh.size
        of_device = lambda state, action: self._in_groups(state, action, each)
        return jax.shard_map(
            of_device, mesh=self._mesh, in_specs=(ENVS, ENVS), out_specs=ENVS, check_vma=False
        )(state, action)

    def close(self, state: EnvState) -> None:
        """Lets go of environments [N] on the host; others hold nothing."""
        env: Any = self._env
        if getattr(env, "on_host", False):
            jax.vmap(env.release)(state, state.reward)

    def _in_groups(self, state: EnvState, action: jax.Array, groups: int) -> EnvState:
        apart = lambda leaf: leaf.reshape(groups, leaf.shape[0] // groups, *leaf.shape[1:])
        together = lambda leaf: leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:])
        step = lambda given: jax.vmap(self._env.step)(*given)
        return jax.tree.map(together, jax.lax.map(step, jax.tree.map(apart, (state, action))))
