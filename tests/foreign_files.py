"""Small files of D4RL's and OGBench's layout, by their own writers."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

# Two episodes of a counter: one terminates after 3 rows, the time of the other is up after 4.
STATES = np.array([0, 1, 2, 10, 11, 12, 13], np.float32)[:, None]
NEXT = np.array([1, 2, 3, 11, 12, 13, 14], np.float32)[:, None]
TERMINALS = np.array([0, 0, 1, 0, 0, 0, 0], bool)
TIMEOUTS = np.array([0, 0, 0, 0, 0, 0, 1], bool)
D4RL = {
    "observations": STATES,
    "actions": np.linspace(-1, 1, 7, dtype=np.float32)[:, None],
    "rewards": np.arange(7, dtype=np.float32),
    "terminals": TERMINALS,
    "timeouts": TIMEOUTS,
}
OGBENCH = {
    "observations": np.array([0, 1, 2, 3, 10, 11, 12], np.float32)[:, None],
    "actions": np.full((7, 1), 0.5, np.float32),
    "terminals": np.array([0, 0, 0, 1, 0, 0, 1], bool),
    "rewards": np.array([-1, -1, 0, 0, -1, -1, -1], np.float32),
    "masks": np.array([1, 1, 0, 0, 1, 1, 1], np.float32),
}


def hdf5(path: Path, **changes: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in (D4RL | changes).items():
            if array is not None:
                file[name] = array
    return path


def npz(path: Path, **changes: Any) -> Path:
    np.savez(path, **{name: array for name, array in (OGBENCH | changes).items() if array is not None})
    return path
