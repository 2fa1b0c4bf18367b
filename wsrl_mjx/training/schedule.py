"""When the host comes by: at which steps of a phase it logs, evaluates and saves.

A chunk ends wherever something is due, so any numbers go together. Several environments take their steps at
once: what is due in between waits for all of them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

EARLY_EVALUATIONS = (0, 1000, 2000, 5000)  # online steps: where the dip after the switch is


@dataclass(frozen=True)
class Schedule:
    """The steps of one phase at which something is due.

    Attributes:
        last: where the phase ends.
        evaluations: where the policies are evaluated; 0 is the phase's start.
        checkpoints: where a checkpoint is saved.
        ends: where chunks end, ascending.
    """

    last: int
    evaluations: frozenset[int]
    checkpoints: frozenset[int]
    ends: tuple[int, ...]

    @classmethod
    def of(
        cls, last: int, log_every: int, evaluations: Iterable[int] = (), save_every: int | None = None
    ) -> "Schedule":
        """Returns the schedule of a phase of `last` steps; no evaluation lies behind them."""
        evaluated = frozenset(point for point in evaluations if point <= last)
        saved = frozenset({*range(save_every, last, save_every), last}) if save_every else frozenset[int]()
        logged = range(log_every, last, log_every)
        ends = tuple(sorted({*evaluated, *saved, *logged, last} - {0}))
        return cls(last, evaluated, saved, ends)

    def in_whole(self, step: int) -> "Schedule":
        """Returns the schedule with everything put off to the next multiple of `step`."""
        later = lambda point: math.ceil(point / step) * step
        return Schedule(
            later(self.last),
            frozenset(map(later, self.evaluations)),
            frozenset(map(later, self.checkpoints)),
            tuple(sorted(set(map(later, self.ends)))),
        )

    def ends_after(self, first: int) -> list[int]:
        """Returns where chunks end from step `first` on."""
        return [end for end in self.ends if end > first]

    def stride(self, first: int = 0) -> int:
        """Returns the greatest number of steps that divides all chunks after step `first`."""
        return math.gcd(*(end - first for end in self.ends_after(first)))
