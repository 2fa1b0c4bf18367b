"""What a person sees while a run goes on: the plan, what compiles, progress with rate and time left.

On a terminal there are live bars; anywhere else plain lines, so that a log file stays readable.
"""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from wsrl_mjx.analysis.text import duration

PLAIN_INTERVAL = 15.0  # seconds between plain progress lines


class _GoesOn(RichConsole):
    """Says once that nobody reads the output any more; later lines are lost, and the command goes on."""

    def on_broken_pipe(self) -> None:
        """Is called where the reader has gone away, as `head` does; Rich would end the process."""
        discard_output()
        print("nobody reads the output any more; the command goes on", file=sys.stderr)


def discard_output() -> None:
    """Sends what is still to be written to standard output nowhere, so that nothing fails at it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


class Console:
    """Writes for a terminal or for a log, whichever the output is."""

    def __init__(self, rich_console: RichConsole | None = None) -> None:
        self._rich = rich_console or _GoesOn(highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Prints a line."""
        self._rich.print(text, markup=False)

    def table(self, title: str, header: list[str], rows: list[list[str]]) -> None:
        """Prints a table; the first column is left-aligned, the others right."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for index, name in enumerate(header):
            table.add_column(name, justify="left" if index == 0 else "right")
        for row in rows:
            table.add_row(*row)
        self._rich.print(table)

    @contextmanager
    def compiling(self, what: str) -> Generator[None]:
        """Shows that `what` compiles, with a running timer, and says afterwards how long it took."""
        began = time.perf_counter()
        if self._rich.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            with Progress(*columns, console=self._rich, transient=True) as progress:
                progress.add_task(f"compiling {what}", total=None)
                yield
        else:
            self.say(f"compiling {what} ...")
            yield
        self.say(f"compiled {what} in {time.perf_counter() - began:.1f} s")

    @contextmanager
    def progress(self, phase: str, total: int, done: int, unit: str) -> Generator["PhaseProgress"]:
        """Shows one phase; the body reports to what is yielded."""
        if not self._rich.is_terminal:
            yield PhaseProgress(self, phase, total, done, unit, bar=None)
            return
        columns = (TextColumn("{task.description:>12}"), BarColumn(), TextColumn("{task.fields[note]}"))
        with Progress(*columns, console=self._rich) as bar:
            yield PhaseProgress(self, phase, total, done, unit, bar=bar)


class PhaseProgress:
    """The progress of one phase: steps done, rate, time left, and the last score."""

    def __init__(
        self, console: Console, phase: str, total: int, done: int, unit: str, bar: Progress | None
    ) -> None:
        self._console, self._bar = console, bar
        self._phase, self._total, self._unit = phase, total, unit
        self._start, self._began = done, time.perf_counter()
        self._last_line = self._began
        self._score = ""
        self._task = bar.add_task(phase, total=total, completed=done, note="") if bar else None

    def advance_to(self, done: int, label: str | None = None) -> None:
        """Shows that `done` of all steps are done; `label` renames the phase, as at the warmup's end."""
        self._phase = label or self._phase
        now = time.perf_counter()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, description=self._phase, note=self._note(done, now))
        elif now - self._last_line >= PLAIN_INTERVAL or done >= self._total:
            self._last_line = now
            self._console.say(f"{self._phase}: {self._note(done, now)}")

    def score(self, text: str) -> None:
        """Remembers the last evaluation for the line, and prints it where there is no bar."""
        self._score = text
        if self._bar is None:
            self._console.say(f"{self._phase}: {text}")

    def _note(self, done: int, now: float) -> str:
        rate = (done - self._start) / max(now - self._began, 1e-9)
        left = (self._total - done) / rate if rate > 0 else 0.0
        parts = [f"{done:,}/{self._total:,} {self._unit}", f"{rate:,.0f}/s", f"{duration(left)} left"]
        return "  ".join([*parts, self._score] if self._score else parts)
