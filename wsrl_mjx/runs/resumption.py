"""What a run saves and goes on from: checkpoints, and the newest sound one of them."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx.runs import faults, layout
from wsrl_mjx.runs.checkpoint import Checkpoints, DamagedError, NotSavedError
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run_folder import RunFolder
from wsrl_mjx.training.sharding import copy_on_host
from wsrl_mjx.types import Clock, TrainState

BLOCK = 4096  # rows of a replay buffer that are looked at together


class Saved(NamedTuple):
    """A place in a run to go on from."""

    phase: str
    step: int
    facts: dict[str, Any]
    state: TrainState
    clock: Clock


class Resumption:
    """The checkpoints of one run folder, each with its place in the metrics."""

    def __init__(self, folder: RunFolder, console: Console) -> None:
        self._folder, self._console = folder, console
        self._checkpoints = Checkpoints(folder.path / layout.CHECKPOINTS)
        self.overdue = False  # whether the last one that was due could not be saved

    def save(
        self, index: int, phase: str, step: int, facts: dict[str, Any], state: TrainState, clock: Clock
    ) -> None:
        """Saves everything that changes, and of the replay buffer the rows in use: the others are zeros.

        A full disk is no end: it is said, the checkpoints before stay, and `overdue` asks for another try.

        Args:
            index: of the checkpoint; grows through the run, whatever the phase.
            phase: of the run.
            step: steps done in it.
            facts: plain values for the summary.
            state: of all members.
            clock: that goes with it.

        Raises:
            OSError: the folder is gone, or cannot be written any more.
        """
        try:
            rows = rows_in_use(state.buffer)
            meta = {
                "phase": phase,
                "step": step,
                "metrics": self._folder.mark(),
                "rows": rows,
                "facts": facts,
            }
            # On the host: a slice on the device would be a program of its own for every number of rows.
            used = jax.tree.map(lambda leaf: np.asarray(leaf)[:, :rows], state.buffer)
            self._checkpoints.save(index, (state.replace(buffer=used), clock), meta)
        except (OSError, NotSavedError) as error:
            faults.check_writable(self._folder.path)
            kept = self._checkpoints.latest()
            behind = "there is none before it" if kept is None else f"checkpoint {kept} stays"
            why = "either" if self.overdue else f"({error}); {behind}, training goes on"
            self._console.say(f"checkpoint {index} could not be saved {why}")
            self.overdue = True
            return
        if self.overdue:
            self._console.say(f"checkpoint {index} is saved")
        self.overdue = False

    def newest(self, like: Callable[[str], TrainState]) -> Saved | None:
        """Returns the newest sound checkpoint, and cuts the metrics back to it; None where none was saved.

        Damaged ones before it are named and moved to the folder `damaged`.

        Args:
            like: returns the shapes of the state in a phase, with the whole replay buffer.

        Raises:
            ValueError: there are checkpoints, and none can be used.
        """
        self._checkpoints.remove_unfinished()
        damaged: list[int] = []
        for index in reversed(self._checkpoints.steps()):
            try:
                saved, mark = self._read(index, like)
            except DamagedError as error:
                self._console.say(f"{error}; trying the one before")
                damaged.append(index)
                continue
            for other in damaged:
                self._checkpoints.set_aside(other, self._folder.path / layout.DAMAGED)
            self._folder.cut_metrics(mark["size"])
            return saved
        if damaged:
            raise ValueError(
                f"run-dir {self._folder.path} has no checkpoint that can be gone on with: {len(damaged)} of "
                f"{len(damaged)} are damaged; begin anew with another --run-dir"
            )
        self._folder.cut_metrics()
        return None

    def close(self) -> None:
        """Frees what the checkpoints hold open."""
        self._checkpoints.close()

    def _read(self, index: int, like: Callable[[str], TrainState]) -> tuple[Saved, dict[str, Any]]:
        meta = self._checkpoints.meta(index)
        if not self._folder.holds(meta["metrics"]):
            raise DamagedError(
                f"checkpoint {index} cannot be used: {layout.METRICS} lacks rows that were there when it was "
                "saved"
            )
        whole = like(meta["phase"])
        shapes = whole.replace(buffer=jax.tree.map(partial(_first, meta["rows"]), whole.buffer))
        state, clock = self._checkpoints.restore(index, (shapes, Clock.zero()))
        state = state.replace(buffer=jax.tree.map(_filled_up, state.buffer, whole.buffer))
        return Saved(meta["phase"], meta["step"], meta["facts"], state, clock), meta["metrics"]


def copied(state: TrainState) -> TrainState:
    """Returns a copy on the host, which the training cannot change, with the replay's rows in use alone."""
    rows = rows_in_use(state.buffer)
    used = jax.tree.map(lambda leaf: np.array(np.asarray(leaf)[:, :rows]), state.buffer)
    return jax.tree.map(copy_on_host, state.replace(buffer=None)).replace(buffer=used)


def rows_in_use(buffer: Any) -> int:
    """Returns how many rows of a replay buffer [M, C, ...] there are up to the last that is not zeros."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(buffer)]
    end = leaves[0].shape[1] if leaves else 0
    while end > 0:
        begin = max(0, end - BLOCK)
        used = np.zeros(end - begin, bool)
        for leaf in leaves:
            rows = np.ascontiguousarray(np.swapaxes(leaf[:, begin:end], 0, 1)).reshape(end - begin, -1)
            used |= rows.view(np.uint8).any(axis=1)  # bits, because a negative zero is to come back as one
        if used.any():
            return begin + int(np.flatnonzero(used)[-1]) + 1
        end = begin
    return 0


def _first(rows: int, leaf: Any) -> jax.ShapeDtypeStruct:
    """Returns the shape of the first rows of a replay buffer's leaf [M, C, ...]."""
    return jax.ShapeDtypeStruct((leaf.shape[0], rows, *leaf.shape[2:]), leaf.dtype)


def _filled_up(leaf: jax.Array, whole: Any) -> jax.Array:
    """Returns rows with zeros behind them, up to the shape of `whole`."""
    missing = whole.shape[1] - leaf.shape[1]
    return jnp.pad(leaf, [(0, 0), (0, missing)] + [(0, 0)] * (leaf.ndim - 2)) if missing else leaf
