"""One ant, seen from any side: turn the world, or rename the legs, and it is the same ant.

Gymnasium's ant is the same after a quarter turn about the vertical; its legs have changed places. So whoever
can walk along x with the body facing there can walk in any direction: turn the world until the direction is
x, and rename the legs until the body faces x to within an eighth of a turn.

Layout, of Gymnasium's Ant: observation [27] = torso height, quaternion (w, x, y, z), joint angles (hip and
ankle of legs 1 to 4), linear velocity (world), angular velocity (body), joint velocities; actions [8] = hip
and ankle of legs 4, 1, 2, 3.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

QUARTER = np.pi / 2
# NumPy's, because an import must not start a device: `runtime.prepare` comes later.
# Named anew, the joint at place i is what was joint LEGS[i]; ankles whose axes point the other way there
# change sign.
LEGS = np.array([2, 3, 4, 5, 6, 7, 0, 1])
SIGNS = np.array([1.0, -1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
JOINT_OF_ACTION = np.array([6, 7, 0, 1, 2, 3, 4, 5])


def turn_world(obs: jax.Array, angle: jax.Array) -> jax.Array:
    """Returns the observation [27] in a world turned by `angle` [] (radians, about the vertical)."""
    orientation = _multiply(_about_vertical(angle), obs[1:5])
    return obs.at[1:5].set(orientation).at[13:15].set(_turn(obs[13:15], angle))


def rename_legs(obs: jax.Array) -> jax.Array:
    """Returns the observation [27] of the ant that calls leg 2 its leg 1: it faces a quarter further left."""
    orientation = _multiply(obs[1:5], _about_vertical(QUARTER))
    spin = jnp.concatenate([_turn(obs[16:18], -QUARTER), obs[18:19]])
    angles, rates = obs[5:13][LEGS] * SIGNS, obs[19:][LEGS] * SIGNS
    return jnp.concatenate([obs[:1], orientation, angles, obs[13:16], spin, rates])


def rename_torques_back(action: jax.Array) -> jax.Array:
    """Returns the torques [8], by the legs' old names, of torques by the names that `rename_legs` gave."""
    new = jnp.zeros(8).at[JOINT_OF_ACTION].set(action)
    old = jnp.zeros(8).at[LEGS].set(new * SIGNS)
    return old[JOINT_OF_ACTION]


def see_towards(obs: jax.Array, direction: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns what the ant sees whose way along `direction` [2] is its way along x, and its legs' names.

    Args:
        obs: [27], in the world as it is.
        direction: of any length but zero.

    Returns:
        The observation [27], in which the body faces x to within an eighth of a turn; and how often [] the
        legs were renamed, for `act_back`.
    """
    turned = turn_world(obs, -jnp.arctan2(direction[1], direction[0]))
    times = jnp.round(-heading(turned[1:5]) / QUARTER).astype(jnp.int32) % 4
    return _repeated(rename_legs, turned, times), times


def act_back(action: jax.Array, times: jax.Array) -> jax.Array:
    """Returns the torques [8] for the ant as it is, of those for an ant with its legs renamed so often."""
    return _repeated(rename_torques_back, action, times)


def _repeated(change: Callable[[jax.Array], jax.Array], value: jax.Array, times: jax.Array) -> jax.Array:
    """Returns `value` after 0 to 3 changes. All four are computed: that is cheaper than a loop in a batch."""
    values = [value]
    for _ in range(3):
        values.append(change(values[-1]))
    return jnp.stack(values)[times]


def heading(orientation: jax.Array) -> jax.Array:
    """Returns the angle [] from x to where the body's own x axis points, in the plane (radians)."""
    w, x, y, z = orientation
    return jnp.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def _about_vertical(angle: jax.Array | float) -> jax.Array:
    half = jnp.asarray(angle) / 2
    return jnp.stack([jnp.cos(half), jnp.zeros(()), jnp.zeros(()), jnp.sin(half)])


def _turn(vector: jax.Array, angle: jax.Array | float) -> jax.Array:
    x, y = vector
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([cos * x - sin * y, sin * x + cos * y])


def _multiply(a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns the product of two quaternions [4], w first."""
    (aw, ax, ay, az), (bw, bx, by, bz) = a, b
    return jnp.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ]
    )
