"""Every registered environment keeps the contract of `envs.base`; a new registry line is tested by this file.

Each environment is compiled once: one scan over vmapped steps serves all the tests. One of a kind is in the
default suite and the others in the slow one. A maze's body goes through all tests on its smallest map; on the
larger ones CI sees where it starts and what types it returns, and the rest is thorough.
"""

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs

NAMES = [*envs.REGISTRY, "brax:inverted_pendulum"]
LARGER_MAPS = [name for name in NAMES if "maze-" in name and not name.endswith("-umaze")]
QUICK = {"ant", "hopper", "peg-insertion", "pointmaze-umaze"}
FALLS_AT_RANDOM = {"ant", "hopper", "walker2d", "brax:inverted_pendulum"}
COUNT = 4
LIMIT = 20
STEPS = 50  # three starts in each environment, and a little of the third episode
NO_LIMIT = -10_000  # a step counter so far below zero that the time limit stays out of reach


@cache
def compiled(name: str) -> SimpleNamespace:
    env = envs.make(name, time_limit=LIMIT)

    def roll(states: Any, actions: jax.Array) -> tuple[Any, Any]:
        def step(states: Any, actions: jax.Array) -> tuple[Any, Any]:
            states = jax.vmap(env.step)(states, actions)
            return states, states.replace(physics=None, key=None)

        return jax.lax.scan(step, states, actions)

    # Without LLVM's optimisations compiling takes half as long; a step that simulates ten would lose more.
    options: Any = None if name.startswith(("ant-", "antmaze-")) else {"xla_backend_optimization_level": 0}
    reset = jax.jit(jax.vmap(env.reset), compiler_options=options)
    return SimpleNamespace(env=env, reset=reset, roll=jax.jit(roll, compiler_options=options))


@cache
def play(name: str, seed: int = 0, edit: Any = None, scale: float = 1.0) -> SimpleNamespace:
    """Plays random actions for STEPS steps; `edit` changes start states and actions before."""
    subject = compiled(name)
    key_reset, key_action = jax.random.split(jax.random.key(seed))
    states = subject.reset(jax.random.split(key_reset, COUNT))
    shape = (STEPS, COUNT, subject.env.action_size)
    actions = scale * jax.random.uniform(key_action, shape, minval=-1.0, maxval=1.0)
    if edit is not None:
        states, actions = edit(states, actions)
    last, seen = subject.roll(states, actions)
    return SimpleNamespace(start=states, actions=actions, last=last, seen=jax.tree.map(np.asarray, seen))


def params() -> Iterator[Any]:
    """Gives every name with the suite that it belongs to."""
    for name in NAMES:
        suite = pytest.mark.thorough if name in LARGER_MAPS else pytest.mark.slow
        yield pytest.param(name, marks=() if name in QUICK else suite)


@pytest.fixture(scope="module", params=params())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGER_MAPS)
def test_every_map_of_a_maze_begins_in_places_of_its_own(name: str) -> None:
    env = envs.make(name)
    check_types(env)
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), COUNT))
    assert env.name == name and state.obs.shape == (COUNT, env.obs_size)
    assert len(np.unique(state.obs, axis=0)) == COUNT
    layout: Any = env.task.layout
    places, goal = np.asarray(state.obs[:, :2]), np.asarray(layout.goal)
    np.testing.assert_array_equal(layout.cell_of(places), np.tile(layout.cell_of(layout.start), (COUNT, 1)))
    np.testing.assert_allclose(state.obs[:, -2:], np.tile(goal, (COUNT, 1)))


def test_reset_and_step_return_the_same_types(name: str) -> None:
    check_types(compiled(name).env)


def check_types(env: Any) -> None:
    first = jax.eval_shape(env.reset, jax.random.key(0))
    action = jax.ShapeDtypeStruct((env.action_size,), jnp.float32)
    second = jax.eval_shape(env.step, first, action)
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for before, after in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert (before.shape, before.dtype, before.weak_type) == (after.shape, after.dtype, after.weak_type)
        assert not before.weak_type


def test_fields_have_the_shapes_and_types_of_the_contract(name: str) -> None:
    env, state = compiled(name).env, play(name).last
    assert env.name == name
    for field in ("obs", "final_obs"):
        assert getattr(state, field).shape == (COUNT, env.obs_size)
        assert getattr(state, field).dtype == jnp.float32
    assert state.reward.dtype == jnp.float32 and state.reward.shape == (COUNT,)
    assert state.steps.dtype == jnp.int32
    for field in ("terminated", "truncated", "valid"):
        assert getattr(state, field).dtype == jnp.bool_
    assert jnp.issubdtype(state.key.dtype, jax.dtypes.prng_key)
    assert {"episode_return", "episode_length"} <= state.metrics.keys()
    assert all(value.shape == (COUNT,) and value.dtype == jnp.float32 for value in state.metrics.values())


def test_everything_is_finite_and_valid_under_random_actions(name: str) -> None:
    seen = play(name).seen
    assert seen.valid.all()
    for leaf in jax.tree.leaves(seen):
        assert np.isfinite(leaf).all()


def test_actions_act_and_are_clipped_to_their_bounds(name: str) -> None:
    wild = play(name, scale=5.0)
    clipped = play(name, edit=lambda states, actions: (states, jnp.clip(5.0 * actions, -1.0, 1.0)))
    np.testing.assert_array_equal(wild.seen.obs, clipped.seen.obs)
    still = play(name, scale=0.0)
    assert np.abs(still.seen.final_obs[0] - wild.seen.final_obs[0]).max() > 1e-3


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(name: str) -> None:
    first, again, other = play(name).seen, play.__wrapped__(name).seen, play(name, seed=1).seen
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first.obs[0] != other.obs[0]).any()


def test_start_states_differ_between_environments_and_between_episodes(name: str) -> None:
    run = play(name)
    starts = [np.asarray(run.start.obs)]
    starts += [run.seen.obs[step][run.seen.steps[step] == 0] for step in range(STEPS)]
    starts = np.concatenate(starts)
    assert len(starts) >= 3 * COUNT
    assert len(np.unique(starts, axis=0)) == len(starts)


def test_the_final_observation_is_the_true_successor(name: str) -> None:
    limited = play(name, scale=0.1)  # gentle, so that the limit comes before the fall
    endless = play(name, scale=0.1, edit=lambda s, a: (s.replace(steps=jnp.full_like(s.steps, NO_LIMIT)), a))
    cut = limited.seen.truncated[LIMIT - 1] & ~endless.seen.terminated[:LIMIT].any(axis=0)
    assert cut.all() if name not in FALLS_AT_RANDOM else cut.any()
    before, after = limited.seen, endless.seen
    np.testing.assert_array_equal(before.final_obs[LIMIT - 1][cut], after.obs[LIMIT - 1][cut])
    ended = before.terminated | before.truncated
    np.testing.assert_array_equal(before.final_obs[~ended], before.obs[~ended])
    assert (before.final_obs[ended] != before.obs[ended]).any(axis=-1).all()


def test_time_limit_and_termination_are_apart(name: str) -> None:
    longest = 0
    for seen in (play(name).seen, play(name, scale=0.1).seen):  # gentle: what falls reaches the limit, too
        length = seen.metrics["episode_length"]
        assert not (seen.terminated & seen.truncated).any()
        assert (length[seen.truncated] == LIMIT).all()
        assert (seen.truncated == ((length == LIMIT) & ~seen.terminated)).all()
        assert (seen.steps[seen.terminated | seen.truncated] == 0).all()
        longest = max(longest, length.max())
    assert longest == LIMIT
    assert play(name).seen.terminated.any() == (name in FALLS_AT_RANDOM)


def test_episode_metrics_add_up(name: str) -> None:
    seen = play(name).seen
    total, length = np.zeros(COUNT), np.zeros(COUNT)
    for step in range(STEPS):
        total, length = total + seen.reward[step], length + 1
        np.testing.assert_allclose(seen.metrics["episode_return"][step], total, rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(seen.metrics["episode_length"][step], length)
        ended = seen.terminated[step] | seen.truncated[step]
        total, length = np.where(ended, 0.0, total), np.where(ended, 0.0, length)


def test_a_non_finite_state_or_action_hurts_its_own_environment_alone(name: str) -> None:
    def poison(states: Any, actions: jax.Array) -> tuple[Any, jax.Array]:
        physics = jax.tree.map(
            lambda leaf: leaf.at[1].set(jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf,
            states.physics,
        )
        return states.replace(physics=physics), actions.at[3, 2].set(jnp.nan)

    healthy, sick = play(name).seen, play(name, edit=poison).seen
    for step, row in ((0, 1), (3, 2)):
        assert not sick.valid[step, row]
        assert sick.reward[step, row] == 0.0
        assert not sick.terminated[step, row] and not sick.truncated[step, row]
        assert (sick.final_obs[step, row] == 0.0).all()
        assert sick.steps[step, row] == 0
    assert (~sick.valid).sum() == 2
    for leaf in jax.tree.leaves(sick):
        assert np.isfinite(leaf).all()
    others = [0, *range(3, COUNT)]
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[:, others], b[:, others]), healthy, sick)


def test_a_restart_goes_on_as_what_was_seen_there(name: str) -> None:
    """The next observation and reward, of gentle steps: no velocity is beyond what is observed of it."""
    subject, before = compiled(name), 5
    if not getattr(subject.env, "restartable", False):
        with pytest.raises(ValueError, match="cannot be restarted from an observation"):
            subject.env.at(jnp.zeros(subject.env.obs_size), jax.random.key(0))
        return
    run = play(name, scale=0.1)
    keys = jax.random.split(jax.random.key(1), COUNT)
    states = jax.jit(jax.vmap(subject.env.at))(run.seen.obs[before], keys)
    np.testing.assert_array_equal(states.obs, run.seen.obs[before])
    _, again = subject.roll(states, jnp.roll(run.actions, -before - 1, axis=0))
    going = ~(run.seen.terminated | run.seen.truncated)[: before + 2].any(axis=0)
    assert going.any()
    for field in ("obs", "reward"):
        expected, found = getattr(run.seen, field)[before + 1], np.asarray(getattr(again, field)[0])
        np.testing.assert_allclose(found[going], expected[going], rtol=1e-3, atol=1e-3)


def test_nothing_is_traced_twice(name: str) -> None:
    subject, run = compiled(name), play(name)
    subject.roll(run.last, run.actions)
    assert subject.roll._cache_size() == 1
    assert subject.reset._cache_size() == 1
