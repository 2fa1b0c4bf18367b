"""A disk that fills up while a run goes on."""

import time
from pathlib import Path

from tortures.judge import Judge, Row, leaves, verdict
from tortures.victim import Settings, Victim
from wsrl_mjx.runs.layout import CHECKPOINTS, SUMMARY

PATIENCE = 0.02  # seconds between two looks at a run
FULL_AFTER = 2000  # online steps: there are sound checkpoints by then


def fill_the_disk(settings: Settings, place: Path, judge: Judge) -> list[Row]:
    """Lets no file grow beyond half of a checkpoint, from some time on; then gives the room back."""
    victim = Victim(settings, place, "full")
    process = victim.start()
    while process.poll() is None and victim.online_steps < FULL_AFTER:
        time.sleep(PATIENCE)
    victim.limit_files(process, largest_file(victim.path / CHECKPOINTS) // 2)
    code = process.wait()
    failed, ended = victim.last_words().count("could not be saved"), (victim.path / SUMMARY).exists()
    step = leaves(victim.path)[0]
    came = f"exit code {code}, {failed} saves failed, summary {'there' if ended else 'MISSING'}, "
    came += f"checkpoint of step {step:,} sound"
    kept = code == 0 and failed > 0 and ended
    rows = [("no file beyond half a checkpoint's size", f"from step {FULL_AFTER:,} on", came, kept)]
    return [*rows, verdict("the same run, resumed with room", victim, judge)]


def largest_file(checkpoints: Path) -> int:
    """Returns the bytes of the largest file of the newest finished checkpoint."""
    newest = max((path for path in checkpoints.iterdir() if path.name.isdigit()), key=lambda p: int(p.name))
    return max(path.stat().st_size for path in newest.rglob("*") if path.is_file())
