"""What Gymnasium's locomotion tasks share: start states and planar observations, as plain functions."""

import jax
import jax.numpy as jnp

from envs.simulation import Physics, Simulation


def start_with_normal_velocity(simulation: Simulation, key: jax.Array, noise_scale: float) -> Physics:
    """Draws positions uniformly within `noise_scale` of the model's, and normal velocities of that deviation.

    The start of Gymnasium's Ant and HalfCheetah. A free joint's quaternion stays unnormalised, as there; the
    simulator normalises it where it is used.
    """
    key_position, key_velocity = jax.random.split(key)
    qpos = simulation.initial_qpos
    noise = jax.random.uniform(key_position, qpos.shape, minval=-noise_scale, maxval=noise_scale)
    qvel = noise_scale * jax.random.normal(key_velocity, (simulation.mj_model.nv,))
    return simulation.start(qpos + noise, qvel)


def start_with_uniform_velocity(simulation: Simulation, key: jax.Array, noise_scale: float) -> Physics:
    """Draws positions and velocities uniformly within `noise_scale` of the model's rest.

    The start of Gymnasium's Hopper and Walker2d.
    """
    key_position, key_velocity = jax.random.split(key)
    qpos = simulation.initial_qpos
    noise = jax.random.uniform(key_position, qpos.shape, minval=-noise_scale, maxval=noise_scale)
    shape = (simulation.mj_model.nv,)
    qvel = jax.random.uniform(key_velocity, shape, minval=-noise_scale, maxval=noise_scale)
    return simulation.start(qpos + noise, qvel)


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
