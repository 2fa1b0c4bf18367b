"""TensorBoard events, a copy of the metrics for the eye: losing them never holds a run up.

TensorBoardX's own writer hands events to a thread, which a full disk ends; then its caller waits for ever.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2
from tensorboardX.summary import scalar

# Made when they are imported: no checker finds them as attributes, hence getattr and its silenced rule.
Event: Any = getattr(event_pb2, "Event")  # noqa: B009
SessionLog: Any = getattr(event_pb2, "SessionLog")  # noqa: B009


class Events:
    """The events of one phase, in a file of their own."""

    def __init__(self, folder: Path, forget_from: int | None) -> None:
        """Opens a new file.

        Args:
            folder: of the phase.
            forget_from: first step of an earlier file that comes again; None where nothing does.
        """
        self._writer: EventsWriter | None = None  # None: events are not written any more
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The library names a file by the second: one of the same second would be overwritten.
            self._writer = EventsWriter(str(folder / "events"), f".{len(list(folder.glob('events*')))}")
        except OSError:
            self._writer = None
        if forget_from is not None:
            self._write(Event(step=forget_from, file_version="brain.Event:2"))
            self._write(Event(step=forget_from, session_log=SessionLog(status=SessionLog.START)))

    def add(self, name: str, value: float, step: int) -> None:
        """Adds one number."""
        self._write(Event(step=step, summary=scalar(name, value)))

    def flush(self) -> None:
        """Hands what was added to the system."""
        self._attempt(lambda writer: writer.flush())

    def close(self) -> None:
        """Flushes and closes the file."""
        self._attempt(lambda writer: writer.close())
        self._writer = None

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._attempt(lambda writer: writer.write_event(event))

    def _attempt(self, do: Callable[[EventsWriter], Any]) -> None:
        """Does it, or gives up for good: events behind a gap would be misread."""
        if self._writer is not None:
            try:
                do(self._writer)
            except OSError:
                self._writer = None
