"""Checks of the contract `algos.base.Algorithm`, for our algorithms and for those of other packages.

    SUBJECT = testing.Subject(Mine.create(testing.Actions(2), hidden=(8,), ensemble_size=2))

    @pytest.mark.parametrize("check", testing.CHECKS)
    def test_the_algorithm_keeps_the_contract(check):
        check(SUBJECT)

Each raises AssertionError where the contract is broken. The algorithm is compiled once for all of them.
What is SAC's in its state is found by the field's name, `sac`; a state without it is SAC's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx import types
from wsrl_mjx.algos.base import Algorithm, hyper
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.types import Transition

OBS = 3  # numbers of an observation
INVALID = (3, 7)  # rows without value
OWN = ("value", "multiplier")  # networks beside SAC's, by the names that ours have for them


@dataclass(frozen=True)
class Actions:
    """What an algorithm's `create` asks of an environment."""

    action_size: int


@dataclass(eq=False)
class Subject:
    """An algorithm under test, as small as it can be.

    Attributes:
        algorithm: with two critics or more, and a target rate, temperature and learning rates above 0.
        learns_critic: whether `update_critic` moves the critics.
        learns_temperature: whether `update_actor` moves the temperature.
        draws: whether the updates draw random numbers.
    """

    algorithm: Any
    learns_critic: bool = True
    learns_temperature: bool = True
    draws: bool = True

    @cached_property
    def batch(self) -> Transition:
        """Twelve rows, those in `INVALID` without value."""
        return batch(12, OBS, self.action_size, invalid=INVALID)

    @property
    def action_size(self) -> int:
        """Numbers of an action."""
        return self.algorithm.sac.actor.action_size

    @cached_property
    def key(self) -> types.Key:
        """Of the updates and draws."""
        return jax.random.key(7)

    @cached_property
    def init(self) -> Any:
        """The compiled `init`, of a key."""
        obs, action = jnp.zeros(OBS), jnp.zeros(self.action_size)
        return jax.jit(lambda key: self.algorithm.init(key, obs, action))

    @cached_property
    def other(self) -> Any:
        """The state of another seed."""
        return self.init(jax.random.key(1))

    @cached_property
    def state(self) -> Any:
        """A state whose targets differ from its critics."""
        return with_targets(self.init(jax.random.key(0)), sac_state(self.other).target_critic)

    @cached_property
    def update_critic(self) -> Any:
        """The compiled `update_critic`."""
        return jax.jit(self.algorithm.update_critic)

    @cached_property
    def update_actor(self) -> Any:
        """The compiled `update_actor`."""
        return jax.jit(self.algorithm.update_actor)


def batch(
    size: int, obs_size: int, action_size: int, seed: int = 0, invalid: tuple[int, ...] = ()
) -> Transition:
    """Returns random rows with returns-to-go; `invalid` ones are zeros, as a buffer has them."""
    rng = np.random.default_rng(seed)
    valid = np.ones(size)
    valid[list(invalid)] = 0.0
    rows: dict[str, np.ndarray] = {
        "obs": rng.normal(size=(size, obs_size)),
        "action": np.tanh(rng.normal(size=(size, action_size))),
        "reward": rng.normal(size=size),
        "next_obs": rng.normal(size=(size, obs_size)),
        "terminated": rng.random(size) < 0.3,
        "truncated": np.zeros(size),
        "valid": valid,
        "mc_return": rng.normal(size=size),
    }
    return Transition(**{name: jnp.asarray((x.T * valid).T, jnp.float32) for name, x in rows.items()})


def sac_state(state: Any) -> SACState:
    """Returns the SAC part of any algorithm's state."""
    return state.sac if hasattr(state, "sac") else state


def with_targets(state: Any, target_critic: Any) -> Any:
    """Returns a state with other target critics."""
    if hasattr(state, "sac"):
        return state.replace(sac=state.sac.replace(target_critic=target_critic))
    return state.replace(target_critic=target_critic)


def equal(one: Any, other: Any) -> bool:
    """Returns whether two pytrees have the same bits."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def states_keep_their_shapes_and_types_and_none_is_weak(subject: Subject) -> None:
    """A scan can carry the state; hyper-parameters are float32."""
    algorithm: Algorithm = subject.algorithm
    first = jax.eval_shape(subject.init, subject.key)
    second, _ = jax.eval_shape(algorithm.update_critic, first, subject.batch, subject.key)
    third, _ = jax.eval_shape(algorithm.update_actor, second, subject.batch, subject.key)
    assert jax.tree.structure(first) == jax.tree.structure(second) == jax.tree.structure(third)
    named = jax.tree_util.tree_leaves_with_path(first)
    for (path, leaf), *others in zip(named, *map(jax.tree.leaves, (second, third)), strict=True):
        where = jax.tree_util.keystr(path)
        kinds = {(x.shape, x.dtype, x.weak_type) for x in (leaf, *others)}
        assert len(kinds) == 1, f"{where} changes its kind: {kinds}"
        assert not leaf.weak_type, f"{where} is weakly typed"
    for path, leaf in jax.tree_util.tree_leaves_with_path(algorithm):
        where = jax.tree_util.keystr(path)
        assert leaf.dtype == jnp.float32 and not leaf.weak_type, f"{where} must be made by algos.base.hyper"


def metrics_have_names_of_their_own_and_are_finite_averages(subject: Subject) -> None:
    """Both updates report, and no name twice."""
    _, critic = subject.update_critic(subject.state, subject.batch, subject.key)
    _, actor = subject.update_actor(subject.state, subject.batch, subject.key)
    assert not critic.keys() & actor.keys()
    if subject.learns_critic:
        assert critic.keys() >= {"critic/loss", "critic/q", "critic/target"}
    assert "actor/loss" in actor
    for name, metric in (critic | actor).items():
        assert isinstance(metric, types.Average), name
        assert metric.total.shape == () and np.isfinite(metric.total), name


def actions_are_shaped_bounded_and_sampled_only_to_explore(subject: Subject) -> None:
    """The mode is the same whatever the key; a sample is not."""
    act = jax.jit(subject.algorithm.act, static_argnames="explore")
    obs, other = subject.batch.obs, jax.random.key(8)
    sampled = act(subject.state, obs, subject.key, explore=True)
    mode = act(subject.state, obs, subject.key, explore=False)
    assert sampled.shape == mode.shape == subject.batch.action.shape
    assert np.abs(sampled).max() <= 1.0 and np.abs(mode).max() <= 1.0
    np.testing.assert_array_equal(mode, act(subject.state, obs, other, explore=False))
    assert (sampled != act(subject.state, obs, other, explore=True)).all()


def seeds_differ_in_every_network(subject: Subject) -> None:
    """No number of a kernel is the same for two seeds."""
    state, other = sac_state(subject.init(subject.key)), sac_state(subject.other)
    for network in ("actor", "critic"):
        kernels = jax.tree_util.tree_leaves_with_path(getattr(state, network).params)
        others = jax.tree.leaves(getattr(other, network).params)
        for (path, leaf), leaf_of_other in zip(kernels, others, strict=True):
            if "kernel" in str(path):
                assert (np.asarray(leaf) != np.asarray(leaf_of_other)).all()


def targets_start_as_a_copy_that_shares_no_memory(subject: Subject) -> None:
    """The state is donated to the compiled loop: two of its arrays must not be one."""
    state = sac_state(subject.init(subject.key))
    assert equal(state.critic.params, state.target_critic)
    pairs = zip(jax.tree.leaves(state.critic.params), jax.tree.leaves(state.target_critic), strict=True)
    assert all(a.unsafe_buffer_pointer() != b.unsafe_buffer_pointer() for a, b in pairs)


def a_critic_update_leaves_the_actor_bit_for_bit(subject: Subject) -> None:
    """And it moves the critics, where it says so."""
    before = sac_state(subject.state)
    after = sac_state(subject.update_critic(subject.state, subject.batch, subject.key)[0])
    assert equal((before.actor, before.temperature), (after.actor, after.temperature))
    assert equal(before.critic.params, after.critic.params) != subject.learns_critic


def an_actor_update_leaves_the_critics_bit_for_bit(subject: Subject) -> None:
    """And it moves the actor, and the temperature where it says so."""
    updated, _ = subject.update_actor(subject.state, subject.batch, subject.key)
    before, after = sac_state(subject.state), sac_state(updated)
    same = equal((before.critic, before.target_critic), (after.critic, after.target_critic))
    assert same, "critics or targets have moved"
    assert not equal(before.actor.params, after.actor.params)
    assert equal(before.temperature, after.temperature) != subject.learns_temperature
    for own in OWN:
        assert equal(getattr(subject.state, own, None), getattr(updated, own, None))


def targets_move_by_the_polyak_rate(subject: Subject) -> None:
    """Towards the critics after the update, not before."""
    before = sac_state(subject.state)
    after = sac_state(subject.update_critic(subject.state, subject.batch, subject.key)[0])
    old, new, online = map(jax.tree.leaves, (before.target_critic, after.target_critic, after.critic.params))
    rate = np.float32(subject.algorithm.sac.target_rate if subject.learns_critic else 0.0)
    for target, moved, critic in zip(old, new, online, strict=True):
        expected = np.asarray(target) + rate * (np.asarray(critic) - np.asarray(target))
        np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-7)


def the_key_decides_an_update(subject: Subject) -> None:
    """The same key, the same bits; another key, others."""
    for update in (subject.update_critic, subject.update_actor):
        first, again = (update(subject.state, subject.batch, subject.key)[0] for _ in range(2))
        assert equal(first, again)
        others = [update(subject.state, subject.batch, jax.random.key(seed))[0] for seed in range(8, 12)]
        assert all(equal(first, other) for other in others) != subject.draws


def rows_without_value_change_nothing(subject: Subject) -> None:
    """Whatever numbers they hold."""
    rows, valid = jnp.array(INVALID), subject.batch.valid
    garbage = jax.tree.map(lambda x: x.at[rows].set(3.0), subject.batch).replace(valid=valid)
    for update in (subject.update_critic, subject.update_actor):
        clean, dirty = (update(subject.state, given, subject.key)[0] for given in (subject.batch, garbage))
        for one, other in zip(jax.tree.leaves(clean), jax.tree.leaves(dirty), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def a_batch_without_any_value_moves_no_critic(subject: Subject) -> None:
    """And its losses are 0."""
    nothing = jax.tree.map(jnp.zeros_like, subject.batch)
    state, metrics = subject.update_critic(subject.state, nothing, subject.key)
    assert equal(sac_state(subject.state).critic.params, sac_state(state).critic.params)
    assert all(float(metrics[key].total) == 0.0 for key in metrics if key.endswith("/loss"))


def hand_over_gives_all_of_sac(subject: Subject) -> None:
    """What fine-tuning goes on with is the state's SAC, whole."""
    handed = subject.algorithm.hand_over(subject.state)
    assert isinstance(handed, SACState)
    assert equal(handed, sac_state(subject.state))
    fresh = jax.eval_shape(
        subject.algorithm.sac.init, subject.key, jnp.zeros(OBS), jnp.zeros(subject.action_size)
    )
    assert jax.tree.structure(fresh) == jax.tree.structure(handed)


def take_over_puts_in_what_hand_over_takes_out(subject: Subject) -> None:
    """What is the algorithm's alone stays."""
    other = subject.algorithm.hand_over(subject.other)
    taken = subject.algorithm.take_over(subject.state, other)
    assert jax.tree.structure(taken) == jax.tree.structure(subject.state)
    assert equal(subject.algorithm.hand_over(taken), other)
    for own in OWN:
        assert equal(getattr(taken, own, None), getattr(subject.state, own, None))


def hyper_parameters_are_leaves_not_structure(subject: Subject) -> None:
    """Other values, same program: the tree that `jit` sees is the same."""
    doubled = jax.tree.map(lambda value: hyper(2.0 * float(value)), subject.algorithm)
    assert jax.tree.structure(doubled) == jax.tree.structure(subject.algorithm)
    assert len(jax.tree.leaves(subject.algorithm)) >= 7  # those of SAC


CHECKS: tuple[Callable[[Subject], None], ...] = (
    states_keep_their_shapes_and_types_and_none_is_weak,
    metrics_have_names_of_their_own_and_are_finite_averages,
    actions_are_shaped_bounded_and_sampled_only_to_explore,
    seeds_differ_in_every_network,
    targets_start_as_a_copy_that_shares_no_memory,
    a_critic_update_leaves_the_actor_bit_for_bit,
    an_actor_update_leaves_the_critics_bit_for_bit,
    targets_move_by_the_polyak_rate,
    the_key_decides_an_update,
    rows_without_value_change_nothing,
    a_batch_without_any_value_moves_no_critic,
    hand_over_gives_all_of_sac,
    take_over_puts_in_what_hand_over_takes_out,
    hyper_parameters_are_leaves_not_structure,
)
