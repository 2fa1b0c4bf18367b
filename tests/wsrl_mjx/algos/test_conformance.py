"""Every algorithm keeps the contract of `algos.base.Algorithm`; a new one is a line in `tiny.ALGORITHMS`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from compiled import BATCH, INVALID, compiled, sac_state

from wsrl_mjx import types
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.sac import SACState

pytestmark = [pytest.mark.usefixtures("strict_ranks"), pytest.mark.parametrize("name", tiny.ALGORITHMS)]
KEY = jax.random.key(7)


def equal(one: Any, other: Any) -> bool:
    """Whether two pytrees have the same bits."""
    return all(
        np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def test_states_keep_their_shapes_and_types_and_none_is_weak(name: str) -> None:
    algorithm = tiny.ALGORITHMS[name]
    obs, action = jnp.zeros(tiny.OBS), jnp.zeros(tiny.ACTION)
    first = jax.eval_shape(lambda key: algorithm.init(key, obs, action), KEY)
    second, _ = jax.eval_shape(algorithm.update_critic, first, BATCH, KEY)
    third, _ = jax.eval_shape(algorithm.update_actor, second, BATCH, KEY)
    assert jax.tree.structure(first) == jax.tree.structure(second) == jax.tree.structure(third)
    for leaves in zip(*map(jax.tree.leaves, (first, second, third)), strict=True):
        assert len({(leaf.shape, leaf.dtype, leaf.weak_type) for leaf in leaves}) == 1
        assert not leaves[0].weak_type
    assert all(leaf.dtype == jnp.float32 and not leaf.weak_type for leaf in jax.tree.leaves(algorithm))


def test_metrics_have_names_of_their_own_and_are_finite_averages(name: str) -> None:
    subject = compiled(name)
    _, critic = subject.update_critic(subject.state, BATCH, KEY)
    _, actor = subject.update_actor(subject.state, BATCH, KEY)
    assert not critic.keys() & actor.keys()
    if name not in tiny.LEARNS_NO_CRITIC:
        assert critic.keys() >= {"critic/loss", "critic/q", "critic/target"}
    assert "actor/loss" in actor
    for metric in (critic | actor).values():
        assert isinstance(metric, types.Average) and metric.total.shape == () and np.isfinite(metric.total)


def test_actions_are_shaped_bounded_and_sampled_only_to_explore(name: str) -> None:
    subject = compiled(name)
    act = jax.jit(subject.algorithm.act, static_argnames="explore")
    sampled = act(subject.state, BATCH.obs, KEY, explore=True)
    mode = act(subject.state, BATCH.obs, KEY, explore=False)
    assert sampled.shape == mode.shape == BATCH.action.shape
    assert np.abs(sampled).max() <= 1.0 and np.abs(mode).max() <= 1.0
    other = jax.random.key(8)
    np.testing.assert_array_equal(mode, act(subject.state, BATCH.obs, other, explore=False))
    assert (sampled != act(subject.state, BATCH.obs, other, explore=True)).all()


def test_seeds_differ_in_every_network(name: str) -> None:
    subject = compiled(name)
    state, other = sac_state(subject.init(KEY)), sac_state(subject.other)
    for network in ("actor", "critic"):
        kernels = jax.tree_util.tree_leaves_with_path(getattr(state, network).params)
        others = jax.tree.leaves(getattr(other, network).params)
        for (path, leaf), leaf_of_other in zip(kernels, others, strict=True):
            if "kernel" in str(path):
                assert (np.asarray(leaf) != np.asarray(leaf_of_other)).all()


def test_targets_start_as_a_copy_that_shares_no_memory(name: str) -> None:
    state = sac_state(compiled(name).init(KEY))
    assert equal(state.critic.params, state.target_critic)
    pairs = zip(jax.tree.leaves(state.critic.params), jax.tree.leaves(state.target_critic), strict=True)
    assert all(a.unsafe_buffer_pointer() != b.unsafe_buffer_pointer() for a, b in pairs)


def test_a_critic_update_leaves_the_actor_bit_for_bit(name: str) -> None:
    subject = compiled(name)
    before = sac_state(subject.state)
    after = sac_state(subject.update_critic(subject.state, BATCH, KEY)[0])
    assert equal((before.actor, before.temperature), (after.actor, after.temperature))
    assert equal(before.critic.params, after.critic.params) == (name in tiny.LEARNS_NO_CRITIC)


def test_an_actor_update_leaves_the_critics_bit_for_bit(name: str) -> None:
    subject = compiled(name)
    updated, _ = subject.update_actor(subject.state, BATCH, KEY)
    before, after = sac_state(subject.state), sac_state(updated)
    assert equal((before.critic, before.target_critic), (after.critic, after.target_critic))
    assert equal(getattr(subject.state, "multiplier", None), getattr(updated, "multiplier", None))
    assert not equal(before.actor.params, after.actor.params)
    assert equal(before.temperature, after.temperature) == (name in tiny.LEARNS_NO_TEMPERATURE)
    assert equal(getattr(subject.state, "value", None), getattr(updated, "value", None))


def test_targets_move_by_the_polyak_rate(name: str) -> None:
    subject = compiled(name)
    before = sac_state(subject.state)
    after = sac_state(subject.update_critic(subject.state, BATCH, KEY)[0])
    old, new, online = map(jax.tree.leaves, (before.target_critic, after.target_critic, after.critic.params))
    rate = 0.0 if name in tiny.LEARNS_NO_CRITIC else 0.05
    for target, moved, critic in zip(old, new, online, strict=True):
        expected = np.asarray(target) + np.float32(rate) * (np.asarray(critic) - np.asarray(target))
        np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-7)


def test_the_key_decides_an_update(name: str) -> None:
    subject = compiled(name)
    for update in (subject.update_critic, subject.update_actor):
        first, again = (update(subject.state, BATCH, KEY)[0] for _ in range(2))
        assert equal(first, again)
        others = [update(subject.state, BATCH, jax.random.key(seed))[0] for seed in range(8, 12)]
        assert all(equal(first, other) for other in others) == (name in tiny.DRAWS_NOTHING)


def test_rows_without_value_change_nothing(name: str) -> None:
    subject = compiled(name)
    rows = list(INVALID)
    garbage = jax.tree.map(lambda x: x.at[jnp.array(rows)].set(3.0), BATCH).replace(valid=BATCH.valid)
    for update in (subject.update_critic, subject.update_actor):
        clean, dirty = (update(subject.state, batch, KEY)[0] for batch in (BATCH, garbage))
        for one, other in zip(jax.tree.leaves(clean), jax.tree.leaves(dirty), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_batch_without_any_value_moves_no_critic(name: str) -> None:
    subject = compiled(name)
    nothing = jax.tree.map(jnp.zeros_like, BATCH)
    state, metrics = subject.update_critic(subject.state, nothing, KEY)
    assert equal(sac_state(subject.state).critic.params, sac_state(state).critic.params)
    assert all(float(metrics[key].total) == 0.0 for key in metrics if key.endswith("/loss"))


def test_hand_over_gives_all_of_sac(name: str) -> None:
    subject = compiled(name)
    handed = subject.algorithm.hand_over(subject.state)
    assert isinstance(handed, SACState)
    assert equal(handed, sac_state(subject.state))
    fresh = jax.eval_shape(tiny.sac().init, KEY, jnp.zeros(tiny.OBS), jnp.zeros(tiny.ACTION))
    assert jax.tree.structure(fresh) == jax.tree.structure(handed)


def test_take_over_puts_in_what_hand_over_takes_out(name: str) -> None:
    subject = compiled(name)
    other = subject.algorithm.hand_over(subject.other)
    taken = subject.algorithm.take_over(subject.state, other)
    assert jax.tree.structure(taken) == jax.tree.structure(subject.state)
    assert equal(subject.algorithm.hand_over(taken), other)
    for own in ("value", "multiplier"):  # what is the algorithm's alone stays
        assert equal(getattr(taken, own, None), getattr(subject.state, own, None))


def test_hyper_parameters_are_leaves_not_structure(name: str) -> None:
    """Other values, same program: the tree that `jit` sees is the same."""
    algorithm = tiny.ALGORITHMS[name]
    doubled = jax.tree.map(lambda value: hyper(2.0 * float(value)), algorithm)
    assert jax.tree.structure(doubled) == jax.tree.structure(algorithm)
    assert len(jax.tree.leaves(algorithm)) >= 7
