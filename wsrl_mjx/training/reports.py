"""What a training says of itself while it goes on, and the policies that it leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import jax
import numpy as np

from wsrl_mjx.algos.base import Algorithm
from wsrl_mjx.data.rollout import RewardTransform
from wsrl_mjx.types import Key, TrainState

Policy = Callable[..., jax.Array]  # obs [*, O] and, where it samples, a key -> actions [*, A]


@dataclass(frozen=True)
class Report:
    """One look at a training; `print` shows it in a line.

    Attributes:
        phase: "pretraining", "warmup" or "fine-tuning".
        step: gradient steps of the pretraining, or environment steps since the switch, done so far.
        total: steps in all.
        metrics: [S] by name, means over the steps since the last report; NaN where nothing was counted.
        returns: [S], mean undiscounted return of the deterministic policy; None where it was not evaluated.
        seconds: that these steps took, compilation apart.
    """

    phase: str
    step: int
    total: int
    metrics: dict[str, np.ndarray]
    returns: np.ndarray | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.phase} {self.step:,}/{self.total:,}"]
        if self.returns is not None:
            low, mean, high = (float(f(self.returns)) for f in (np.min, np.mean, np.max))
            parts.append(f"return {mean:,.4g} ({low:,.4g} to {high:,.4g})")
        if np.isfinite(q := self.metrics.get("critic/q", np.array([np.nan]))).all():
            parts.append(f"mean Q {float(np.mean(q)):,.4g}")
        return "  ".join(parts)


Callback = Callable[[Report], Any]  # what it returns is not looked at


def ignore(report: Report) -> None:
    """Does nothing with a report."""
    del report


def check_positive(**numbers: Any) -> None:
    """Raises ValueError unless all are positive integers, naming the first that is not."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")


@dataclass(frozen=True)
class Trained:
    """Agents of S seeds at the end of a phase: what fine-tuning starts from, and what it gives.

    Attributes:
        algorithm: that trained them.
        state: [S], their networks, optimizers and, after fine-tuning, environments and replay.
        obs_size: numbers of an observation, O.
        action_size: numbers of an action, A.
        reward: what turned the task's reward into the learner's.
        reports: of the phase, in order.
    """

    algorithm: Algorithm
    state: TrainState
    obs_size: int
    action_size: int
    reward: RewardTransform
    reports: tuple[Report, ...] = ()

    @property
    def num_seeds(self) -> int:
        """S."""
        return jax.tree.leaves(self.state.agent)[0].shape[0]

    @property
    def returns(self) -> dict[int, np.ndarray]:
        """Mean returns [S] of the evaluations, by step."""
        return {report.step: report.returns for report in self.reports if report.returns is not None}

    def policy(self, seed: int = 0, explore: bool = False) -> Policy:
        """Returns the policy of one seed as a jitted function of observations [*, O], to actions [*, A].

        Args:
            seed: which of the S agents.
            explore: sample; the function then takes a key as its second argument. Else it is deterministic.

        Raises:
            ValueError: no such agent.
        """
        if not 0 <= seed < self.num_seeds:
            raise ValueError(f"seed must be from 0 to {self.num_seeds - 1}, got {seed}")
        agent = jax.tree.map(lambda leaf: leaf[seed], self.state.agent)
        params = self.algorithm.hand_over(agent).actor.params
        decide = self.algorithm.policy

        @jax.jit
        def act(obs: jax.Array, key: Key | None = None) -> jax.Array:
            distribution = decide(params, obs)
            if not explore:
                return distribution.mode()
            if key is None:
                raise ValueError("a policy that explores needs a key: act(obs, key)")
            return distribution.sample(key)[0]

        return act
