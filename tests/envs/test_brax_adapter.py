"""Our tasks under Brax's own wrappers, and the names of Brax's environments."""

import importlib
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs

COUNT = 4
STEPS = 40
EPISODE = 15
pytestmark = pytest.mark.usefixtures("quick_compilation")


@cache
def wrapped() -> SimpleNamespace:
    """Returns Hopper under Brax's training wrappers, and a compiled scan over its steps."""
    from envs.adapters.brax import as_brax  # first: it imports Brax without Brax's warnings

    training = importlib.import_module("brax.envs.wrappers.training")
    env = training.wrap(as_brax(envs.make("hopper")), episode_length=EPISODE)

    def play(state: Any, actions: jax.Array) -> Any:
        def step(state: Any, action: jax.Array) -> Any:
            state = env.step(state, action)
            return state, (state.obs, state.reward, state.done, state.info["truncation"])

        return jax.lax.scan(step, state, actions)[1]

    key = jax.random.PRNGKey(0)
    actions = jax.random.uniform(key, (STEPS, COUNT, env.action_size), minval=-1.0, maxval=1.0)
    start = jax.jit(env.reset)(jax.random.split(key, COUNT))
    return SimpleNamespace(env=env, start=start, actions=actions, play=jax.jit(play))


def test_our_task_runs_under_braxs_training_wrappers() -> None:
    brax, ours = wrapped(), envs.make("hopper")
    assert (brax.env.observation_size, brax.env.action_size) == (ours.obs_size, ours.action_size)
    obs, _, done, truncation = (np.asarray(x) for x in brax.play(brax.start, brax.actions))
    assert obs.shape == (STEPS, COUNT, ours.obs_size)
    assert np.isfinite(obs).all()
    assert done[:EPISODE].any(axis=0).all(), "every environment ends within an episode length"
    assert truncation.any()
    assert (done[truncation > 0] == 1).all()


def test_a_non_finite_state_ends_the_episode_with_no_reward() -> None:
    brax = wrapped()
    broken = brax.start.replace(pipeline_state=jax.tree.map(_break_row_1, brax.start.pipeline_state))
    obs, reward, done, _ = (np.asarray(x) for x in brax.play(broken, brax.actions))
    np.testing.assert_array_equal(done[0], [0, 1, 0, 0])
    assert reward[0, 1] == 0.0
    assert np.isfinite(obs).all()
    assert np.isfinite(reward).all()


def _break_row_1(leaf: jax.Array) -> jax.Array:
    return leaf.at[1].set(jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def test_brax_names_and_options_are_checked() -> None:
    with pytest.raises(ValueError, match=r"'brax:antt'.*brax:ant.*Did you mean 'brax:ant'"):
        envs.make("brax:antt")
    with pytest.raises(ValueError, match="backend is 'warp'; choose one of generalized, mjx"):
        envs.make("brax:ant", backend="warp")
    with pytest.raises(ValueError, match="has no option 'integrator'; its options are backend, time_limit"):
        envs.make("brax:ant", integrator="rk4")
