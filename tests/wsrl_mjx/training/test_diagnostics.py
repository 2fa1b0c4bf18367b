"""What is measured after the switch, where the answer is known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from probe_envs import EndlessReward, Line, TwoSteps, probe

from wsrl_mjx.algos import ensemble
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.data import replay
from wsrl_mjx.training import diagnostics
from wsrl_mjx.types import Transition

SAC = tiny.sac(action_size=1)
KEY = jax.random.key(0)


@jax.jit
def agent(sac: Any = SAC) -> Any:
    return sac.init(jax.random.key(3), jnp.zeros(1), jnp.zeros(1))


# -- true values ------------------------------------------------------------------------------------------


def true_value(task: Any, obs: list[float], steps: int, sac: Any = SAC, **options: int) -> dict[str, float]:
    env, shared = probe(task, **options), tiny.online_shared()
    states = jnp.asarray(obs)[:, None]
    measure = jax.jit(lambda *of: diagnostics.true_value(env, *of, shared.reward_transform, steps, KEY))
    found = measure(sac, agent(sac), states)
    return {name: float(value) for name, value in found.items()}


def test_a_reward_behind_two_steps_is_discounted_once() -> None:
    assert true_value(TwoSteps, [0.0], 5)["value/true"] == pytest.approx(0.9)
    assert true_value(TwoSteps, [1.0], 5)["value/true"] == pytest.approx(1.0)
    assert true_value(TwoSteps, [0.0, 1.0], 5)["value/true"] == pytest.approx(0.95)


def test_the_time_limit_does_not_cut_a_true_value() -> None:
    found = true_value(EndlessReward, [0.0], 50, time_limit=5)["value/true"]
    assert found == pytest.approx((1 - 0.9**50) / 0.1, rel=1e-5)


def test_the_gap_is_between_the_critics_and_the_truth() -> None:
    found = true_value(TwoSteps, [0.0, 1.0], 5)
    assert found["value/gap"] == pytest.approx(found["value/q"] - found["value/true"])
    state, obs = agent(), jnp.asarray([[0.0], [1.0]])
    action, _ = SAC.policy(state.actor.params, obs).sample(jax.random.split(KEY, 3)[1])
    q = ensemble.evaluate(SAC.critic, state.critic.params, obs, action)
    assert found["value/q"] == pytest.approx(float(q.mean()), rel=1e-5)


def test_where_targets_take_the_best_action_a_policy_that_does_is_measured_too() -> None:
    found = true_value(TwoSteps, [0.0, 1.0], 5, sac=SAC.replace(backup_actions=4))
    assert found["value/best_true"] == pytest.approx(0.95) == found["value/true"]
    assert found["value/best_gap"] == pytest.approx(found["value/q"] - 0.95)
    moved = true_value(Line, [0.0] * 50, 5, sac=SAC.replace(backup_actions=4))
    assert moved["value/best_true"] != moved["value/true"]  # here actions make a difference
    assert "value/best_true" not in true_value(Line, [0.0], 5)


def test_the_best_action_is_the_one_whose_value_the_target_takes() -> None:
    sac, rows = SAC.replace(backup_actions=5), tiny.batch()
    rows = rows.replace(obs=rows.obs[:, :1], next_obs=rows.next_obs[:, :1], terminated=0.0 * rows.reward)
    state = agent(sac)
    best = sac.best_action(state, rows.next_obs, KEY)
    critics = ensemble.choose(
        state.target_critic, sac.ensemble_size, sac.target_subset, jax.random.split(KEY)[1]
    )
    value = ensemble.evaluate(sac.critic, critics, rows.next_obs, best).min(axis=0)
    np.testing.assert_allclose(sac.target(state, rows, KEY), rows.reward + sac.discount * value, rtol=1e-5)


def test_the_horizon_forgets_all_but_a_hundredth() -> None:
    assert diagnostics.horizon(0.99) == 459 and 0.99**459 <= 0.01 < 0.99**458
    assert diagnostics.horizon(0.01) == 1


# -- drift ------------------------------------------------------------------------------------------------


def test_nothing_has_drifted_from_itself() -> None:
    params = agent().actor.params
    found = diagnostics.drift(SAC, params, params, jnp.linspace(-1.0, 1.0, 9)[:, None])
    assert abs(float(found["drift/kl"])) < 1e-6 and float(found["drift/action"]) == 0.0


def test_the_divergence_is_the_one_of_the_squashed_policies() -> None:
    """Monte Carlo over the squashed actions: E[log pi - log reference]."""
    now, before = (SAC.init(jax.random.key(s), jnp.zeros(1), jnp.zeros(1)).actor.params for s in (1, 2))
    obs = jnp.asarray([[0.3], [-0.8]])
    action, log_prob = SAC.policy(now, obs).sample(KEY, (40_000,))
    expected = jnp.mean(log_prob - jax.vmap(SAC.policy(before, obs).log_prob)(action))
    found = diagnostics.drift(SAC, now, before, obs)
    assert float(found["drift/kl"]) == pytest.approx(float(expected), rel=0.05)
    moved = jnp.abs(SAC.policy(now, obs).mode() - SAC.policy(before, obs).mode()).mean()
    assert float(found["drift/action"]) == pytest.approx(float(moved), rel=1e-5)


# -- the replay -------------------------------------------------------------------------------------------


def judged(inserted: int, warmup_rows: int, capacity: int = 64) -> dict[str, float]:
    """Returns what is measured of a buffer whose first 20 rows are seen at 1 and the others at -1."""
    row = Transition.empty(1, 1)
    buffer = replay.create(row, capacity)
    obs = jnp.where(jnp.arange(capacity) < 20, 1.0, -1.0)[:, None]
    buffer = replay.ReplayBuffer(buffer.data.replace(obs=obs, valid=jnp.ones(capacity)))
    sac = SAC.replace(discount=hyper(0.0))
    counts = jnp.asarray(inserted), jnp.asarray(warmup_rows)
    rows = diagnostics.draw_replay(buffer, *counts, KEY)
    found = diagnostics.judge_replay(sac, agent(), rows, KEY)
    return {name: float(value) for name, value in found.items()}


def q_at(obs: float) -> float:
    values = ensemble.evaluate(SAC.critic, agent().critic.params, jnp.full((1, 1), obs), jnp.zeros((1, 1)))
    return float(values.mean())


def test_the_warmups_rows_are_the_first_ones_and_the_replays_are_all() -> None:
    found = judged(inserted=64, warmup_rows=20)
    assert found["warmup/q"] == pytest.approx(q_at(1.0), rel=1e-4)
    share = 20 / 64
    expected = share * q_at(1.0) + (1 - share) * q_at(-1.0)
    assert found["replay/q"] == pytest.approx(expected, abs=0.1 * abs(q_at(1.0) - q_at(-1.0)))
    assert judged(inserted=20, warmup_rows=20)["replay/q"] == pytest.approx(q_at(1.0), rel=1e-4)


def test_what_is_not_there_is_not_measured() -> None:
    nothing = judged(inserted=0, warmup_rows=20)
    assert all(np.isnan(value) for value in nothing.values())
    assert np.isnan(judged(inserted=10, warmup_rows=20)["warmup/q"])  # the warmup is not over
    over = judged(inserted=65, warmup_rows=20)  # the ring has begun to overwrite it
    assert np.isnan(over["warmup/q"]) and np.isfinite(over["replay/q"])


def test_a_world_is_restarted_where_it_was_seen() -> None:
    env = probe(Line)
    assert env.restartable
    state = env.at(jnp.asarray([0.4]), KEY)
    assert float(state.obs[0]) == pytest.approx(0.4)
    stepped = env.step(state, jnp.asarray([0.5]))
    assert float(stepped.obs[0]) == pytest.approx(0.5) and float(stepped.metrics["episode_length"]) == 1.0
