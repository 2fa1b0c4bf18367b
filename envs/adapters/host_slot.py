"""One Gymnasium environment on a thread of its own: it moves while somebody else computes."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class HostStep(NamedTuple):
    """What came of one step; see `envs.base.EnvState`."""

    obs: Array  # [O] float32, after an end already of the next episode
    reward: np.float32
    terminated: np.bool_
    truncated: np.bool_
    valid: np.bool_
    final_obs: Array  # [O] float32
    steps: np.int32
    episode_return: np.float32
    episode_length: np.float32


class Pace:
    """A fixed control rate: every step takes its period, as long as whatever it waits for is quicker.

    Attributes:
        steps: made so far.
        late: of these, the steps that took more than 2 % longer than the period.
        seconds: that all of them took.
    """

    def __init__(
        self,
        period: float | None,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begins with no step.

        Args:
            period: seconds; None for as fast as it goes.
            clock: seconds since some moment.
            sleep: waits so many seconds.
        """
        self._period, self._clock, self._sleep = period, clock, sleep
        self._due: float | None = None  # when the step under way should have begun
        self.steps, self.late, self.seconds = 0, 0, 0.0

    def begin(self) -> None:
        """Waits for the moment at which the next step begins."""
        now = self._clock()
        if self._period is None or self._due is None or now > self._due + self._period:
            self._due = now  # no rate, the first step, or one after a pause
        self._wait_until(self._due)

    def end(self) -> None:
        """Waits until the step has taken its period."""
        assert self._due is not None
        began = self._due
        if self._period is not None:
            self._due = began + self._period
            self._wait_until(self._due)
        took = self._clock() - began
        self.steps, self.seconds = self.steps + 1, self.seconds + took
        self.late += self._period is not None and took > 1.02 * self._period

    def _wait_until(self, moment: float) -> None:
        left = moment - self._clock()
        if left > 0.0:
            self._sleep(left)


class HostSlot:
    """An environment with its restarts, its time limit and its guard against numbers that are not finite.

    All calls into the environment come from one thread, as those with a window or a serial port need it.
    """

    def __init__(self, make: Callable[[], Any], time_limit: int, pace: Pace) -> None:
        """Starts the thread; the environment is made by its first call.

        Args:
            make: returns an environment of flat observations whose actions are in [-1, 1].
            time_limit: steps after which an episode is cut.
            pace: of its steps.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="environment")
        self._make, self._time_limit, self.pace = make, time_limit, pace
        self._env: Any = None
        self._steps, self._return = 0, 0.0
        self._under_way: Future[HostStep] | None = None

    def reset(self, seed: int) -> Array:
        """Returns the first observation [O] of a fresh episode."""
        return self._thread.submit(self._reset, seed).result()

    def begin(self, action: Array) -> None:
        """Begins a step with `action` [A], and returns at once."""
        self._under_way = self._thread.submit(self._step, np.array(action))

    def finish(self) -> HostStep:
        """Waits for the step that was begun, and returns what came of it."""
        assert self._under_way is not None, "no step was begun"
        return self._under_way.result()

    def close(self) -> None:
        """Closes the environment, once the step under way is done, and ends the thread."""
        if self._env is not None:
            self._thread.submit(self._env.close).result()
        self._thread.shutdown()

    def _reset(self, seed: int | None) -> Array:
        if self._env is None:
            self._env = self._make()
        obs, _ = self._env.reset(seed=seed)
        self._steps, self._return = 0, 0.0
        return np.asarray(obs, np.float32)

    def _step(self, action: Array) -> HostStep:
        self.pace.begin()
        seen, reward, terminated, truncated, _ = self._env.step(action)
        self.pace.end()
        seen, reward = np.asarray(seen, np.float32), np.float32(reward)
        valid = bool(np.isfinite(seen).all() and np.isfinite(reward))
        self._steps += 1
        self._return += float(reward) if valid else 0.0
        terminated = valid and bool(terminated)
        truncated = valid and not terminated and (bool(truncated) or self._steps >= self._time_limit)
        done, returned, length = self._steps, self._return, self._steps
        obs = seen
        if terminated or truncated or not valid:
            obs, done = self._reset(None), 0
        return HostStep(
            obs,
            reward if valid else np.float32(0.0),
            np.bool_(terminated),
            np.bool_(truncated),
            np.bool_(valid),
            seen if valid else np.zeros_like(seen),
            np.int32(done),
            np.float32(returned),
            np.float32(length),
        )
