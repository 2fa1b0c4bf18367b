"""The same policies from the same starts in MJX and in C MuJoCo: whether what was learnt holds in both."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from envs.in_mujoco import in_mujoco
from wsrl_mjx.analysis.statistics import Estimate, mean_interval
from wsrl_mjx.data.rollout import EpisodeScores
from wsrl_mjx.runs.policies import Policies
from wsrl_mjx.runs.policy_scores import play

SIDES = ("mjx", "mujoco")


def compare(policies: Policies, modes: Sequence[bool], episodes: int, seed: int) -> list[dict[str, Any]]:
    """Plays whole episodes with each policy in both, and returns a row of numbers for each.

    A row has `return`: the mean and its 95 % interval on either side, and those of the difference of each
    episode's two returns, MuJoCo's minus MJX's; `length` and `invalid_episodes` on either side. A policy's
    intervals are over its episodes. Of several policies there is one row more, over the policies' means.

    Args:
        policies: to play.
        modes: whether to sample actions; each policy plays once in every mode, with the same noise in both.
        episodes: of each policy and mode.
        seed: of start states and actions.

    Raises:
        ValueError: MJX does not step the policies' world.
    """
    in_c = replace(policies, env=in_mujoco(policies.env))
    played = [play(each, modes, episodes, seed) for each in (policies, in_c)]
    rows: list[dict[str, Any]] = []
    for explore, *both in zip(modes, *played, strict=True):
        actions = "stochastic" if explore else "deterministic"
        returns = np.stack([np.asarray(side.returns, np.float64) for side in both])  # [2, S, N]
        for index, label in enumerate(policies.labels):
            of_policy = [_of(index, side) for side in both]
            rows.append(_row(label, actions, episodes, returns[:, index], of_policy))
        if len(policies.labels) > 1:
            label = f"all {len(policies.labels)}"
            rows.append(_row(label, actions, episodes, returns.mean(axis=-1), both))
    return rows


def differs(row: dict[str, Any]) -> bool:
    """Returns whether the interval of a row's difference leaves out zero."""
    difference = row["return"]["difference"]
    return not difference["low"] <= 0.0 <= difference["high"]


def _row(
    label: str, actions: str, episodes: int, returns: np.ndarray, played: Sequence[EpisodeScores]
) -> dict[str, Any]:
    """Returns a row of numbers for returns [2, K], of MJX and of MuJoCo."""
    estimates = [mean_interval(returns[0]), mean_interval(returns[1]), mean_interval(returns[1] - returns[0])]
    named = zip((*SIDES, "difference"), map(_plain, estimates), strict=True)
    return {
        "policy": label,
        "actions": actions,
        "episodes": episodes,
        "return": dict(named),
        "length": {side: float(np.mean(scores.lengths)) for side, scores in zip(SIDES, played, strict=True)},
        "invalid_episodes": {
            side: int(np.sum(~scores.valid)) for side, scores in zip(SIDES, played, strict=True)
        },
    }


def _plain(estimate: Estimate) -> dict[str, float]:
    return {"mean": float(estimate.value), "low": float(estimate.low), "high": float(estimate.high)}


def _of(index: int, played: EpisodeScores) -> EpisodeScores:
    return played.replace(lengths=played.lengths[index], valid=played.valid[index])
