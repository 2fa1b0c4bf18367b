"""The mazes' behaviour: it turns corners and changes its goal on arrival; only mazes have it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from wsrl_mjx import waypoints

UMAZE = envs.make("pointmaze-umaze", starts="diverse")


def obs_at(*cells: tuple[int, int]) -> jax.Array:
    """Returns observations [N, 6] of balls at rest in the middle of `cells`."""
    task: Any = UMAZE.task
    places = task.layout.centre(jnp.array(cells))
    return jnp.concatenate([places, jnp.zeros((len(cells), 4))], axis=1)


def test_its_goals_are_the_starts_and_the_mazes_goal() -> None:
    goals = {tuple(goal) for goal in waypoints.controller(UMAZE).goals.tolist()}
    assert goals == {(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)}


def test_a_goal_is_kept_until_it_is_reached_and_then_another_one_is_drawn() -> None:
    controller = waypoints.controller(UMAZE)
    goals = controller.goals.tolist()
    at_the_end, halfway = goals.index([3, 1]), goals.index([2, 3])
    memory = jnp.full(200, at_the_end)
    under_way = controller.recall(memory, obs_at(*[(2, 3)] * 200), jax.random.key(0))
    np.testing.assert_array_equal(under_way, memory)
    arrived = np.asarray(controller.recall(memory, obs_at(*[(3, 1)] * 200), jax.random.key(0)))
    assert set(arrived.tolist()) == set(range(7)) - {at_the_end}
    assert 200 / 6 / 2 < (arrived == halfway).sum() < 200 / 6 * 2


def test_it_pushes_towards_the_next_cell() -> None:
    steering = waypoints.PointSteering(speed=2.0, gain=0.5, noise=0.0)
    controller = waypoints.controller(UMAZE).replace(steer=steering)
    goal = jnp.full(3, controller.goals.tolist().index([3, 1]))
    actions = controller.act(goal, obs_at((1, 1), (1, 3), (3, 3)), jax.random.key(0))
    np.testing.assert_allclose(actions, [[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]], atol=1e-6)


def test_steering_brakes_at_its_speed_and_is_noisy_as_said() -> None:
    obs = jnp.zeros((10_000, 6)).at[:, 2].set(2.0)
    ahead = jnp.tile(jnp.array([1.0, 0.0]), (10_000, 1))
    quiet = waypoints.PointSteering(speed=2.0, gain=0.5, noise=0.0)(obs, ahead, jax.random.key(0))
    np.testing.assert_allclose(quiet, jnp.zeros((10_000, 2)), atol=1e-6)
    noisy = waypoints.PointSteering(speed=2.0, gain=0.5, noise=0.2)(obs, ahead, jax.random.key(0))
    np.testing.assert_allclose(noisy.std(axis=0), [0.2, 0.2], rtol=0.05)


def test_only_mazes_have_waypoints() -> None:
    with pytest.raises(ValueError, match="not of 'hopper'"):
        waypoints.controller(envs.make("hopper"))
