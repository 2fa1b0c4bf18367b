"""The seven-joint Franka arm as primitives, from published data: no meshes, and no other model's text.

Sources: kinematics in modified Denavit-Hartenberg parameters and limits of joints from Franka Emika's control
interface documentation ("Robot and interface specifications"); masses of the links from Gaz et al. 2019,
"Dynamic identification of the Franka Emika Panda robot with retrieval of feasible parameters using
penalty-based optimization", IEEE RA-L 4(4). Shapes are ours: capsules along the links, with inertias that
follow from shape and mass.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Link(NamedTuple):
    """One joint and the link that it moves."""

    a: float  # m, along the joint before
    d: float  # m, along its own axis
    alpha: float  # rad, between the axes
    low: float  # rad
    high: float  # rad
    torque: float  # Nm at the most
    mass: float  # kg
    capsule: tuple[float, ...]  # m: from, to and radius in the link's frame


HALF_PI = math.pi / 2
LINKS = (
    Link(0.0, 0.333, 0.0, -2.8973, 2.8973, 87.0, 4.970684, (0.0, 0.0, -0.19, 0.0, 0.0, -0.02, 0.06)),
    Link(0.0, 0.0, -HALF_PI, -1.7628, 1.7628, 87.0, 0.646926, (0.0, -0.13, 0.0, 0.0, 0.0, 0.0, 0.06)),
    Link(0.0, 0.316, HALF_PI, -2.8973, 2.8973, 87.0, 3.228604, (0.0, 0.0, -0.14, 0.07, 0.0, 0.0, 0.055)),
    Link(0.0825, 0.0, HALF_PI, -3.0718, -0.0698, 87.0, 3.587895, (0.0, 0.0, 0.0, -0.07, 0.10, 0.0, 0.055)),
    Link(-0.0825, 0.384, -HALF_PI, -2.8973, 2.8973, 12.0, 1.225946, (0.0, 0.0, -0.23, 0.0, 0.03, 0.0, 0.045)),
    Link(0.0, 0.0, HALF_PI, -0.0175, 3.7525, 12.0, 1.666555, (0.0, 0.0, 0.0, 0.07, 0.0, 0.0, 0.05)),
    Link(0.088, 0.0, HALF_PI, -2.8973, 2.8973, 12.0, 0.735522, (0.0, 0.0, 0.0, 0.0, 0.0, 0.08, 0.045)),
)  # fmt: skip
FLANGE = 0.107  # m, from the last joint
HAND, HAND_MASS = 0.1034, 0.73  # m from the flange to the fingers' ends; kg of the hand
READY = (0.0, -math.pi / 4, 0.0, -3 * math.pi / 4, 0.0, HALF_PI, math.pi / 4)  # rad, Franka's own
DAMPING, ARMATURE = 0.5, 0.1  # Nm s/rad and kg m2 of a joint: small, for a drive's friction and rotor


class Pose(NamedTuple):
    """A place in the base's frame, and how what is there is turned."""

    position: jax.Array  # [..., 3] m
    rotation: jax.Array  # [..., 3, 3]


def mjcf(base: tuple[float, float, float], held: str) -> tuple[str, str]:
    """Returns the MJCF of the arm's body and of its seven motors.

    The hand and what it holds are parts of the last link, not bodies of their own: every body more in a chain
    costs time.

    Args:
        base: where it stands, m.
        held: MJCF of geoms in the last link's frame, whose z points away from the hand.
    """
    palm, ends = FLANGE + 0.04, FLANGE + HAND - 0.015
    inner = f"""
<geom name="hand" type="capsule" fromto="0 -0.06 {palm} 0 0.06 {palm}" size="0.03" {_SEEN} mass="{HAND_MASS}"
/>
<geom name="fingers" type="capsule" fromto="0 0 {palm} 0 0 {ends}" size="0.015" mass="0" {_SEEN}/>
{held}"""
    for index, link in reversed(list(enumerate(LINKS, 1))):
        sine, cosine = math.sin(link.alpha), math.cos(link.alpha)
        half = link.alpha / 2
        place = np.array([link.a, -sine * link.d, cosine * link.d]) + (np.array(base) if index == 1 else 0.0)
        *ends, radius = link.capsule
        inner = f"""
<body name="link_{index}" pos="{_text(place)}" quat="{math.cos(half)} {math.sin(half)} 0 0">
  <joint name="joint_{index}" type="hinge" axis="0 0 1" range="{link.low} {link.high}" limited="true"
    damping="{DAMPING}" armature="{ARMATURE}"/>
  <geom type="capsule" fromto="{" ".join(map(str, ends))}" size="{radius}" mass="{link.mass}" {_SEEN}/>
{inner}
</body>"""
    top = (*base[:2], base[2] + 0.14)
    arm = f'<geom name="foot" type="capsule" fromto="{_text(base)} {_text(top)}" size="0.07" {_SEEN}/>{inner}'
    motors = "\n".join(
        f'<motor joint="joint_{index}" ctrllimited="true" ctrlrange="{-link.torque} {link.torque}"/>'
        for index, link in enumerate(LINKS, 1)
    )
    return arm, motors


def _text(numbers: Iterable[float]) -> str:
    return " ".join(map(str, numbers))


_SEEN = 'contype="0" conaffinity="0" rgba="0.92 0.93 0.94 1"'  # it touches nothing


def poses(angles: jax.Array) -> Pose:
    """Returns each joint's frame in the base's, [8, ...]; the last one is between the fingers' ends.

    A loop over the links: written out, XLA fuses the chain into what uses it and works it out again for every
    number, which on a CPU took a thousand times as long.
    """

    def next_link(before: Pose, link: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[Pose, Pose]:
        """Returns the pose of a link's frame from that of the one before, twice: to go on, and to keep."""
        step, tilt, angle = link
        turned = before.rotation @ tilt
        c, s = jnp.cos(angle), jnp.sin(angle)
        x, y, z = turned.T
        rotation = jnp.stack([c * x + s * y, c * y - s * x, z], axis=1)
        pose = Pose(before.position + before.rotation @ step, rotation)
        return pose, pose

    _, of_links = jax.lax.scan(
        next_link, Pose(jnp.zeros(3), jnp.eye(3)), (jnp.asarray(_STEPS), jnp.asarray(_TILTS), angles)
    )
    return _with_end(of_links)


def poses_from(xpos: jax.Array, xmat: jax.Array, first: int) -> Pose:
    """Returns each joint's frame in the world's, [8, ...], where a simulator has worked them out already.

    Args:
        xpos: of the model's bodies, [B, 3].
        xmat: of the model's bodies, [B, 3, 3].
        first: the index of `link_1` among them.
    """
    links = slice(first, first + len(LINKS))
    return _with_end(Pose(xpos[links], xmat[links]))


def _with_end(of_links: Pose) -> Pose:
    end = of_links.position[-1] + (FLANGE + HAND) * of_links.rotation[-1, :, 2]
    return Pose(
        jnp.concatenate([of_links.position, end[None]]),
        jnp.concatenate([of_links.rotation, of_links.rotation[-1:]]),
    )


def jacobian(of: Pose, point: jax.Array) -> jax.Array:
    """Returns how the joints move the hand's `point` [3]: [6, 7], its velocity above its rotation."""
    axes = of.rotation[:-1, :, 2]  # [7, 3]
    return jnp.concatenate([jnp.cross(axes, point - of.position[:-1]), axes], axis=1).T


def ahead(of: Pose, tool: float) -> jax.Array:
    """Returns the point [3] that lies `tool` metres in front of the fingers' ends."""
    return of.position[-1] + tool * of.rotation[-1, :, 2]


def turned_down(yaw: jax.Array) -> jax.Array:
    """Returns the rotation [3, 3] of a hand that points straight down, turned by `yaw` about the vertical."""
    c, s = jnp.cos(yaw), jnp.sin(yaw)
    zero, one = jnp.zeros_like(yaw), jnp.ones_like(yaw)
    return jnp.array([[c, s, zero], [s, -c, zero], [zero, zero, -one]])


def rotation_error(now: jax.Array, wanted: jax.Array) -> jax.Array:
    """Returns the rotation vector [3] rad from `now` to `wanted`, both [3, 3]; exact for small ones."""
    return 0.5 * jnp.sum(jnp.cross(now, wanted, axis=0), axis=1)


def reach(place: jax.Array, yaw: jax.Array, tool: float, iterations: int = 5) -> jax.Array:
    """Returns joint angles [7] that bring the tool's end to `place` [3], pointing down; by Newton's method.

    Args:
        place: m, in the base's frame.
        yaw: rad.
        tool: m, how far the tool's end is from the point between the fingers.
        iterations: from the ready pose; five leave less than a hundredth of a millimetre within 0.2 m of it.
    """
    wanted = turned_down(yaw)

    def closer(_: jax.Array, angles: jax.Array) -> jax.Array:
        of = poses(angles)
        end = ahead(of, tool)
        error = jnp.concatenate([place - end, rotation_error(of.rotation[-1], wanted)])
        rows = jacobian(of, end)
        return angles + rows.T @ jnp.linalg.solve(rows @ rows.T, error)

    return jax.lax.fori_loop(0, iterations, closer, jnp.asarray(READY))


_STEPS = np.array([[link.a, -math.sin(link.alpha) * link.d, math.cos(link.alpha) * link.d] for link in LINKS])
_TILTS = np.array(
    [
        [
            [1.0, 0.0, 0.0],
            [0.0, math.cos(link.alpha), -math.sin(link.alpha)],
            [0.0, math.sin(link.alpha), math.cos(link.alpha)],
        ]
        for link in LINKS
    ]
)
LOW, HIGH = (np.array([getattr(link, side) for link in LINKS]) for side in ("low", "high"))
