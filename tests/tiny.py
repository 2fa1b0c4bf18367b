"""Algorithms, batches and settings as small as they can be: what the tests run."""

from typing import Any

import jax
import jax.numpy as jnp

from wsrl_mjx import networks
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.types import Transition

OBS, ACTION, ENSEMBLE, WIDTH = 3, 2, 4, 8


def sac(action_size: int = ACTION, width: int = WIDTH, **changes: Any) -> SAC:
    """Returns SAC with four critics of one or two tiny layers."""
    plain = SAC(
        actor_lr=hyper(1e-3),
        critic_lr=hyper(1e-3),
        temperature_lr=hyper(1e-3),
        discount=hyper(0.9),
        target_rate=hyper(0.05),
        target_entropy=hyper(-action_size),
        init_temperature=hyper(0.5),
        actor=networks.Actor(action_size, (width, width), last_hidden_gain=1.0),
        critic=networks.Critic((width, width)),
        ensemble_size=ENSEMBLE,
        target_subset=2,
        backup_actions=1,
        entropy_backup=False,
        actor_q="min",
    )
    return plain.replace(**changes)


def cql(**changes: Any) -> CQL:
    """Returns CQL over the tiny SAC, with a maximum over three next actions."""
    plain = CQL(
        sac=sac(backup_actions=3),
        alpha=hyper(2.0),
        alpha_lr=hyper(1e-2),
        target_gap=hyper(0.8),
        sampled_actions=3,
        importance_sampling=True,
        learn_alpha=False,
    )
    return plain.replace(**changes)


ALGORITHMS = {
    "sac": sac(),
    "sac, mean of critics, entropy backup": sac(actor_q="mean", entropy_backup=True),
    "cql": cql(),
    "cql, learned alpha": cql(learn_alpha=True),
    "cql, no importance sampling": cql(importance_sampling=False),
    "calql": CalQL(cql()),
}


def batch(size: int = 16, seed: int = 0, invalid: tuple[int, ...] = ()) -> Transition:
    """Returns random rows with returns-to-go; `invalid` ones are zeros, as a buffer has them."""
    keys = jax.random.split(jax.random.key(seed), 6)
    normal = lambda key, *shape: jax.random.normal(key, shape)  # noqa: E731
    valid = jnp.ones(size).at[jnp.asarray(invalid, jnp.int32)].set(0.0)
    rows = Transition(
        obs=normal(keys[0], size, OBS),
        action=jnp.tanh(normal(keys[1], size, ACTION)),
        reward=normal(keys[2], size),
        next_obs=normal(keys[3], size, OBS),
        terminated=(jax.random.uniform(keys[4], (size,)) < 0.3).astype(jnp.float32),
        truncated=jnp.zeros(size),
        valid=valid,
        mc_return=normal(keys[5], size),
    )
    return jax.tree.map(lambda x: x * valid.reshape((-1,) + (1,) * (x.ndim - 1)), rows)
