"""Our datasets as Minari's (Younis et al. 2024), for everything that reads those."""

import os
import re
import tempfile
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from wsrl_mjx.data import trajectories
from wsrl_mjx.data.dataset import Dataset
from wsrl_mjx.data.foreign.packages import needed

_ROOT = "MINARI_DATASETS_PATH"  # where Minari writes, and looks for a dataset by its name


def name_of(dataset: Dataset) -> str:
    """Returns the dataset's name in Minari: "wsrl/ant/medium-v0"."""
    plain = lambda text: re.sub(r"[^A-Za-z0-9_-]+", "-", str(text))
    return f"wsrl/{plain(dataset.card['env'])}/{plain(dataset.card['name'])}-v0"


def export(dataset: Dataset, folder: Path, env_id: str | None) -> None:
    """Writes a Minari dataset: an episode a trajectory, with the state behind its last step.

    Rows without value are left out. It is made beside its place and moved there in one step.

    Args:
        dataset: rows in trajectory order, with the task's own rewards.
        folder: what it becomes; its parent is made if needed.
        env_id: Gymnasium's name of the world that made the rows, so that Minari can make it again; None for
            a world that has no such name.

    Raises:
        ValueError: Minari is not installed.
    """
    minari, spaces = needed("minari"), needed("gymnasium").spaces
    card = dataset.card
    box = lambda size, limit: spaces.Box(-limit, limit, (size,), np.float32)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place, _root(place):
        with warnings.catch_warnings(action="ignore"):  # on what a card may say beside this
            minari.create_dataset_from_buffers(
                name_of(dataset),
                list(_episodes(dataset, minari.data_collector.EpisodeBuffer)),
                env=env_id,
                action_space=box(card["action_size"], 1.0),
                observation_space=box(card["obs_size"], np.inf),
                algorithm_name=", ".join(str(policy["level"]) for policy in card.get("policies", [])),
                description=f"{card['name']} of {card['env']}, {card['transitions']:,} transitions",
                requirements=["wsrl_mjx"] if env_id is not None else [],
            )
        (Path(place) / name_of(dataset)).replace(folder)


def _episodes(dataset: Dataset, buffer: Any) -> Iterator[Any]:
    kept = dataset.rows["valid"] > 0
    rows = {name: array[kept] for name, array in dataset.rows.items()}
    first = np.flatnonzero(np.diff(trajectories.number(dataset.rows)[kept], prepend=-1))
    for start, end in zip(first, [*first[1:], len(rows["reward"])], strict=True):
        terminated = rows["terminated"][start:end] > 0
        truncated = np.arange(start, end) == end - 1
        yield buffer(
            observations=np.concatenate([rows["obs"][start:end], rows["next_obs"][end - 1 : end]]),
            actions=rows["action"][start:end],
            rewards=rows["reward"][start:end].tolist(),
            terminations=terminated.tolist(),
            truncations=(truncated & ~terminated).tolist(),
        )


@contextmanager
def _root(place: str) -> Generator[None]:
    before = os.environ.get(_ROOT)
    os.environ[_ROOT] = place
    try:
        yield
    finally:
        os.environ.pop(_ROOT)
        if before is not None:
            os.environ[_ROOT] = before
