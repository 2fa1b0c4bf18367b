"""The numbers behind an experiment's curves: each seed's at each evaluation, and each metric's ends.

They are written as one file, which can be read back: a figure can be drawn again without its runs.
"""

import csv
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.analysis.statistics import mean_interval
from wsrl_mjx.analysis.text import markdown_table, with_interval
from wsrl_mjx.data import files

SCORE = "score"  # an arm's own, see `Arm.unit`; every other name is a metric's
RETURN = "eval/return"  # what the score is worked out from
ABOUT = ("arm", "env", "method", "keeps_data", "warmup")  # columns that say what an arm is
PLACE = ("step", "seed")


def measured(arms: Sequence[Arm], names: Sequence[str]) -> list[str]:
    """Returns those of the names that some arm has numbers of, in their order, each once."""
    return [name for name in dict.fromkeys(names) if any(_has(arm, name) for arm in arms)]


def write_csv(arms: Sequence[Arm], names: Sequence[str], path: Path) -> None:
    """Writes a line for each arm, world, step since the switch and seed, with a column a name and the return.

    What was not measured there is empty.
    """
    columns = [*dict.fromkeys([*names, RETURN])]
    rows: list[list[Any]] = []
    for arm in arms:
        about = [arm.label, arm.world, arm.method, str(arm.keeps_data).lower(), arm.warmup, arm.unit]
        values = {name: _values(arm, name) for name in columns}
        for step, seed in sorted(set().union(*values.values())):
            found = [values[name].get((step, seed)) for name in columns]
            numbers = ["" if value is None else f"{value:.6g}" for value in found]
            rows.append([*about, step, seed, *numbers])
    files.write_csv(path, [*ABOUT, "unit", *PLACE, *columns], rows)


def read_csv(path: Path) -> list[Arm]:
    """Returns the arms that `write_csv` wrote.

    Raises:
        ValueError: there is no such file, or it is none of ours; the message names the line.
    """
    try:
        with path.open(newline="") as file:
            lines = csv.DictReader(file)
            missing = {*ABOUT, *PLACE, RETURN} - {*(lines.fieldnames or ())}
            if missing:
                raise ValueError(f"the columns {', '.join(sorted(missing))} are missing")
            rows: dict[Any, list[Row]] = {}
            for line in lines:
                try:
                    _add(line, rows)
                except (KeyError, TypeError, ValueError) as error:
                    raise ValueError(f"line {lines.line_num} has {error}") from None
            for (label, *_), of_arm in rows.items():
                if not any(row.name == RETURN and row.step > 0 for row in of_arm):
                    raise ValueError(f"arm {label!r} has no evaluation after the switch")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path} holds no curves of runs: {error}") from None
    return [Arm(*about, rows=of_arm) for about, of_arm in rows.items()]


def _add(line: dict[str, Any], rows: dict[Any, list[Row]]) -> None:
    """Adds what a line has measured to its arm's rows."""
    label, world, method, keeps_data, warmup = (line[name] for name in ABOUT)
    about = label, world, method, {"true": True, "false": False}[keeps_data], int(warmup)
    of_arm, step, seed = rows.setdefault(about, []), int(line["step"]), int(line["seed"])
    others = (*ABOUT, *PLACE, "unit", SCORE)
    measured = {name: float(text) for name, text in line.items() if text and name not in others}
    of_arm += [Row("online", step, seed, name, value) for name, value in measured.items()]


def markdown(arms: Sequence[Arm], names: Sequence[str]) -> str:
    """Returns a line an arm: each metric where it is first and last measured, means with their intervals.

    Not of the score, whose table is `comparison.markdown`.
    """
    moments = [f"`{name}`, {moment}" for name in names for moment in ("first", "last")]
    rows = [[arm.label, arm.world, *(cell for name in names for cell in _ends(arm, name))] for arm in arms]
    return markdown_table(["arm", "env", *moments], rows)


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
    return [with_interval(mean_interval(row[~np.isnan(row)]), ".3g") for row in (values[0], values[-1])]
