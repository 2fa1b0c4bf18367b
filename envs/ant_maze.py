"""Ant mazes: Gymnasium's ant looks for a goal that it knows by a sparse reward alone.

After D4RL's ant mazes: cells of 4 m, its maps, the goal's radius of 0.5 m, no end by a fall, its torques and
its control step of 0.1 s. Differences: simulation steps of 0.01 s with Euler's integrator instead of 0.02 s
with RK4; start and goal are cells' centres, with noise on the start alone; walls push and do not rub, are 8 m
high instead of 2 (pushed with its own weight the ant climbs lower ones), and feel the torso, knees and feet
alone.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax

from envs.ant_torque import D4RL_TORQUE, with_torque
from envs.checks import check_not_negative, check_positive
from envs.locomotion import start_with_normal_velocity
from envs.maze_task import MazeTask
from envs.simulation import Physics, gymnasium_model_path

WALL_BIT = "2"  # of contype and conaffinity; the model itself uses 1
TORSO_RADIUS, LEG_RADIUS = "0.25", "0.08"  # m, as in the model
WALL_HALF_SIZE = "2 2 8"  # m


def ant_with_walls(mjcf: str) -> str:
    """Returns Gymnasium's ant with three walls, and with spheres that feel them.

    The spheres have no mass and stand where the torso, the knees and the feet are.
    """
    root = ET.fromstring(mjcf)
    world = root.find("worldbody")
    torso = root.find(".//body[@name='torso']")
    assert world is not None and torso is not None
    _feeler(torso, "0 0 0", TORSO_RADIUS)
    for shin in torso.iter("body"):
        bone = shin.find("geom")
        if shin.find("joint") is None or bone is None or "ankle" not in bone.get("name", ""):
            continue
        foot = " ".join(bone.attrib["fromto"].split()[3:])
        _feeler(shin, "0 0 0", LEG_RADIUS)
        _feeler(shin, foot, LEG_RADIUS)
    for name in ("wall_x", "wall_y", "wall_diagonal"):
        wall = ET.SubElement(world, "body", name=name, mocap="true")
        ET.SubElement(
            wall, "geom", type="box", size=WALL_HALF_SIZE, mass="0", margin="0", condim="1",
            contype="0", conaffinity=WALL_BIT, rgba="0.6 0.4 0.3 1",
        )  # fmt: skip
    return ET.tostring(root, encoding="unicode")


def _feeler(body: ET.Element, position: str, radius: str) -> None:
    ET.SubElement(
        body, "geom", type="sphere", pos=position, size=radius, mass="0", margin="0", condim="1",
        contype=WALL_BIT, conaffinity="0", rgba="0 0 0 0",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class AntMaze(MazeTask):
    """A control step is 0.1 s.

    Observation [31]: x, y, torso height, orientation (quaternion), 8 joint angles, 14 velocities, and
    the x, y of the goal. Actions [8]: joint torques.
    """

    body = "ant"
    cell_size = 4.0
    obs_size = 31
    time_limits: ClassVar[Mapping[str, int]] = {"umaze": 700, "medium": 1000, "large": 1000, "ultra": 2000}

    maze: str = "umaze"
    substeps: int = 10
    goal_radius: float = 0.5
    reset_noise_scale: float = 0.1
    torque: float = D4RL_TORQUE  # N m, of a full action

    def __post_init__(self) -> None:
        check_not_negative("reset_noise_scale", self.reset_noise_scale)
        check_positive("torque", self.torque)
        super().__post_init__()

    def model_text(self) -> str:
        """Returns the MJCF."""
        return ant_with_walls(with_torque(gymnasium_model_path("ant.xml").read_text(), self.torque))

    def place(self, position: jax.Array, key: jax.Array) -> Physics:
        """Returns the ant near the model's rest, as plain ant starts, above `position` [2]."""
        physics = start_with_normal_velocity(self.simulation, self.reset_noise_scale, key)
        return physics.replace(qpos=physics.qpos.at[:2].set(position))

    def limit(self, physics: Physics) -> Physics:
        """Returns the physics as it is."""
        return physics
