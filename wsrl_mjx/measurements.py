"""The numbers behind an experiment's curves: each seed's at each evaluation, and each metric's ends."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from wsrl_mjx.comparison import Arm
from wsrl_mjx.curves import Curve
from wsrl_mjx.statistics import Estimate, mean_interval

SCORE = "score"  # an arm's own, see `Arm.unit`; every other name is a metric's


def measured(arms: Sequence[Arm], names: Sequence[str]) -> list[str]:
    """Returns those of the names that some arm has numbers of, in their order, each once."""
    return [name for name in dict.fromkeys(names) if any(_has(arm, name) for arm in arms)]


def write_csv(arms: Sequence[Arm], names: Sequence[str], path: Path) -> None:
    """Writes a line for each arm, environment, step since the switch and seed, with a column a name."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["arm", "env", "step", "seed", *names])
        for arm in arms:
            writer.writerows([arm.label, arm.env, *line] for line in _lines(arm, names))


def markdown(arms: Sequence[Arm], names: Sequence[str]) -> str:
    """Returns a line an arm: each metric where it is first and last measured, means with their intervals."""
    moments = [f"`{name}`, {moment}" for name in names for moment in ("first", "last")]
    header = ["arm", "env", *moments]
    rows = [header, ["---"] * len(header)]
    for arm in arms:
        cells = [cell for name in names for cell in _ends(arm, name)]
        rows.append([arm.label, arm.env, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _has(arm: Arm, name: str) -> bool:
    return name == SCORE or arm.measured(name)


def _curve(arm: Arm, name: str) -> Curve:
    return arm.scores() if name == SCORE else arm.online(name)


def _lines(arm: Arm, names: Sequence[str]) -> Iterator[list[object]]:
    """Yields step, seed and one value a name, wherever the score was measured."""
    steps, _ = arm.scores()
    known = {name: _curve(arm, name) for name in names if _has(arm, name)}
    places = {name: {int(step): row for row, step in enumerate(curve[0])} for name, curve in known.items()}
    for step in map(int, steps):
        for column, seed in enumerate(arm.seeds):
            values: list[object] = []
            for name in names:
                row = places.get(name, {}).get(step)
                value = np.nan if row is None else known[name][1][row, column]
                values.append("" if np.isnan(value) else f"{value:.6g}")
            yield [step, seed, *values]


def _ends(arm: Arm, name: str) -> list[str]:
    """Returns the cells of a metric: at the first evaluation since the switch that has it, and the last."""
    if not _has(arm, name):
        return ["", ""]
    _, values = _curve(arm, name)
    return [_show(mean_interval(row[~np.isnan(row)])) for row in (values[0], values[-1])]


def _show(estimate: Estimate) -> str:
    return "{:.3g} [{:.3g}, {:.3g}]".format(*map(float, estimate))
