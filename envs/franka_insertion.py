"""Peg insertion with a Franka arm: torques from a spring between the peg's tip and where it is told to be.

Task-space impedance control as in SERL (Luo et al. 2024, section 4.4): the arm is as soft as a spring, so
that contact is safe, and the spring is never longer than a limit, so that its force is limited too.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from mujoco import mjx

from envs import franka
from envs.franka import Pose
from envs.insertion import InsertionTask, Motion
from envs.insertion_models import PEG_LENGTH, peg_text, plate_text
from envs.simulation import BeforeSubstep, Physics

BASE = (-0.5, 0.0, -0.15)  # m: the plate is half a metre before the arm, its top 0.15 m above the arm's foot
STIFFNESS, DAMPING, REACH = 1000.0, 120.0, 0.02  # N/m, N s/m, m: at most 20 N along each axis
TURN_STIFFNESS, TURN_DAMPING, TURN_REACH = 60.0, 5.0, 0.1  # Nm/rad, Nm s/rad, rad
PEG_MASS = 0.1  # kg
TOOL = PEG_LENGTH - 0.02  # m, from the fingers' ends to the tip
POSTURE_STIFFNESS, POSTURE_DAMPING = 10.0, 3.0  # Nm/rad, Nm s/rad: of what moves the joints and not the tip


@dataclass(frozen=True, eq=False)
class FrankaInsertion(InsertionTask):
    """A control step is 0.05 s, as the gripper's; `substeps=10` is the robots' 10 Hz.

    See `InsertionTask` for actions and observation.

    The observation is of the tip, as on the robots. The arm's posture is not in it, so the state cannot be
    restored from it.
    """

    body = "franka"
    # XLA's newer emitters work out the chain of links anew for every number that needs it: seconds a step of
    # 16 arms, where it takes milliseconds without them (jax 0.10.2; docs/environments.md).
    cpu_options: ClassVar[dict[str, bool]] = {"xla_cpu_use_fusion_emitters": False}
    reach = (REACH, TURN_REACH)

    substeps: int = 5

    @property
    def first_link(self) -> int:
        """The index of the arm's first link among the model's bodies."""
        return int(self.simulation.mj_model.body("link_1").id)

    def model_text(self) -> str:
        """Returns the MJCF; the site at the peg's tip has z up."""
        tip = franka.FLANGE + franka.HAND + TOOL
        peg = peg_text(self.peg, self.radius, self.friction, tip=tip, up=-1.0, mass=PEG_MASS)
        peg += f'<site name="tip" pos="0 0 {tip}" quat="0 1 0 0"/>'
        arm, motors = franka.mjcf(BASE, peg)
        return f"""
<mujoco model="franka peg insertion">
  <compiler angle="radian"/>
  <option timestep="0.01"/>
  <worldbody>
    <light pos="0 0 2"/>
{arm}
{plate_text(self.radius + self.clearance, self.friction)}
  </worldbody>
  <actuator>
{motors}
  </actuator>
</mujoco>
"""

    def place(self, tip: jax.Array) -> Physics:
        """Returns the arm at rest with the peg's tip at [D], pointing down."""
        yaw = tip[3] if self.turning else jnp.zeros(())
        angles = franka.reach(tip[:3] - jnp.array(BASE), yaw, TOOL)
        return self.simulation.start(angles, jnp.zeros(7))

    def motion(self, physics: Physics) -> Motion:
        """Returns the tip's place and velocity."""
        of = franka.poses(physics.qpos)
        end = franka.ahead(of, TOOL)
        place, moved = end + jnp.array(BASE), franka.jacobian(of, end) @ physics.qvel
        if not self.turning:
            return Motion(place, moved[:3])
        x, y, _ = of.rotation[-1, :, 0]
        return Motion(jnp.append(place, jnp.arctan2(y, x)), jnp.append(moved[:3], moved[5]))

    def advance(self, physics: Physics, before_substep: BeforeSubstep) -> Physics:
        """Pulls the tip towards the target for one control step."""
        return self.simulation.advance(physics, self.torques, before_substep)

    def torques(self, data: mjx.Data, physics: Physics) -> jax.Array:
        """Returns the motors' torques [7] Nm: `pulled`, and what gravity and motion need.

        Args:
            data: with the bias forces of this substep.
            physics: of this substep.
        """
        assert physics.target is not None
        of = franka.poses_from(data.xpos, data.xmat, self.first_link)
        pulled = self.pulled(of, physics.qpos, physics.qvel, physics.target) + data.qfrc_bias
        limit = jnp.array([link.torque for link in franka.LINKS])
        return jnp.clip(pulled, -limit, limit)

    def pulled(self, of: Pose, qpos: jax.Array, qvel: jax.Array, target: jax.Array) -> jax.Array:
        """Returns the torques [7] Nm of the spring and damper at the tip, and of the posture.

        Args:
            of: the arm's frames, [8] in the world.
            qpos: [7] rad.
            qvel: [7] rad/s.
            target: [D], where the tip is told to be.
        """
        end = franka.ahead(of, TOOL)
        moves = franka.jacobian(of, end)
        velocity = moves @ qvel
        stretch = jnp.clip(target[:3] - end, -REACH, REACH)
        yaw = target[3] if self.turning else jnp.zeros(())
        error = franka.rotation_error(of.rotation[-1], franka.turned_down(yaw))
        turn = jnp.clip(error, -TURN_REACH, TURN_REACH)
        force = STIFFNESS * stretch - DAMPING * velocity[:3]
        torque = TURN_STIFFNESS * turn - TURN_DAMPING * velocity[3:]
        posture = POSTURE_STIFFNESS * (jnp.array(franka.READY) - qpos) - POSTURE_DAMPING * qvel
        # What of the posture's torques the tip would feel is left out.
        felt = jnp.linalg.solve(moves @ moves.T, moves @ posture)
        return moves.T @ (jnp.concatenate([force, torque]) - felt) + posture
