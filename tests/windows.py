"""A window that shows nothing, and time that passes only where it is told to."""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

from contextlib import nullcontext
from typing import Any

import mujoco
import numpy as np

from envs.episode import Episodes
from wsrl_mjx.rendering.window import Clock, simulation_of


class FakeWindow:
    """Takes a look at the data at every `sync`, and closes after `frames` of them."""

    def __init__(self, env: Episodes, frames: int, pull: float = 0.0) -> None:
        """Puts a force (N) along x on the last body at every frame, as a mouse would."""
        simulation = simulation_of(env)
        self.data = simulation.data
        self.cam, self.user_scn = mujoco.MjvCamera(), mujoco.MjvScene(simulation.mj_model, 100)
        self.frames, self.pull = frames, pull
        self.seen: list[np.ndarray] = []

    def is_running(self) -> bool:
        return len(self.seen) < self.frames

    def sync(self) -> None:
        self.seen.append(self.data.qpos.copy())
        self.data.xfrc_applied[-1, 0] = self.pull

    def lock(self) -> Any:
        return nullcontext()

    def __enter__(self) -> "FakeWindow":
        return self

    def __exit__(self, *_: object) -> None:
        self.frames = 0


class Time:
    """Seconds that pass while somebody sleeps, and `cost` of them at every look at the clock."""

    def __init__(self, cost: float = 0.0) -> None:
        self.seconds, self.cost = 0.0, cost
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(self._now, self._sleep)

    def _now(self) -> float:
        self.seconds += self.cost
        return self.seconds

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.slept.append(seconds)
