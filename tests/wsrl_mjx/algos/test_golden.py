"""Whole updates against the NumPy version: the metrics, every part of the gradient, and Adam's first step.

After one step from zero moments Adam's first moment is a tenth of the gradient, so the gradient that an
update used can be read from the state it returns; it is compared with finite differences in float64.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy_reference as reference
import pytest
import tiny
from compiled import BATCH, compiled

from wsrl_mjx.algos.testing import sac_state

pytestmark = pytest.mark.usefixtures("strict_ranks")
KEY = jax.random.key(3)
ROWS = {name: reference.as_float64(value) for name, value in vars(BATCH).items()}
SAMPLES = 3  # of each source, and of the maximum in the target
CQL_NAMES = [name for name in tiny.ALGORITHMS if "cql" in name or name == "calql"]
IQL_NAMES = [name for name in tiny.ALGORITHMS if "iql" in name]
SAC_NAMES = [name for name in tiny.ALGORITHMS if "sac" in name]


def plain(state: Any) -> dict[str, Any]:
    """Returns the parameters of a state as float64."""
    state = sac_state(state)
    trees = {"actor": state.actor.params, "critic": state.critic.params, "target": state.target_critic}
    temperature = np.log1p(np.exp(np.float64(state.temperature.params)))
    return {name: reference.as_float64(tree) for name, tree in trees.items()} | {"temperature": temperature}


def normal(key: jax.Array, *shape: int) -> np.ndarray:
    return np.asarray(jax.random.normal(key, (*shape, *BATCH.action.shape)), np.float64)


def draw_subset(key: jax.Array) -> list[int]:
    return np.asarray(jax.random.choice(key, tiny.ENSEMBLE, (2,), replace=False)).tolist()


def check_step(
    before: Any, after: Any, loss: Callable[[dict], float], params: dict, learning_rate: float
) -> None:
    """Compares one learner's gradient with finite differences of `loss`, and its step with Adam's first."""
    moments = dict(reference.leaves(reference.as_float64(after.opt_state[0].mu)))
    old, new = (dict(reference.leaves(reference.as_float64(x.params))) for x in (before, after))
    rng = np.random.default_rng(0)
    for path, array in reference.leaves(params):
        gradient = moments[path] / 0.1
        for _ in range(2):
            index = tuple(int(rng.integers(size)) for size in array.shape)
            slope = reference.finite_difference(loss, params, path, index)
            np.testing.assert_allclose(gradient[index], slope, rtol=2e-3, atol=2e-5, err_msg=f"{path}{index}")
        step = learning_rate * gradient / (np.abs(gradient) + 1e-8)
        np.testing.assert_allclose(old[path] - new[path], step, rtol=0.02, atol=2e-6)


def sac_target_for(name: str, key: jax.Array) -> np.ndarray:
    """Returns the target that the algorithm `name` must have used with `key`."""
    subject = compiled(name)
    now = plain(subject.state)
    sac = subject.algorithm.sac
    key_action, key_subset = jax.random.split(key)
    return reference.sac_target(
        now["actor"],
        now["target"],
        ROWS,
        normal(key_action, sac.backup_actions),
        draw_subset(key_subset),
        0.9,
        now["temperature"] if sac.entropy_backup else 0.0,
    )


@pytest.mark.parametrize("name", SAC_NAMES)
def test_sac_critic_update(name: str) -> None:
    subject = compiled(name)
    now, target = plain(subject.state), sac_target_for(name, KEY)

    def loss(params: dict) -> float:
        q = reference.ensemble(params, ROWS["obs"], ROWS["action"])
        return reference.critic_loss(q, target, ROWS["valid"])

    state, metrics = subject.update_critic(subject.state, BATCH, KEY)
    q = reference.ensemble(now["critic"], ROWS["obs"], ROWS["action"])
    expected = {
        "critic/loss": loss(now["critic"]),
        "critic/q": reference.masked_mean(q, ROWS["valid"]),
        "critic/target": reference.masked_mean(target, ROWS["valid"]),
    }
    for metric, value in expected.items():
        np.testing.assert_allclose(metrics[metric].total, value, rtol=1e-5, atol=1e-6)
    check_step(subject.state.critic, state.critic, loss, now["critic"], 1e-3)


@pytest.mark.parametrize("name", SAC_NAMES)
def test_sac_actor_update(name: str) -> None:
    subject = compiled(name)
    now, noise = plain(subject.state), normal(KEY)
    cloning = subject.algorithm.cloning_weight
    settings = (now["temperature"], subject.algorithm.actor_q, 0.0 if cloning is None else float(cloning))

    def loss(params: dict) -> float:
        return reference.sac_actor_loss(params, now["critic"], ROWS, noise, *settings)[0]

    state, metrics = subject.update_actor(subject.state, BATCH, KEY)
    value, entropy = reference.sac_actor_loss(now["actor"], now["critic"], ROWS, noise, *settings)
    expected = {
        "actor/loss": value,
        "actor/entropy": entropy,
        "actor/temperature": 0.5,
    }
    for metric, value in expected.items():
        np.testing.assert_allclose(metrics[metric].total, value, rtol=1e-5, atol=1e-6)
    check_step(subject.state.actor, state.actor, loss, now["actor"], 1e-3)
    raw = np.float64(subject.state.temperature.params)
    slope = (entropy + tiny.ACTION) / (1 + np.exp(-raw))  # softplus' = sigmoid
    np.testing.assert_allclose(state.temperature.opt_state[0].mu / 0.1, slope, rtol=1e-4)
    np.testing.assert_allclose(state.temperature.params, raw - 1e-3 * np.sign(slope), rtol=1e-4)


@pytest.mark.parametrize("name", CQL_NAMES)
def test_cql_and_calql_critic_update(name: str) -> None:
    subject = compiled(name)
    cql = getattr(subject.algorithm, "base", subject.algorithm)
    now = plain(subject.state)
    key_target, key_action, key_subset = jax.random.split(KEY, 3)
    target = sac_target_for(name, key_target)
    key_uniform, key_here, key_next = jax.random.split(key_action, 3)
    shape = (SAMPLES, *BATCH.action.shape)
    uniform = np.asarray(jax.random.uniform(key_uniform, shape, minval=-1.0, maxval=1.0), np.float64)
    actions, log_density = reference.cql_samples(
        now["actor"], ROWS, uniform, normal(key_here, SAMPLES), normal(key_next, SAMPLES)
    )

    def parts(params: dict) -> tuple[float, float, float]:
        q = reference.ensemble(params, ROWS["obs"], ROWS["action"])
        gap, below = reference.cql_gap(
            params,
            ROWS,
            actions,
            log_density,
            draw_subset(key_subset),
            cql.importance_sampling,
            name == "calql",
        )
        return reference.critic_loss(q, target, ROWS["valid"]), gap, below

    def loss(params: dict) -> float:
        td, gap, _ = parts(params)
        return td + 2.0 * (gap - 0.8 if cql.learn_alpha else gap)

    state, metrics = subject.update_critic(subject.state, BATCH, KEY)
    td, gap, below = parts(now["critic"])
    expected = {"critic/loss": td, "cql/gap": gap, "cql/below_floor": below, "cql/alpha": 2.0}
    for metric, value in expected.items():
        found = metrics[metric].total / metrics[metric].weight
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
    assert 0 < below < 1 and metrics["cql/below_floor"].weight == ROWS["valid"].sum()
    check_step(sac_state(subject.state).critic, sac_state(state).critic, loss, now["critic"], 1e-3)
    if cql.learn_alpha:  # dual ascent: alpha rises where the gap is above its target
        raw = np.float64(subject.state.multiplier.params)
        slope = -(gap - 0.8) / (1 + np.exp(-raw))  # softplus' = sigmoid
        np.testing.assert_allclose(state.multiplier.opt_state[0].mu / 0.1, slope, rtol=1e-4)
        np.testing.assert_allclose(state.multiplier.params, raw - 1e-2 * np.sign(slope), rtol=1e-4)


def test_a_return_that_is_not_known_yet_counts_in_no_share() -> None:
    """Online, rows of the episode that goes on have a floor of minus infinity."""
    subject = compiled("calql")
    returns = jnp.where(jnp.arange(len(ROWS["valid"])) < 2, 1e6, -jnp.inf)
    _, metrics = subject.update_critic(subject.state, BATCH.replace(mc_return=returns), KEY)
    share = metrics["cql/below_floor"]
    assert (float(share.total), float(share.weight)) == (2.0, 2.0)
    unknown = BATCH.replace(mc_return=jnp.full_like(returns, -jnp.inf))
    _, metrics = subject.update_critic(subject.state, unknown, KEY)
    assert float(metrics["cql/below_floor"].weight) == 0.0


@pytest.mark.parametrize("name", IQL_NAMES)
def test_iql_value_and_critic_update(name: str) -> None:
    subject = compiled(name)
    now, value = plain(subject.state), reference.as_float64(subject.state.value.params)
    after = reference.state_value(value, ROWS["next_obs"])
    target = reference.td_target(ROWS["reward"], ROWS["terminated"], after, 0.9)

    def value_loss(params: dict) -> float:
        return reference.iql_value_loss(params, now["target"], ROWS, draw_subset(KEY), 0.8)

    def critic_loss(params: dict) -> float:
        q = reference.ensemble(params, ROWS["obs"], ROWS["action"])
        return reference.critic_loss(q, target, ROWS["valid"])

    state, metrics = subject.update_critic(subject.state, BATCH, KEY)
    expected = {
        "critic/loss": critic_loss(now["critic"]),
        "critic/target": reference.masked_mean(target, ROWS["valid"]),
        "iql/value_loss": value_loss(value),
        "iql/value": reference.masked_mean(reference.state_value(value, ROWS["obs"]), ROWS["valid"]),
    }
    for metric, number in expected.items():
        np.testing.assert_allclose(metrics[metric].total, number, rtol=1e-5, atol=1e-6)
    check_step(subject.state.value, state.value, value_loss, value, 1e-3)
    check_step(sac_state(subject.state).critic, sac_state(state).critic, critic_loss, now["critic"], 1e-3)


@pytest.mark.parametrize("name", IQL_NAMES)
def test_iql_actor_update(name: str) -> None:
    subject = compiled(name)
    now = plain(subject.state)
    key_subset, key_action = jax.random.split(KEY)
    chosen = [reference.member(now["target"], i) for i in draw_subset(key_subset)]
    q = np.min([reference.critic(one, ROWS["obs"], ROWS["action"]) for one in chosen], axis=0)
    value = reference.state_value(reference.as_float64(subject.state.value.params), ROWS["obs"])
    settings = (q - value, ROWS, normal(key_action), 2.0, 0.5 if name == "iql, ddpg" else None)

    def loss(params: dict) -> float:
        return reference.iql_actor_loss(params, now["critic"], *settings)

    state, metrics = subject.update_actor(subject.state, BATCH, KEY)
    np.testing.assert_allclose(metrics["actor/loss"].total, loss(now["actor"]), rtol=1e-5, atol=1e-6)
    check_step(sac_state(subject.state).actor, sac_state(state).actor, loss, now["actor"], 1e-3)


def test_awac_actor_update() -> None:
    subject = compiled("awac")
    now = plain(subject.state)
    mean, std = reference.actor(now["actor"], ROWS["obs"])
    own, _ = reference.squash(mean, std, normal(KEY))
    least = lambda action: reference.ensemble(now["critic"], ROWS["obs"], action).min(axis=0)
    weight = np.minimum(np.exp(2.0 * (least(ROWS["action"]) - least(own))), 100.0)

    def loss(params: dict) -> float:
        density = reference.log_density(*reference.actor(params, ROWS["obs"]), ROWS["action"])
        return -reference.masked_mean(weight * density, ROWS["valid"])

    state, metrics = subject.update_actor(subject.state, BATCH, KEY)
    np.testing.assert_allclose(metrics["actor/loss"].total, loss(now["actor"]), rtol=1e-5, atol=1e-6)
    check_step(subject.state.actor, state.actor, loss, now["actor"], 1e-3)


def test_bc_actor_update() -> None:
    subject = compiled("bc")
    now = plain(subject.state)

    def loss(params: dict) -> float:
        density = reference.log_density(*reference.actor(params, ROWS["obs"]), ROWS["action"])
        return -reference.masked_mean(density, ROWS["valid"])

    state, metrics = subject.update_actor(subject.state, BATCH, KEY)
    np.testing.assert_allclose(metrics["actor/loss"].total, loss(now["actor"]), rtol=1e-5, atol=1e-6)
    check_step(subject.state.actor, state.actor, loss, now["actor"], 1e-3)


def test_so2_critic_update() -> None:
    subject = compiled("so2")
    now = plain(subject.state)
    key_action, key_noise = jax.random.split(KEY)
    shift = np.clip(0.3 * normal(key_noise), -0.4, 0.4)
    assert (np.abs(shift) == 0.4).any()  # or the limit would not be tested
    target = reference.so2_targets(
        now["actor"], now["target"], ROWS, normal(key_action), shift, now["temperature"], 0.9
    )

    def loss(params: dict) -> float:
        q = reference.ensemble(params, ROWS["obs"], ROWS["action"])
        return reference.masked_mean((q - target) ** 2, ROWS["valid"])

    state, metrics = subject.update_critic(subject.state, BATCH, KEY)
    np.testing.assert_allclose(metrics["critic/loss"].total, loss(now["critic"]), rtol=1e-5, atol=1e-6)
    mean_target = reference.masked_mean(target, ROWS["valid"])
    np.testing.assert_allclose(metrics["critic/target"].total, mean_target, rtol=1e-5, atol=1e-6)
    check_step(subject.state.critic, state.critic, loss, now["critic"], 1e-3)
