"""Behaviours for the Adroit door: a written motion of the hand about the handle, with errors and noise.

The hand goes over the handle, closes, turns it down and pulls. The motion is written relative to the handle,
so that it works wherever the door is. Every episode has an error of its own in what it believes of the
handle's place, which it never learns of.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

from dataclasses import asdict, dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from flax import struct

from envs.adroit_door import HANDLE, AdroitDoor
from envs.base import EnvState
from wsrl_mjx.data.door_motion import POSES, Pose
from wsrl_mjx.types import Key

ARM, WRIST = slice(0, 4), slice(4, 6)  # among joints and motors
SLIDE, PITCH, YAW, ROLL = range(4)  # of the arm
KNUCKLES, JOINTS = (7, 11, 15, 20), (8, 9, 12, 13, 16, 17, 21, 22)  # of the four fingers
THUMB_ACROSS, THUMB_OPPOSED, THUMB_BENT = 23, 24, 27
PALM_SITE = "S_grasp"
OPPOSED = 0.6  # rad, where the thumb's second joint is held


@dataclass(frozen=True)
class Script:
    """How well a behaviour does it.

    Attributes:
        error: standard deviation on each axis of what it believes of the handle's place, m; drawn by episode.
        noise: standard deviation of a normal draw on every action, as a share of the largest.
    """

    error: float
    noise: float


KINDS = {
    "demonstration": Script(error=0.0, noise=0.05),
    "human-like": Script(error=0.02, noise=0.07),
}


class Memory(struct.PyTreeNode):
    """What a script remembers of each environment."""

    handle: jax.Array  # [N, 3] m, where it believes the handle of the closed door to be
    steps: jax.Array  # [N] control steps since the episode began


class Opener(struct.PyTreeNode):
    """A script in a world."""

    script: Script = struct.field(pytree_node=False)
    at: jax.Array  # [1 + K] control steps, when the episode begins and when each pose is reached
    palm: jax.Array  # [K, 3] m, from the handle
    roll: jax.Array  # [K] rad, the arm's fourth joint
    reach: jax.Array  # [K, 3] m, from the shoulder to the palm where the arm's other joints are at zero
    hand: jax.Array  # [K, A] what the motors of wrist and fingers are told
    shoulder: jax.Array  # [3] m, the root of the arm
    arm_limits: jax.Array  # [4, 2] m, rad
    told_per_place: jax.Array  # [4] an arm's motor is told its joint's place times this
    low: jax.Array  # [A] what a motor can be told
    high: jax.Array  # [A]

    def begin(self, key: Key, num_envs: int) -> Memory:
        """Returns the memory before the first episodes, which `recall` fills."""
        return Memory(handle=jnp.zeros((num_envs, 3)), steps=jnp.zeros(num_envs, jnp.int32))

    def recall(self, memory: Memory, state: EnvState, key: Key) -> Memory:
        """Returns the memory: anew where an episode starts."""
        error = self.script.error * jax.random.normal(key, memory.handle.shape)
        starts = (state.steps == 0)[:, None]
        return Memory(jnp.where(starts, state.obs[:, HANDLE] + error, memory.handle), state.steps)

    def act(self, memory: Memory, obs: jax.Array, key: Key) -> jax.Array:
        """Returns actions [N, A]: between two poses of the motion, as the time says."""
        told = jax.vmap(self._told)(memory.handle, memory.steps)
        middle, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        noise = self.script.noise * jax.random.normal(key, told.shape)
        return jnp.clip((told - middle) / half + noise, -1.0, 1.0)

    def _told(self, handle: jax.Array, step: jax.Array) -> jax.Array:
        """Returns what the motors are told [A] at a step, for a handle [3] at its place."""
        arm = jax.vmap(self._arm)(handle + self.palm, self.reach, self.roll) * self.told_per_place
        poses = jnp.clip(self.hand.at[:, ARM].set(arm), self.low, self.high)
        poses = jnp.concatenate([jnp.zeros((1, poses.shape[1])), poses])  # from where an episode begins
        along = jnp.interp(step.astype(jnp.float32), self.at, jnp.arange(len(poses), dtype=jnp.float32))
        first = jnp.minimum(along.astype(jnp.int32), len(poses) - 2)
        share = along - first
        return (1 - share) * poses[first] + share * poses[first + 1]

    def _arm(self, palm: jax.Array, reach: jax.Array, roll: jax.Array) -> jax.Array:
        """Returns the arm's joints [4] that bring the palm to a place [3], or as near as they go.

        The slide goes forward, the pitch turns the forearm down, the yaw to the left: the yaw decides how
        far aside the palm is, then the pitch how high, then the slide how far ahead.
        """
        to = palm - self.shoulder
        flat, ahead = jnp.hypot(reach[0], reach[1]), jnp.arctan2(reach[1], reach[0])
        low, high = self.arm_limits.T
        yaw = jnp.arccos(jnp.clip(to[0] / flat, -1.0, 1.0)) - ahead
        yaw = jnp.clip(yaw, low[YAW], high[YAW])
        forward = flat * jnp.sin(ahead + yaw)
        length, up = jnp.hypot(forward, reach[2]), jnp.arctan2(reach[2], forward)
        pitch = up - jnp.arcsin(jnp.clip(to[2] / length, -1.0, 1.0))
        pitch = jnp.clip(pitch, low[PITCH], high[PITCH])
        slide = to[1] - length * jnp.cos(up - pitch)
        return jnp.stack([jnp.clip(slide, low[SLIDE], high[SLIDE]), pitch, yaw, roll])


def opener(task: AdroitDoor, script: Script) -> Opener:
    """Returns a script in a world."""
    model = task.simulation.mj_model
    low, high = model.actuator_ctrlrange.T
    hand = np.stack([_hand(pose, model.nu) for pose in POSES])
    # A motor is a spring: where nothing pulls, gain times what it is told is stiffness times the place.
    told_per_place = -model.actuator_biasprm[ARM, 1] / model.actuator_gainprm[ARM, 0]
    shoulder = model.body("forearm").pos
    return Opener(
        script=script,
        at=jnp.array([0.0, *(pose.at for pose in POSES)]),
        palm=jnp.array([pose.palm for pose in POSES]),
        roll=jnp.array([pose.roll for pose in POSES]),
        reach=jnp.asarray(_reach(model, hand) - shoulder, jnp.float32),
        hand=jnp.asarray(hand, jnp.float32),
        shoulder=jnp.asarray(shoulder, jnp.float32),
        arm_limits=jnp.asarray(model.jnt_range[ARM], jnp.float32),
        told_per_place=jnp.asarray(told_per_place, jnp.float32),
        low=jnp.asarray(low, jnp.float32),
        high=jnp.asarray(high, jnp.float32),
    )


def _hand(pose: Pose, motors: int) -> np.ndarray:
    """Returns what the motors of wrist and fingers are told in a pose [A]; zeros for the arm's."""
    told = np.zeros(motors)
    told[WRIST] = pose.wrist
    told[list(KNUCKLES)] = pose.knuckles
    told[list(JOINTS)] = pose.fingers
    told[THUMB_ACROSS], told[THUMB_OPPOSED], told[THUMB_BENT] = pose.thumb_across, OPPOSED, -pose.thumb_bent
    return told


def _reach(model: mujoco.MjModel, hand: np.ndarray) -> np.ndarray:
    """Returns where the palm is in each pose [K, 3], m, where the arm's other joints are at zero."""
    data, palms = mujoco.MjData(model), []
    for pose, told in zip(POSES, hand, strict=True):
        data.qpos[ROLL], data.qpos[WRIST] = pose.roll, told[WRIST]
        mujoco.mj_kinematics(model, data)
        palms.append(data.site(PALM_SITE).xpos.copy())
    return np.stack(palms)


def script(kind: str, error: float | None) -> Script:
    """Returns one of `KINDS`, with an error (m) other than its own unless that is None."""
    return KINDS[kind] if error is None else replace(KINDS[kind], error=error)


def card(script: Script) -> dict[str, Any]:
    """Returns what there is to know of a script."""
    how = "a script that knows where the handle is, with an error"
    return {"return_mean": None, "how": how, **asdict(script)}
