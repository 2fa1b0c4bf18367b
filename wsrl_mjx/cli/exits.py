"""How a command ends early: one message on standard error, and an exit code that says why."""

import logging
import sys
from collections.abc import Callable
from typing import NoReturn

from wsrl_mjx.cli import BAD_INPUT
from wsrl_mjx.data import files
from wsrl_mjx.runs import signals
from wsrl_mjx.runs.console import Console
from wsrl_mjx.training.non_finite import NotFiniteError

# Exit codes beside BAD_INPUT; that of a run which a signal stopped is `signals.EXIT_CODE`.
NOT_FINITE = 70  # EX_SOFTWARE of sysexits.h
NOT_WRITABLE = 74  # EX_IOERR of sysexits.h


def fail(message: str, code: int = BAD_INPUT) -> NoReturn:
    """Prints one message to standard error and exits with `code`."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)


def until_the_end(
    carry_out: Callable[[], None], console: Console, to_go_on: str = "go on with --resume"
) -> None:
    """Calls `carry_out`, and turns what can end it early into one message and an exit code.

    Args:
        carry_out: all that a command does.
        console: for what is no error.
        to_go_on: what a person does after a signal has ended it.
    """
    # Orbax reports every slow save, and what its threads make of a damaged file that is answered already.
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
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
    except OSError as error:
        fail(files.in_words(error), NOT_WRITABLE)
