"""Breaks real runs in every way that a cluster or a laptop does, and checks that nothing is lost.

    python scripts/torture.py --kills 30 --flips 100

One run goes undisturbed. Others are killed with SIGKILL at random moments and during saves, stopped by
SIGTERM in each phase, and robbed of their disk. All are resumed to the end, and must come out as the first,
bit for bit: every array of the last checkpoint, every row of the metrics. Then single bits of its checkpoints
are flipped. Prints a table, and exits with code 1 where a promise was broken. See docs/reliability.md.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tortures.bits import flip_bits
from tortures.disk import fill_the_disk
from tortures.judge import Judge, Row
from tortures.kills import kill_often
from tortures.signals import terminate_in_each_phase
from tortures.victim import Settings, Victim
from wsrl_mjx.analysis.text import markdown_table
from wsrl_mjx.cli import flags
from wsrl_mjx.training import runtime


@dataclass(frozen=True)
class Command:
    """Torture runs, and show that nothing is lost."""

    env: str = "pointmaze-umaze"
    """The environment of all runs; their preset is smoke, with a checkpoint after every chunk."""
    num_seeds: int = 1
    """Seeds side by side in every run."""
    flips: int = 100
    """How many single bits to flip, each in a fresh copy of a checkpoint."""
    signals: bool = True
    """Whether to stop a run by SIGTERM in each phase."""
    disk: bool = True
    """Whether to fill the disk; where other files of a run are larger than checkpoints it shows nothing."""
    kills: int = 30
    """How often to kill with SIGKILL: by turns at a random time, and during a save."""
    seed: int = 0
    """Of the moments and of the bits."""
    out: Path | None = None
    """Folder of the runs; unset: a temporary one."""
    program: tuple[str, ...] = (str(Path(__file__).parents[1] / "train.py"),)
    """What Python is to run: a script with the flags of scripts/train.py."""


def torture(command: Command, place: Path) -> list[Row]:
    """Returns a row for everything that was done."""
    settings = Settings(command.env, command.num_seeds, command.program)
    straight, startup = run_undisturbed(settings, place)
    judge = Judge(straight.path)
    parts: list[Callable[[], list[Row]]] = []
    if command.flips:
        parts.append(lambda: flip_bits(place, straight.path, command.flips, command.seed))
    if command.signals:
        parts.append(lambda: terminate_in_each_phase(settings, place, judge))
    if command.disk:
        parts.append(lambda: fill_the_disk(settings, place, judge))
    if command.kills:
        parts.append(lambda: kill_often(settings, place, judge, startup, command.kills, command.seed))
    rows: list[Row] = []
    for part in parts:
        rows += part()
        print(markdown(rows), flush=True)
    return rows


def run_undisturbed(settings: Settings, place: Path) -> tuple[Victim, float]:
    """Returns a finished run, and the seconds that went by before its first row."""
    straight, began, startup = Victim(settings, place, "straight"), time.monotonic(), 0.0
    process = straight.start()
    while process.poll() is None:
        if not startup and straight.where != "before training":
            startup = time.monotonic() - began
        time.sleep(0.02)
    if process.returncode != 0:
        raise SystemExit(f"{straight.path} ended with {process.returncode}:\n{straight.last_words()}")
    print(f"undisturbed: {time.monotonic() - began:.0f} s, the first row after {startup:.0f} s", flush=True)
    return straight, startup


def markdown(rows: list[Row]) -> str:
    """Returns the rows as a table."""
    header = ("what was done", "how often, where", "what came of it", "as promised")
    return markdown_table(header, ([*said, "yes" if ok else "NO"] for *said, ok in rows))


def main(arguments: list[str] | None = None) -> None:
    """Tortures, prints, and exits with 1 where a promise was broken."""
    command = flags.read(Command, arguments, None, __doc__)
    runtime.prepare()
    with tempfile.TemporaryDirectory() as temporary:
        place = command.out or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        rows = torture(command, place)
    raise SystemExit(0 if all(ok for *_, ok in rows) else 1)
