"""Metrics as arrays: one metric's values over steps and seeds."""

from collections.abc import Iterable

import numpy as np

from wsrl_mjx.runs.run_folder import Row

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
