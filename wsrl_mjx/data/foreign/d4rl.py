"""D4RL's HDF5 files (Fu et al. 2020): rows of observations, actions, rewards, terminals and timeouts.

Two rules are D4RL's own. A row whose time is up has no valid successor, since the next row is a fresh
start; it is left out unless the file has `next_observations`. And a file without `timeouts` needs the number
of steps of an episode.
"""

from pathlib import Path

import numpy as np

from wsrl_mjx.data.foreign import flat
from wsrl_mjx.data.foreign.episodes import Foreign
from wsrl_mjx.data.foreign.packages import needed

NEEDED = ("observations", "actions", "rewards", "terminals")
OPTIONAL = ("timeouts", "next_observations")


def read(path: Path, episode_steps: int | None = None) -> Foreign:
    """Reads a file.

    Args:
        path: the file.
        episode_steps: after how many steps an episode's time is up; for a file without `timeouts`.

    Raises:
        ValueError: the file is damaged, or lacks something.
    """
    try:
        h5py = needed("h5py")
        with h5py.File(path, "r") as file:
            named = {name: file[name] for name in (*NEEDED, *OPTIONAL) if name in file}
            for name, array in named.items():
                if not isinstance(array, h5py.Dataset):
                    raise ValueError(f"{name} must be an array, got a group")
            arrays = flat.checked({name: array[()] for name, array in named.items()}, NEEDED, OPTIONAL)
    except OSError as error:
        raise ValueError(f"it is no HDF5 file, or damaged ({error})") from None
    terminals = arrays["terminals"] > 0
    if "timeouts" in arrays:
        timeouts = arrays["timeouts"] > 0
    elif episode_steps is not None:
        timeouts = _timeouts(terminals, episode_steps)
    elif terminals.any():
        raise ValueError("timeouts missing: say with --episode-steps after how many steps time is up")
    else:
        raise ValueError(
            "no row is terminal and timeouts is missing: say with --episode-steps how long episodes are"
        )
    episodes = [
        flat.episode(arrays, rows, bool(terminals[rows][-1])) for rows in flat.cut(terminals | timeouts)
    ]
    return Foreign("D4RL", path.stem, episodes, _oddities(arrays, terminals | timeouts))


def _timeouts(terminals: flat.Array, episode_steps: int) -> flat.Array:
    since, found = 0, np.zeros(len(terminals), bool)
    for row, terminal in enumerate(terminals):
        since += 1
        found[row] = since == episode_steps and not terminal
        since = 0 if terminal or found[row] else since
    return found


def _oddities(arrays: dict[str, flat.Array], last: flat.Array) -> list[str]:
    if "next_observations" not in arrays:
        return []
    apart = (arrays["next_observations"][:-1] != arrays["observations"][1:]).any(axis=1) & ~last[:-1]
    if not apart.any():
        return []
    return [f"rows out of order: in {int(apart.sum()):,} the successor is not the row behind it"]
