"""Mazes: maps, cells and metres, shortest paths, walls that hold, and the sparse reward."""

import re
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.maze import FAR_BELOW, Maze, make_maze, next_cells, start_cells
from envs.maze_maps import MAPS, MazeMap
from envs.maze_task import MazeTask

pytestmark = pytest.mark.usefixtures("quick_compilation")

U = MAPS["umaze"]
RADIUS = 0.104  # m, of the ball


def task_of(name: str, **options: Any) -> MazeTask:
    task: Any = envs.make(name, **options).task
    return task


@cache
def umaze() -> MazeTask:
    return task_of("pointmaze-umaze")


# -- maps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "start", "goal", "free", "path"),
    [
        ("umaze", (5, 5), (1, 1), (3, 1), 7, 6),
        ("medium", (8, 8), (1, 1), (6, 6), 26, 10),
        ("large", (9, 12), (1, 1), (7, 9), 46, 14),
        ("ultra", (12, 16), (1, 1), (10, 14), 89, 22),
    ],
)
def test_maps_have_the_size_of_their_source(
    name: str, shape: Any, start: Any, goal: Any, free: int, path: int
) -> None:
    maze = MAPS[name]
    assert (maze.walls.shape, maze.start, maze.goal, len(maze.free_cells)) == (shape, start, goal, free)
    table, cell, steps = next_cells(maze.walls, [maze.goal])[0], maze.start, 0
    while cell != maze.goal:
        after = tuple(int(x) for x in table[cell])
        assert abs(after[0] - cell[0]) + abs(after[1] - cell[1]) == 1 and not maze.walls[after]
        cell, steps = after, steps + 1
    assert steps == path


def test_maps_agree_with_gymnasium_robotics() -> None:
    from gymnasium_robotics.envs.maze import maps

    theirs = {"umaze": maps.U_MAZE, "medium": maps.MEDIUM_MAZE, "large": maps.LARGE_MAZE}
    for name, rows in theirs.items():
        np.testing.assert_array_equal(MAPS[name].walls, np.array(rows) == 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("###", "#SG#", "###"), "rows must have one length"),
        (("####", "#SG ", "####"), "cells must be one of"),
        (("####", "#SSG", "####"), "must have one start"),
        (("####", "#S.#", "####"), "must have one goal"),
        (("####", "#SG.", "####"), "open at its border"),
    ],
)
def test_a_wrong_map_is_refused(rows: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MazeMap("mine", rows)


# -- cells, metres, walls ---------------------------------------------------------------------------------


def test_cells_and_metres_by_hand() -> None:
    maze = make_maze(U, 4.0, None, None)
    np.testing.assert_allclose(maze.start, [-4.0, 4.0])  # row 1 is above the middle, column 1 left of it
    np.testing.assert_allclose(maze.goal, [-4.0, -4.0])
    np.testing.assert_allclose(maze.centre(jnp.array([2, 3])), [4.0, 0.0])
    np.testing.assert_array_equal(maze.cell_of(jnp.array([5.9, 1.9])), [2, 3])
    np.testing.assert_array_equal(maze.cell_of(jnp.array([6.1, -99.0])), [4, 4])
    cells = jnp.array(MAPS["ultra"].free_cells)
    ultra = make_maze(MAPS["ultra"], 4.0, None, None)
    np.testing.assert_array_equal(ultra.cell_of(ultra.centre(cells)), cells)


def test_the_boxes_stand_where_the_walls_near_the_body_are() -> None:
    maze = make_maze(U, 1.0, None, None)
    # In the start cell, towards its upper left corner: walls on the left, above, and diagonally.
    boxes = maze.boxes_near(maze.start + jnp.array([-0.1, 0.1]))
    np.testing.assert_allclose(boxes, [[-2.0, 1.0, 0.0], [-1.0, 2.0, 0.0], [-2.0, 2.0, 0.0]])
    # Towards its lower right corner: free on the right, a wall below, and one diagonally.
    boxes = maze.boxes_near(maze.start + jnp.array([0.1, -0.1]))
    np.testing.assert_allclose(boxes, [[0.0, 1.0, FAR_BELOW], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_next_cells_lead_around_the_corner() -> None:
    table = next_cells(U.walls, [(3, 1), (1, 2)])
    assert table[0, 1, 1].tolist() == [1, 2] and table[0, 1, 3].tolist() == [2, 3]
    assert table[0, 3, 1].tolist() == [3, 1]  # at the target
    assert table[1, 3, 1].tolist() == [3, 2] and table[1, 2, 3].tolist() == [1, 3]
    assert table[0, 0, 0].tolist() == [0, 0]  # a wall


@pytest.mark.parametrize(("starts", "count"), [("evaluation", 1), ("play", 7), ("diverse", 45)])
def test_start_cells(starts: str, count: int) -> None:
    maze = MAPS["large"]
    cells = [tuple(cell) for cell in start_cells(maze, starts, None, None).tolist()]
    assert len(cells) == count and maze.goal not in cells and set(cells) <= set(maze.free_cells)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": (0, 0)}, "goal is (0, 0); it must be a free cell"),
        ({"start": (9, 9)}, "start is (9, 9); it must be a free cell"),
        ({"goal": (1, 1)}, "start and goal of maze umaze are the same cell (1, 1)"),
        ({"substeps": 0}, "substeps is 0; it must be a positive integer"),
        ({"goal_radius": -1.0}, "goal_radius is -1.0; it must be a positive number"),
        ({"goal_radius": float("nan")}, "goal_radius is nan; it must be a positive number"),
        ({"start_noise": 3.0}, "start_noise is 3.0; it must be at least 0 and below half a cell"),
        ({"starts": "anywhere"}, "starts is 'anywhere'; choose one of"),
        ({"maze": "large"}, "has no option 'maze'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        envs.make("pointmaze-umaze", **options)


def test_an_unknown_maze_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of"):
        envs.make("pointmaze-huge")


@pytest.mark.parametrize(
    "name", ["pointmaze-umaze", pytest.param("pointmaze-ultra", marks=pytest.mark.thorough)]
)
def test_walls_hold_against_random_and_steady_forces(name: str) -> None:
    count, steps = 32, 400
    task = task_of(name, starts="diverse")
    never = jnp.array([1e3, 1e3])  # a goal out of reach: nothing ends

    def run(key: jax.Array) -> jax.Array:
        key_reset, key_push, key_step = jax.random.split(key, 3)
        states = jax.vmap(task.reset)(jax.random.split(key_reset, count))
        states = states.replace(context=states.context.replace(goal=jnp.tile(never, (count, 1))))
        # A quarter draws anew at every step; the others push one way for ever, along axes and diagonals.
        steady = jnp.sign(jax.random.normal(key_push, (count, 2))) * (
            jnp.arange(count)[:, None] % 3 != jnp.array([1, 2])
        )

        def step(states: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            random = jax.random.uniform(key, (count, 2), minval=-1.0, maxval=1.0)
            push = jnp.where(jnp.arange(count)[:, None] % 4 == 0, random, steady)
            states = jax.vmap(task.step)(states, push)
            return states, states.physics.qpos

        return jax.lax.scan(step, states, jax.random.split(key_step, steps))[1]

    positions = np.asarray(jax.jit(run)(jax.random.key(0))).reshape(-1, 2)
    assert np.isfinite(positions).all()
    walls = np.argwhere(task.layout.walls)
    centres = np.asarray(task.layout.centre(jnp.asarray(walls)))
    # Distance from the middle of the ball to each box. A ball at 5 m/s comes 0.05 m into a wall before the
    # first simulation step that feels it.
    outside = np.maximum(np.abs(positions[:, None] - centres) - 0.5, 0.0)
    depth = RADIUS - np.linalg.norm(outside, axis=-1).min(axis=1)
    assert depth.max() < 0.06
    assert (depth > -0.01).mean() > 0.2  # the walls were tried


def test_the_balls_solver_has_converged() -> None:
    """Twenty times the budget gives the same bits, where balls are pushed into walls and corners."""
    ours = task_of("pointmaze-umaze", starts="diverse")
    converged = task_of("pointmaze-umaze", starts="diverse", iterations=60, ls_iterations=50)

    def step(states: Any, key: jax.Array) -> tuple[Any, Any]:
        push = jnp.sign(jax.random.normal(key, (32, 2)))
        after = jax.vmap(converged.step)(states, push)
        other = jax.vmap(ours.step)(states, push)
        touches = jnp.abs(after.physics.qvel).min(axis=1) < 0.1  # stopped on an axis in spite of the push
        return after, (after.physics.qvel, other.physics.qvel, touches)

    states = jax.jit(jax.vmap(converged.reset))(jax.random.split(jax.random.key(0), 32))
    pushes = jnp.repeat(jax.random.split(jax.random.key(1), 6), 10)  # ten steps each way
    wanted, got, touches = jax.jit(lambda s: jax.lax.scan(step, s, pushes)[1])(states)
    assert np.asarray(touches).mean() > 0.2
    np.testing.assert_array_equal(got, wanted)


# -- the task ---------------------------------------------------------------------------------------------


@cache
def two() -> SimpleNamespace:
    """Returns the same start twice, and the compiled step of two balls."""
    env = envs.make("pointmaze-umaze")
    state = jax.jit(env.reset)(jax.random.key(0))
    start = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), state)
    return SimpleNamespace(start=start, step=jax.jit(jax.vmap(env.step)))


def test_the_goal_is_rewarded_once_and_ends_the_episode() -> None:
    layout, start = umaze().layout, two().start
    near = layout.goal + jnp.array([0.44, 0.0])
    far = layout.goal + jnp.array([0.46, 0.0])
    physics = start.physics.replace(qpos=jnp.stack([near, far]), qvel=jnp.zeros((2, 2)))
    after = two().step(start.replace(physics=physics), jnp.zeros((2, 2)))
    reached, missed = (jax.tree.map(lambda leaf, row=row: leaf[row], after) for row in (0, 1))
    assert reached.reward == 1.0 and reached.terminated and not reached.truncated
    assert reached.metrics["success"] == 1.0 and reached.metrics["episode_return"] == 1.0
    assert missed.reward == 0.0 and not missed.terminated and missed.metrics["success"] == 0.0
    np.testing.assert_allclose(reached.final_obs, [*near, 0.0, 0.0, *layout.goal], atol=1e-6)
    assert np.abs(reached.obs[:2] - layout.start).max() <= 0.25 + 1e-6  # the next episode has begun


def test_the_observation_tells_where_the_body_is() -> None:
    task = umaze()
    here = task.observe_at(task.layout.start)
    there = task.observe_at(task.layout.start + jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(there - here, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0])


def test_mazes_may_differ_inside_one_vmap() -> None:
    """Two maps of one size: from the same place the same push meets a wall in one and not in the other."""
    task = umaze()
    mirrored = make_maze(MazeMap("mirrored", tuple(row[::-1] for row in U.rows)), 1.0, None, None)
    mazes: Maze = jax.tree.map(lambda *leaves: jnp.stack(leaves), task.layout, mirrored)
    both = two().start.replace(context=mazes)
    corner = jnp.tile(task.layout.centre(jnp.array([1, 1])), (2, 1))
    both = both.replace(physics=both.physics.replace(qpos=corner))
    # Straight down from the upper left cell: a wall in the U, the open side of its mirror image.
    for _ in range(20):
        both = two().step(both, jnp.tile(jnp.array([0.0, -1.0]), (2, 1)))
    assert both.physics.qpos[0, 1] > 0.5 and both.physics.qpos[1, 1] < 0.0


def test_the_score_is_the_success_rate() -> None:
    reference = umaze().reference
    assert reference is not None
    assert reference.show(0.25) == "success 25 %" and reference.normalize(0.25) == 25.0


def test_a_simulation_step_is_gymnasium_robotics_own() -> None:
    """One control step of 0.01 s from 100 places, many of them at walls, against the package on C MuJoCo."""
    import gymnasium
    import gymnasium_robotics

    gymnasium.register_envs(gymnasium_robotics)
    theirs: Any = gymnasium.make("PointMaze_UMaze-v3", continuing_task=False).unwrapped
    theirs.reset(seed=0)
    task = task_of("pointmaze-umaze", substeps=1)
    rng = np.random.default_rng(0)
    cells = np.asarray(task.layout.centre(jnp.asarray(U.free_cells)))
    places = cells[rng.integers(len(cells), size=100)] + rng.uniform(-0.46, 0.46, (100, 2))
    velocities, pushes = rng.uniform(-6.0, 6.0, (100, 2)), rng.uniform(-1.0, 1.0, (100, 2))
    expected = []
    for place, velocity, push in zip(places, velocities, pushes, strict=True):
        theirs.point_env.data.qacc_warmstart[:] = 0.0
        theirs.point_env.set_state(place, velocity)
        expected.append(theirs.point_env.step(push.astype(np.float32))[0])
    start = jax.jit(jax.vmap(task.reset))(jax.random.split(jax.random.key(0), 100))
    physics = start.physics.replace(
        qpos=jnp.asarray(places, jnp.float32), qvel=jnp.asarray(velocities, jnp.float32)
    )
    ours = jax.jit(jax.vmap(task.step))(start.replace(physics=physics), jnp.asarray(pushes, jnp.float32))
    np.testing.assert_allclose(ours.final_obs[:, :4], expected, atol=2e-3)
    touching = np.abs(np.asarray(expected)[:, 2:] - np.clip(velocities, -5, 5)).max(axis=1) > 0.5
    assert touching.sum() >= 10  # contacts were part of it
