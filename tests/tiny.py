"""Algorithms, batches and settings as small as they can be: what the tests run."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
    rng = np.random.default_rng(seed)
    valid = np.ones(size)
    valid[list(invalid)] = 0.0
    rows = Transition(
        obs=rng.normal(size=(size, OBS)),
        action=np.tanh(rng.normal(size=(size, ACTION))),
        reward=rng.normal(size=size),
        next_obs=rng.normal(size=(size, OBS)),
        terminated=rng.random(size) < 0.3,
        truncated=np.zeros(size),
        valid=valid,
        mc_return=rng.normal(size=size),
    )
    return jax.tree.map(lambda x: jnp.asarray((x.T * valid).T, jnp.float32), rows)
