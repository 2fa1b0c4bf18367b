"""The process that hands metrics to Weights & Biases; whoever started it may end it at any time.

`wandb_tracker.py` starts this file as it is, outside the package, whose import takes seconds. The first line
of standard input is JSON with what `wandb.init` is given, each later one the values of one `log`; the end of
the input ends the run. What a person should know goes to standard output, a line each.
"""

import importlib
import inspect
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

PHASES = ("pretrain", "online")


def main() -> None:
    """Opens the run and logs, until the input ends or an error comes."""
    told, sys.stdout = sys.stdout, sys.stderr  # what wandb prints is not for the training's output
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the training decides when all is sent
        signal.signal(number, lambda *_: None)
    given = json.loads(sys.stdin.readline())
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    # Read at once, so that the training never waits for room in the pipe.
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    try:
        run = _opened(
            importlib.import_module("wandb"), given, lambda text: print(text, file=told, flush=True)
        )
        while line := lines.get():
            run.log(json.loads(line))
        run.finish()
    except Exception as error:
        print(f"it ends here, the training goes on ({_short(error)})", file=told, flush=True)
        told.close()
        os._exit(1)  # at the end of an interpreter wandb waits for a network that may never come


def _read(lines: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put("")


def _opened(wandb: Any, given: dict[str, Any], tell: Callable[[str], None]) -> Any:
    """Returns the run; it is offline where there is no key, as nobody can type one here."""
    if "WANDB_MODE" not in os.environ and not _has_key(wandb):
        tell(
            "there is no key, so this run is offline: `wandb login` comes before a run, `wandb sync` after it"
        )
        given["mode"] = "offline"
    run = wandb.init(**given, settings=wandb.Settings(silent=True, console="off"))
    for phase in PHASES:
        run.define_metric(f"{phase}/step")
        run.define_metric(f"{phase}/*", step_metric=f"{phase}/step")
    return run


def _has_key(wandb: Any) -> bool:
    if "prompt" in inspect.signature(wandb.login).parameters:
        return bool(wandb.login(prompt=False, verify=False))
    return wandb.api.api_key is not None  # before `login` could be told not to ask


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ").splitlines()[0]


if __name__ == "__main__":
    main()
