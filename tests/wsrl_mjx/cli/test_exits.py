"""How commands end for what is outside of this project: closed pipes, absent devices, odd terminals."""

import io
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from rich.console import Console as RichConsole

from wsrl_mjx.cli import exits
from wsrl_mjx.runs import console as consoles
from wsrl_mjx.training import runtime

ROOT = Path(__file__).parents[3]


def ends_with(error: Exception) -> int:
    """Returns the exit code of a command whose `main` raises `error`."""

    @exits.command
    def main(arguments: list[str] | None, program: str | None) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        main([], None)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_full_disk_is_one_message(capfd: pytest.CaptureFixture[str]) -> None:
    assert ends_with(OSError(28, "No space left on device", "card.json")) == exits.NOT_WRITABLE
    assert capfd.readouterr().err == "error: No space left on device: card.json\n"


@pytest.mark.parametrize(
    "error", [AssertionError(), RuntimeError("Unable to initialize backend 'foo'\nand more")]
)
def test_a_device_that_is_not_there_is_one_message(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_devices() -> None:
        raise error

    monkeypatch.setenv("JAX_PLATFORMS", "foo")
    monkeypatch.setattr(jax, "devices", no_devices)
    assert ends_with(error) == 2
    why = "Unable to initialize backend 'foo'" if str(error) else "no such device is here"
    assert capfd.readouterr().err == f"error: JAX finds no device for JAX_PLATFORMS='foo': {why}\n"


def test_a_fault_of_ours_is_not_hidden() -> None:
    assert runtime.device_fault() is None

    @exits.command
    def main(arguments: list[str] | None, program: str | None) -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        main([], None)


def test_characters_that_an_output_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    exits.command(lambda arguments, program: print("lö", flush=True))([], None)
    assert written.getvalue() == b"l?\n"


class NoReader(io.StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_run_goes_on_when_nobody_reads_its_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    discarded: list[bool] = []
    monkeypatch.setattr(consoles, "discard_output", lambda: discarded.append(True))
    monkeypatch.setattr(sys, "stdout", NoReader())
    consoles.Console().say("compiling")
    monkeypatch.undo()
    assert capfd.readouterr().err == "nobody reads the output any more; the command goes on\n"
    assert discarded
    assert RichConsole.on_broken_pipe is not consoles._GoesOn.on_broken_pipe  # whose own ends the process


@pytest.mark.slow
def test_help_ends_with_its_reader_and_on_the_narrowest_terminal() -> None:
    help_of_train = [sys.executable, str(ROOT / "scripts" / "train.py"), "--help"]
    with subprocess.Popen(help_of_train, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == (b"", exits.BROKEN_PIPE)
    narrow = os.environ | {"COLUMNS": "5"}
    shown = subprocess.run(help_of_train, env=narrow, capture_output=True, timeout=60, check=True)
    assert b"--warmup-steps" in shown.stdout
