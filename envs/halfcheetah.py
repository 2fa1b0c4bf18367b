"""HalfCheetah: a two-legged planar body runs along x and never falls. Gymnasium's HalfCheetah-v5."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.locomotion import start_with_normal_velocity
from envs.references import reference_scores
from envs.simulation import Physics, Simulation, gymnasium_model_path, load_model

MODEL = "half_cheetah.xml"
METRICS = ("x_velocity",)  # m/s, mean over the control step


@dataclass(frozen=True, eq=False)
class HalfCheetah:
    """Reward: forward velocity - 0.1 |action|^2. Only the time limit ends an episode.

    Observation [17]: height, pitch, 6 joint angles, 9 velocities.
    Actions [6]: joint torques.
    """

    integrator: str = "euler"
    iterations: int = 4
    ls_iterations: int = 8
    time_limit: int = 1000  # control steps of 0.05 s
    ctrl_cost_weight: float = 0.1
    reset_noise_scale: float = 0.1
    simulation: Simulation = field(init=False, repr=False)

    name = "halfcheetah"

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
        return 17

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
