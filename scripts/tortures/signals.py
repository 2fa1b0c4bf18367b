"""SIGTERM, in each phase."""

import time
from collections.abc import Callable
from pathlib import Path

from tortures.judge import Judge, Row, verdict
from tortures.victim import Settings, Victim
from wsrl_mjx.runs.signals import EXIT_CODE

PATIENCE = 0.02  # seconds between two looks at a run

# When a phase is under way, from what the run has said and written.
PHASES: dict[str, Callable[[Victim], bool]] = {
    "data": lambda victim: "compiled rollouts" in victim.said(),
    "pretraining": lambda victim: "compiled pretraining" in victim.said(),
    "evaluation": lambda victim: "compiling evaluation" in victim.said(),
    "warmup": lambda victim: victim.online_steps > 0,
    "fine-tuning": lambda victim: victim.online_steps > 5000,
}


def terminate_in_each_phase(settings: Settings, place: Path, judge: Judge) -> list[Row]:
    """Stops one run in each phase with SIGTERM, and goes on with it."""
    victim = Victim(settings, place, "terminated")
    rows: list[Row] = []
    for phase, is_there in PHASES.items():
        process = victim.start()
        while process.poll() is None and not is_there(victim):
            time.sleep(PATIENCE)
        process.terminate()
        code = process.wait()
        came = f"exit code {code}: {victim.last_words().strip().splitlines()[-1].partition('; go on')[0]}"
        rows.append(("SIGTERM", phase, came, code == EXIT_CODE))
    return [*rows, verdict("the same run, resumed after each", victim, judge)]
