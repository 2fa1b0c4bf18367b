"""Walker2d: a two-legged planar body walks along x. Gymnasium's Walker2d-v5."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.base import EnvState, first_state
from envs.checks import check_finite, check_interval, check_not_negative
from envs.gymnasium_task import GymnasiumTask
from envs.locomotion import inside, observe_planar_walker, physics_of, start_with_uniform_velocity

METRICS = ("x_velocity",)  # m/s, mean over the control step


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
        key_start, key_next = jax.random.split(key)
        physics = start_with_uniform_velocity(self.simulation, key_start, self.reset_noise_scale)
        return first_state(physics, observe_planar_walker(physics), key_next, METRICS)

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [17]; a velocity beyond 10 is taken for 10."""
        return self.reset(key).replace(physics=physics_of(self.simulation, obs), obs=obs, final_obs=obs)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([6], in [-1, 1]) for 0.008 s."""
        control = self.simulation.control(action)
        physics = self.simulation.advance(state.physics, control)
        x_velocity = (physics.qpos[0] - state.physics.qpos[0]) / self.simulation.dt
        healthy = inside(physics.qpos[1], self.healthy_z_range) & inside(
            physics.qpos[2], self.healthy_angle_range
        )
        cost = self.ctrl_cost_weight * jnp.sum(jnp.square(control))
        obs = observe_planar_walker(physics)
        return state.replace(
            physics=physics,
            obs=obs,
            final_obs=obs,
            reward=x_velocity + self.healthy_reward * healthy - cost,
            terminated=~healthy,
            metrics=state.metrics | {"x_velocity": x_velocity},
        )
