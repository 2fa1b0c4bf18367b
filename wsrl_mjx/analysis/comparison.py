"""Several runs side by side: their scores, and a table of where they start, fall and end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import envs
from envs.base import ReferenceScores
from wsrl_mjx.analysis.metrics import Curve, Row, curve
from wsrl_mjx.analysis.statistics import Estimate, iqm_interval, mean_interval, probability_of_improvement
from wsrl_mjx.analysis.text import markdown_table, with_interval
from wsrl_mjx.data import files

MOMENTS = ("at switch", "lowest", "final", "area")  # of a curve of scores, a number a seed


@dataclass(frozen=True)
class Arm:
    """One run of the comparison; runs of one label in several environments are the same method's.

    Attributes:
        label: in plots and tables.
        world: its environment, with the options that make it another: arms of one world can be compared.
        method: see `wsrl_mjx.config.methods`.
        keeps_data: whether its updates after the switch see offline data.
        warmup: its environment steps; rows of the offline data take none.
        rows: its metrics.
    """

    label: str
    world: str
    method: str = "wsrl"
    keeps_data: bool = False
    warmup: int = 0
    rows: list[Row] = field(default_factory=list)

    @property
    def reference(self) -> ReferenceScores | None:
        """What its environment's score is measured by; None where it has none."""
        return _reference(self.world)

    @property
    def success_rate(self) -> bool:
        """Whether the score of its environment is a success rate."""
        return self.reference is not None and self.reference.of_success

    @property
    def unit(self) -> str:
        """What its scores are, for an axis."""
        return "return" if self.reference is None else self.reference.quantity

    def measured(self, name: str) -> bool:
        """Returns whether there is a number of that name after the switch."""
        return any(row.phase == "online" and row.name == name for row in self.rows)

    @property
    def seeds(self) -> list[int]:
        """Its seeds, in the order of the columns of its curves."""
        return sorted({row.seed for row in self.rows})

    def online(self, name: str) -> Curve:
        """Returns one metric over the steps since the switch, [T] and [T, S]."""
        return curve(self.rows, "online", name)

    def scores(self) -> Curve:
        """Returns the scores of its evaluations, [T] and [T, S], in its unit: 0 to 100, or plain returns."""
        steps, returns = self.online("eval/return")
        return steps, returns if self.reference is None else self.reference.normalize(returns)

    def moment(self, name: str) -> np.ndarray:
        """Returns each seed's score at one of `MOMENTS`, [S].

        The area is that under the curve, divided by its length: the mean score over all online steps.
        """
        steps, scores = self.scores()
        if name == "at switch":
            return scores[0]
        if name == "lowest":
            return scores[steps > 0].min(axis=0)
        if name == "final":
            return scores[-1]
        return np.trapezoid(scores, steps, axis=0) / (steps[-1] - steps[0])


def by_label(arms: Sequence[Arm]) -> dict[str, list[Arm]]:
    """Returns the arms of each label, in their order: one method's runs, an environment each."""
    return {
        label: [arm for arm in arms if arm.label == label] for label in dict.fromkeys(a.label for a in arms)
    }


def by_unit(arms: Sequence[Arm]) -> dict[str, list[Arm]]:
    """Returns the arms of each unit, in their order: only scores of one unit go into one table or axis."""
    return {unit: [arm for arm in arms if arm.unit == unit] for unit in dict.fromkeys(a.unit for a in arms)}


def environments(arms: Sequence[Arm]) -> list[str]:
    """Returns the names of all environments, in their order."""
    return list(dict.fromkeys(arm.world for arm in arms))


def improvements(arms: Sequence[Arm]) -> dict[str, Estimate]:
    """Returns by label the probability that a run of the first label ends above one of that label.

    Over the environments that both have; a label without a common one is left out.
    """
    first, *others = by_label(arms).items()
    found = {}
    for label, own in others:
        pairs = [(a.moment("final"), b.moment("final")) for a in first[1] for b in own if a.world == b.world]
        if pairs:
            ours, theirs = zip(*pairs, strict=True)
            found[label] = probability_of_improvement(ours, theirs)
    return found


@cache
def _reference(world: str) -> ReferenceScores | None:
    env, *options = world.split()
    return envs.make_from_text(env, tuple(options)).reference


# -- the table --------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One line of the table: an arm in one environment, or over all."""

    arm: str
    env: str
    unit: str
    seeds: int
    online_steps: int
    estimates: dict[str, Estimate]  # by moment; an interquartile mean's has IQM behind it


COLUMNS = (*MOMENTS, "final IQM", "area IQM")


def table(arms: Sequence[Arm]) -> list[Line]:
    """Returns a line an arm, and a line a method over all environments that are scored alike, unit by unit.

    Plain returns of different tasks are not averaged. The intervals are 95 % bootstrap intervals over seeds,
    within each environment where there are several.
    """
    return [line for unit, own in by_unit(arms).items() for line in _lines(unit, own)]


def _lines(unit: str, arms: Sequence[Arm]) -> list[Line]:
    """Returns the lines of the arms of one unit."""
    lines = []
    for arm in arms:
        estimates = {name: mean_interval(arm.moment(name)) for name in MOMENTS}
        estimates |= _interquartile([arm])
        steps = int(arm.scores()[0][-1])
        lines.append(Line(arm.label, arm.world, unit, len(arm.seeds), steps, estimates))
    count = len(environments(arms))
    for label, own in by_label(arms).items():
        if count > 1 and len(own) == count and unit != "return":
            seeds, steps = (sum(len(arm.seeds) for arm in own), max(int(arm.scores()[0][-1]) for arm in own))
            lines.append(Line(label, f"all {count}", unit, seeds, steps, _interquartile(own)))
    return lines


def _interquartile(arms: Sequence[Arm]) -> dict[str, Estimate]:
    return {f"{name} IQM": iqm_interval([arm.moment(name) for arm in arms]) for name in ("final", "area")}


def markdown(lines: Sequence[Line]) -> str:
    """Returns means, and interquartile means (IQM), with their intervals, as a table in Markdown.

    Where there are several units, each has a table of its own, below its name.
    """
    tables: dict[str, list[list[str]]] = {}
    for line in lines:
        cells = [_show(line.estimates.get(name), line.unit) for name in COLUMNS]
        row = [line.arm, line.env, str(line.seeds), f"{line.online_steps:,}", *cells]
        tables.setdefault(line.unit, []).append(row)
    header = ["arm", "env", "seeds", "online steps", *COLUMNS]
    written = {unit: markdown_table(header, rows) for unit, rows in tables.items()}
    if len(written) == 1:
        return next(iter(written.values()))
    return "\n\n".join(f"{unit.capitalize()}:\n\n{text}" for unit, text in written.items())


def write_csv(lines: Sequence[Line], path: Path) -> None:
    """Writes the table with a column for each value and each bound."""
    bounds = [f"{name.replace(' ', '_')}{end}" for name in COLUMNS for end in ("", "_low", "_high")]
    rows: list[list[Any]] = []
    for line in lines:
        found = [line.estimates.get(name, ("", "", "")) for name in COLUMNS]
        numbers = [x if x == "" else round(float(x), 4) for estimate in found for x in estimate]
        rows.append([line.arm, line.env, line.unit, line.seeds, line.online_steps, *numbers])
    files.write_csv(path, ["arm", "env", "unit", "seeds", "online_steps", *bounds], rows)


def _show(estimate: Estimate | None, unit: str) -> str:
    if estimate is None:
        return ""
    return with_interval(estimate, ",.1f" if unit == "normalised score" else ",.0f")
