"""What every format is read as: episodes, with the state behind their last step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wsrl_mjx.data import dataset
from wsrl_mjx.data.dataset import Dataset

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Episode:
    """One episode, or the part of one that the file has.

    Attributes:
        obs: [T+1, O]; the last is the successor of the last step. Where the episode terminated and the file
            has none, the last state again: no value is taken there.
        action: [T, A].
        reward: [T].
        terminated: whether the task was over behind the last step; else its time was up, or the file ends.
    """

    obs: Array
    action: Array
    reward: Array
    terminated: bool

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True)
class Foreign:
    """A dataset of another format.

    Attributes:
        format: such as "D4RL".
        env: the environment that the file names, or the file's own name.
        oddities: what is unusual in it, a sentence each.
    """

    format: str
    env: str
    episodes: Sequence[Episode]
    oddities: list[str] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Transitions."""
        return sum(map(len, self.episodes))


def to_dataset(found: Foreign, clip: bool = False) -> Dataset:
    """Returns the rows in our order, and a card.

    Its fingerprint is no world's of ours: equal shapes are not equal dynamics, so a run takes it with
    `--allow-other-env` alone.

    Args:
        found: what a reader returned.
        clip: move actions outside [-1, 1] to the border.

    Raises:
        ValueError: no transition, numbers that are not finite, or actions outside [-1, 1].
    """
    episodes = [episode for episode in found.episodes if len(episode)]
    if not episodes:
        raise ValueError("there is no transition in it")
    together = lambda parts: np.concatenate(list(parts)).astype(np.float32)
    last = np.concatenate([np.arange(len(e)) == len(e) - 1 for e in episodes])
    over = np.repeat([e.terminated for e in episodes], [len(e) for e in episodes])
    rows = {
        "obs": together(e.obs[:-1] for e in episodes),
        "action": together(e.action for e in episodes),
        "reward": together(e.reward for e in episodes),
        "next_obs": together(e.obs[1:] for e in episodes),
        "terminated": (last & over).astype(np.float32),
        "truncated": (last & ~over).astype(np.float32),
        "valid": np.ones(len(last), np.float32),
    }
    for name, array in rows.items():
        if not np.isfinite(array).all():
            count = int((~np.isfinite(array)).reshape(len(array), -1).any(axis=1).sum())
            raise ValueError(f"{name} has numbers that are not finite, in {count:,} rows")
    if clip:
        rows["action"] = np.clip(rows["action"], -1.0, 1.0)
    largest = float(np.abs(rows["action"]).max())
    if largest > 1.0:
        raise ValueError(f"action must be in [-1, 1], the largest is {largest:g}; clip them with --clip")
    return Dataset(rows, _card(found, rows, episodes))


def _card(found: Foreign, rows: dict[str, Array], episodes: Sequence[Episode]) -> dict[str, Any]:
    returns = np.array([e.reward.sum(dtype=np.float64) for e in episodes])
    counts, edges = np.histogram(returns, bins=20)
    return {
        "name": found.env,
        "env": found.env,
        "env_fingerprint": f"{found.format}, not of this project",
        "obs_size": rows["obs"].shape[1],
        "action_size": rows["action"].shape[1],
        "transitions": len(rows["reward"]),
        "invalid_rows": 0,
        "episodes": len(episodes),
        "return_mean": float(returns.mean()),
        "return_std": float(returns.std()),
        "length_mean": float(np.mean([len(e) for e in episodes])),
        "score_mean": None,
        "return_histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
        "policies": [{"level": found.format, "transitions": len(rows["reward"]), "card": {}}],
        "seed": 0,
        "oddities": found.oddities,
        "digest": dataset.digest(rows),
    }
