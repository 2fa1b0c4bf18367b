"""The numbers behind an experiment's curves: each seed's at each evaluation, and each metric's ends."""

import csv
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from wsrl_mjx.comparison import Arm
from wsrl_mjx.statistics import Estimate, mean_interval

SCORE = "score"  # an arm's own, see `Arm.unit`; every other name is a metric's


def measured(arms: Sequence[Arm], names: Sequence[str]) -> list[str]:
    """Returns those of the names that some arm has numbers of, in their order, each once."""
    return [name for name in dict.fromkeys(names) if any(_has(arm, name) for arm in arms)]


def write_csv(arms: Sequence[Arm], names: Sequence[str], path: Path) -> None:
    """Writes a line for each arm, world, step since the switch and seed, with a column a name.

    What was not measured there is empty.
    """
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["arm", "env", "unit", "step", "seed", *names])
        for arm in arms:
            values = {name: _values(arm, name) for name in names}
            for step, seed in sorted(set().union(*values.values())):
                found = [values[name].get((step, seed)) for name in names]
                numbers = ["" if value is None else f"{value:.6g}" for value in found]
                writer.writerow([arm.label, arm.world, arm.unit, step, seed, *numbers])


def markdown(arms: Sequence[Arm], names: Sequence[str]) -> str:
    """Returns a line an arm: each metric where it is first and last measured, means with their intervals.

    Not of the score, whose table is `comparison.markdown`.
    """
    moments = [f"`{name}`, {moment}" for name in names for moment in ("first", "last")]
    header = ["arm", "env", *moments]
    rows = [header, ["---"] * len(header)]
    for arm in arms:
        cells = [cell for name in names for cell in _ends(arm, name)]
        rows.append([arm.label, arm.world, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _has(arm: Arm, name: str) -> bool:
    return name == SCORE or arm.measured(name)


def _values(arm: Arm, name: str) -> dict[tuple[int, int], float]:
    """Returns a metric's values since the switch, by step and seed."""
    if name == SCORE:
        steps, scores = arm.scores()
        pairs = product(map(int, steps), arm.seeds)
        return dict(zip(pairs, map(float, scores.flat), strict=True))
    return {(row.step, row.seed): row.value for row in arm.rows if row.phase == "online" and row.name == name}


def _ends(arm: Arm, name: str) -> list[str]:
    """Returns the cells of a metric: at the first evaluation since the switch that has it, and the last."""
    if not arm.measured(name):
        return ["", ""]
    _, values = arm.online(name)
    return [_show(mean_interval(row[~np.isnan(row)])) for row in (values[0], values[-1])]


def _show(estimate: Estimate) -> str:
    return "{:.3g} [{:.3g}, {:.3g}]".format(*map(float, estimate))
