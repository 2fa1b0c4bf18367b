"""Signals ask for the end and interrupt nothing; a run folder belongs to one living process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wsrl_mjx.cli import exits
from wsrl_mjx.runs import lock, signals
from wsrl_mjx.runs.console import Console


def wait_until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def none_ignored() -> Iterator[None]:
    """Whoever started the tests may have let signals be ignored, as `nohup` does; children inherit that."""
    before = {number: signal.getsignal(number) for number in signals.HANDLED}
    for number, handler in before.items():
        if handler == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", signals.HANDLED)
def test_a_signal_is_noted_and_said_once(number: signal.Signals) -> None:
    said: list[str] = []
    before = signal.getsignal(number)
    with signals.listening(said.append):
        assert signals.received() is None
        signals.check()
        os.kill(os.getpid(), number)
        assert signals.received() == number.name
        with pytest.raises(signals.StoppedError, match=f"stopped by {number.name}"):
            signals.check()
        wait_until(lambda: bool(said))
    assert said == [f"{number.name}: finishing the running chunk, then saving"]
    assert signals.received() is None and signal.getsignal(number) is before


def test_progress_is_reported_until_a_signal_comes() -> None:
    done: list[int] = []
    report = signals.checked(done.append)
    with signals.listening(lambda text: None):
        report(1)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(signals.StoppedError):
            report(2)
    assert done == [1]


def child(body: str, *arguments: object) -> subprocess.Popen[str]:
    """Starts a process that says "ready" when it is."""
    lines = ["import sys, time", *(line.strip() for line in body.splitlines())]
    program = subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines), *map(str, arguments)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert program.stdout is not None and program.stdout.readline() == "ready\n"
    return program


def test_a_second_interrupt_ends_the_process_at_once() -> None:
    body = """
    from wsrl_mjx.runs import signals
    context = signals.listening(lambda text: print(text, flush=True)); context.__enter__()
    print("ready", flush=True)
    while True: time.sleep(1000)"""
    with child(body) as program:
        program.send_signal(signal.SIGINT)
        assert program.stdout is not None and program.stdout.readline().startswith("SIGINT: finishing")
        assert program.poll() is None
        program.send_signal(signal.SIGINT)
        assert program.wait() == signals.EXIT_AT_ONCE


def test_a_lock_is_held_by_one_process_and_not_by_a_dead_one(tmp_path: Path) -> None:
    body = """
    from pathlib import Path
    from wsrl_mjx.runs import lock
    context = lock.held(Path(sys.argv[1])); context.__enter__()
    print("ready", flush=True)
    time.sleep(1000)"""
    with child(body, tmp_path) as program:
        with pytest.raises(ValueError, match=f"is in use by process {program.pid} on "), lock.held(tmp_path):
            pass
        program.kill()
        program.wait()
    with lock.held(tmp_path), pytest.raises(ValueError, match=f"process {os.getpid()}"), lock.held(tmp_path):
        pass
    with lock.held(tmp_path):
        pass


def test_exit_codes_tell_a_stop_from_bad_input_and_from_a_lost_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def ended_by(error: Exception) -> tuple[object, str]:
        def carry_out() -> None:
            raise error

        main = exits.command(lambda arguments, program: exits.until_the_end(carry_out, Console()))
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code, "".join(capsys.readouterr()).strip()

    stopped = signals.StoppedError("stopped by SIGTERM; saved in online at step 10")
    assert ended_by(stopped) == (75, f"{stopped}; go on with --resume")
    assert ended_by(ValueError("utd must be 1")) == (2, "error: utd must be 1")
    assert ended_by(OSError(30, "Read-only file system", "x.csv")) == (
        74,
        "error: Read-only file system: x.csv",
    )
    assert ended_by(OSError("run-dir runs/1 is gone")) == (74, "error: run-dir runs/1 is gone")


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.listening(lambda _: None):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.received() is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
