"""What the mazes' bodies share: where episodes start and end, the sparse reward, and the moving walls."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.checks import check_positive, check_positive_int
from envs.labels import motor_labels, position_labels, velocity_labels
from envs.maze import Maze, find_map, make_maze, start_cells
from envs.maze_maps import Cell
from envs.simulation import Physics, Placed, Simulation, load_model

METRICS = ("success",)  # 1 in the step that reaches the goal


@dataclass(frozen=True, eq=False)
class MazeTask(ABC):
    """The base of a maze; a final class adds a body.

    Reward: 1 in the step that comes within `goal_radius` of the goal, which ends the episode; 0 before.
    Observation: the body's, its x and y first, then the goal's x and y.

    Raises:
        ValueError: an unknown maze or kind of starts, a start or goal in a wall, start equal to goal, or a
            number that cannot work.
    """

    body: ClassVar[str]
    cell_size: ClassVar[float]  # m
    obs_size: ClassVar[int]
    time_limits: ClassVar[Mapping[str, int]]  # control steps, by maze

    maze: str
    substeps: int  # simulation steps per control step
    goal_radius: float  # m
    starts: str = "evaluation"  # or play, diverse: where the episodes of a dataset start
    start: Cell | None = None  # row and column; None for the maze's own
    goal: Cell | None = None
    start_noise: float = 0.25  # of a cell, uniform on each axis
    integrator: str = "euler"
    iterations: int = 4
    ls_iterations: int = 8
    time_limit: int = 0  # control steps; 0 for the maze's own
    simulation: Simulation = field(init=False, repr=False)
    layout: Maze = field(init=False, repr=False)
    start_positions: jax.Array = field(init=False, repr=False)  # [K, 2] m

    def __post_init__(self) -> None:
        drawn = find_map(self.maze)
        check_positive_int("substeps", self.substeps)
        check_positive("goal_radius", self.goal_radius)
        if not 0.0 <= self.start_noise < 0.5:
            raise ValueError(
                f"start_noise is {self.start_noise}; it must be at least 0 and below half a cell"
            )
        layout = make_maze(drawn, self.cell_size, self.start, self.goal)
        cells = start_cells(drawn, self.starts, self.start, self.goal)
        model = load_model(
            self.model_text(),
            integrator=self.integrator,
            iterations=self.iterations,
            ls_iterations=self.ls_iterations,
        )
        object.__setattr__(self, "time_limit", self.time_limit or self.time_limits[drawn.name])
        object.__setattr__(self, "simulation", Simulation(model, self.substeps))
        object.__setattr__(self, "layout", layout)
        object.__setattr__(self, "start_positions", layout.centre(jnp.asarray(cells)))

    @property
    def name(self) -> str:
        return f"{self.body}maze-{self.maze}"

    @property
    def action_size(self) -> int:
        return self.simulation.action_size

    @property
    def obs_labels(self) -> tuple[str, ...]:
        model = self.simulation.mj_model
        return (*position_labels(model), *velocity_labels(model), "goal x (m)", "goal y (m)")

    @property
    def action_labels(self) -> tuple[str, ...]:
        return motor_labels(self.simulation.mj_model)

    @property
    def reference(self) -> ReferenceScores:
        """The return of an episode is 1 or 0, so the normalised score is the success rate in percent."""
        return ReferenceScores(0.0, 1.0, "success by the task's own definition", of_success=True)

    def fingerprint(self) -> str:
        """Returns the digest of the options, the model and the map."""
        return fingerprint(self, self.model_text(), *find_map(self.maze).rows)

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start cell and a place in it, and puts the body there."""
        key_cell, key_place, key_body, key_next = jax.random.split(key, 4)
        reach = self.start_noise * self.cell_size
        noise = jax.random.uniform(key_place, (2,), minval=-reach, maxval=reach)
        physics = self.place(jax.random.choice(key_cell, self.start_positions) + noise, key_body)
        return first_state(physics, self._observe(physics, self.layout), key_next, METRICS, self.layout)

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [O]; its goal must be this maze's."""
        split = self.simulation.mj_model.nq
        physics = self.simulation.start(obs[:split], obs[split:-2])
        return self.reset(key).replace(physics=physics, obs=obs, final_obs=obs)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([A], in [-1, 1]) for one control step, in the maze of the state's context."""
        maze: Maze = state.context

        def before_substep(physics: Physics) -> tuple[Physics, Placed]:
            physics = self.limit(physics)
            return physics, Placed(maze.boxes_near(physics.qpos[:2]))

        control = self.simulation.control(action)
        physics = self.simulation.advance(state.physics, control, before_substep)
        there = jnp.linalg.norm(physics.qpos[:2] - maze.goal) <= self.goal_radius
        obs = self._observe(physics, maze)
        success = there.astype(jnp.float32)
        return state.replace(
            physics=physics,
            obs=obs,
            final_obs=obs,
            reward=success,
            terminated=there,
            metrics=state.metrics | {"success": success},
        )

    def observe_at(self, position: jax.Array) -> jax.Array:
        """Returns the observation [O] of the body at rest with its x and y at `position` [2]."""
        return self._observe(self.place(position, jax.random.key(0)), self.layout)

    def _observe(self, physics: Physics, maze: Maze) -> jax.Array:
        return jnp.concatenate([physics.qpos, physics.qvel, maze.goal])

    @abstractmethod
    def model_text(self) -> str:
        """Returns the body's MJCF; its only mocap bodies are the three walls."""

    @abstractmethod
    def place(self, position: jax.Array, key: jax.Array) -> Physics:
        """Returns the body at rest with its x and y at `position` [2]."""

    @abstractmethod
    def limit(self, physics: Physics) -> Physics:
        """Returns the physics as a simulation step may start from it."""
