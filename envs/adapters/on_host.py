"""Gymnasium's environments, stepped on the host, behind our contract: `envs.make("gym:Ant-v5")`.

A training program calls the host twice a step, to begin it and for what came of it. What it computes in
between, the updates, it computes while the environment moves. Importing this file imports Gymnasium.
"""

import ast
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import Autoreset, FlattenObservation, RescaleAction
from jax.experimental import io_callback

from envs.adapters.host_slot import HostSlot, HostStep, Pace
from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.checks import check_positive_int
from envs.episode import Episodes

LARGEST_OBS = 10_000  # numbers; more is an image
OWN_OPTIONS = ("time_limit", "control_rate")
METRICS = ("episode_length", "episode_return")
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
        except NotImplementedError:
            flat = None
        if not isinstance(flat, spaces.Box) or not 0 < flat.shape[0] <= LARGEST_OBS:
            raise ValueError(
                f"env {self.name} must have observations of at most {LARGEST_OBS:,} numbers, no images; it "
                f"has {env.observation_space}"
            )
        return RescaleAction(FlattenObservation(env), np.float32(-1.0), np.float32(1.0))


class HostEpisodes(Episodes):
    """Episodes of a `HostTask`. Every state that `reset` returns has an instance of its own.

    Its functions can be traced, mapped and compiled like those of any world, but they are not pure: a state
    can be stepped once. Mapped ones move side by side.
    """

    on_host = True

    def __init__(self, task: HostTask) -> None:
        """Opens nothing yet.

        Args:
            task: what to step.
        """
        steps_nothing: Any = task  # a task of this kind has no step of its own
        super().__init__(steps_nothing)
        object.__setattr__(self, "_slots", {})
        object.__setattr__(self, "_lock", threading.Lock())
        object.__setattr__(self, "_numbers", itertools.count(1))

    _slots: dict[int, HostSlot]
    _lock: threading.Lock
    _numbers: Any

    @property
    def control_step(self) -> float | None:
        """Seconds that an action holds; None where no rate was asked for."""
        task: Any = self.task
        return None if task.control_rate is None else 1.0 / task.control_rate

    @cached_property
    def _shapes(self) -> Any:  # a HostStep of shapes
        obs = jax.ShapeDtypeStruct((self.obs_size,), jnp.float32)
        number = lambda dtype: jax.ShapeDtypeStruct((), dtype)
        yes, real = number(jnp.bool_), number(jnp.float32)
        shapes: Any = obs, real, yes, yes, yes, obs, number(jnp.int32), real, real
        return HostStep(*shapes)

    def reset(self, key: jax.Array) -> EnvState:
        """Opens an instance and resets it with a seed drawn from `key`."""
        seed = jax.random.randint(key, (), 0, jnp.iinfo(jnp.int32).max)
        shapes = jax.ShapeDtypeStruct((), jnp.int32), self._shapes.obs
        number, obs = io_callback(self._open, shapes, seed)
        return first_state(number, obs, key, METRICS)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Makes one step with `action` [A] in [-1, 1], and restarts where it ended the episode."""
        return self.finish(state, self.begin(state, action))

    def step_where(self, moves: jax.Array, state: EnvState, action: jax.Array) -> EnvState:
        """Makes a step where `moves` [] holds; elsewhere the instance stands still, and no number counts."""
        return self.finish(state, self.begin(state, action, moves), moves)

    def begin(self, state: EnvState, action: jax.Array, moves: Any = True) -> jax.Array:
        """Begins a step, which goes on while other things are computed.

        Args:
            state: of an episode.
            action: [A] in [-1, 1].
            moves: [] whether to.

        Returns:
            [] int32 zero; what uses it comes after the beginning.
        """
        zero = jax.ShapeDtypeStruct((), jnp.int32)
        return io_callback(self._begin, zero, state.physics, jnp.clip(action, -1.0, 1.0), moves)

    def finish(self, state: EnvState, after: jax.Array, moves: Any = True) -> EnvState:
        """Waits for the step that was begun from `state`.

        Args:
            state: that the step was begun from.
            after: [] any number; it is waited for once this is computed.
            moves: [] whether there is such a step.
        """
        came = HostStep(*io_callback(self._finish, tuple(self._shapes), state.physics, after, moves))
        return state.replace(
            obs=came.obs,
            reward=came.reward,
            terminated=came.terminated,
            truncated=came.truncated,
            valid=came.valid,
            final_obs=came.final_obs,
            steps=came.steps,
            metrics={"episode_return": came.episode_return, "episode_length": came.episode_length},
        )

    def release(self, state: EnvState, after: jax.Array) -> jax.Array:
        """Closes the state's instance once `after` is computed; returns an int32 zero."""
        return io_callback(self._close, jax.ShapeDtypeStruct((), jnp.int32), state.physics, after)

    def close(self) -> None:
        """Closes all instances."""
        with self._lock:
            slots = [*self._slots.values()]
            self._slots.clear()
        for slot in slots:
            slot.close()

    @property
    def paces(self) -> list[Pace]:
        """How the open instances keep the control rate."""
        return [slot.pace for slot in self._slots.values()]

    def _open(self, seed: Any) -> tuple[Any, Any]:
        task: Any = self.task
        slot = HostSlot(task.open, self.time_limit, Pace(self.control_step))
        with self._lock:
            number = next(self._numbers)
            self._slots[number] = slot
        return np.int32(number), slot.reset(int(seed))

    def _begin(self, number: Any, action: Any, moves: Any) -> Any:
        if moves:
            self._slots[int(number)].begin(np.asarray(action, np.float32))
        return np.int32(0)

    def _finish(self, number: Any, after: Any, moves: Any) -> Any:
        del after
        if moves:
            return tuple(self._slots[int(number)].finish())
        return tuple(np.zeros(shape.shape, shape.dtype) for shape in self._shapes)

    def _close(self, number: Any, after: Any) -> Any:
        del after
        with self._lock:
            slot = self._slots.pop(int(number))
        slot.close()
        return np.int32(0)


def make(env_id: str, **options: Any) -> HostEpisodes:
    """Returns the environment that Gymnasium knows as `env_id`.

    Args:
        env_id: see `HostTask`.
        options: `time_limit` and `control_rate`; all others go to `gymnasium.make`.

    Raises:
        ValueError: it cannot be made, or cannot be trained in.
    """
    own = {name: options.pop(name) for name in OWN_OPTIONS if name in options}
    return HostEpisodes(HostTask(env_id, tuple(sorted(options.items())), **own))


def options_of(texts: Sequence[str]) -> dict[str, Any]:
    """Returns options written as `name=value`; values as Python writes them, other words as text.

    Raises:
        ValueError: a text without `=`, or an option given twice.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"env_options must be name=value, got {text!r}")
        if name in options:
            raise ValueError(f"env_options has {name} twice")
        try:
            options[name] = ast.literal_eval(value.capitalize() if value in ("true", "false") else value)
        except (ValueError, SyntaxError):
            options[name] = value
    return options
