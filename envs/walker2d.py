"""Walker2d: a two-legged planar body walks along x. Gymnasium's Walker2d-v5."""

from dataclasses import dataclass

import jax

from envs.base import EnvState
from envs.checks import check_finite, check_interval, check_not_negative
from envs.gymnasium_task import GymnasiumTask
from envs.locomotion import (
    begin,
    begin_at,
    inside,
    observe_planar_walker,
    start_with_uniform_velocity,
    stride,
)


@dataclass(frozen=True, eq=False)
class Walker2d(GymnasiumTask):
    """Reward: forward velocity + 1 while healthy - 0.001 |action|^2. Ends when it is not healthy any more.

    Observation [17]: height, pitch, 6 joint angles, 9 velocities within +-10.
    Actions [6]: joint torques.
    """

    name = "walker2d"
    model_file = "walker2d_v5.xml"
    substeps = 4
    obs_size = 17

    ctrl_cost_weight: float = 1e-3
    healthy_reward: float = 1.0
    healthy_z_range: tuple[float, float] = (0.8, 2.0)  # m, bounds excluded
    healthy_angle_range: tuple[float, float] = (-1.0, 1.0)  # rad, bounds excluded
    reset_noise_scale: float = 5e-3

    def __post_init__(self) -> None:
        check_not_negative("ctrl_cost_weight", self.ctrl_cost_weight)
        check_finite("healthy_reward", self.healthy_reward)
        check_interval("healthy_z_range", self.healthy_z_range)
        check_interval("healthy_angle_range", self.healthy_angle_range)
        check_not_negative("reset_noise_scale", self.reset_noise_scale)
        super().__post_init__()

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start near the model's rest."""
        return begin(
            self.simulation, start_with_uniform_velocity, self.reset_noise_scale, observe_planar_walker, key
        )

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [17]; a velocity beyond 10 is taken for 10."""
        return begin_at(self.simulation, self.reset(key), obs)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([6], in [-1, 1]) for 0.008 s."""
        made = stride(self.simulation, state.physics, action)
        z, angle = made.physics.qpos[1], made.physics.qpos[2]
        healthy = inside(z, self.healthy_z_range) & inside(angle, self.healthy_angle_range)
        cost = self.ctrl_cost_weight * made.effort
        reward = made.x_velocity + self.healthy_reward * healthy - cost
        return made.end(state, observe_planar_walker, reward, ~healthy)
