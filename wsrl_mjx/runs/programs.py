"""What the runs of one process share: environments, and compiled programs that fit several runs."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax

import envs
from envs.base import Environment
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs import beside, plan
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
    """Makes environments and programs, each once, on whatever thread asks first; others wait for it."""

    def __init__(self) -> None:
        self._worlds: dict[Any, Environment] = {}
        self._programs: dict[Any, Future[Any]] = {}
        self._lock = threading.Lock()
        self._ahead = beside.thread("compiling")

    def env(self, config: Config) -> Environment:
        """Returns the environment of a run.

        Raises:
            ValueError: no such environment or option.
        """
        key = (config.env, config.env_options)
        if key not in self._worlds:
            self._worlds[key] = envs.make_from_text(config.env, config.env_options)
        return self._worlds[key]

    def stop_ahead(self) -> None:
        """Gives up what is to be compiled ahead and has not begun: the process is about to end."""
        with self._lock:
            self._programs = {key: found for key, found in self._programs.items() if not found.cancel()}

    def forget(self) -> None:
        """Lets go of all programs."""
        with self._lock:
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
        """Returns a program and the seconds that the caller waited for it: 0 where it was there.

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
        found, mine = self._find(config, what, args, length)
        if found.done():
            return found.result(), 0.0
        began = time.perf_counter()
        with waiting(what):
            if mine:
                self._compile(found, what, jitted, args)
            program = found.result()
        return program, time.perf_counter() - began

    def ahead(
        self,
        config: Config,
        what: str,
        jitted: Any,
        args: tuple[Any, ...],
        tell: Callable[[Any, float], None],
        length: int = 0,
    ) -> None:
        """Begins to compile a program on another thread, for `compiled` to find.

        Args:
            config: as for `compiled`.
            what: as there.
            jitted: as there.
            args: arrays as there, or their shapes.
            tell: is given the program and the seconds that it took, on that thread.
            length: as there.
        """
        found, mine = self._find(config, what, args, length)

        def compile_and_tell() -> None:
            began = time.perf_counter()
            self._compile(found, what, jitted, args)
            if not found.cancelled() and found.exception() is None:
                tell(found.result(), time.perf_counter() - began)

        if mine:
            self._ahead.submit(compile_and_tell)

    def _find(
        self, config: Config, what: str, args: tuple[Any, ...], length: int
    ) -> tuple[Future[Any], bool]:
        """Returns a program that is there or to come, and whether the caller has to make it."""
        leaves, structure = jax.tree.flatten(args)
        shapes = tuple((leaf.shape, leaf.dtype, _sharding(leaf)) for leaf in leaves)
        key = (replace_flat(config, NUMBERS), what, length, structure, shapes)
        with self._lock:
            if key in self._programs:
                return self._programs[key], False
            self._make_room(key[0])
            self._programs[key] = Future()
            return self._programs[key], True

    def _compile(self, found: Future[Any], what: str, jitted: Any, args: tuple[Any, ...]) -> None:
        """Compiles a program for all that wait for it, or tells them why not."""
        if not found.set_running_or_notify_cancel():
            return
        try:
            found.set_result(runtime.compiled(jitted.lower(*args)))
        except BaseException as error:
            fault = error
            if isinstance(error, ValueError):
                text = f"{what} cannot be compiled, which is a fault of wsrl_mjx or of the environment"
                fault = RuntimeError(text)
                fault.__cause__ = error
            with self._lock:  # whoever asks again is to try again
                self._programs = {key: kept for key, kept in self._programs.items() if kept is not found}
            found.set_exception(fault)

    def _make_room(self, config: Config) -> None:
        """Lets go of the oldest run's programs where there are too many runs' to keep another's."""
        runs = list(dict.fromkeys(key[0] for key in self._programs))
        if config not in runs and len(runs) >= MOST_RUNS:
            self._programs = {key: kept for key, kept in self._programs.items() if key[0] != runs[0]}


def _sharding(leaf: Any) -> Any:
    """Returns how an array or a shape is spread over devices; None where it is on the first one."""
    found = getattr(leaf, "sharding", None)
    return None if found is None or found.device_set == {jax.local_devices()[0]} else found


class ProgramsOfRun:
    """One run's way to the programs: says that one compiles, and records how long the run waited for it."""

    def __init__(self, programs: Programs, config: Config, record: RunRecord, console: Console) -> None:
        self._programs, self._config, self._record, self._console = programs, config, record, console

    def compiled(self, name: str, jitted: Any, *arguments: Any, length: int = 0) -> Any:
        """Returns the program, compiled once ahead of its first call, so that its time is known and shown."""
        waiting = self._console.compiling
        program, seconds = self._programs.compiled(self._config, name, jitted, arguments, waiting, length)
        if seconds:
            self._record.compiled(name, seconds)
            self._say_memory(name, program)
        return program

    def ahead(self, name: str, jitted: Any, *arguments: Any, length: int = 0) -> None:
        """Begins to compile a program that will be asked for later, with arrays or their shapes."""

        def tell(program: Any, seconds: float) -> None:
            self._console.say(f"compiled {name} in {seconds:.1f} s, beside the training")
            self._say_memory(name, program)

        self._programs.ahead(self._config, name, jitted, arguments, tell, length)

    def stop_ahead(self) -> None:
        """Gives up what is to be compiled ahead and has not begun."""
        self._programs.stop_ahead()

    def _say_memory(self, name: str, program: Any) -> None:
        if memory := plan.program_memory(program):
            self._console.say(f"memory of {name}: {memory}")


class ProgramsBeside:
    """The way to the programs for work beside the training, which waits for none of them."""

    def __init__(self, programs: Programs, config: Config) -> None:
        self._programs, self._config = programs, config

    def compiled(self, name: str, jitted: Any, *arguments: Any) -> Any:
        """Returns the program, compiled once; nothing is shown or recorded."""
        return self._programs.compiled(self._config, name, jitted, arguments, lambda _: nullcontext())[0]
