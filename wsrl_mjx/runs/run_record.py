"""What the summary of a run needs to know of phases that are over; saved with every checkpoint."""

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunRecord:
    """Where data and pretraining came from, and where the time went."""

    dataset_rows: int = 0
    dataset_digest: str = ""
    behavior_return: float = float("nan")
    pretraining_from: str = "this run"
    seconds: dict[str, float] = field(default_factory=dict)  # wall time by phase, without compilation
    compile_seconds: dict[str, float] = field(default_factory=dict)

    def continue_from(self, saved: dict[str, Any]) -> None:
        """Takes over what an earlier process, or the run that pretrained, had recorded."""
        for name, value in saved.items():
            setattr(self, name, value)

    def clock(self) -> float:
        """Returns seconds on a clock that stands still while a program is compiled, and never jumps."""
        return time.perf_counter() - sum(self.compile_seconds.values())

    def spent(self, phase: str, began: float) -> None:
        """Adds the time since `began` on the clock to what `phase` has taken."""
        self.took(phase, self.clock() - began)

    def took(self, phase: str, seconds: float) -> None:
        """Adds to what `phase` has taken."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def compiled(self, program: str, seconds: float) -> None:
        """Adds the time that a program took to compile; one of that name may have been compiled before."""
        before = self.compile_seconds.get(program, 0.0)
        self.compile_seconds[program] = round(before + seconds, 2)
