"""Peg insertion with a compliant gripper: three slides (and a hinge) without gravity, moved by springs."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.base import EnvState
from envs.insertion import InsertionTask, Motion
from envs.insertion_models import PEG_LENGTH, peg_text, plate_text
from envs.simulation import BeforeSubstep, Physics

STIFFNESS, DAMPING, FORCE = 400.0, 20.0, 10.0  # N/m, N s/m, N at the most
TURN_STIFFNESS, TURN_DAMPING, TORQUE = 4.0, 0.2, 0.4  # Nm/rad, Nm s/rad, Nm


@dataclass(frozen=True, eq=False)
class PegInsertion(InsertionTask):
    """A control step is 0.05 s. See `InsertionTask` for actions and observation.

    The gripper weighs 0.5 kg and is pulled towards the place that it was told, with 10 N at the most.
    """

    body = "gripper"
    reach = (FORCE / STIFFNESS, TORQUE / TURN_STIFFNESS)

    substeps: int = 10

    def model_text(self) -> str:
        """Returns the MJCF."""
        hinge = '<joint name="yaw" type="hinge" axis="0 0 1" damping="0.2"/>' if self.turning else ""
        spring = f'kp="{STIFFNESS}" forcerange="{-FORCE} {FORCE}" ctrlrange="-0.2 0.2"'
        turn_spring = f'kp="{TURN_STIFFNESS}" forcerange="{-TORQUE} {TORQUE}" ctrlrange="-1 1"'
        turn = f'<position joint="yaw" {turn_spring}/>' if self.turning else ""
        return f"""
<mujoco model="peg insertion">
  <option timestep="0.005" gravity="0 0 0"/>
  <worldbody>
    <light pos="0 0 2"/>
    <body name="gripper">
      <inertial pos="0 0 {PEG_LENGTH + 0.03}" mass="0.5" diaginertia="0.0008 0.0008 0.0005"/>
      <joint name="x" type="slide" axis="1 0 0" damping="{DAMPING}"/>
      <joint name="y" type="slide" axis="0 1 0" damping="{DAMPING}"/>
      <joint name="z" type="slide" axis="0 0 1" damping="{DAMPING}"/>
      {hinge}
      {peg_text(self.peg, self.radius, self.friction)}
      <geom name="hand" type="box" pos="0 0 {PEG_LENGTH + 0.03}" size="0.03 0.05 0.03" mass="0" contype="0"
        conaffinity="0" rgba="0.25 0.3 0.4 1"/>
      <site name="tip"/>
    </body>
{plate_text(self.radius + self.clearance, self.friction)}
  </worldbody>
  <actuator>
    <position joint="x" {spring}/>
    <position joint="y" {spring}/>
    <position joint="z" {spring}/>
    {turn}
  </actuator>
</mujoco>
"""

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [O]."""
        seen, hole = self.seen(obs), self.hole_of(obs)
        physics = self.simulation.start(seen["position"], seen["velocity"])
        physics = physics.replace(target=seen["position"] + seen["error"])
        return self.reset(key).replace(physics=physics, obs=obs, final_obs=obs, context=hole)

    def place(self, tip: jax.Array) -> Physics:
        """Returns the gripper at rest with the peg's tip at [D]."""
        return self.simulation.start(tip, jnp.zeros_like(tip))

    def motion(self, physics: Physics) -> Motion:
        """Returns the tip's place and velocity, which are the joints'."""
        return Motion(physics.qpos, physics.qvel)

    def advance(self, physics: Physics, before_substep: BeforeSubstep) -> Physics:
        """Holds the springs' ends at the target for one control step."""
        assert physics.target is not None
        return self.simulation.advance(physics, physics.target, before_substep)
