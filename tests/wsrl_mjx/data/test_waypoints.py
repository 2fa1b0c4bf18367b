"""The mazes' behaviour: it turns corners and changes its goal on arrival; only mazes have it."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.base import EnvState
from wsrl_mjx.data import behaviors, waypoints
from wsrl_mjx.data.steering import OF_BODY, PointSteering, _walk

UMAZE = envs.make("pointmaze-umaze", starts="diverse")


def obs_at(*cells: tuple[int, int]) -> jax.Array:
    """Returns observations [N, 6] of balls at rest in the middle of `cells`."""
    task: Any = UMAZE.task
    places = task.layout.centre(jnp.array(cells))
    return jnp.concatenate([places, jnp.zeros((len(cells), 4))], axis=1)


def test_its_goals_are_the_starts_and_the_mazes_goal() -> None:
    goals = {tuple(goal) for goal in waypoints.controller(UMAZE).goals.tolist()}
    assert goals == {(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)}


def at(cell: tuple[int, int], steps: int, count: int = 700) -> EnvState:
    """Returns `count` environments with their balls in the middle of `cell`, `steps` after a start."""
    state = jax.vmap(UMAZE.reset)(jax.random.split(jax.random.key(0), count))
    return state.replace(obs=obs_at(*[cell] * count), steps=jnp.full(count, steps, jnp.int32))


def test_a_goal_is_kept_until_it_is_reached_and_then_another_one_is_drawn() -> None:
    controller = waypoints.controller(UMAZE)
    last = controller.goals.tolist().index([3, 1])
    memory = jnp.full(700, last)
    under_way = controller.recall(memory, at((2, 3), steps=5), jax.random.key(0))
    np.testing.assert_array_equal(under_way, memory)
    arrived = np.asarray(controller.recall(memory, at((3, 1), steps=5), jax.random.key(0)))
    counts = np.bincount(arrived, minlength=7)
    assert counts[last] == 0 and (np.delete(counts, last) > 700 / 6 * 0.7).all()


def test_every_episode_has_a_goal_of_its_own() -> None:
    """Else the one environment that has just arrived at the maze's goal would be sent there again."""
    controller = waypoints.controller(UMAZE)
    memory = jnp.full(700, controller.goals.tolist().index([3, 1]))
    started = np.asarray(controller.recall(memory, at((1, 1), steps=0), jax.random.key(0)))
    assert (np.bincount(started, minlength=7) > 700 / 7 * 0.7).all()


def test_a_goal_is_reached_where_the_maze_would_say_so() -> None:
    controller = waypoints.controller(UMAZE)
    last = controller.goals.tolist().index([3, 1])
    near, far = at((3, 1), steps=5, count=1), at((3, 1), steps=5, count=1)
    near = near.replace(obs=near.obs.at[:, 0].add(0.44))
    far = far.replace(obs=far.obs.at[:, 0].add(0.46))  # in the goal's cell, and not there yet
    assert controller.recall(jnp.array([last]), near, jax.random.key(0))[0] != last
    assert controller.recall(jnp.array([last]), far, jax.random.key(0))[0] == last


def test_it_pushes_towards_the_next_cell() -> None:
    steering = PointSteering(speed=2.0, gain=0.5, noise=0.0)
    controller = waypoints.controller(UMAZE).replace(steer=steering)
    goal = jnp.full(3, controller.goals.tolist().index([3, 1]))
    actions = controller.act(goal, obs_at((1, 1), (1, 3), (3, 3)), jax.random.key(0))
    np.testing.assert_allclose(actions, [[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]], atol=1e-6)


def test_it_does_not_cut_corners() -> None:
    """In the upper right corner the way turns down, but first it goes on to the middle of the cell."""
    controller = waypoints.controller(UMAZE).replace(steer=PointSteering(speed=2.0, gain=0.5, noise=0.0))
    goal = jnp.full(2, controller.goals.tolist().index([3, 1]))
    obs = obs_at((1, 3), (1, 3)).at[:, 0].add(jnp.array([-0.4, -0.2]))
    entering, nearly_there = controller.act(goal, obs, jax.random.key(0))
    np.testing.assert_allclose(entering, [1.0, 0.0], atol=1e-6)
    assert nearly_there[1] < -0.9


def test_the_ant_is_steered_by_the_walk_that_is_shipped() -> None:
    obs = jnp.zeros((4, 31)).at[:, 3].set(1.0).at[:, 2].set(0.75)
    directions = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    steer = OF_BODY["ant"]
    _walk.cache_clear()
    # Read inside a program and kept for the next: no tracer may stay in it.
    first, second = (jax.jit(lambda key: steer(obs, directions, key))(jax.random.key(0)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    walk = behaviors.load(behaviors.shipped_folder("ant-direction"), "walk").act(explore=True)
    # An ant at rest that faces every way sees the same in all four, but for the draw of the actions.
    mean = [walk(jnp.tile(obs[:1, 2:29], (4, 1)), jax.random.key(0))[i] for i in range(4)]
    names = np.roll(np.arange(8), 2)
    np.testing.assert_allclose(first[0], mean[0], atol=1e-5)
    np.testing.assert_allclose(np.abs(first[1]), np.abs(mean[1])[names], atol=1e-4)


def test_steering_brakes_at_its_speed_and_is_noisy_as_said() -> None:
    obs = jnp.zeros((10_000, 6)).at[:, 2].set(2.0)
    ahead = jnp.tile(jnp.array([1.0, 0.0]), (10_000, 1))
    quiet = PointSteering(speed=2.0, gain=0.5, noise=0.0)(obs, ahead, jax.random.key(0))
    np.testing.assert_allclose(quiet, jnp.zeros((10_000, 2)), atol=1e-6)
    noisy = PointSteering(speed=2.0, gain=0.5, noise=0.2)(obs, ahead, jax.random.key(0))
    np.testing.assert_allclose(noisy.std(axis=0), [0.2, 0.2], rtol=0.05)


def test_only_mazes_have_waypoints() -> None:
    with pytest.raises(ValueError, match="not of 'hopper'"):
        waypoints.controller(envs.make("hopper"))
    with pytest.raises(ValueError, match="not of 'hopper'"):
        waypoints.world(envs.make("hopper"), "play")


def test_the_world_of_a_dataset_keeps_the_mazes_options() -> None:
    world = waypoints.world(envs.make("pointmaze-umaze", goal=(1, 3), time_limit=40), "diverse")
    task: Any = world.task
    assert (task.starts, task.goal, world.time_limit) == ("diverse", (1, 3), 40)


@dataclasses.dataclass(frozen=True)
class Straight:
    """Goes exactly where it is told, so that its actions are the directions."""

    round_corners: bool

    def __call__(self, obs: jax.Array, direction: jax.Array, key: jax.Array) -> jax.Array:
        del obs, key
        return direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)

    def card(self) -> dict[str, Any]:
        return {}


def directions_through_a_corner(round_corners: bool) -> np.ndarray:
    """Returns the directions [N, 2] at places that come into the upper right corner from the left."""
    controller = waypoints.controller(UMAZE).replace(steer=Straight(round_corners))
    obs = obs_at(*[(1, 3)] * 400).at[:, 0].add(jnp.linspace(-0.49, 0.0, 400))
    goal = jnp.full(400, controller.goals.tolist().index([3, 1]))
    return np.asarray(controller.act(goal, obs, jax.random.key(0)))


def test_round_corners_have_no_jump_in_their_directions() -> None:
    """From along x to down, over the 0.4 of a cell beside the new lane."""
    jump = lambda directions: np.linalg.norm(np.diff(directions, axis=0), axis=1).max()
    rounded = directions_through_a_corner(round_corners=True)
    np.testing.assert_allclose(rounded[[0, -1]], [[1.0, 0.0], [0.0, -1.0]], atol=1e-5)
    assert jump(rounded) < 0.03 < 1.0 < jump(directions_through_a_corner(round_corners=False))
    halfway = rounded[int(400 * 0.29 / 0.49)]  # 0.2 of a cell beside it: half the lane's width
    np.testing.assert_allclose(halfway, [0.5**0.5, -(0.5**0.5)], atol=0.02)


def test_with_round_corners_a_place_in_the_lane_goes_along_it() -> None:
    controller = waypoints.controller(UMAZE).replace(steer=Straight(round_corners=True))
    goal = jnp.full(3, controller.goals.tolist().index([3, 1]))
    obs = obs_at((1, 2), (1, 2), (1, 2)).at[:, 1].add(jnp.array([0.0, 0.2, -0.2]))
    straight, above, below = controller.act(goal, obs, jax.random.key(0))
    np.testing.assert_allclose(straight, [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose([above, below], [[0.5**0.5, -(0.5**0.5)], [0.5**0.5, 0.5**0.5]], atol=1e-5)
