"""Learning on the probe environments: the critics' values and the policy's actions are known beforehand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from probe_envs import (
    ConstantReward,
    EndlessReward,
    Probe,
    RewardFromAction,
    RewardFromObs,
    TurnsNonFinite,
    TwoSteps,
    probe,
)

from wsrl_mjx.algos import ensemble, networks
from wsrl_mjx.algos.awac import AWAC
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.bc import BC
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.algos.so2 import SO2
from wsrl_mjx.data import behaviors, dataset, rollout
from wsrl_mjx.training import loop, steps
from wsrl_mjx.types import Clock, TrainState

pytestmark = pytest.mark.usefixtures("strict_ranks")
SEEDS = (0, 1)
DISCOUNT = 0.9
RATES: dict[str, Any] = {
    "actor_lr": hyper(3e-3),
    "critic_lr": hyper(3e-3),
    "temperature_lr": hyper(1e-2),
    "target_rate": hyper(0.2),
    "target_entropy": hyper(-2.5),
    "ensemble_size": 2,
}
FAST = tiny.sac(action_size=1, width=16, **RATES)


def learn_online(task: type[Probe], steps: int, algorithm: Any = FAST) -> tuple[SACState, TrainState, dict]:
    """Returns SAC (or another) after `steps` vector steps of four environments, four updates each."""
    sizes = {"num_envs": 4, "updates": 4, "critics_per_actor": 2, "batch_size": 32}
    phase = tiny.online_phase(probe(task), algorithm, **sizes)
    state = tiny.online_state(phase, SEEDS, capacity=4000)
    state, _, metrics = loop.make_chunk(steps)(phase, tiny.online_shared(), state, Clock.zero())
    return state.agent, state, metrics


@jax.jit
def init(algorithm: Any, keys: jax.Array) -> Any:
    return jax.vmap(lambda key: algorithm.init(key, jnp.zeros(1), jnp.zeros(1)))(keys)


offline_chunk = loop.make_chunk(600)


def learn_offline(task: type[Probe], algorithm: Any) -> SACState:
    """Returns what `algorithm` hands over after 600 updates on uniformly random actions."""
    env = probe(task)
    rows = dataset.collect(env, rollout.Memoryless(behaviors.random_act(1)), size=512, num_envs=8, seed=0)
    identity = tiny.online_shared().reward_transform
    data = dataset.to_device(rows, identity, DISCOUNT)
    keys = jax.vmap(jax.random.key)(jnp.asarray(SEEDS))
    state = TrainState(agent=init(algorithm, keys), env=None, buffer=None, key=keys)
    phase = steps.Pretrain(algorithm, batch_size=32)
    state, _, _ = offline_chunk(phase, data, state, Clock.zero())
    return jax.vmap(algorithm.hand_over)(state.agent)


@jax.jit
def values(sac: SAC, agent: SACState, obs: float, action: float) -> jax.Array:
    """Returns all critics' Q(obs, action), [S, E]."""
    apply = jax.vmap(lambda p: ensemble.evaluate(sac.critic, p, jnp.full(1, obs), jnp.full(1, action)))
    return apply(agent.critic.params)


@jax.jit
def modes(sac: SAC, agent: SACState, obs: float) -> jax.Array:
    """Returns the deterministic action at `obs`, [S]."""
    policy = jax.vmap(lambda p: sac.policy(p, jnp.full(1, obs)).mode()[0])
    return policy(agent.actor.params)


# -- online -----------------------------------------------------------------------------------------------


# These two say where an error is; that there is one, the two behind them say as well.
@pytest.mark.thorough
def test_a_constant_reward_is_its_own_value() -> None:
    agent, _, metrics = learn_online(ConstantReward, 200)
    for action in (-0.9, 0.0, 0.9):
        np.testing.assert_allclose(values(FAST, agent, 0.0, action), 1.0, atol=0.1)
    np.testing.assert_allclose(tiny.mean(metrics["train/episode_return"]), 1.0)
    np.testing.assert_allclose(tiny.mean(metrics["train/episode_length"]), 1.0)


@pytest.mark.thorough
def test_the_value_follows_the_observation() -> None:
    agent, _, _ = learn_online(RewardFromObs, 200)
    np.testing.assert_allclose(values(FAST, agent, 1.0, 0.0), 1.0, atol=0.1)
    np.testing.assert_allclose(values(FAST, agent, -1.0, 0.0), -1.0, atol=0.1)


def test_a_reward_one_step_away_is_discounted_once() -> None:
    agent, _, _ = learn_online(TwoSteps, 300)
    np.testing.assert_allclose(values(FAST, agent, 0.0, 0.0), DISCOUNT, atol=0.1)
    np.testing.assert_allclose(values(FAST, agent, 1.0, 0.0), 1.0, atol=0.1)


def test_the_policy_learns_the_action_for_what_it_sees() -> None:
    agent, _, _ = learn_online(RewardFromAction, 600)
    for obs in (-1.0, 1.0):
        np.testing.assert_allclose(modes(FAST, agent, obs), 0.5 * obs, atol=0.15)
        np.testing.assert_allclose(values(FAST, agent, obs, 0.5 * obs), 0.0, atol=0.1)
        np.testing.assert_allclose(values(FAST, agent, obs, -0.5 * obs), -1.0, atol=0.35)


def test_values_bootstrap_through_a_time_limit() -> None:
    agent, state, metrics = learn_online(EndlessReward, 500)
    np.testing.assert_allclose(values(FAST, agent, 0.0, 0.0), 1.0 / (1.0 - DISCOUNT), rtol=0.1)
    assert not state.buffer.data.terminated.any()
    assert state.buffer.data.truncated[:, :2000].mean() == pytest.approx(0.2)
    np.testing.assert_allclose(tiny.mean(metrics["train/episode_length"]), 5.0)


def test_a_world_that_breaks_hurts_no_network() -> None:
    agent, state, metrics = learn_online(TurnsNonFinite, 100)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(agent))
    np.testing.assert_allclose(tiny.mean(metrics["train/non_finite"]), 0.25)
    rows = jax.tree.map(lambda leaf: np.asarray(leaf)[:, :400], state.buffer.data)
    assert (rows.valid == 0).sum() == len(SEEDS) * 100
    assert all(not leaf[rows.valid == 0].any() for leaf in jax.tree.leaves(rows))
    assert set(np.unique(rows.next_obs[rows.valid == 1])) == {1.0, 2.0, 3.0}


# -- offline ----------------------------------------------------------------------------------------------


CQL = tiny.cql(sac=FAST.replace(backup_actions=2), alpha=hyper(0.05), sampled_actions=2)
# Its cloning weighs advantages of a quarter at most here, so that beta must be large to tell actions apart.
IQL = tiny.iql(sac=FAST, expectile=hyper(0.9), beta=hyper(20.0), value=networks.Value((16,)))
OFFLINE = {
    "cql": CQL,
    "calql": CalQL(CQL),
    "iql": IQL,
    "awac": AWAC(FAST, beta=hyper(20.0)),
    "iql, ddpg": IQL.replace(extraction="ddpg", cloning=hyper(0.02)),
}


@pytest.mark.parametrize("name", OFFLINE)
def test_offline_methods_discount_and_find_the_best_action(name: str) -> None:
    agent = learn_offline(TwoSteps, OFFLINE[name])
    np.testing.assert_allclose(values(FAST, agent, 0.0, 0.0), DISCOUNT, atol=0.2)
    np.testing.assert_allclose(values(FAST, agent, 1.0, 0.0), 1.0, atol=0.2)
    agent = learn_offline(RewardFromAction, OFFLINE[name])
    for obs in (-1.0, 1.0):
        np.testing.assert_allclose(modes(FAST, agent, obs), 0.5 * obs, atol=0.2)


def test_cloning_learns_the_datas_actions_and_no_values() -> None:
    """Random actions have the mean 0 and no preference; the critics stay what they were made."""
    agent = learn_offline(RewardFromAction, BC(FAST))
    fresh = init(BC(FAST), jax.vmap(jax.random.key)(jnp.asarray(SEEDS)))
    for obs in (-1.0, 1.0):
        np.testing.assert_allclose(modes(FAST, agent, obs), 0.0, atol=0.25)
        np.testing.assert_array_equal(values(FAST, agent, obs, 0.3), values(FAST, fresh, obs, 0.3))


def test_so2_learns_values_and_the_action_that_is_best_under_its_noise() -> None:
    so2 = SO2(FAST, noise=hyper(0.1), noise_limit=hyper(0.2))
    agent, _, _ = learn_online(RewardFromAction, 600, so2)
    for obs in (-1.0, 1.0):
        np.testing.assert_allclose(modes(FAST, agent, obs), 0.5 * obs, atol=0.15)
        np.testing.assert_allclose(values(FAST, agent, obs, 0.5 * obs), 0.0, atol=0.1)
