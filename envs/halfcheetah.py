"""HalfCheetah: a two-legged planar body runs along x and never falls. Gymnasium's HalfCheetah-v5."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.base import EnvState, first_state
from envs.checks import check_not_negative
from envs.gymnasium_task import GymnasiumTask
from envs.locomotion import physics_of, start_with_normal_velocity
from envs.simulation import Physics

METRICS = ("x_velocity",)  # m/s, mean over the control step


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
        key_start, key_next = jax.random.split(key)
        physics = start_with_normal_velocity(self.simulation, key_start, self.reset_noise_scale)
        return first_state(physics, observe(physics), key_next, METRICS)

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [17]."""
        return self.reset(key).replace(physics=physics_of(self.simulation, obs), obs=obs, final_obs=obs)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([6], in [-1, 1]) for 0.05 s."""
        control = self.simulation.control(action)
        physics = self.simulation.advance(state.physics, control)
        x_velocity = (physics.qpos[0] - state.physics.qpos[0]) / self.simulation.dt
        cost = self.ctrl_cost_weight * jnp.sum(jnp.square(control))
        obs = observe(physics)
        return state.replace(
            physics=physics,
            obs=obs,
            final_obs=obs,
            reward=x_velocity - cost,
            metrics=state.metrics | {"x_velocity": x_velocity},
        )


def observe(physics: Physics) -> jax.Array:
    """Returns the observation [17]: everything but where the body is along x."""
    return jnp.concatenate([physics.qpos[1:], physics.qvel])
