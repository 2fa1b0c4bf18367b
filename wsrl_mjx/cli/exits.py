"""How a command begins and ends: output that takes any text; for an error one message and an exit code."""

import io
import logging
import os
import shutil
import sys
from collections.abc import Callable
from functools import wraps
from typing import NoReturn

from wsrl_mjx.cli import BAD_INPUT
from wsrl_mjx.data import files
from wsrl_mjx.runs import signals
from wsrl_mjx.runs.console import Console, discard_output
from wsrl_mjx.training import runtime
from wsrl_mjx.training.non_finite import NotFiniteError

# Exit codes beside BAD_INPUT; that of a run which a signal stopped is `signals.EXIT_CODE`.
NOT_FINITE = 70  # EX_SOFTWARE of sysexits.h
NOT_WRITABLE = 74  # EX_IOERR of sysexits.h
BROKEN_PIPE = 141  # as a shell shows a process that SIGPIPE ended


def fail(message: str, code: int = BAD_INPUT) -> NoReturn:
    """Prints one message to standard error and exits with `code`."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)


Main = Callable[..., None]
NARROWEST = 20  # columns; in fewer the library that draws the help never ends


def command(main: Main) -> Main:
    """Makes the `main` of a command one that ends without a traceback for what is outside of this project.

    A terminal or a file that cannot show a character gets another in its place. A reader that goes away, as
    `head` does, ends the command silently; a full disk or an absent device ends it with one message.
    """

    @wraps(main)
    def guarded(arguments: list[str] | None = None, program: str | None = None) -> None:
        _take_any_text()
        if shutil.get_terminal_size().columns < NARROWEST:
            os.environ["COLUMNS"] = str(NARROWEST)
        try:
            main(arguments, program)
        except BrokenPipeError:
            discard_output()
            raise SystemExit(BROKEN_PIPE) from None
        except OSError as error:
            fail(files.in_words(error), NOT_WRITABLE)
        except (RuntimeError, AssertionError):
            if (fault := runtime.device_fault()) is None:
                raise
            fail(fault)

    return guarded


def _but_for_closed_loops(fault: "sys.UnraisableHookArgs") -> None:
    """Shows what Python cannot raise, but for tasks that a save which failed has left behind."""
    if "Event loop is closed" not in str(fault.exc_value):
        sys.__unraisablehook__(fault)


def _take_any_text() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def until_the_end(
    carry_out: Callable[[], None], console: Console, to_go_on: str = "go on with --resume"
) -> None:
    """Calls `carry_out`, and turns what can end it early into one message and an exit code.

    What the system does is `command`'s affair.

    Args:
        carry_out: all that a command does.
        console: for what is no error.
        to_go_on: what a person does after a signal has ended it.
    """
    # Orbax reports every slow save, and what its threads make of a full disk or a damaged file, which is
    # answered already.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    sys.unraisablehook = _but_for_closed_loops  # for good: such tasks are found when Python ends
    try:
        with signals.listening(console.say):
            carry_out()
    except signals.StoppedError as stopped:
        console.say(f"{stopped}; {to_go_on}")
        raise SystemExit(signals.EXIT_CODE) from None
    except NotFiniteError as error:
        fail(str(error), NOT_FINITE)
    except ValueError as error:
        fail(str(error))
