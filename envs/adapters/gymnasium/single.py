"""One environment as a `gymnasium.Env`; what `gymnasium.make("wsrl/...")` makes."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from envs.adapters.gymnasium.programs import SEEDS, programs_of
from envs.adapters.gymnasium.spaces import check_options, check_render_mode, checked_action, spaces_of
from envs.base import Environment, EnvState


class World(gymnasium.Env[np.ndarray, np.ndarray]):
    """A world of ours, one control step a call.

    The first seed gives the episodes that `env.reset(jax.random.key(seed))` begins: `reset()` without a seed
    goes on to the next of them. Actions [A] are clipped to [-1, 1] by the worlds. `info` has the world's
    metrics, among them `episode_return` and `episode_length`, and `valid`.

    A step that makes the simulation non-finite has `valid` False: it is truncated, its reward is 0, and its
    observation is the one before, because there is none after. Such a step belongs into no replay buffer.

    Args:
        world: a name of `envs.REGISTRY`, `brax:<name>`, or an environment as `envs.make` returns it.
        render_mode: None; nothing is drawn here.
        options: of the world, such as `time_limit` or a maze's `goal`.

    Raises:
        ValueError: see `envs.make`; or another `render_mode`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  as Gymnasium declares it

    def __init__(self, world: str | Environment, render_mode: str | None = None, **options: Any) -> None:
        check_render_mode(render_mode)
        self._programs = programs_of(world, options, batched=False)
        self.world = self._programs.env
        self.observation_space, self.action_space = spaces_of(self.world)
        self._state: EnvState | None = None
        self._next_start: np.ndarray | None = None  # [O], where the step before ended the episode

    @property
    def time_limit(self) -> int:
        """Steps after which an episode is truncated."""
        return self.world.time_limit

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode: of `seed`, or else the next one.

        Raises:
            ValueError: `options` has anything in it.
        """
        super().reset(seed=seed)
        check_options(options, ())
        start, self._next_start = self._next_start, None
        if seed is None and self._state is not None:
            if start is not None:  # the step that ended the episode drew it
                return start, {}
            self._state = self._programs.start_again(self._state)
        else:
            self._state = self._programs.start(self.np_random.integers(SEEDS) if seed is None else seed)
        return np.array(self._state.obs), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Makes one control step with `action` [A].

        Raises:
            gymnasium.error.ResetNeeded: the episode has ended, or none has begun.
            ValueError: an action of another shape.
        """
        if self._state is None or self._next_start is not None:
            raise ResetNeeded("the episode has ended, or none has begun: call reset()")
        action = checked_action(action, self.action_space)
        self._state, report = self._programs.step(self._state, action)
        if report.ended:
            self._next_start = report.obs
        info = {"valid": bool(report.valid)} | {k: float(v) for k, v in report.metrics.items()}
        flags = bool(report.terminated), bool(report.truncated)
        return report.final_obs, float(report.reward), *flags, info

    def close(self) -> None:
        """Forgets the episode; the compiled programs go with the last environment that uses them."""
        self._state = self._next_start = None
