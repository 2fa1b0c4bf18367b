"""A world of our own kind that MJX steps, as small as it can be."""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import mujoco

from envs.base import EnvState, ReferenceScores, first_state
from envs.simulation import Simulation

MJCF = """<mujoco><option timestep="0.01"/><worldbody><geom type="plane" size="9 9 1"/>
  <body pos="0 0 1"><joint name="push" type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/>
  <geom type="capsule" size="0.1" fromto="-0.3 0 0 0.3 0 0"/>
  <body><joint axis="0 1 0"/><geom type="box" size="0.05 0.05 0.2" pos="0 0 -0.2"/></body></body>
  </worldbody><actuator><motor joint="push"/></actuator></mujoco>"""
MODEL = mujoco.MjModel.from_xml_string(MJCF)


@dataclass(frozen=True, eq=False)
class Cart:
    """A box under a capsule that slides along x; an episode has 12 steps."""

    time_limit: int = 12
    simulation: Simulation = field(default_factory=lambda: Simulation(MODEL, substeps=2), repr=False)

    name: ClassVar[str] = "cart"
    obs_size: ClassVar[int] = 3
    action_size: ClassVar[int] = 1
    reference: ClassVar[ReferenceScores | None] = None

    def fingerprint(self) -> str:
        return "cart"

    def reset(self, key: jax.Array) -> EnvState:
        physics = self.simulation.start(jax.numpy.zeros(3), jax.numpy.ones(3))
        return first_state(physics, physics.qpos, key)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        physics = self.simulation.advance(state.physics, self.simulation.control(action))
        return state.replace(
            physics=physics, obs=physics.qpos, final_obs=physics.qpos, reward=physics.qpos[0]
        )
