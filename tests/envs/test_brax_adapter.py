"""Our tasks under Brax's own wrappers, and the names of Brax's environments."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs

COUNT = 4
STEPS = 40
EPISODE = 15


def test_our_task_runs_under_braxs_training_wrappers() -> None:
    from brax.envs.wrappers import training

    from envs.adapters.brax import as_brax

    ours = envs.make("hopper")
    env = training.wrap(as_brax(ours), episode_length=EPISODE)
    assert (env.observation_size, env.action_size) == (ours.obs_size, ours.action_size)

    @jax.jit
    def play(key: jax.Array) -> Any:
        state = env.reset(jax.random.split(key, COUNT))
        actions = jax.random.uniform(key, (STEPS, COUNT, env.action_size), minval=-1.0, maxval=1.0)

        def step(state, action):
            state = env.step(state, action)
            return state, (state.obs, state.done, state.info["truncation"])

        return jax.lax.scan(step, state, actions)[1]

    obs, done, truncation = (np.asarray(x) for x in play(jax.random.PRNGKey(0)))
    assert obs.shape == (STEPS, COUNT, ours.obs_size)
    assert np.isfinite(obs).all()
    assert done[:EPISODE].any(axis=0).all(), "every environment ends within an episode length"
    assert (done[truncation > 0] == 1).all()


def test_a_task_with_a_non_finite_state_ends_with_zeros() -> None:
    from envs.adapters.brax import as_brax

    env = as_brax(envs.make("hopper"))
    state = env.reset(jax.random.PRNGKey(0))
    broken = state.replace(pipeline_state=jax.tree.map(_nan, state.pipeline_state))  # pyright: ignore
    after = jax.jit(env.step)(broken, jnp.zeros(env.action_size))
    assert after.done == 1.0 and after.reward == 0.0
    assert (after.obs == 0.0).all()


def _nan(leaf: jax.Array) -> jax.Array:
    return jnp.full_like(leaf, jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def test_brax_names_and_options_are_checked() -> None:
    with pytest.raises(ValueError, match=r"'brax:antt'.*brax:ant.*Did you mean 'brax:ant'"):
        envs.make("brax:antt")
    with pytest.raises(ValueError, match="backend is 'warp'; choose one of generalized, mjx"):
        envs.make("brax:ant", backend="warp")
    with pytest.raises(ValueError, match="has no option 'integrator'; its options are backend, time_limit"):
        envs.make("brax:ant", integrator="rk4")
