"""Signals that ask a command to stop: it finishes the running chunk, saves, and exits with code 75.

They are noted here and looked at between chunks; nothing is interrupted in the middle. A second SIGINT
(Ctrl-C) ends the process at once, which leaves the last checkpoint as it is.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: not done, to be gone on with
EXIT_AT_ONCE = 130  # as a shell shows a process that SIGINT ended
# SIGUSR1: Slurm's `--signal`, before its time limit. SIGHUP: the terminal is closed.
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)

_received: list[signal.Signals] = []  # of the process, as signals are


class StoppedError(Exception):
    """A signal asked for the end, and everything is in order; the text says how far the run came."""


def received() -> str | None:
    """Returns the name of the signal that asked this process to stop, or None."""
    return _received[0].name if _received else None


def check() -> None:
    """Raises StoppedError if a signal has asked for the end; to be called where nothing would be lost."""
    if name := received():
        raise StoppedError(f"stopped by {name}")


def checked(report: Callable[[int], None]) -> Callable[[int], None]:
    """Returns `report`, called only while no signal has asked for the end; StoppedError else."""

    def report_unless_stopped(done: int) -> None:
        check()
        report(done)

    return report_unless_stopped


@contextmanager
def listening(say: Callable[[str], None]) -> Generator[None]:
    """Notes signals while the body runs; `say` is told of the first. For the main thread only."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    _received.clear()
    # Python's own handlers wait while the main thread compiles or computes; a thread need not.
    fd_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    heard = [number for number in HANDLED if signal.getsignal(number) != signal.SIG_IGN]  # as under nohup
    before = {number: signal.signal(number, _note) for number in heard}
    threading.Thread(target=_watch, args=(reader, say), daemon=True).start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fd_before)
        os.close(writer)
        _received.clear()


def _note(number: int, frame: FrameType | None = None) -> None:
    del frame
    if not _received:
        _received.append(signal.Signals(number))


def _watch(reader: int, say: Callable[[str], None]) -> None:
    """Reads signals as they come, until the other end is closed."""
    told, interrupts = False, 0
    while numbers := os.read(reader, 64):
        for number in numbers:
            if number not in HANDLED:
                continue
            _note(number)
            interrupts += number == signal.SIGINT
            if interrupts > 1:
                _exit_at_once()
            if not told:
                say(f"{signal.Signals(number).name}: finishing the running chunk, then saving")
            told = True
    os.close(reader)


def _exit_at_once() -> None:
    """Ends the process without waiting for anything; a save in progress is as if it had not begun."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # a live bar has hidden the cursor
    print("stopped at once", file=sys.stderr, flush=True)
    os._exit(EXIT_AT_ONCE)
