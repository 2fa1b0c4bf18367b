"""Numbers that are not finite: an update with them is not made, is counted, and touches no other member."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny
from probe_envs import Line, TurnsNonFinite, probe

from wsrl_mjx.algos.base import descend, hyper, learner
from wsrl_mjx.training import non_finite
from wsrl_mjx.training.loop import make_chunk
from wsrl_mjx.types import Average, Clock

LINE = probe(Line)
SEEDS, BAD = (3, 4, 5, 6), 1
STEPS = 8


def square(params: Any) -> tuple[jax.Array, None]:
    return jnp.sum(jnp.square(params["w"])) * params["scale"], None


def test_a_sound_update_is_adams_own_bit_for_bit() -> None:
    begun = learner({"w": jnp.arange(5.0), "scale": jnp.ones(())})
    moved, value, _ = jax.jit(lambda state: descend(state, square, hyper(1e-3)))(begun)

    @jax.jit
    def plain(params: Any, state: Any) -> tuple[Any, Any]:
        step, state = optax.adam(hyper(1e-3)).update(jax.grad(lambda p: square(p)[0])(params), state)
        return optax.apply_updates(params, step), state

    params, state = plain(begun.params, begun.opt_state)
    jax.tree.map(np.testing.assert_array_equal, (moved.params, moved.opt_state), (params, state))
    assert int(moved.skipped) == 0 and float(value) == 30.0


@pytest.mark.parametrize(
    ("scale", "why"),
    [(jnp.nan, "the loss"), (jnp.inf, "the loss"), (1e30, "the square of a gradient, which Adam keeps")],
)
def test_an_update_that_is_not_finite_is_not_made(scale: float, why: str) -> None:
    begun = learner({"w": jnp.arange(5.0) * 1e-3, "scale": jnp.asarray(scale, jnp.float32)})
    after, _, _ = descend(begun, square, hyper(1e-3))
    jax.tree.map(np.testing.assert_array_equal, after.replace(skipped=begun.skipped), begun)
    assert int(after.skipped) == 1, why


def test_a_metric_that_is_not_finite_has_no_weight() -> None:
    total = jax.tree.map(jnp.add, Average.of(jnp.asarray(jnp.nan)), Average.of(jnp.asarray(2.0)))
    assert (float(total.total), float(total.weight)) == (2.0, 1.0)


# -- four members, one of them spoilt ---------------------------------------------------------------------

PHASE = tiny.online_phase(LINE, tiny.sac(action_size=1))
CHUNK = make_chunk(STEPS)


def after_a_chunk(spoil: Any = None) -> tuple[Any, Any]:
    """Returns the state after the buffer was filled and a chunk of updates was made, and its metrics."""
    state, shared, clock = tiny.online_state(PHASE, SEEDS), tiny.online_shared(warmup_steps=16), Clock.zero()
    state, clock, _ = CHUNK(PHASE, shared, state, clock)
    state, clock, _ = CHUNK(PHASE, shared, state, clock)
    state = state if spoil is None else spoil(state)
    state, clock, metrics = CHUNK(PHASE, shared, state, clock)
    return jax.device_get(state.replace(key=jax.random.key_data(state.key), env=state.env.obs)), metrics


def nan_in(array: jax.Array) -> jax.Array:
    return array.at[BAD].set(jnp.nan)


def in_env(state: Any) -> Any:
    env = state.env.replace(physics=nan_in(state.env.physics), obs=nan_in(state.env.obs))
    return state.replace(env=env)


def in_reward(state: Any) -> Any:
    rows = state.buffer.data
    return state.replace(buffer=state.buffer.replace(data=rows.replace(reward=nan_in(rows.reward))))


def in_batch(state: Any) -> Any:
    rows = state.buffer.data
    return state.replace(buffer=state.buffer.replace(data=rows.replace(obs=nan_in(rows.obs))))


def in_parameter(state: Any) -> Any:
    critic = state.agent.critic
    spoilt = critic.replace(params=jax.tree.map(nan_in, critic.params))
    return state.replace(agent=state.agent.replace(critic=spoilt))


@pytest.mark.parametrize("spoil", [in_env, in_reward, in_batch, in_parameter])
def test_a_member_that_is_not_finite_does_not_touch_the_others(spoil: Any) -> None:
    sound, metrics = after_a_chunk()
    spoilt, others = after_a_chunk(spoil)
    for one, other in zip(jax.tree.leaves((sound, metrics)), jax.tree.leaves((spoilt, others)), strict=True):
        np.testing.assert_array_equal(np.delete(one, BAD, axis=0), np.delete(other, BAD, axis=0))
    counts = non_finite.by_network(spoilt.agent)
    assert set(counts) == {"actor", "critic", "temperature"}
    assert all(not np.delete(count, BAD).any() for count in counts.values())
    if spoil is in_env:  # the row has no value, the environment starts afresh, the learner never sees it
        assert float(tiny.mean(others["train/non_finite"])[BAD]) == 1 / STEPS
        assert all(count[BAD] == 0 for count in counts.values()) and np.isfinite(spoilt.env[BAD]).all()
    else:
        assert counts["critic"][BAD] > 0
    if spoil is not in_parameter:
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(spoilt.agent))


def test_a_world_that_breaks_in_every_episode_is_started_afresh_and_counted() -> None:
    env = probe(TurnsNonFinite, time_limit=50)
    phase = tiny.online_phase(env, tiny.sac(action_size=1))
    chunk = make_chunk(STEPS)
    state, _, metrics = chunk(phase, tiny.online_shared(100), tiny.online_state(phase, (0,)), Clock.zero())
    np.testing.assert_allclose(tiny.mean(metrics["train/non_finite"]), [2 / STEPS])
    assert float(state.buffer.data.valid.sum()) == STEPS - 2 and np.isfinite(state.env.obs).all()


# -- the limit --------------------------------------------------------------------------------------------


def test_the_limit_names_network_member_and_place() -> None:
    labels = [f"seed {seed}" for seed in SEEDS]
    agent = jax.tree.map(jnp.copy, tiny.online_state(PHASE, SEEDS).agent)
    non_finite.check(agent, 0, labels, "step 10 of online")
    agent = agent.replace(critic=agent.critic.replace(skipped=jnp.asarray([0, 7, 0, 0])))
    non_finite.check(agent, 7, labels, "step 10 of online")
    with pytest.raises(non_finite.NotFiniteError, match=r"^critic of seed 4: .* in 7 updates up to step 10 "):
        non_finite.check(agent, 6, labels, "step 10 of online")
