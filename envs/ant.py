"""Ant: a four-legged body runs along x. Gymnasium's Ant-v5 without contact forces.

Differences: `cfrc_ext` is not observed and not charged (`include_cfrc_ext_in_observation=False`,
`contact_cost_weight=0`), and the velocity is that of the whole control step. Gymnasium's lags one simulation
step behind, because it reads a body position that is computed before the last integration.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.base import EnvState
from envs.checks import check_finite, check_interval, check_limit, check_not_negative
from envs.gymnasium_task import GymnasiumTask
from envs.locomotion import begin, begin_at, start_with_normal_velocity, stride
from envs.simulation import Physics


@dataclass(frozen=True, eq=False)
class Ant(GymnasiumTask):
    """Reward: forward velocity + 1 while healthy - 0.5 |action|^2. Ends outside the height range.

    Observation [27]: torso height and orientation (quaternion), 8 joint angles, 14 velocities.
    Actions [8]: joint torques.
    """

    name = "ant"
    model_file = "ant.xml"
    substeps = 5
    obs_size = 27

    ctrl_cost_weight: float = 0.5
    healthy_reward: float = 1.0
    rewarded_speed: float = float("inf")  # m/s, speed beyond it earns nothing more; for behaviours that walk
    healthy_z_range: tuple[float, float] = (0.2, 1.0)  # m
    reset_noise_scale: float = 0.1

    def __post_init__(self) -> None:
        check_not_negative("ctrl_cost_weight", self.ctrl_cost_weight)
        check_finite("healthy_reward", self.healthy_reward)
        check_limit("rewarded_speed", self.rewarded_speed)
        check_interval("healthy_z_range", self.healthy_z_range)
        check_not_negative("reset_noise_scale", self.reset_noise_scale)
        super().__post_init__()

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start near the model's rest."""
        return begin(self.simulation, start_with_normal_velocity, self.reset_noise_scale, observe, key)

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [27]."""
        return begin_at(self.simulation, self.reset(key), obs)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([8], in [-1, 1]) for 0.05 s."""
        made = stride(self.simulation, state.physics, action)
        low, high = self.healthy_z_range
        healthy = (made.physics.qpos[2] >= low) & (made.physics.qpos[2] <= high)
        cost = self.ctrl_cost_weight * made.effort
        reward = jnp.minimum(made.x_velocity, self.rewarded_speed) + self.healthy_reward * healthy - cost
        return made.end(state, observe, reward, ~healthy)


def observe(physics: Physics) -> jax.Array:
    """Returns the observation [27]: everything but where the torso is in the plane."""
    return jnp.concatenate([physics.qpos[2:], physics.qvel])
