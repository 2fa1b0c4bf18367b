"""Who recovers after the switch, and how soon: for worlds in which episodes succeed or fail."""

from collections.abc import Sequence

import numpy as np

from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.text import markdown_table

RECOVERED = 90.0  # percent
HEADER = (
    "arm",
    "env",
    "seeds",
    "reach 90 %",
    "steps to 90 %",
    "updates begin at",
    "end below 90 %",
    "end at 0",
)


def steps_to(arm: Arm, score: float = RECOVERED) -> np.ndarray:
    """Returns each seed's steps since the switch to the first evaluation with `score`, [S]; inf: never."""
    steps, scores = arm.scores()
    there = scores >= score
    return np.where(there.any(axis=0), steps[there.argmax(axis=0)], np.inf)


def markdown(arms: Sequence[Arm]) -> str:
    """Returns a line an arm: how many seeds reach 90 % and after how many steps, and how many end without."""
    rows: list[list[str]] = []
    for arm in arms:
        reached, final = steps_to(arm), arm.moment("final")
        count = len(final)
        about = [arm.label, arm.world, str(count), f"{np.isfinite(reached).sum()} of {count}"]
        ends = [f"{(final < RECOVERED).sum()} of {count}", f"{(final <= 0).sum()} of {count}"]
        rows.append([*about, _middle(reached), f"{arm.warmup:,}", *ends])
    return markdown_table(list(HEADER), rows)


def _middle(steps: np.ndarray) -> str:
    """Returns the median with the first and the last seed's; a seed that never gets there is the latest."""
    middle, first, last = np.quantile(steps, [0.5, 0.0, 1.0], method="lower")
    shown = ["never" if np.isinf(value) else f"{value:,.0f}" for value in (middle, first, last)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"
