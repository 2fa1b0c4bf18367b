"""Minari's datasets (Younis et al. 2024): a folder with episodes of T+1 observations, and their spaces."""

from pathlib import Path
from typing import Any

import numpy as np

from wsrl_mjx.data.foreign.episodes import Array, Episode, Foreign
from wsrl_mjx.data.foreign.packages import needed

DATA = "data"  # the folder inside of a dataset's that has the files


def is_one(path: Path) -> bool:
    """Returns whether a folder is a Minari dataset's, or the one inside of it."""
    return any((place / "metadata.json").is_file() for place in (path, path / DATA))


def read(path: Path) -> Foreign:
    """Reads a folder. Actions are scaled to [-1, 1] from the bounds of its action space.

    Raises:
        ValueError: the dataset is damaged, its actions have no bounds, or its observations are no numbers.
    """
    minari = needed("minari")
    inside = path / DATA if (path / DATA).is_dir() else path
    try:
        data = minari.MinariDataset(inside)
        spaces = needed("gymnasium").spaces
        if not isinstance(data.action_space, spaces.Box):
            raise ValueError(f"actions must be a Box, got {data.action_space}")
        low, high = data.action_space.low, data.action_space.high
        if not (np.isfinite(low) & np.isfinite(high)).all():
            raise ValueError("the action space has no bounds, so actions cannot be scaled to [-1, 1]")
        episodes = [_episode(each, low, high) for each in data.iterate_episodes()]
        spec = data.env_spec
    except (OSError, KeyError, AssertionError) as error:
        raise ValueError(f"it is damaged ({error})") from None
    scaled = not (np.allclose(low, -1.0) and np.allclose(high, 1.0))
    oddities = [f"actions were scaled from [{low.min():g}, {high.max():g}] to [-1, 1]"] if scaled else []
    return Foreign("Minari", spec.id if spec is not None else data.id, episodes, oddities)


def _episode(each: Any, low: Array, high: Array) -> Episode:
    action = 2.0 * (np.asarray(each.actions) - low) / (high - low) - 1.0
    obs = _together(each.observations)
    return Episode(
        obs, action.reshape(len(action), -1), np.asarray(each.rewards), bool(each.terminations[-1])
    )


def _together(observations: Any) -> Array:
    """Returns observations [T+1, O]; of a dictionary its parts behind one another, by name."""
    if isinstance(observations, dict):
        return np.concatenate([_together(observations[name]) for name in sorted(observations)], axis=1)
    if not isinstance(observations, np.ndarray):
        raise ValueError(
            f"observations must be arrays or dictionaries of arrays, got {type(observations).__name__}"
        )
    return observations.reshape(len(observations), -1)
