"""OGBench's npz files (Park et al. 2024): trajectories of T+1 states, with `terminals` in their last row.

There `terminals` means the end of a trajectory, not of the task; the last row's action leads nowhere. The
files have no rewards: OGBench's loader adds them for a task. So a file needs an array `rewards`, saved behind
its loader, and may have `masks`, 0 where the task was over.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from wsrl_mjx.data.foreign import flat
from wsrl_mjx.data.foreign.episodes import Episode, Foreign

NEEDED = ("observations", "actions", "terminals")
OPTIONAL = ("rewards", "masks")


def read(path: Path) -> Foreign:
    """Reads a file.

    Raises:
        ValueError: the file is damaged, or lacks something.
    """
    arrays = flat.checked(_arrays(path), NEEDED, OPTIONAL)
    if "rewards" not in arrays:
        raise ValueError(
            "rewards missing: OGBench's files have none; load the task with OGBench's own loader and save "
            "observations, actions, terminals, rewards and masks"
        )
    masks = arrays.get("masks", np.ones(len(arrays["rewards"])))
    episodes = [_episode(arrays, masks, rows) for rows in flat.cut(arrays["terminals"] > 0)]
    return Foreign("OGBench", path.stem, episodes)


def _arrays(path: Path) -> dict[str, flat.Array]:
    """Returns the arrays that a reader wants, as far as the file has them."""
    if not zipfile.is_zipfile(path):  # NumPy would take it for something else, and advise to load it unsafely
        raise ValueError("it is no npz file, or damaged (it is no zip file)")
    found: dict[str, flat.Array] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in (*NEEDED, *OPTIONAL):
                if name in file.files:
                    found[name] = _numbers(file, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"it is no npz file, or damaged ({error})") from None
    return found


def _numbers(file: Any, name: str) -> flat.Array:
    try:
        return file[name]
    except ValueError:  # Python objects, or a damaged header
        raise ValueError(f"{name} must be real numbers, and cannot be read as such") from None


def _episode(arrays: dict[str, flat.Array], masks: flat.Array, rows: slice) -> Episode:
    """Returns an episode up to where the task was over first, or to its last state."""
    obs, over = arrays["observations"][rows], np.flatnonzero(masks[rows][:-1] == 0)
    steps = int(over[0]) + 1 if len(over) else len(obs) - 1
    action, reward = (arrays[name][rows][:steps] for name in ("actions", "rewards"))
    return Episode(obs[: steps + 1], action, reward, bool(len(over)))
