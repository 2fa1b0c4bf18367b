"""A disk that is full."""

from pathlib import Path

from tortures.judge import Judge, Row, leaves, verdict
from tortures.victim import Settings, Victim
from wsrl_mjx.resumption import FOLDER


def fill_the_disk(settings: Settings, place: Path, judge: Judge) -> list[Row]:
    """Lets no file grow beyond half of what the last checkpoint needs; then gives the room back."""
    newest = max((place / "straight" / FOLDER).iterdir(), key=lambda path: path.stat().st_mtime)
    largest = max(path.stat().st_size for path in newest.rglob("*") if path.is_file())
    victim = Victim(settings, place, "full")
    code = victim.start(file_size=largest // 2).wait()
    failed, ended = victim.last_words().count("could not be saved"), (victim.path / "summary.json").exists()
    step = leaves(victim.path)[0]
    came = f"exit code {code}, {failed} saves failed, summary {'there' if ended else 'MISSING'}, "
    came += f"checkpoint of step {step} sound"
    kept = code == 0 and failed > 0 and ended
    rows = [("no file beyond half a checkpoint's size", "whole run", came, kept)]
    return [*rows, verdict("the same run, resumed with room", victim, judge)]
