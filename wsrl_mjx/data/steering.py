"""What turns a direction into a body's actions, for the behaviours that walk through mazes."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from envs.ant_symmetry import act_back, see_towards
from wsrl_mjx.data import behaviors
from wsrl_mjx.data.rollout import Act
from wsrl_mjx.types import Key


class Steering(Protocol):
    """A body's way to go where it is told; a dataclass whose fields are its settings."""

    @property
    def round_corners(self) -> bool:
        """Whether directions are to turn smoothly around a corner."""
        ...

    def __call__(self, obs: jax.Array, direction: jax.Array, key: Key) -> jax.Array:
        """Returns actions [N, A] for a maze's observations [N, O] and directions [N, 2] in metres."""
        ...

    def card(self) -> dict[str, Any]:
        """Returns what there is to know of it."""
        ...


@dataclass(frozen=True)
class PointSteering:
    """Pulls a ball's velocity into the wanted direction, with noise on every action."""

    speed: float  # m/s
    gain: float  # share of the full force for each m/s that the velocity is off
    noise: float  # standard deviation of a normal draw, as a share of the full force
    round_corners: bool = False

    def __call__(self, obs: jax.Array, direction: jax.Array, key: Key) -> jax.Array:
        """Returns forces [N, 2]."""
        distance = jnp.linalg.norm(direction, axis=-1, keepdims=True)
        wanted = self.speed * direction / jnp.maximum(distance, 1e-6)
        force = self.gain * (wanted - obs[:, 2:4])
        return jnp.clip(force + self.noise * jax.random.normal(key, force.shape), -1.0, 1.0)

    def card(self) -> dict[str, Any]:
        """Returns the settings."""
        return {
            "how": "a pull towards a velocity",
            "speed": self.speed,
            "gain": self.gain,
            "noise": self.noise,
            "round_corners": self.round_corners,
        }


@dataclass(frozen=True)
class AntSteering:
    """Walks with the behaviour that was trained to walk where it is told; actions sampled."""

    level: str  # of the behaviours shipped for ant-direction
    round_corners: bool = True

    def __call__(self, obs: jax.Array, direction: jax.Array, key: Key) -> jax.Array:
        """Returns torques [N, 8]."""
        # Between the torso's x, y and the goal's, a maze's observation is plain ant's.
        seen, times = jax.vmap(see_towards)(obs[:, 2:29], direction)
        return jax.vmap(act_back)(_walk(self.level)(seen, key), times)

    def card(self) -> dict[str, Any]:
        """Returns which behaviour it is."""
        folder = behaviors.shipped_folder(WALKER)
        digest = behaviors.digest(folder, self.level)
        return {"how": f"{WALKER}'s {self.level}", "digest": digest, "round_corners": self.round_corners}


WALKER = "ant-direction"


@cache
def _walk(level: str) -> Act:
    with jax.ensure_compile_time_eval():  # kept beyond the program that asks first
        return behaviors.load(behaviors.shipped_folder(WALKER), level).act(explore=True)


OF_BODY: dict[str, Steering] = {
    "ant": AntSteering(level="walk"),
    "point": PointSteering(speed=2.0, gain=0.5, noise=1.0),
}
