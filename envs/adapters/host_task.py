"""An environment of Gymnasium as a task: what it is, and how an instance of it is made.

Importing this file imports Gymnasium.
"""

from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import Autoreset, FlattenObservation, RescaleAction

from envs.base import ReferenceScores, fingerprint
from envs.checks import check_positive_int

LARGEST_OBS = 10_000  # numbers; more is an image
D4RL = "D4RL (Fu et al. 2020), of Gym's v2 environments"
REFERENCES = {  # random and expert
    "HalfCheetah": ReferenceScores(-280.178953, 12135.0, D4RL),
    "Walker2d": ReferenceScores(1.629008, 4592.3, D4RL),
    "Hopper": ReferenceScores(-20.272305, 3234.3, D4RL),
    "Ant": ReferenceScores(-325.6, 3879.7, D4RL),
}


@dataclass(frozen=True, eq=False)
class HostTask:
    """An environment registered with Gymnasium, as it is: what `HostEpisodes` steps.

    Observations are put behind one another and become float32; actions in [-1, 1] are scaled to its bounds.

    Attributes:
        env_id: such as "Ant-v5", or "module:Name-v0" where a module must be imported first.
        arguments: of `gymnasium.make`, by name.
        time_limit: steps after which an episode is cut; None for the environment's own.
        control_rate: steps a second, in Hz; None for as fast as they go.
    """

    env_id: str
    arguments: tuple[tuple[str, Any], ...] = ()
    time_limit: int = 0
    control_rate: float | None = None
    obs_size: int = field(init=False, repr=False, default=0)
    action_size: int = field(init=False, repr=False, default=0)
    version: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        if self.control_rate is not None and not 0.0 < self.control_rate < 1e6:
            raise ValueError(f"control_rate must be a positive number of Hz, got {self.control_rate}")
        env = self.open()
        try:
            limit = self.time_limit or env.spec.max_episode_steps
            if limit is None:
                raise ValueError(
                    f"gym:{self.env_id} has no time limit; give one: --env-options time_limit=1000"
                )
            check_positive_int("time_limit", limit)
            inner = env.unwrapped
            decided = {
                "time_limit": limit,
                "obs_size": int(np.prod(env.observation_space.shape)),
                "action_size": int(np.prod(env.action_space.shape)),
                "version": f"{inner.action_space} {inner.observation_space} {gymnasium.__version__}",
            }
            for name, value in decided.items():
                object.__setattr__(self, name, value)
        finally:
            env.close()

    @property
    def name(self) -> str:
        return f"gym:{self.env_id}"

    @property
    def reference(self) -> ReferenceScores | None:
        return None if self.arguments else REFERENCES.get(self.env_id.rpartition("-v")[0])

    def fingerprint(self) -> str:
        """Returns a digest of its id, its arguments and Gymnasium's version: all that is known of it."""
        return fingerprint(self, self.version)

    def open(self) -> Any:
        """Returns a new instance, of flat observations, with actions in [-1, 1].

        Raises:
            ValueError: Gymnasium cannot make it, or it is of a kind that cannot be trained in.
        """
        try:
            env = gymnasium.make(self.env_id, disable_env_checker=True, **dict(self.arguments))
        except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
            raise ValueError(f"env gym:{self.env_id} cannot be made: {error}") from error
        try:
            return self._adapted(env)
        except ValueError:
            env.close()
            raise

    def _adapted(self, env: Any) -> Any:
        wrapped = env
        while isinstance(wrapped, gymnasium.Wrapper):
            if isinstance(wrapped, Autoreset):
                raise ValueError(
                    f"env {self.name} restarts itself, which loses the last observation of an episode; "
                    "make it without Gymnasium's Autoreset"
                )
            wrapped = wrapped.env
        actions = env.action_space
        if not isinstance(actions, spaces.Box) or not (
            np.isfinite(actions.low).all() and np.isfinite(actions.high).all()
        ):
            raise ValueError(
                f"env {self.name} must have a Box of actions with finite bounds, it has {actions}"
            )
        try:
            flat = spaces.flatten_space(env.observation_space)
        except NotImplementedError:  # Gymnasium's answer for a space that it cannot flatten; refused below
            flat = None
        if not isinstance(flat, spaces.Box) or not 0 < flat.shape[0] <= LARGEST_OBS:
            raise ValueError(
                f"env {self.name} must have observations of at most {LARGEST_OBS:,} numbers, no images; it "
                f"has {env.observation_space}"
            )
        return RescaleAction(FlattenObservation(env), np.float32(-1.0), np.float32(1.0))
