"""Weights & Biases, through a process of its own: a network that is slow or away costs the training nothing.

A training run is one run there. Every seed has its key, `online/eval/return/seed0`, and of several the
mean is `online/eval/return`; a grid point's name stands before the seed. The steps of each phase are
their own axis, `online/step`, so numbers of evaluations may come after those of later steps.

A thread would not do: at the end of a process wandb waits for its network, for ever if need be.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.data import files
from wsrl_mjx.runs import layout, wandb_sender

WAIT = 30.0  # seconds that the end of a run waits for what is still to be sent
ID = "wandb_id"  # in the tracker's file: a resumed run goes on in the same run there
Key = tuple[str, int, int, str, str]


class WeightsAndBiases:
    """One run there."""

    def __init__(self, run_dir: Path, say: Callable[[str], None]) -> None:
        self._run_dir, self._say = run_dir, say
        self._sent: set[Key] = set()  # by an earlier process, and they come again
        self._process: subprocess.Popen[str] | None = None
        self._ears: threading.Thread | None = None
        self._ended = False  # nothing is handed over any more
        self._cut = False  # by the training, which has waited enough

    def add(self, rows: Sequence[Row]) -> None:
        """Hands the rows over; those that were sent before a resume are left out."""
        lines = as_logged([row for row in rows if _key(row) not in self._sent])
        try:
            if self._process is None and not self._ended:
                self._process = self._started()
            self._write(lines)
        except OSError as error:  # it has said why, where it could start
            if self._process is None:
                self._say(f"wandb: it cannot start, {layout.METRICS} goes on ({error})")
            self._ended = True

    def resume(self, kept: Sequence[Row], dropped: Sequence[Row]) -> None:
        """Remembers what was sent and comes again."""
        self._sent = set(map(_key, dropped)) if ID in self._remembered() else set()

    def close(self) -> None:
        """Waits for a moment until all is sent, and ends what takes longer."""
        if self._process is None or self._process.stdin is None or self._ears is None:
            return
        self._ended = True
        with contextlib.suppress(OSError):  # it has ended before
            self._process.stdin.close()
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._cut = True
            self._process.kill()
            where = f"what wandb has taken is in {self._run_dir / 'wandb'}, for `wandb sync`"
            self._say(f"wandb: not all was sent within {WAIT:.0f} s; {where}")
        self._ears.join(1.0)

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        if self._process is not None and self._process.stdin is not None and not self._ended:
            self._process.stdin.writelines(json.dumps(line) + "\n" for line in lines)
            self._process.stdin.flush()

    def _started(self) -> "subprocess.Popen[str]":
        remembered = self._remembered()
        if ID not in remembered:
            remembered[ID] = secrets.token_hex(8)
            files.write_json(self._run_dir / layout.TRACKER, remembered)
        given = {
            "project": os.environ.get("WANDB_PROJECT", "wsrl_mjx"),
            "name": self._run_dir.resolve().name,
            "id": remembered[ID],
            "resume": "allow",
            "dir": str(self._run_dir.resolve()),
            "config": json.loads((self._run_dir / layout.CONFIG).read_text()),
        }
        process = subprocess.Popen(
            [sys.executable, "-P", wandb_sender.__file__],  # -P: its neighbours are no top modules
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the training
        )
        self._process = process
        self._ears = threading.Thread(target=self._listen, args=(process,), daemon=True, name="wandb")
        self._ears.start()
        self._write([given])
        return process

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._say(f"wandb: {line.rstrip()}")
        if (code := process.wait()) < 0 and not self._cut:
            self._say(f"wandb: its process was ended by signal {-code}, {layout.METRICS} goes on")

    def _remembered(self) -> dict[str, Any]:
        """Returns what the folder remembers of its trackers; nothing if it cannot be read."""
        try:
            return dict(json.loads((self._run_dir / layout.TRACKER).read_text()))
        except (OSError, ValueError, TypeError):
            return {}


def as_logged(rows: Sequence[Row]) -> list[dict[str, float]]:
    """Returns what is logged for rows: a call a phase and step, with each seed's value and the means."""
    calls: dict[tuple[str, int], dict[str, float]] = {}
    groups: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for row in rows:
        name = "/".join(part for part in (row.phase, row.name, row.point) if part)
        values = calls.setdefault((row.phase, row.step), {f"{row.phase}/step": row.step})
        values[f"{name}/seed{row.seed}"] = row.value
        groups[row.phase, row.step, name].append(row.value)
    for (phase, step, name), values in groups.items():
        if len(values) > 1:
            calls[phase, step][name] = sum(values) / len(values)
    return list(calls.values())


def _key(row: Row) -> Key:
    return (row.phase, row.step, row.seed, row.name, row.point)
