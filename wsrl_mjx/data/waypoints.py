"""Behaviour for mazes: walk from cell to cell to a goal of one's own, then choose the next goal.

So trajectories cross the whole maze, and only now and then the goal that is rewarded, as in D4RL's mazes.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs.base import Environment, EnvState
from envs.episode import Episodes
from envs.maze import Maze, next_cells
from envs.maze_task import MazeTask
from wsrl_mjx.data.steering import OF_BODY, Steering
from wsrl_mjx.types import Key

SHARP_LANE, ROUND_LANE = 0.25, 0.4  # of a cell: half the lane's width
KINDS = ("play", "diverse")  # the mazes' datasets, named as the starts of their episodes


class Waypoints(struct.PyTreeNode):
    """A controller whose memory [N] is the index of the goal that each environment is under way to."""

    maze: Maze
    goals: jax.Array  # [T, 2] int32, cells
    table: jax.Array  # [T, rows, columns, 2] int32, the next cell on the way to each goal
    reach: float = struct.field(pytree_node=False)  # m, how near a goal counts as reached
    steer: Steering = struct.field(pytree_node=False)

    def begin(self, key: Key, num_envs: int) -> jax.Array:
        """Returns the first goals' indices [N]."""
        return jax.random.randint(key, (num_envs,), 0, len(self.goals))

    def recall(self, memory: jax.Array, state: EnvState, key: Key) -> jax.Array:
        """Returns the goals' indices [N]: a new one at an episode's start, and where the goal is reached."""
        key_start, key_step = jax.random.split(key)
        distance = jnp.linalg.norm(state.obs[:, :2] - self.maze.centre(self.goals[memory]), axis=-1)
        # One of the others: a step of 1 to T-1 around the list.
        step = jax.random.randint(key_step, memory.shape, 1, len(self.goals))
        memory = jnp.where(distance < self.reach, (memory + step) % len(self.goals), memory)
        return jnp.where(state.steps == 0, self.begin(key_start, len(memory)), memory)

    def act(self, memory: jax.Array, obs: jax.Array, key: Key) -> jax.Array:
        """Returns actions [N, A] towards the next cell on the way to each environment's goal.

        A corner is not cut: a body would be caught at the wall inside of it. So whoever is beside the lane,
        the line between two centres, goes there first; with round corners, the more the further beside. Then
        the direction depends on the place without a jump, which a cloned policy could not follow: halfway
        between two directions it would stand still.
        """
        place = obs[:, :2]
        cell = self.maze.cell_of(place)
        here = self.maze.centre(cell)
        there = self.maze.centre(self.table[memory, cell[:, 0], cell[:, 1]])
        lane = (there - here) / self.maze.cell_size
        beside = place - here - jnp.sum((place - here) * lane, axis=-1, keepdims=True) * lane
        if self.steer.round_corners:
            aside = beside / (ROUND_LANE * self.maze.cell_size)
            along = 1.0 - jnp.minimum(jnp.linalg.norm(aside, axis=-1, keepdims=True), 1.0)
            return self.steer(obs, along * lane - aside, key)
        off_lane = jnp.linalg.norm(beside, axis=-1, keepdims=True) > SHARP_LANE * self.maze.cell_size
        return self.steer(obs, jnp.where(off_lane, here, there) - place, key)


def world(env: Environment, starts: str) -> Episodes:
    """Returns the maze `env` with its episodes starting as a dataset's do.

    Raises:
        ValueError: the environment is no maze.
    """
    if not isinstance(env, Episodes) or not isinstance(env.task, MazeTask):
        raise ValueError(f"datasets {' and '.join(KINDS)} are of mazes, not of {env.name!r}")
    return Episodes(dataclasses.replace(env.task, starts=starts))


def controller(env: Episodes) -> Waypoints:
    """Returns what collects in a maze; its goals are the cells that episodes start in, and the maze's goal.

    Raises:
        ValueError: the environment is no maze, or nothing steers its body.
    """
    task = env.task
    if not isinstance(task, MazeTask) or task.body not in OF_BODY:
        raise ValueError(f"datasets play and diverse are of mazes that can be steered, not of {env.name!r}")
    maze = task.layout
    goals = maze.cell_of(jnp.concatenate([task.start_positions, maze.goal[None]]))
    cells = [(int(row), int(column)) for row, column in goals]
    table = jnp.asarray(next_cells(jax.device_get(maze.walls), cells))
    return Waypoints(maze, goals, table, task.goal_radius, OF_BODY[task.body])


def card(env_name: str) -> dict[str, Any]:
    """Returns what there is to know of the controller of a maze."""
    steering = OF_BODY[env_name.split("maze-")[0]].card()
    return {"return_mean": None, "ways": "shortest, from cell to cell", "steering": steering}
