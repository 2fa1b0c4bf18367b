"""What the runs of one process share: environments, and compiled programs that fit several runs."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax

import envs
from envs.base import Environment
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs import plan
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run_record import RunRecord
from wsrl_mjx.training import runtime

# Numbers that enter a program with its arguments, or only count its calls: runs that differ in nothing else
# can use each other's.
NUMBERS = {
    "seed": 0,
    "warmup_steps": 0,
    "online_steps": 0,
    "offline_steps": 0,
    "points": (),
    "success_share": None,
}


# A run's programs take some 3,000 memory maps on a CPU, and a process may have 65,530 (Linux's
# vm.max_map_count): beyond them the next compilation ends the process.
MOST_RUNS = 8


class Programs:
    """Makes environments and programs, each once."""

    def __init__(self) -> None:
        self._worlds: dict[Any, Environment] = {}
        self._programs: dict[Any, Any] = {}

    def env(self, config: Config) -> Environment:
        """Returns the environment of a run.

        Raises:
            ValueError: no such environment or option.
        """
        key = (config.env, config.env_options)
        if key not in self._worlds:
            self._worlds[key] = envs.make_from_text(config.env, config.env_options)
        return self._worlds[key]

    def forget(self) -> None:
        """Lets go of all programs."""
        self._programs.clear()

    def compiled(
        self,
        config: Config,
        what: str,
        jitted: Any,
        args: tuple[Any, ...],
        waiting: Callable[[str], AbstractContextManager[Any]],
        length: int = 0,
    ) -> tuple[Any, float]:
        """Returns a program and the seconds that compiling it took: 0 where it was there.

        Args:
            config: of the run; with `length` it decides whatever the program holds besides its arguments.
            what: the program's name.
            jitted: the function.
            args: what it will be called with.
            waiting: shown while it compiles.
            length: steps of a chunk; 0 for a program of another kind.

        Raises:
            RuntimeError: it cannot be traced or compiled. The settings were checked before, so that is a
                fault of ours, and not the bad input that a ValueError stands for.
        """
        leaves, structure = jax.tree.flatten(args)
        shapes = tuple((leaf.shape, leaf.dtype, getattr(leaf, "sharding", None)) for leaf in leaves)
        key = (replace_flat(config, NUMBERS), what, length, structure, shapes)
        if key in self._programs:
            return self._programs[key], 0.0
        began = time.perf_counter()
        self._make_room(key[0])
        with waiting(what):
            try:
                self._programs[key] = runtime.compiled(jitted.lower(*args))
            except ValueError as error:
                raise RuntimeError(
                    f"{what} cannot be compiled, which is a fault of wsrl_mjx or of the environment"
                ) from error
        return self._programs[key], time.perf_counter() - began

    def _make_room(self, config: Config) -> None:
        """Lets go of the oldest run's programs where there are too many runs' to keep another's."""
        runs = list(dict.fromkeys(key[0] for key in self._programs))
        if config not in runs and len(runs) >= MOST_RUNS:
            self._programs = {key: kept for key, kept in self._programs.items() if key[0] != runs[0]}


class ProgramsOfRun:
    """One run's way to the programs: says that one compiles, and records how long it took."""

    def __init__(self, programs: Programs, config: Config, record: RunRecord, console: Console) -> None:
        self._programs, self._config, self._record, self._console = programs, config, record, console

    def compiled(self, name: str, jitted: Any, *arguments: Any, length: int = 0) -> Any:
        """Returns the program, compiled once ahead of its first call, so that its time is known and shown."""
        waiting = self._console.compiling
        program, seconds = self._programs.compiled(self._config, name, jitted, arguments, waiting, length)
        if seconds:
            self._record.compiled(name, seconds)
            if memory := plan.program_memory(program):
                self._console.say(f"memory of {name}: {memory}")
        return program
