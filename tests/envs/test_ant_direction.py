"""The ant that walks where it is told: its reward, its directions and how it ends."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.ant_direction import AntDirection, upright
from envs.ant_symmetry import act_back, see_towards
from envs.simulation import Physics

pytestmark = pytest.mark.usefixtures("quick_compilation")

SHORT: dict[str, Any] = {"steps_per_direction": 3, "time_limit": 8}


@cache
def task() -> AntDirection:
    made: Any = envs.make("ant-direction", **SHORT).task
    return made


@cache
def step() -> Any:
    """Returns the one compiled step of all tests, with its episodes."""
    return jax.jit(envs.make("ant-direction", **SHORT).step)


@cache
def stepped() -> tuple[Any, jax.Array, Any]:
    """Returns a state after a few steps, a random action, and the state behind it."""
    state = jax.jit(task().reset)(jax.random.key(1))
    state = state.replace(
        metrics=state.metrics | dict.fromkeys(("episode_return", "episode_length"), jnp.zeros(()))
    )
    for key in jax.random.split(jax.random.key(2), 2):
        state = step()(state, 0.3 * jax.random.normal(key, (8,)))
    action = jax.random.uniform(jax.random.key(3), (8,), minval=-1.0, maxval=1.0)
    return state, action, step()(state, action)


def test_a_whole_episodes_directions_are_drawn_at_its_start() -> None:
    reset = jax.jit(jax.vmap(task().reset))
    directions = reset(jax.random.split(jax.random.key(0), 500)).context
    assert directions.shape == (500, 3, 2)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0, rtol=1e-5)
    assert np.abs(directions.reshape(-1, 2).mean(axis=0)).max() < 0.1  # none is preferred


def test_the_reward_is_speed_along_the_direction() -> None:
    state, action, after = stepped()
    moved = (after.physics.qpos[:2] - state.physics.qpos[:2]) / 0.1
    velocity = float(moved @ state.context[0])  # the third step still goes along the first direction
    assert after.metrics["x_velocity"] == np.float32(velocity)
    control = np.asarray(action)  # torques are renamed, never rescaled
    expected = min(velocity, 1.5) + 1.0 - 0.1 * np.sum(control**2)
    np.testing.assert_allclose(after.reward, expected, atol=1e-5)


def test_what_is_seen_next_is_for_the_next_direction() -> None:
    _, _, after = stepped()
    plain = jnp.concatenate([after.physics.qpos[2:], after.physics.qvel])
    np.testing.assert_allclose(after.obs, see_towards(plain, after.context[1])[0], atol=1e-6)


@pytest.mark.slow
def test_the_torques_act_by_the_names_that_are_seen() -> None:
    state, action, after = stepped()
    plain = jnp.concatenate([state.physics.qpos[2:], state.physics.qvel])
    _, times = see_towards(plain, state.context[0])
    control = task().simulation.control(act_back(action, times))
    physics = jax.jit(task().simulation.advance)(state.physics, control)
    np.testing.assert_allclose(after.physics.qpos, physics.qpos, atol=1e-5)


def test_an_ant_on_its_back_ends() -> None:
    at_rest = Physics(jnp.zeros(15).at[3].set(1.0), jnp.zeros(14), jnp.zeros(14))
    on_its_back = at_rest.replace(qpos=at_rest.qpos.at[3:7].set(jnp.array([0.0, 1.0, 0.0, 0.0])))
    on_its_side = at_rest.replace(qpos=at_rest.qpos.at[3:7].set(jnp.array([1.0, 1.0, 0.0, 0.0])))
    np.testing.assert_allclose(
        [upright(p) for p in (at_rest, on_its_side, on_its_back)], [1, 0, -1], atol=1e-6
    )
    state, _, _ = stepped()
    fallen = state.replace(
        physics=state.physics.replace(qpos=state.physics.qpos.at[3:7].set(jnp.array([0.0, 1.0, 0.0, 0.0])))
    )
    after = step()(fallen, jnp.zeros(8))
    assert after.terminated
    velocity = float(after.metrics["x_velocity"])
    assert after.reward == pytest.approx(min(velocity, 1.5))  # its speed, and nothing for its health


@pytest.mark.thorough
def test_facing_is_rewarded_where_a_side_of_the_body_faces_along_the_direction() -> None:
    """The same four times around, and most where the body is not turned out of the direction."""
    rewarded = jax.jit(envs.make("ant-direction", facing_weight=0.5, **SHORT).step)
    state, _, _ = stepped()
    state = state.replace(context=jnp.tile(jnp.array([1.0, 0.0]), (len(state.context), 1)))

    def bonus(turn: float) -> float:
        qpos = state.physics.qpos.at[3:7].set(
            jnp.array([np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2)], jnp.float32)
        )
        turned = state.replace(physics=state.physics.replace(qpos=qpos, qvel=jnp.zeros(14)))
        after = [act(turned, jnp.zeros(8)).reward for act in (rewarded, step())]
        return float(after[0] - after[1])

    straight, aslant = bonus(0.0), bonus(np.pi / 4)
    assert straight == pytest.approx(0.5, abs=0.02) and aslant == pytest.approx(-0.5, abs=0.02)
    assert [bonus(quarters * np.pi / 2) for quarters in (1, 2, 3)] == pytest.approx([straight] * 3, abs=0.02)
