"""Ant: a four-legged body runs along x. Gymnasium's Ant-v5 without contact forces.

Differences: `cfrc_ext` is not observed and not charged (`include_cfrc_ext_in_observation=False`,
`contact_cost_weight=0`), and the velocity is that of the whole control step. Gymnasium's lags one simulation
step behind, because it reads a body position that is computed before the last integration.
"""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.locomotion import start_with_normal_velocity
from envs.references import reference_scores
from envs.simulation import Physics, Simulation, gymnasium_model_path, load_model

MODEL = "ant.xml"
METRICS = ("x_velocity",)  # m/s, mean over the control step


@dataclass(frozen=True, eq=False)
class Ant:
    """Reward: forward velocity + 1 while healthy - 0.5 |action|^2. Ends outside the height range.

    Observation [27]: torso height and orientation (quaternion), 8 joint angles, 14 velocities.
    Actions [8]: joint torques.
    """

    integrator: str = "euler"
    iterations: int = 4
    ls_iterations: int = 8
    time_limit: int = 1000  # control steps of 0.05 s
    ctrl_cost_weight: float = 0.5
    healthy_reward: float = 1.0
    rewarded_speed: float = float("inf")  # m/s, speed beyond it earns nothing more; for behaviours that walk
    healthy_z_range: tuple[float, float] = (0.2, 1.0)  # m
    reset_noise_scale: float = 0.1
    simulation: Simulation = field(init=False, repr=False)

    name = "ant"

    def __post_init__(self) -> None:
        model = load_model(
            gymnasium_model_path(MODEL),
            integrator=self.integrator,
            iterations=self.iterations,
            ls_iterations=self.ls_iterations,
        )
        object.__setattr__(self, "simulation", Simulation(model, substeps=5))

    @property
    def obs_size(self) -> int:
        return 27

    @property
    def action_size(self) -> int:
        return self.simulation.action_size

    @property
    def reference(self) -> ReferenceScores | None:
        return reference_scores(self.name)

    def fingerprint(self) -> str:
        """Returns the digest of the options and of Gymnasium's model file."""
        return fingerprint(self, gymnasium_model_path(MODEL).read_text())

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start near the model's rest."""
        key_start, key_next = jax.random.split(key)
        physics = start_with_normal_velocity(self.simulation, key_start, self.reset_noise_scale)
        return first_state(physics, observe(physics), key_next, METRICS)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([8], in [-1, 1]) for 0.05 s."""
        control = self.simulation.control(action)
        physics = self.simulation.advance(state.physics, control)
        x_velocity = (physics.qpos[0] - state.physics.qpos[0]) / self.simulation.dt
        low, high = self.healthy_z_range
        healthy = (physics.qpos[2] >= low) & (physics.qpos[2] <= high)
        cost = self.ctrl_cost_weight * jnp.sum(jnp.square(control))
        obs = observe(physics)
        return state.replace(
            physics=physics,
            obs=obs,
            final_obs=obs,
            reward=jnp.minimum(x_velocity, self.rewarded_speed) + self.healthy_reward * healthy - cost,
            terminated=~healthy,
            metrics=state.metrics | {"x_velocity": x_velocity},
        )


def observe(physics: Physics) -> jax.Array:
    """Returns the observation [27]: everything but where the torso is in the plane."""
    return jnp.concatenate([physics.qpos[2:], physics.qvel])
