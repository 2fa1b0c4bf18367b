"""Which format a file or folder has, and what is odd in it."""

from pathlib import Path

import numpy as np

from wsrl_mjx.data.foreign import d4rl, minari_folder, ogbench
from wsrl_mjx.data.foreign.episodes import Foreign


def read(path: Path, episode_steps: int | None = None) -> Foreign:
    """Reads a dataset of another format and looks for what is odd.

    Args:
        path: a D4RL HDF5 file, an OGBench npz file, or the folder of a Minari dataset.
        episode_steps: steps after which time is up, for a D4RL file that does not say.

    Raises:
        ValueError: no such file, no known format, or a file that cannot be used; the message names it.
    """
    try:
        found = _read(path, episode_steps)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Foreign(found.format, found.env, found.episodes, [*found.oddities, *oddities(found)])


def _read(path: Path, episode_steps: int | None) -> Foreign:
    if not path.exists():
        raise ValueError("there is no such file or folder")
    if path.is_dir():
        if minari_folder.is_one(path):
            return minari_folder.read(path)
        raise ValueError("the folder is no Minari dataset: it has no metadata.json, here or in data/")
    if path.suffix in (".hdf5", ".h5"):
        return d4rl.read(path, episode_steps)
    if path.suffix == ".npz":
        return ogbench.read(path)
    raise ValueError("the format is not known; .hdf5 is D4RL's, .npz OGBench's, a folder Minari's")


def oddities(found: Foreign) -> list[str]:
    """Returns what a person should know before training on it, a sentence each."""
    said = []
    lengths = np.array([len(episode) for episode in found.episodes])
    filled = [episode for episode in found.episodes if len(episode)]
    if empty := len(found.episodes) - len(filled):
        said.append(f"{empty:,} episodes have no transition")
    if not filled:
        return said
    for name in ("obs", "action", "reward"):
        arrays = [getattr(episode, name) for episode in filled]
        bad = sum(int((~np.isfinite(a)).reshape(len(a), -1).any(axis=1).sum()) for a in arrays)
        if bad:
            said.append(f"{name} has numbers that are not finite, in {bad:,} rows")
        if arrays[0].dtype == np.float64:
            said.append(f"{name} is float64; it becomes float32")
    largest = max(float(np.nanmax(np.abs(e.action), initial=0.0)) for e in filled)
    if largest > 1.0:
        said.append(f"actions go up to {largest:g}, outside [-1, 1]")
    longest = lengths.max()
    at_the_limit = [e.terminated for e in filled if len(e) == longest]
    if len(at_the_limit) > 1 and all(at_the_limit) and longest > np.median(lengths[lengths > 0]) * 0.5:
        said.append(
            f"all {len(at_the_limit):,} episodes of the greatest length, {longest:,} steps, terminate: "
            "time-outs marked as deaths?"
        )
    if not any(episode.terminated for episode in filled):
        said.append("no episode terminates")
    return said
