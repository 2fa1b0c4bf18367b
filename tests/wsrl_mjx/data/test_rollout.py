"""Rollouts on worlds whose returns are known: whole episodes, clean rows, rewards transformed once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_envs import ConstantReward, EndlessReward, Line, Probe, RewardFromAction, TurnsNonFinite, probe

from envs.base import EnvState
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.data import rollout

pytestmark = pytest.mark.usefixtures("strict_ranks")
N = 6


def still(obs: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.zeros_like(obs)


def hard_right(obs: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.full_like(obs, 3.0)


@pytest.mark.parametrize(
    ("task", "act", "returns", "length", "valid"),
    [
        (ConstantReward, still, 1.0, 1.0, True),
        (EndlessReward, still, 5.0, 5.0, True),
        (RewardFromAction, still, -0.25, 1.0, True),
        (TurnsNonFinite, still, 3.0, 4.0, False),
    ],
)
def test_evaluation_plays_each_episode_once(
    task: type[Probe], act: rollout.Act, returns: float, length: float, valid: bool
) -> None:
    scores = jax.jit(lambda key: rollout.evaluate(probe(task), act, key, N))(jax.random.key(0))
    np.testing.assert_allclose(scores.returns, np.full(N, returns), rtol=1e-6)
    np.testing.assert_array_equal(scores.lengths, np.full(N, length))
    assert (np.asarray(scores.valid) == valid).all()


def test_episodes_of_different_length_are_scored_alone() -> None:
    env = probe(Line)
    key_reset, _ = jax.random.split(jax.random.key(1))
    starts = np.asarray(rollout.reset(env, key_reset, N).obs[:, 0], np.float64)
    scores = jax.jit(lambda key: rollout.evaluate(env, hard_right, key, N))(jax.random.key(1))
    for start, total, length in zip(starts, scores.returns, scores.lengths, strict=True):
        places = start + 0.2 * 0.99999 * np.arange(1, 21)
        until = np.argmax(places > 1.0) + 1
        assert float(length) == until
        assert float(total) == pytest.approx(-np.abs(places[:until]).sum(), rel=1e-3)


def test_a_step_gives_clean_rows_with_the_learners_reward() -> None:
    env, transform = probe(Line), rollout.RewardTransform(hyper(10.0), hyper(-5.0))
    state = rollout.reset(env, jax.random.key(0), N)
    stepped, rows, _ = rollout.act_and_step(env, hard_right, state, jax.random.key(1), transform)
    np.testing.assert_array_equal(rows.obs, state.obs)
    np.testing.assert_allclose(rows.action, 0.99999, rtol=1e-6)
    np.testing.assert_allclose(rows.reward, 10.0 * np.asarray(stepped.reward) - 5.0, rtol=1e-6)
    np.testing.assert_array_equal(rows.next_obs, stepped.final_obs)
    assert rows.mc_return is None and rows.valid.dtype == jnp.float32


def test_a_time_limit_is_no_termination_and_the_successor_is_true() -> None:
    env, identity = probe(Line, time_limit=1), rollout.RewardTransform(hyper(1.0), hyper(0.0))
    state = rollout.reset(env, jax.random.key(0), N)
    stepped, rows, metrics = rollout.act_and_step(env, still, state, jax.random.key(1), identity)
    np.testing.assert_array_equal(rows.truncated, np.ones(N))
    np.testing.assert_array_equal(rows.terminated, np.zeros(N))
    np.testing.assert_array_equal(rows.next_obs, rows.obs)
    assert (np.asarray(stepped.obs) != np.asarray(rows.next_obs)).all()
    assert float(metrics["train/episode_length"].weight) == N
    total = float(metrics["train/episode_return"].total)
    assert total == pytest.approx(float(rows.reward.sum()), rel=1e-6)


class Counting:
    """Remembers how many steps each environment has made; goes right on every second one."""

    def begin(self, key: jax.Array, num_envs: int) -> jax.Array:
        return jnp.full(num_envs, 7)

    def recall(self, memory: jax.Array, state: EnvState, key: jax.Array) -> jax.Array:
        return jnp.where(state.steps == 0, 0, memory + 1)

    def act(self, memory: jax.Array, obs: jax.Array, key: jax.Array) -> jax.Array:
        return jnp.where(memory[:, None] % 2 == 1, 3.0, 0.0)


def test_who_acts_may_remember() -> None:
    env = probe(Line)
    scores = jax.jit(lambda key: rollout.evaluate(env, Counting(), key, N))(jax.random.key(1))
    for start, total, length in zip(scores.first_obs[:, 0], scores.returns, scores.lengths, strict=True):
        places = float(start) + 0.2 * ((np.arange(20) + 1) // 2)  # every second step moves it
        until = np.argmax(places > 1.0) + 1
        assert float(length) == until
        assert float(total) == pytest.approx(-np.abs(places[:until]).sum(), rel=1e-3)
