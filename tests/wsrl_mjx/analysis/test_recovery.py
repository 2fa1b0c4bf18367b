"""Who recovers, from curves that are known."""

import numpy as np

from wsrl_mjx.analysis import recovery
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.metrics import Row


def arm(*curves: list[float]) -> Arm:
    """An arm with a curve of success in percent a seed, evaluated every 100 steps."""
    rows = [
        Row("online", 100 * step, seed, "eval/return", success / 100.0)
        for seed, curve in enumerate(curves)
        for step, success in enumerate(curve)
    ]
    return Arm("WSRL", "pointmaze-umaze", warmup=50, rows=rows)


def test_the_first_evaluation_that_shows_it_counts() -> None:
    found = recovery.steps_to(arm([10, 95, 20, 100], [0, 0, 0, 0], [0, 89, 90, 90]))
    np.testing.assert_array_equal(found, [100, np.inf, 200])


def test_the_table_counts_seeds_that_end_without() -> None:
    line = recovery.markdown([arm([10, 95, 20, 100], [0, 0, 0, 0], [0, 89, 90, 80])]).splitlines()[-1]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "WSRL", "pointmaze-umaze", "3", "2 of 3", "200 [100, never]", "50", "2 of 3", "1 of 3",
    ]  # fmt: skip
