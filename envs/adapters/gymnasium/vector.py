"""Many environments of one world in one program; what `gymnasium.make_vec("wsrl/...")` makes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.adapters.gymnasium.programs import SEEDS, Programs, Report, programs_of
from envs.adapters.gymnasium.spaces import check_options, check_render_mode, checked_action, spaces_of
from envs.base import Environment, EnvState
from envs.checks import check_choice, check_positive_int

MODES = (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP)


class Worlds(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` worlds side by side, mapped with `vmap`; `World` says what each of them does.

    It returns what `gymnasium.vector.SyncVectorEnv` would of as many `World`s, seeded alike: environment i
    has `seed + i`.

    Args:
        world: as for `World`.
        num_envs: how many.
        autoreset_mode: SAME_STEP: the step that ends an episode returns the first observation of the next,
            and the last one is in `infos["final_obs"]`. NEXT_STEP: it returns the last observation, and the
            step after it ignores its action and returns the first. Also as text: "SameStep".
        render_mode: None; nothing is drawn here.
        options: of the world.

    Raises:
        ValueError: see `envs.make`; or a count, mode or `render_mode` that cannot be.
    """

    def __init__(
        self,
        world: str | Environment,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_positive_int("num_envs", num_envs)
        names = [mode.value for mode in MODES]
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        check_choice("autoreset_mode", mode, names)
        check_render_mode(render_mode)
        self._programs: Programs = programs_of(world, options, batched=True)
        self.world = self._programs.env
        self.num_envs = num_envs
        self.metadata = {"render_modes": [], "autoreset_mode": AutoresetMode(mode)}
        self.single_observation_space, self.single_action_space = spaces_of(self.world)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._state: EnvState | None = None
        # In NEXT_STEP alone: whose next step returns a start [N], and the step before, with these starts.
        self._ended = np.zeros(num_envs, np.bool_)
        self._last: Report | None = None

    @property
    def time_limit(self) -> int:
        """Steps after which an episode is truncated."""
        return self.world.time_limit

    def reset(  # pyright: ignore[reportIncompatibleMethodOverride]  (SyncVectorEnv takes lists of seeds, too)
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode in every environment, or where `options["reset_mask"]` [N] holds.

        Args:
            seed: environment i has `seed + i`, or its own in a list; None goes on to the next episodes.
            options: `reset_mask` and nothing else.

        Raises:
            ValueError: another option, a list or a mask of another length.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        check_options(options, ("reset_mask",))
        mask = self._mask(options)
        if seed is None and self._state is not None:
            fresh = self._programs.start_again(self._state)
            if self._ended.any():  # the steps that ended these episodes drew what comes next
                fresh = self._programs.select(self._ended, self._state, fresh)
        else:
            fresh = self._programs.start(self._seeds(seed))
        if self._state is not None and not mask.all():
            fresh = self._programs.select(mask, fresh, self._state)
        self._state, self._ended = fresh, self._ended & ~mask
        return self._unless_ended(np.array(fresh.obs)), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Makes one control step in every environment with `actions` [N, A].

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun.
            ValueError: actions of another shape.
        """
        if self._state is None:
            raise ResetNeeded("no episode has begun: call reset()")
        actions = checked_action(actions, self.action_space)
        before = self._state
        after, report = self._programs.step(before, actions)
        if self._ended.any():
            after = self._programs.select(self._ended, before, after)
        self._state = after
        if self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP:
            infos = _columns(_info(report), ~report.ended)
            if report.ended.any():
                infos |= _final(report)
            return report.obs, *_outcome(report), infos
        return self._next_step(report)

    def close_extras(self, **kwargs: Any) -> None:
        """Forgets the episodes."""
        self._state = None

    def _next_step(self, report: Report) -> Any:
        """Returns what NEXT_STEP returns; what was computed for an environment that waits is dropped."""
        waiting, last = self._ended, self._last
        obs = report.obs if last is None else np.where(waiting[:, None], last.obs, report.obs)
        reward, terminated, truncated = _outcome(report)
        terminated, truncated = terminated & ~waiting, truncated & ~waiting
        self._ended, self._last = terminated | truncated, report
        infos = _columns(_info(report), ~waiting)
        return self._unless_ended(obs), np.where(waiting, 0.0, reward), terminated, truncated, infos

    def _unless_ended(self, obs: np.ndarray) -> np.ndarray:
        """Returns observations [N, O], of an episode that has ended and waits the last one."""
        return obs if self._last is None else np.where(self._ended[:, None], self._last.final_obs, obs)

    def _seeds(self, seed: int | Sequence[int] | None) -> np.ndarray:
        if seed is None:
            return self.np_random.integers(SEEDS, size=self.num_envs)
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} numbers; it must have {self.num_envs}, one each")
        return np.array([one % SEEDS for one in seeds])

    def _mask(self, options: dict[str, Any] | None) -> np.ndarray:
        mask = np.asarray((options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_)))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ValueError(
                f"reset_mask is {mask!r}; it must be booleans of shape ({self.num_envs},), one at least True"
            )
        return mask


def _outcome(report: Report) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return report.reward.astype(np.float64), report.terminated, report.truncated


def _info(report: Report) -> dict[str, np.ndarray]:
    return {"valid": report.valid} | {k: v.astype(np.float64) for k, v in report.metrics.items()}


def _columns(values: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    """Returns infos as Gymnasium has them: zero where `mask` [N] does not hold, and the mask as `_name`."""
    if not mask.any():
        return {}
    columns = {name: np.where(mask, value, np.zeros_like(value)) for name, value in values.items()}
    return columns | {f"_{name}": mask.copy() for name in values}


def _final(report: Report) -> dict[str, Any]:
    """Returns the last observations and infos of the episodes that ended."""
    final_obs = np.full(report.ended.shape, None, dtype=object)
    for i in np.flatnonzero(report.ended):
        final_obs[i] = report.final_obs[i]
    return {
        "final_obs": final_obs,
        "_final_obs": report.ended,
        "final_info": _columns(_info(report), report.ended),
        "_final_info": report.ended.copy(),
    }
