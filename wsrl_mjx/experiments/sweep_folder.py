"""What a sweep's folder keeps beside the config that all members share: the grid that it was begun with."""

import json
from pathlib import Path
from typing import NamedTuple

from wsrl_mjx.config.settings import Config
from wsrl_mjx.experiments import sweep
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.setup import open_folder, settings_of

GRID = layout.SWEEP


class Grid(NamedTuple):
    """The axes as they were typed, and how many members a program may have."""

    sweep: tuple[str, ...]
    members_at_once: int | None


def create(folder: Path, config: Config, grid: Grid, resume: bool) -> None:
    """Makes the folder, or checks that it is of the same settings, and writes the grid there."""
    opened = open_folder(config, folder, resume)
    opened.settle(settings_of(config))
    opened.write_json(GRID, grid._asdict())


def remembered(folder: Path, typed: tuple[str, ...]) -> Grid:
    """Returns the grid of the sweep in `folder`, to go on with.

    Args:
        folder: of the sweep.
        typed: axes that were given again, if any.

    Raises:
        ValueError: the folder holds no sweep, or was begun with other axes.
    """
    try:
        found = json.loads((folder / GRID).read_text())
        grid = Grid(tuple(found["sweep"]), found["members_at_once"])
    except (OSError, ValueError, KeyError, TypeError):  # no JSON, or not what a sweep writes
        raise ValueError(f"run-dir {folder} holds no sweep: {GRID} is missing or damaged") from None
    if typed and [sweep.parse(text) for text in typed] != [sweep.parse(text) for text in grid.sweep]:
        raise ValueError(f"sweep was {' and '.join(grid.sweep)} in {folder}, now {typed}")
    return grid
