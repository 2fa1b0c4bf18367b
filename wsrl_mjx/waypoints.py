"""Behaviour for mazes: walk from cell to cell to a goal of one's own, then choose the next goal.

So trajectories cross the whole maze, and only now and then the goal that is rewarded, as in D4RL's mazes.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs.episode import Episodes
from envs.maze import Maze, next_cells
from envs.maze_task import MazeTask
from wsrl_mjx.types import Key

KINDS = ("play", "diverse")  # the mazes' datasets, named as the starts of their episodes

Steer = Callable[[jax.Array, jax.Array, Key], jax.Array]  # obs [N, O], direction [N, 2], key -> [N, A]


class Waypoints(struct.PyTreeNode):
    """A controller whose memory [N] is the index of the goal that each environment is under way to."""

    maze: Maze
    goals: jax.Array  # [T, 2] int32, cells
    table: jax.Array  # [T, rows, columns, 2] int32, the next cell on the way to each goal
    steer: Steer = struct.field(pytree_node=False)

    def begin(self, key: Key, num_envs: int) -> jax.Array:
        """Returns the first goals' indices [N]."""
        return jax.random.randint(key, (num_envs,), 0, len(self.goals))

    def recall(self, memory: jax.Array, obs: jax.Array, key: Key) -> jax.Array:
        """Returns the goals' indices [N]: a new one where an environment's body is in its goal's cell."""
        there = jnp.all(self.maze.cell_of(obs[:, :2]) == self.goals[memory], axis=-1)
        # One of the others: a step of 1 to T-1 around the list.
        step = jax.random.randint(key, memory.shape, 1, len(self.goals))
        return jnp.where(there, (memory + step) % len(self.goals), memory)

    def act(self, memory: jax.Array, obs: jax.Array, key: Key) -> jax.Array:
        """Returns actions [N, A] towards the next cell on the way to each environment's goal."""
        cell = self.maze.cell_of(obs[:, :2])
        target = self.maze.centre(self.table[memory, cell[:, 0], cell[:, 1]])
        return self.steer(obs, target - obs[:, :2], key)


def controller(env: Episodes) -> Waypoints:
    """Returns what collects in a maze; its goals are the cells that episodes start in, and the maze's goal.

    Raises:
        ValueError: the environment is no maze, or nothing steers its body.
    """
    task = env.task
    if not isinstance(task, MazeTask) or task.body not in STEERING:
        raise ValueError(f"datasets play and diverse are of mazes that can be steered, not of {env.name!r}")
    maze = task.layout
    goals = maze.cell_of(jnp.concatenate([task.start_positions, maze.goal[None]]))
    cells = [(int(row), int(column)) for row, column in goals]
    table = jnp.asarray(next_cells(jax.device_get(maze.walls), cells))
    return Waypoints(maze, goals, table, STEERING[task.body])


def card(env_name: str) -> dict[str, Any]:
    """Returns what there is to know of the controller of a maze."""
    body = env_name.split("maze-")[0]
    return {"return_mean": None, "how": "shortest paths from cell to cell", **asdict(STEERING[body])}


@dataclass(frozen=True)
class PointSteering:
    """Pulls a ball's velocity into the wanted direction, with noise on every action."""

    speed: float  # m/s
    gain: float  # share of the full force for each m/s that the velocity is off
    noise: float  # standard deviation of a normal draw, as a share of the full force

    def __call__(self, obs: jax.Array, direction: jax.Array, key: Key) -> jax.Array:
        """Returns forces [N, 2] for observations [N, O] and directions [N, 2]."""
        distance = jnp.linalg.norm(direction, axis=-1, keepdims=True)
        wanted = self.speed * direction / jnp.maximum(distance, 1e-6)
        force = self.gain * (wanted - obs[:, 2:4])
        return jnp.clip(force + self.noise * jax.random.normal(key, force.shape), -1.0, 1.0)


STEERING: dict[str, PointSteering] = {"point": PointSteering(speed=2.0, gain=0.5, noise=1.0)}
