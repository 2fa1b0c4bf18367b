"""Every algorithm of the tests compiled once: its state, a batch, and its jitted methods."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import tiny

INVALID = (3, 7)
BATCH = tiny.batch(12, invalid=INVALID)


@cache
def compiled(name: str) -> SimpleNamespace:
    """Returns algorithm, a state whose targets differ from its critics, and the jitted updates."""
    algorithm: Any = tiny.ALGORITHMS[name]
    obs, action = jnp.zeros(tiny.OBS), jnp.zeros(tiny.ACTION)
    with jax.numpy_rank_promotion("raise"):
        init = jax.jit(lambda key: algorithm.init(key, obs, action))
        state, other = init(jax.random.key(0)), init(jax.random.key(1))
    state = with_targets(state, sac_state(other).target_critic)
    return SimpleNamespace(
        algorithm=algorithm,
        init=init,
        state=state,
        other=other,
        update_critic=jax.jit(algorithm.update_critic),
        update_actor=jax.jit(algorithm.update_actor),
    )


def sac_state(state: Any) -> Any:
    """Returns the SAC part of any algorithm's state."""
    return state.sac if hasattr(state, "sac") else state


def with_targets(state: Any, target_critic: Any) -> Any:
    """Returns a state with other target critics."""
    if hasattr(state, "sac"):
        return state.replace(sac=state.sac.replace(target_critic=target_critic))
    return state.replace(target_critic=target_critic)
