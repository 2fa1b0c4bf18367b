"""Peg insertion with a Franka arm: torques from a spring between the peg's tip and where it is told to be.

Task-space impedance control as in SERL (Luo et al. 2024, section 4.4): the arm is as soft as a spring, so
that contact is safe, and the spring is never longer than a limit, so that its force is limited too.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import mujoco
from mujoco import mjx

from envs import franka
from envs.insertion import PEG_LENGTH, InsertionTask, peg_text, plate_text
from envs.simulation import BeforeSubstep, Physics

BASE = (-0.5, 0.0, -0.15)  # m: the plate is half a metre before the arm, its top 0.15 m above the arm's foot
STIFFNESS, DAMPING, REACH = 1000.0, 120.0, 0.02  # N/m, N s/m, m: at most 20 N along each axis
TURN_STIFFNESS, TURN_DAMPING, TURN_REACH = 60.0, 5.0, 0.1  # Nm/rad, Nm s/rad, rad
POSTURE_STIFFNESS, POSTURE_DAMPING = 10.0, 3.0  # Nm/rad, Nm s/rad: of what moves the joints and not the tip


@dataclass(frozen=True, eq=False)
class FrankaInsertion(InsertionTask):
    """A control step is 0.1 s. See `InsertionTask` for actions and observation.

    The observation is of the tip, as on the robots. The arm's posture is not in it, so the state cannot be
    restored from it.
    """

    body = "franka"
    reach = (REACH, TURN_REACH)

    substeps: int = 25

    def model_text(self) -> str:
        """Returns the MJCF; the peg's origin is its tip, and its z points up."""
        peg = f"""
    <body name="peg" pos="0 0 {TOOL}" quat="0 1 0 0">
      <inertial pos="0 0 {PEG_LENGTH / 2}" mass="0.1" diaginertia="0.00006 0.00006 0.00001"/>
      {peg_text(self.peg, self.radius, self.friction)}
      <site name="tip"/>
    </body>"""
        arm, motors = franka.mjcf(BASE, peg)
        return f"""
<mujoco model="franka peg insertion">
  <compiler angle="radian"/>
  <option timestep="0.004"/>
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

    def tip(self, physics: Physics) -> jax.Array:
        """Returns the tip's place [D]."""
        hand = franka.poses(physics.qpos)[-1]
        return self._with_yaw(_end(hand) + jnp.array(BASE), hand.rotation)

    def velocity(self, physics: Physics) -> jax.Array:
        """Returns the tip's velocity [D]."""
        of = franka.poses(physics.qpos)
        moved = franka.jacobian(of, _end(of[-1])) @ physics.qvel
        return jnp.append(moved[:3], moved[5]) if self.turning else moved[:3]

    def advance(self, physics: Physics, before_substep: BeforeSubstep) -> Physics:
        """Pulls the tip towards the target for one control step."""
        return self.simulation.advance(physics, self.torques, before_substep)

    def torques(self, data: mjx.Data, physics: Physics) -> jax.Array:
        """Returns the motors' torques [7] Nm: `pulled`, and what gravity and motion need.

        Args:
            data: with positions, velocities and bias forces of this substep.
            physics: whose `target` is where the tip is told to be.
        """
        model = self.simulation.mj_model
        site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, "tip")
        tip, upright = data.site_xpos[site], data.site_xmat[site].reshape(3, 3)
        assert physics.target is not None
        moves = self.simulation.jacobian(data, tip, int(model.site_bodyid[site]))
        pulled = self.pulled(tip, upright, moves, data.qpos, data.qvel, physics.target) + data.qfrc_bias
        limit = jnp.array([link.torque for link in franka.LINKS])
        return jnp.clip(pulled, -limit, limit)

    def pulled(
        self,
        tip: jax.Array,
        upright: jax.Array,
        moves: jax.Array,
        qpos: jax.Array,
        qvel: jax.Array,
        target: jax.Array,
    ) -> jax.Array:
        """Returns the torques [7] of the spring and damper at the tip, and of the posture.

        Args:
            tip: [3] m, where it is.
            upright: [3, 3], how the peg is turned, with z up.
            moves: [6, 7], the tip's velocity and rotation for the joints' velocities.
            qpos: [7] rad.
            qvel: [7] rad/s.
            target: [D], where the tip is told to be.
        """
        velocity = moves @ qvel
        stretch = jnp.clip(target[:3] - tip, -REACH, REACH)
        yaw = target[3] if self.turning else jnp.zeros(())
        turn = jnp.clip(
            franka.rotation_error(upright, franka.turned_down(yaw) @ jnp.diag(jnp.array([1.0, -1.0, -1.0]))),
            -TURN_REACH,
            TURN_REACH,
        )
        force = STIFFNESS * stretch - DAMPING * velocity[:3]
        torque = TURN_STIFFNESS * turn - TURN_DAMPING * velocity[3:]
        posture = POSTURE_STIFFNESS * (jnp.array(franka.READY) - qpos) - POSTURE_DAMPING * qvel
        # What of the posture's torques the tip would feel is left out.
        felt = jnp.linalg.solve(moves @ moves.T, moves @ posture)
        return moves.T @ (jnp.concatenate([force, torque]) - felt) + posture

    def _with_yaw(self, place: jax.Array, rotation: jax.Array) -> jax.Array:
        if not self.turning:
            return place
        return jnp.append(place, jnp.arctan2(rotation[1, 0], rotation[0, 0]))


TOOL = PEG_LENGTH - 0.02  # m, from the fingers' ends to the tip


def _end(hand: franka.Pose) -> jax.Array:
    """Returns where the tip is in the base's frame, [3] m."""
    return hand.position + hand.rotation @ jnp.array([0.0, 0.0, TOOL])
