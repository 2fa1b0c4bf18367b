"""Where copies of the metrics go for people to look at; losing them never holds a run up.

A tracker is told of rows as they are written into the run's metrics, which stay the truth. After a resume it
is told what has been dropped from there and comes again.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, get_args

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.events import Events

Track = Literal["tensorboard", "wandb", "none"]


class Tracker(Protocol):
    """Takes rows of metrics."""

    def add(self, rows: Sequence[Row]) -> None:
        """Takes rows that are new, of any phases."""
        ...

    def resume(self, kept: Sequence[Row], dropped: Sequence[Row]) -> None:
        """Is told, before any row, what an earlier process has added: what stays, and what comes again."""
        ...

    def close(self) -> None:
        """Ends; it may wait for a moment, never for ever."""
        ...


class Nothing:
    """Tracks nothing."""

    def add(self, rows: Sequence[Row]) -> None:
        """Does nothing."""

    def resume(self, kept: Sequence[Row], dropped: Sequence[Row]) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


class TensorBoard:
    """Events in the run's folder, a folder a phase: each counts its own steps."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / layout.TENSORBOARD
        self._events: dict[str, Events] = {}
        self._kept: dict[str, int] | None = None  # last step by phase, after a resume

    def add(self, rows: Sequence[Row]) -> None:
        """Writes an event a row."""
        for row in rows:
            member = f"{row.point}/seed{row.seed}".removeprefix("/")
            self._of(row.phase).add(f"{row.name}/{member}", row.value, row.step)
        for events in self._events.values():
            events.flush()

    def resume(self, kept: Sequence[Row], dropped: Sequence[Row]) -> None:
        """Makes TensorBoard forget the steps that come again."""
        self._kept = {}
        for row in kept:
            self._kept[row.phase] = max(row.step, self._kept.get(row.phase, 0))

    def close(self) -> None:
        """Closes the files."""
        for events in self._events.values():
            events.close()

    def _of(self, phase: str) -> Events:
        if phase not in self._events:
            forget_from = None if self._kept is None else self._kept.get(phase, -1) + 1
            self._events[phase] = Events(self._folder / phase, forget_from)
        return self._events[phase]


def check(track: Track) -> None:
    """Checks that there is such a tracker, and what it needs.

    Raises:
        ValueError: an unknown one, or one whose extra is not installed.
    """
    if track not in get_args(Track):
        raise ValueError(f"track must be one of {', '.join(get_args(Track))}, got {track!r}")
    if track == "wandb" and find_spec("wandb") is None:
        raise ValueError("track wandb needs the wandb extra: pip install 'wsrl_mjx[wandb]'")


def chosen(track: Track | None, run_dir: Path) -> Track:
    """Returns what was asked for, or else what the run in the folder had, or else TensorBoard.

    Raises:
        ValueError: see `check`.
    """
    found: Track = track or "tensorboard"
    if track is None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # a run that has TensorBoard
            found = json.loads((run_dir / layout.TRACKER).read_text())["track"]
    check(found)
    return found


def make(track: Track, run_dir: Path, say: Callable[[str], None]) -> Tracker:
    """Returns the tracker of a run; nothing is opened before the first row, and `say` hears of troubles."""
    if track == "wandb":
        from wsrl_mjx.runs.wandb_tracker import WeightsAndBiases

        return WeightsAndBiases(run_dir, say)
    return TensorBoard(run_dir) if track == "tensorboard" else Nothing()
