"""Flat arrays of rows, as D4RL and OGBench store them, cut into episodes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from wsrl_mjx.data.foreign.episodes import Array, Episode


def checked(
    arrays: Mapping[str, Any], needed: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, Array]:
    """Returns the arrays that a reader wants, of one length and real numbers.

    Raises:
        ValueError: one is missing, has another length or another number of axes, or is no numbers.
    """
    missing = [name for name in needed if name not in arrays]
    if missing:
        have = ", ".join(sorted(arrays)) or "nothing"
        raise ValueError(f"{', '.join(missing)} missing; the file has {have}")
    found = {name: np.asarray(arrays[name]) for name in (*needed, *optional) if name in arrays}
    first = found[needed[0]]
    count = len(first) if first.ndim else 0
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name} must be real numbers, got {array.dtype}")
        axes = 2 if name in ("observations", "actions", "next_observations") else 1
        if array.ndim != axes and not (axes == 1 and array.shape == (count, 1)):
            raise ValueError(f"{name} must have {axes} axes, got the shape {array.shape}")
        if len(array) != count:
            raise ValueError(f"{name} has {len(array):,} rows, {needed[0]} {count:,}")
    return {
        n: a.reshape(count) if a.ndim == 2 and a.shape[1] == 1 and _flat(n) else a for n, a in found.items()
    }


def _flat(name: str) -> bool:
    return name not in ("observations", "actions", "next_observations")


def cut(last: Array) -> list[slice]:
    """Returns the rows of each episode; `last` [D] is true in the last row of one."""
    ends = np.flatnonzero(last) + 1
    if not len(ends) or ends[-1] != len(last):
        ends = np.append(ends, len(last))
    return [slice(int(a), int(b)) for a, b in zip(np.append(0, ends[:-1]), ends, strict=True)]


def episode(arrays: Mapping[str, Array], rows: slice, terminated: bool) -> Episode:
    """Returns an episode from its rows.

    Without `next_observations` the last row has no successor. Where the episode goes on behind it, that row
    is left out, as D4RL's own loader does; where it terminated the successor is not needed.
    """
    obs, action, reward = (arrays[name][rows] for name in ("observations", "actions", "rewards"))
    if "next_observations" in arrays:
        obs = np.concatenate([obs, arrays["next_observations"][rows][-1:]])
    elif terminated:
        obs = np.concatenate([obs, obs[-1:]])
    else:
        action, reward = action[:-1], reward[:-1]
    return Episode(obs, action, reward, terminated)
