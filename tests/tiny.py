"""Algorithms, batches and settings as small as they can be: what the tests run."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.base import Environment
from wsrl_mjx.algos import networks, testing
from wsrl_mjx.algos.awac import AWAC
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.bc import BC
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL
from wsrl_mjx.algos.iql import IQL
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.algos.so2 import SO2
from wsrl_mjx.data import replay, rollout
from wsrl_mjx.training.steps import Online, OnlineShared
from wsrl_mjx.types import Average, TrainState, Transition

OBS, ACTION, ENSEMBLE, WIDTH = testing.OBS, 2, 4, 8


def sac(action_size: int = ACTION, width: int = WIDTH, **changes: Any) -> SAC:
    """Returns SAC with four critics of one tiny layer."""
    plain = SAC(
        actor_lr=hyper(1e-3),
        critic_lr=hyper(1e-3),
        temperature_lr=hyper(1e-3),
        discount=hyper(0.9),
        target_rate=hyper(0.05),
        target_entropy=hyper(-action_size),
        init_temperature=hyper(0.5),
        actor=networks.Actor(action_size, (width,), last_hidden_gain=1.0),
        critic=networks.Critic((width,)),
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


def iql(**changes: Any) -> IQL:
    """Returns IQL over the tiny SAC."""
    plain = IQL(
        sac=sac(),
        expectile=hyper(0.8),
        beta=hyper(2.0),
        cloning=hyper(0.5),
        value=networks.Value((WIDTH,)),
        extraction="awr",
    )
    return plain.replace(**changes)


ALGORITHMS = {
    "sac": sac(),
    "sac, mean of critics, entropy backup": sac(actor_q="mean", entropy_backup=True),
    "sac with cloning": sac(cloning_weight=hyper(0.7)),
    "cql": cql(),
    "cql, learned alpha, no importance sampling": cql(learn_alpha=True, importance_sampling=False),
    "calql": CalQL(cql()),
    "iql": iql(),
    "iql, ddpg": iql(extraction="ddpg"),
    "awac": AWAC(sac(), beta=hyper(2.0)),
    "bc": BC(sac()),
    "so2": SO2(sac(), noise=hyper(0.3), noise_limit=hyper(0.4)),
}
LEARNS_NO_CRITIC = {"bc"}
LEARNS_NO_TEMPERATURE = {"awac", "bc", "iql", "iql, ddpg"}
DRAWS_NOTHING = {"bc"}  # of random numbers


def batch(size: int = 16, seed: int = 0, invalid: tuple[int, ...] = ()) -> Transition:
    """Returns random rows with returns-to-go; `invalid` ones are zeros, as a buffer has them."""
    return testing.batch(size, OBS, ACTION, seed, invalid)


# -- phases on probe environments -------------------------------------------------------------------------


def online_phase(env: Environment, algorithm: Any, **changes: Any) -> Online:
    """Returns an online phase of four updates a step, as WSRL has it, on minibatches of four rows."""
    sizes: dict[str, Any] = {"num_envs": 1, "updates": 4, "critics_per_actor": 4, "batch_size": 4}
    return Online(algorithm=algorithm, env=env, **(sizes | changes))


def online_shared(warmup_steps: int = 0) -> OnlineShared:
    """Returns what the online phase reads; rewards as they are."""
    identity = rollout.RewardTransform(hyper(1.0), hyper(0.0))
    return OnlineShared(jnp.asarray(warmup_steps, jnp.int32), identity)


def online_state(phase: Online, seeds: tuple[int, ...], capacity: int = 64) -> TrainState:
    """Returns a fresh agent, fresh environments and an empty buffer for each seed, [S]."""
    return _begin(phase, jax.vmap(jax.random.key)(jnp.asarray(seeds)), capacity)


@partial(jax.jit, static_argnames="capacity")
def _begin(phase: Online, keys: jax.Array, capacity: int) -> TrainState:
    env = phase.env

    def begin(key: jax.Array) -> TrainState:
        key_agent, key_env, key_run = jax.random.split(key, 3)
        row = Transition.empty(env.obs_size, env.action_size)
        return TrainState(
            agent=phase.algorithm.init(key_agent, row.obs, row.action),
            env=rollout.reset(env, key_env, phase.num_envs),
            buffer=replay.create(row, capacity, phase.num_envs),
            key=key_run,
        )

    return jax.vmap(begin)(keys)


def mean(metric: Average) -> np.ndarray:
    """Returns an average's value for each seed, [S]."""
    return np.asarray(metric.total) / np.maximum(np.asarray(metric.weight), 1e-9)
