"""HalfCheetah: a two-legged planar body runs along x and never falls. Gymnasium's HalfCheetah-v5."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.base import EnvState
from envs.checks import check_not_negative
from envs.gymnasium_task import GymnasiumTask
from envs.locomotion import begin, begin_at, start_with_normal_velocity, stride
from envs.simulation import Physics


@dataclass(frozen=True, eq=False)
class HalfCheetah(GymnasiumTask):
    """Reward: forward velocity - 0.1 |action|^2. Only the time limit ends an episode.

    Observation [17]: height, pitch, 6 joint angles, 9 velocities.
    Actions [6]: joint torques.
    """

    name = "halfcheetah"
    model_file = "half_cheetah.xml"
    substeps = 5
    obs_size = 17

    ctrl_cost_weight: float = 0.1
    reset_noise_scale: float = 0.1

    def __post_init__(self) -> None:
        check_not_negative("ctrl_cost_weight", self.ctrl_cost_weight)
        check_not_negative("reset_noise_scale", self.reset_noise_scale)
        super().__post_init__()

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start near the model's rest."""
        return begin(self.simulation, start_with_normal_velocity, self.reset_noise_scale, observe, key)

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [17]."""
        return begin_at(self.simulation, self.reset(key), obs)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([6], in [-1, 1]) for 0.05 s."""
        made = stride(self.simulation, state.physics, action)
        reward = made.x_velocity - self.ctrl_cost_weight * made.effort
        return made.end(state, observe, reward)


def observe(physics: Physics) -> jax.Array:
    """Returns the observation [17]: everything but where the body is along x."""
    return jnp.concatenate([physics.qpos[1:], physics.qvel])
