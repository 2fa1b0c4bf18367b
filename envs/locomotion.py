"""What bodies that run along x share: how they start, what a control step does, planar observations.

Plain functions that a robot's `reset`, `at` and `step` are made of. Its own file adds what it observes, its
reward and its end.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from envs.base import EnvState, first_state
from envs.simulation import Physics, Simulation

METRICS = ("x_velocity",)  # m/s, mean over the control step

Start = Callable[[Simulation, float, jax.Array], Physics]  # of the simulation, the noise's scale and a key
Observe = Callable[[Physics], jax.Array]


def begin(
    simulation: Simulation, start: Start, noise_scale: float, observe: Observe, key: jax.Array
) -> EnvState:
    """Returns the state of an episode before its first step, `start` having drawn where it begins."""
    key_start, key_next = jax.random.split(key)
    physics = start(simulation, noise_scale, key_start)
    return first_state(physics, observe(physics), key_next, METRICS)


def begin_at(simulation: Simulation, begun: EnvState, obs: jax.Array) -> EnvState:
    """Returns `begun` as if it had begun where `obs` [O] was observed."""
    return begun.replace(physics=physics_of(simulation, obs), obs=obs, final_obs=obs)


class Stride(NamedTuple):
    """What a control step did."""

    physics: Physics  # after it
    x_velocity: jax.Array  # [] m/s, mean over the step
    effort: jax.Array  # [] sum of the squared actuator commands

    def end(
        self, state: EnvState, observe: Observe, reward: jax.Array, terminated: jax.Array | None = None
    ) -> EnvState:
        """Returns the state after it; without `terminated` whether it ended stays as in `state`."""
        obs = observe(self.physics)
        return state.replace(
            physics=self.physics,
            obs=obs,
            final_obs=obs,
            reward=reward,
            terminated=state.terminated if terminated is None else terminated,
            metrics=state.metrics | {"x_velocity": self.x_velocity},
        )


def stride(simulation: Simulation, before: Physics, action: jax.Array) -> Stride:
    """Applies `action` ([A], in [-1, 1]) for one control step."""
    control = simulation.control(action)
    physics = simulation.advance(before, control)
    x_velocity = (physics.qpos[0] - before.qpos[0]) / simulation.dt
    return Stride(physics, x_velocity, jnp.sum(jnp.square(control)))


def start_with_normal_velocity(simulation: Simulation, noise_scale: float, key: jax.Array) -> Physics:
    """Draws positions uniformly within `noise_scale` of the model's, and normal velocities of that deviation.

    The start of Gymnasium's Ant and HalfCheetah. A free joint's quaternion stays unnormalised, as there; the
    simulator normalises it where it is used.
    """
    key_position, key_velocity = jax.random.split(key)
    qvel = noise_scale * jax.random.normal(key_velocity, (simulation.mj_model.nv,))
    return simulation.start(_position_near_rest(simulation, noise_scale, key_position), qvel)


def start_with_uniform_velocity(simulation: Simulation, noise_scale: float, key: jax.Array) -> Physics:
    """Draws positions and velocities uniformly within `noise_scale` of the model's rest.

    The start of Gymnasium's Hopper and Walker2d.
    """
    key_position, key_velocity = jax.random.split(key)
    shape = (simulation.mj_model.nv,)
    qvel = jax.random.uniform(key_velocity, shape, minval=-noise_scale, maxval=noise_scale)
    return simulation.start(_position_near_rest(simulation, noise_scale, key_position), qvel)


def _position_near_rest(simulation: Simulation, noise_scale: float, key: jax.Array) -> jax.Array:
    rest = simulation.initial_qpos
    return rest + jax.random.uniform(key, rest.shape, minval=-noise_scale, maxval=noise_scale)


def physics_of(simulation: Simulation, obs: jax.Array) -> Physics:
    """Returns the physics that is observed as `obs` [O]: all velocities, and all but the first positions.

    These, the place in the plane, are zero.
    """
    model = simulation.mj_model
    positions, velocities = obs[: -model.nv], obs[-model.nv :]
    unseen = jnp.zeros(model.nq - len(positions))
    return simulation.start(jnp.concatenate([unseen, positions]), velocities)


def observe_planar_walker(physics: Physics) -> jax.Array:
    """Returns Hopper's and Walker2d's observation: positions but x, and velocities within +-10."""
    return jnp.concatenate([physics.qpos[1:], jnp.clip(physics.qvel, -10.0, 10.0)])


def inside(value: jax.Array, bounds: tuple[float, float]) -> jax.Array:
    """Returns, element-wise, whether `value` lies between the bounds, which are excluded."""
    return (bounds[0] < value) & (value < bounds[1])
