"""What the summary of a run needs to know of phases that are over; saved with every checkpoint."""

import time
from dataclasses import dataclass, field


@dataclass
class RunRecord:
    """Where data and pretraining came from, and where the time went."""

    dataset_rows: int = 0
    dataset_digest: str = ""
    behavior_return: float = float("nan")
    pretraining_from: str = "this run"
    seconds: dict[str, float] = field(default_factory=dict)  # wall time by phase, without compilation
    compile_seconds: dict[str, float] = field(default_factory=dict)

    def clock(self) -> float:
        """Returns seconds on a clock that stands still while a program is compiled, and never jumps."""
        return time.perf_counter() - sum(self.compile_seconds.values())

    def spent(self, phase: str, began: float) -> None:
        """Adds the time since `began` on the clock to what `phase` has taken."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + self.clock() - began
