"""SIGKILL, at random moments and during saves."""

import random
import signal
import subprocess
import time
from pathlib import Path

from tortures.judge import Judge, Row
from tortures.victim import Settings, Victim

PATIENCE = 0.002  # seconds between two looks at a run
DURING_A_SAVE = 0.15  # seconds after its beginning, at most


def kill_often(
    settings: Settings, place: Path, judge: Judge, startup: float, kills: int, seed: int
) -> list[Row]:
    """Kills runs with SIGKILL until it was done often enough; each that comes to its end is judged."""
    rng = random.Random(seed)
    killed: list[str] = []
    during, verdicts = 0, []
    while len(killed) < kills or not verdicts:
        victim = Victim(settings, place, f"killed-{len(verdicts)}")
        while True:
            process = victim.start()
            if len(killed) < kills and strike(victim, process, rng, startup, len(killed) % 2 == 1):
                during += victim.saving
                killed.append(victim.where)
                continue
            if process.wait() != 0:
                raise SystemExit(f"{victim.path} ended with {process.returncode}:\n{victim.last_words()}")
            verdicts.append(judge.same(victim.path))
            break
    names = ("before", "pretrain", "online")
    phases = {name: sum(where.startswith(name) for where in killed) for name in names}
    where = f"{len(killed)} ({', '.join(f'{count} {name}' for name, count in phases.items())})"
    came = f"{sum(verdicts)} of {len(verdicts)} runs bit for bit; {during} kills left a torn save"
    return [("SIGKILL at random moments and during saves", where, came, all(verdicts))]


def strike(
    victim: Victim, process: "subprocess.Popen[bytes]", rng: random.Random, startup: float, saves: bool
) -> bool:
    """Kills the process at a random time, or during one of its next saves; False if it was done before."""
    end = time.monotonic() + rng.uniform(0.0, 1.5 * startup)
    count, was_saving = rng.randint(1, 6), victim.saving  # a torn save may lie there still
    while process.poll() is None:
        saving = victim.saving
        count -= saving and not was_saving
        was_saving = saving
        if count <= 0 if saves else time.monotonic() > end:
            time.sleep(rng.uniform(0.0, DURING_A_SAVE) if saves else 0.0)
            process.kill()
            process.wait()
            return process.returncode == -signal.SIGKILL
        time.sleep(PATIENCE)
    return False
