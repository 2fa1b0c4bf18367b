"""Gymnasium's environments, stepped on the host, behind our contract: `envs.make("gym:Ant-v5")`.

A training program calls the host twice a step, to begin it and for what came of it. What it computes in
between, the updates, it computes while the environment moves. Importing this file imports Gymnasium.
"""

import ast
import itertools
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback

from envs.adapters.host_slot import HostSlot, HostStep, Pace
from envs.adapters.host_task import HostTask
from envs.base import EnvState, first_state
from envs.episode import Episodes
from envs.options import split

OWN_OPTIONS = ("time_limit", "control_rate")
METRICS = ("episode_length", "episode_return")


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
    for name, value in split(texts).items():
        try:
            options[name] = ast.literal_eval(value.capitalize() if value in ("true", "false") else value)
        except (ValueError, SyntaxError):
            options[name] = value
    return options
