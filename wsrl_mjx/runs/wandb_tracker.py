"""Weights & Biases, from a thread of its own: a network that is slow or away costs the training nothing.

A training run is one run there. Every seed has its key, `online/eval/return/seed0`, and of several the
mean is `online/eval/return`; a grid point's name stands before the seed. The steps of each phase are
their own axis, `online/step`, so numbers of evaluations may come after those of later steps.
"""

import hashlib
import importlib
import json
import os
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.runs import layout

WAIT = 30.0  # seconds that the end of a run waits for what is still to be sent
Key = tuple[str, int, int, str, str]


class WeightsAndBiases:
    """One run there; the id comes from the folder's, so that a resumed run goes on in it."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._waiting: queue.SimpleQueue[dict[str, float] | None] = queue.SimpleQueue()
        self._sent: set[Key] = set()  # by an earlier process, and they come again
        self.thread: threading.Thread | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Hands the rows to the thread; those that were sent before a resume are left out."""
        if self.thread is None:
            self.thread = threading.Thread(target=self._send, daemon=True, name="wandb")
            self.thread.start()
        for values in as_logged([row for row in rows if _key(row) not in self._sent]):
            self._waiting.put(values)

    def resume(self, kept: Sequence[Row], dropped: Sequence[Row]) -> None:
        """Remembers what comes again."""
        self._sent = set(map(_key, dropped))

    def close(self) -> None:
        """Waits for a moment until all is sent."""
        if self.thread is not None:
            self._waiting.put(None)
            self.thread.join(WAIT)

    def _send(self) -> None:
        """Opens the run and logs what waits, until the end or an error: the metrics lack nothing then."""
        try:
            run = self._open()
            while (values := self._waiting.get()) is not None:
                run.log(values)
            run.finish()
        except Exception as error:
            print(f"wandb ends here, the run goes on ({type(error).__name__}: {error})")

    def _open(self) -> Any:
        wandb: Any = importlib.import_module("wandb")  # an extra, unknown to the type checker

        would_ask = "WANDB_MODE" not in os.environ and wandb.api.api_key is None
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "wsrl_mjx"),
            name=self._run_dir.resolve().name,
            id=hashlib.sha256(str(self._run_dir.resolve()).encode()).hexdigest()[:16],
            resume="allow",
            dir=self._run_dir,
            mode="offline" if would_ask else None,
            config=json.loads((self._run_dir / layout.CONFIG).read_text()),
            settings=wandb.Settings(silent=True, console="off"),
        )
        for phase in ("pretrain", "online"):
            run.define_metric(f"{phase}/step")
            run.define_metric(f"{phase}/*", step_metric=f"{phase}/step")
        return run


def as_logged(rows: Sequence[Row]) -> list[dict[str, float]]:
    """Returns what is logged for rows: a call a phase and step, with each seed's value and the means."""
    calls: dict[tuple[str, int], dict[str, float]] = {}
    groups: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for row in rows:
        name = "/".join(part for part in (row.phase, row.name, row.point) if part)
        calls.setdefault((row.phase, row.step), {f"{row.phase}/step": row.step})[f"{name}/seed{row.seed}"] = (
            row.value
        )
        groups[row.phase, row.step, name].append(row.value)
    for (phase, step, name), values in groups.items():
        if len(values) > 1:
            calls[phase, step][name] = sum(values) / len(values)
    return list(calls.values())


def _key(row: Row) -> Key:
    return (row.phase, row.step, row.seed, row.name, row.point)
