"""Scores of policies over whole episodes, a row of plain numbers for each."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.programs import jitted
from wsrl_mjx.data import rollout
from wsrl_mjx.runs.policies import Policies


def score(policies: Policies, modes: Sequence[bool], episodes: int, seed: int) -> list[dict[str, Any]]:
    """Plays whole episodes with each policy, and returns a row of numbers for each.

    Args:
        policies: to score.
        modes: whether to sample actions; each policy plays once in every mode.
        episodes: of each policy and mode.
        seed: of start states and actions.
    """
    played = play(policies, modes, episodes, seed)
    return [
        row for explore, scores in zip(modes, played, strict=True) for row in _rows(policies, scores, explore)
    ]


def play(policies: Policies, modes: Sequence[bool], episodes: int, seed: int) -> list[rollout.EpisodeScores]:
    """Returns for each mode the episodes of all policies, [S, N], played side by side; see `score`."""

    def play_all(all_params: Any, keys: jax.Array, explore: jax.Array) -> rollout.EpisodeScores:
        def one(params: Any, key: jax.Array) -> rollout.EpisodeScores:
            if policies.script is not None:
                return rollout.evaluate(policies.env, policies.script, key, episodes)
            sampled, mode = policies.act(params, explore=True), policies.act(params, explore=False)
            act = lambda obs, k: jnp.where(explore, sampled(obs, k), mode(obs, k))
            return rollout.evaluate(policies.env, act, key, episodes)

        return jax.vmap(one)(all_params, keys)

    compiled = jitted(policies.env, play_all)  # `explore` is traced: one compilation for both modes
    keys = jax.random.split(jax.random.key(seed), len(policies.labels))
    return [jax.device_get(compiled(policies.params, keys, jnp.asarray(explore))) for explore in modes]


def _rows(policies: Policies, played: rollout.EpisodeScores, explore: bool) -> list[dict[str, Any]]:
    """Returns a row of numbers for each policy; `played` has its episodes in [S, N]."""
    reference = policies.env.reference
    rows = []
    for index, label in enumerate(policies.labels):
        returns = np.asarray(played.returns[index], np.float64)
        row = {
            "policy": label,
            "actions": "stochastic" if explore else "deterministic",
            "episodes": len(returns),
            "return_mean": float(returns.mean()),
            "return_std": float(returns.std()),
            "length_mean": float(played.lengths[index].mean()),
            "x_velocity_mean": float(played.x_velocity[index].mean()),
            "invalid_episodes": int(np.sum(~played.valid[index])),
            "score_mean": float(reference.normalize(returns.mean())) if reference else None,
            "score_std": float(reference.normalize(returns).std()) if reference else None,
        }
        rows.append(row)
    return rows
