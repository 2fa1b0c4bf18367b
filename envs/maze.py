"""Maze machinery that every body shares: cells and metres, walls that follow the body, shortest paths.

Walls cost the simulator per box, not per wall that is near. So there are three boxes only, moved before every
substep to the neighbour cells that the body could touch: beside it, above or below it, and diagonally, on the
side of its cell where it is. Where such a cell is free its box waits far below. A body that reaches less than
half a cell from its centre can touch nothing else, so the cost does not depend on the maze, and the maze
itself is data in the state.

Coordinates follow Gymnasium-Robotics: the origin is the middle of the maze, x goes along a row, y up.
"""

from collections import deque
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs.checks import check_choice
from envs.maze_maps import MAPS, Cell, MazeMap

FAR_BELOW = -50.0  # m, where a box waits whose cell is free
STARTS = ("evaluation", "play", "diverse")


class Maze(struct.PyTreeNode):
    """One maze in metres, as arrays in the state's context: mazes may differ inside one `vmap`."""

    walls: jax.Array  # [rows, columns] bool
    start: jax.Array  # [2] m, centre of the cell in which an evaluated episode starts
    goal: jax.Array  # [2] m
    cell_size: float = struct.field(pytree_node=False)  # m

    def centre(self, cell: jax.Array) -> jax.Array:
        """Returns x, y [..., 2] in metres of the centre of `cell` [..., 2] (row, column)."""
        rows, columns = self.walls.shape
        cell = cell.astype(jnp.float32)
        x = (cell[..., 1] + 0.5 - columns / 2) * self.cell_size
        y = (rows / 2 - cell[..., 0] - 0.5) * self.cell_size
        return jnp.stack([x, y], axis=-1)

    def cell_of(self, position: jax.Array) -> jax.Array:
        """Returns row and column [..., 2] of the cell around x, y [..., 2]; the nearest one from outside."""
        rows, columns = self.walls.shape
        column = jnp.floor(position[..., 0] / self.cell_size + columns / 2)
        row = jnp.floor(rows / 2 - position[..., 1] / self.cell_size)
        cell = jnp.stack([row, column], axis=-1).astype(jnp.int32)
        return jnp.clip(cell, 0, jnp.array([rows - 1, columns - 1]))

    def is_wall(self, cell: jax.Array) -> jax.Array:
        """Returns [...] bool: whether there is a wall at `cell` [..., 2]; beyond the border there is one."""
        rows, columns = self.walls.shape
        row, column = cell[..., 0], cell[..., 1]
        outside = (row < 0) | (row >= rows) | (column < 0) | (column >= columns)
        return outside | self.walls[jnp.clip(row, 0, rows - 1), jnp.clip(column, 0, columns - 1)]

    def boxes_near(self, position: jax.Array) -> jax.Array:
        """Returns the centres [3, 3] in metres of the wall boxes that a body at x, y [2] could touch."""
        cell = self.cell_of(position)
        right, up = (position >= self.centre(cell)).astype(jnp.int32) * 2 - 1
        steps = jnp.array([[0, 1], [1, 0], [1, 1]]) * jnp.stack([-up, right])  # row grows downwards
        neighbours = cell + steps
        height = jnp.where(self.is_wall(neighbours), 0.0, FAR_BELOW)
        return jnp.concatenate([self.centre(neighbours), height[:, None]], axis=-1)


def make_maze(maze: MazeMap, cell_size: float, start: Cell | None, goal: Cell | None) -> Maze:
    """Returns the maze `maze` in metres; `start` and `goal` replace its own.

    Raises:
        ValueError: start or goal lies in a wall or outside, or they are the same cell.
    """
    start, goal = start or maze.start, goal or maze.goal
    for field, cell in (("start", start), ("goal", goal)):
        if tuple(cell) not in maze.free_cells:
            raise ValueError(f"{field} is {cell}; it must be a free cell (row, column) of maze {maze.name}")
    if tuple(start) == tuple(goal):
        raise ValueError(f"start and goal of maze {maze.name} are the same cell {start}")
    empty = Maze(jnp.asarray(maze.walls), jnp.zeros(2), jnp.zeros(2), cell_size)
    return empty.replace(start=empty.centre(jnp.array(start)), goal=empty.centre(jnp.array(goal)))


def find_map(name: str) -> MazeMap:
    """Returns the map `name`.

    Raises:
        ValueError: there is none; the message lists the choices.
    """
    check_choice("maze", name, MAPS)
    return MAPS[name]


def start_cells(maze: MazeMap, starts: str, start: Cell | None, goal: Cell | None) -> np.ndarray:
    """Returns the cells [K, 2] that episodes start in; never the goal's, where they would end at once.

    Args:
        starts: `evaluation` for the one start; `play` for the maze's landmarks; `diverse` for all free cells.

    Raises:
        ValueError: an unknown kind of starts.
    """
    check_choice("starts", starts, STARTS)
    of_kind = {"evaluation": [start or maze.start], "play": maze.landmarks, "diverse": maze.free_cells}
    return np.array([cell for cell in of_kind[starts] if tuple(cell) != tuple(goal or maze.goal)], np.int32)


def next_cells(walls: np.ndarray, targets: Sequence[Cell]) -> np.ndarray:
    """Returns the next cell on a shortest path to each target: [T, rows, columns, 2] (row, column).

    Found by breadth-first search from the target. Walls, and cells without a path, name themselves.
    """
    rows, columns = walls.shape
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
    table = np.repeat(grid[None], len(targets), axis=0).astype(np.int32)
    for index, target in enumerate(targets):
        seen, waiting = {tuple(target)}, deque([tuple(target)])
        while waiting:
            row, column = waiting.popleft()
            for cell in ((row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column)):
                if cell not in seen and not walls[cell]:
                    seen.add(cell)
                    table[index][cell] = row, column
                    waiting.append(cell)
    return table
