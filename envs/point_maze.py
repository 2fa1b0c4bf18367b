"""Point mazes: a ball with two motors looks for a goal that it knows by a sparse reward alone.

After Gymnasium-Robotics' PointMaze, with a model file of our own: a sphere of 0.1 m, motors of 100 N,
damping 1, speed limited to 5 m/s on each axis, cells of 1 m. Differences: an action is held for five
simulation steps of 0.01 s (`substeps=1` is the original), the episode ends at the goal, and the goal is a
cell's centre.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from envs.checks import check_positive
from envs.maze_task import MazeTask
from envs.simulation import Physics

MJCF = """
<mujoco model="point maze">
  <option timestep="0.01" gravity="0 0 0"/>
  <default>
    <geom condim="1" contype="0" conaffinity="0"/>
    <default class="wall">
      <geom type="box" size="0.5 0.5 0.2" mass="0" conaffinity="1" rgba="0.6 0.4 0.3 1"/>
    </default>
  </default>
  <worldbody>
    <light pos="0 0 10"/>
    <geom name="ground" type="plane" size="10 10 0.1" pos="0 0 -0.1" rgba="0.8 0.85 0.9 1"/>
    <body name="point">
      <joint name="x" type="slide" axis="1 0 0" damping="1"/>
      <joint name="y" type="slide" axis="0 1 0" damping="1"/>
      <!-- The original's radius is 0.1, and its two margins of 0.002 let a wall push from 0.004 m away. MJX
           feels a box only from inside, so the radius has them in it; the mass is that of 0.1 m. -->
      <geom name="point" type="sphere" size="0.104" mass="4.18879" contype="1" rgba="0.1 0.4 0.8 1"/>
    </body>
    <body name="wall_x" mocap="true"><geom class="wall"/></body>
    <body name="wall_y" mocap="true"><geom class="wall"/></body>
    <body name="wall_diagonal" mocap="true"><geom class="wall"/></body>
  </worldbody>
  <actuator>
    <motor joint="x" gear="100" ctrlrange="-1 1" ctrllimited="true"/>
    <motor joint="y" gear="100" ctrlrange="-1 1" ctrllimited="true"/>
  </actuator>
</mujoco>
"""


@dataclass(frozen=True, eq=False)
class PointMaze(MazeTask):
    """A control step is 0.05 s.

    Observation [6]: x, y (m), their velocities (m/s), the goal's x, y (m). Actions [2]: forces along x and y.
    """

    body = "point"
    cell_size = 1.0
    obs_size = 6
    time_limits: ClassVar[Mapping[str, int]] = {"umaze": 100, "medium": 200, "large": 300, "ultra": 400}

    maze: str = "large"
    substeps: int = 5
    goal_radius: float = 0.45
    speed_limit: float = 5.0  # m/s, on each axis
    iterations: int = 3  # two converge: a ball has two degrees of freedom and no friction
    ls_iterations: int = 4

    def __post_init__(self) -> None:
        check_positive("speed_limit", self.speed_limit)
        super().__post_init__()

    def model_text(self) -> str:
        """Returns the MJCF."""
        return MJCF

    def place(self, position: jax.Array, key: jax.Array) -> Physics:
        """Returns the ball at rest at `position` [2]."""
        del key
        return self.simulation.start(position, jnp.zeros(2))

    def limit(self, physics: Physics) -> Physics:
        """Clips the speed, as the original does before every simulation step."""
        return physics.replace(qvel=jnp.clip(physics.qvel, -self.speed_limit, self.speed_limit))
