"""Whole runs of the probe environment `Line`, small and watched: what the tests of runs share."""

import io
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from probe_envs import Line, probe
from rich.console import Console as RichConsole

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.config.validation import validate
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.programs import Programs
from wsrl_mjx.runs.run import Run
from wsrl_mjx.runs.setup import RunOptions

LINE = probe(Line)
OFFLINE, ONLINE, WARMUP = 40, 40, 20
SIZES: dict[str, Any] = {
    "env": "line", "dataset": "random", "dataset_size": 200, "collect_envs": 4, "num_seeds": 2,
    "offline_steps": OFFLINE, "offline_batch_size": 8, "cql_actions": 2, "offline_backup_actions": 2,
    "warmup_steps": WARMUP, "online_steps": ONLINE, "batch_size": 4, "replay_capacity": 32,
    "actor_hidden": (8,), "critic_hidden": (8,), "ensemble_size": 3, "eval_episodes": 2,
    "eval_every": 20, "pretrain_eval_every": 20, "log_every": 10, "checkpoint_every": 20,
}  # fmt: skip


WORKSHOP = Programs()


class CutOffError(Exception):
    """The power fails."""


def power_cut() -> None:
    raise CutOffError


class Watched(Run):
    """A run that keeps its data, its last state and what it said, and is disturbed where it is told to."""

    def __init__(
        self,
        config: Config,
        options: RunOptions,
        cut: tuple[str, int] | None = None,
        how: Callable[[], None] = power_cut,
    ) -> None:
        self.said = io.StringIO()
        self.cut, self.how, self.loaded, self.last = cut, how, None, None
        super().__init__(config, options, Console(RichConsole(file=self.said, width=200)), WORKSHOP)

    def _load_data(self) -> Any:
        if self.cut == ("data", 0):
            self.how()
        self.loaded = super()._load_data()
        self.trained_on = np.asarray(self.loaded.obs[:, 0])
        return self.loaded

    def _checkpoint(self, phase: str, step: int, state: Any, clock: Any) -> None:
        super()._checkpoint(phase, step, state, clock)
        self.last = jax.tree.map(lambda x: np.asarray(host(x)), (state, clock))

    def _write(self, phase: str, step: int, values: dict[str, np.ndarray]) -> None:
        super()._write(phase, step, values)
        if (phase, step) == self.cut:
            self.how()


def host(leaf: jax.Array) -> jax.Array:
    """Returns plain numbers, of keys too."""
    return jax.random.key_data(leaf) if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def settings(**changes: Any) -> Config:
    config = replace_flat(Config(), SIZES | changes)
    validate(config)
    return config


def values(rows: list[Row], phase: str, name: str) -> dict[tuple[int, int], float]:
    return {(row.step, row.seed): row.value for row in rows if (row.phase, row.name) == (phase, name)}
