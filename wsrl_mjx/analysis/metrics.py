"""Metrics: rows of a file, and one metric's values over steps and seeds as an array."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wsrl_mjx.data import files

COLUMNS = ("phase", "step", "seed", "name", "value", "point")


class Row(NamedTuple):
    """One line of metrics.csv."""

    phase: str
    step: int
    seed: int
    name: str
    value: float
    point: str = ""  # of the grid; empty where the run has none


Curve = tuple[np.ndarray, np.ndarray]  # steps [T], values [T, S]


def curve(rows: Iterable[Row], phase: str, name: str) -> Curve:
    """Returns one metric of one phase over its steps; seeds without a row at a step are NaN there.

    The rows are one grid point's; `of_point` chooses them.
    """
    chosen = [row for row in rows if row.phase == phase and row.name == name]
    steps = sorted({row.step for row in chosen})
    seeds = sorted({row.seed for row in chosen})
    values = np.full((len(steps), len(seeds)), np.nan)
    row_of, column_of = {s: i for i, s in enumerate(steps)}, {s: i for i, s in enumerate(seeds)}
    for row in chosen:
        values[row_of[row.step], column_of[row.seed]] = row.value
    return np.array(steps), values


def of_point(rows: Iterable[Row], point: str) -> list[Row]:
    """Returns the rows of one grid point."""
    return [row for row in rows if row.point == point]


def read(path: Path) -> list[Row]:
    """Returns the rows of a metrics file; of one that is being written, up to the last whole row.

    Raises:
        ValueError: it is no text, or its columns are not ours: another version wrote it.
        FileNotFoundError: there is none.
    """
    check_columns(path)
    text = _text(path)
    return [
        Row(r["phase"], int(r["step"]), int(r["seed"]), r["name"], float(r["value"]), r["point"])
        for r in csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    ]


def check_columns(path: Path) -> None:
    """Raises ValueError unless the file at `path` has the columns of a metrics file."""
    header = _text(path).partition("\n")[0].strip()
    if header != ",".join(COLUMNS):
        raise ValueError(
            f"run-dir {path.parent}: {path.name} must have the columns {', '.join(COLUMNS)}, got {header!r}; "
            "another version wrote it"
        )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError as error:
        raise ValueError(f"run-dir {path.parent}: {path.name} is damaged ({error})") from None


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replaces a metrics file in one move."""
    files.write_csv(path, COLUMNS, (row._replace(value=repr(row.value)) for row in rows))
