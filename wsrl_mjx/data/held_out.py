"""Offline rows that nothing trains on: critics are measured on them before and after the data is dropped.

The paper follows mean Q and TD error on offline data through fine-tuning (Zhou et al. 2024, section 4). On
rows that were trained on, both would tell of memory; so whole trajectories are taken out beforehand.
"""

import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx.data import files, trajectories
from wsrl_mjx.data.trajectories import Rows
from wsrl_mjx.types import Transition

SHARE = 0.02  # of the dataset's rows, in whole trajectories
MEASURED_ROWS = 1000  # of these, kept to measure on
FILE = "held_out.npz"


def split(rows: Rows, seed: int) -> tuple[Rows, Rows]:
    """Returns the rows to train on and the rows held out, both in trajectory order.

    Held out are whole trajectories, drawn at random, as many as fit into `SHARE` of the rows. Where the first
    one drawn is longer than that, it is the end of the last trajectory.

    Raises:
        ValueError: a single row.
    """
    count = len(rows["reward"])
    if count < 2:
        raise ValueError("a dataset must have two rows at least: one is held out")
    trajectory = trajectories.number(rows)
    lengths = np.bincount(trajectory)
    order = np.random.default_rng(seed).permutation(len(lengths))
    fitting = np.searchsorted(np.cumsum(lengths[order]), SHARE * count, side="right")
    if fitting == 0:
        return _cut(rows, count - min(max(1, round(SHARE * count)), count - 1))
    held = np.isin(trajectory, order[:fitting])
    return _where(rows, ~held), _where(rows, held)


def choose(held: Transition, seed: int) -> Transition:
    """Returns `MEASURED_ROWS` rows at random of those held out, so that they always have the same shape."""
    count = len(held.reward)
    index = np.random.default_rng(seed).choice(count, MEASURED_ROWS, replace=count < MEASURED_ROWS)
    return jax.tree.map(lambda leaf: leaf[index], held)


def save(folder: Path, rows: Transition) -> None:
    """Writes the measured rows into `folder` in one move."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: np.asarray(leaf) for name, leaf in vars(rows).items()}
    with files.written_whole(folder / FILE) as beside:
        np.savez(beside, **arrays)


def load(folder: Path) -> Transition:
    """Returns the measured rows in `folder`.

    Raises:
        ValueError: there is none, or it is damaged: the file has checksums of its own.
    """
    if not (folder / FILE).is_file():
        raise ValueError(f"{folder} lacks {FILE}: it comes from a version that held no rows out")
    try:
        with np.load(folder / FILE) as arrays:
            return Transition(**{name: jnp.asarray(arrays[name]) for name in arrays.files})
    # The last is zipfile's, for a flipped bit that names a compression which it does not know.
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"{folder / FILE} is damaged: {error}") from None


def _cut(rows: Rows, first: int) -> tuple[Rows, Rows]:
    """Returns the rows in two parts, of which the second begins with row `first`."""
    before, behind = _where(rows, slice(None, first)), _where(rows, slice(first, None))
    before["truncated"] = np.append(before["truncated"][:-1], 1.0 - before["terminated"][-1])
    before["truncated"] = before["truncated"].astype(np.float32)
    return before, behind


def _where(rows: Rows, index: Any) -> Rows:
    return {name: array[index] for name, array in rows.items()}
