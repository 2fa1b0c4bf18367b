"""`wsrl`: the list of commands, who is called, and what is said of a name that is none."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from wsrl_mjx import cli
from wsrl_mjx.training import runtime

NOT_COMMANDS = {"__init__", "start", "flags", "exits"}


def test_every_command_has_a_module_and_every_module_a_command() -> None:
    modules = {path.stem for path in Path(cli.__file__).parent.glob("*.py")} - NOT_COMMANDS
    assert {name.replace("-", "_") for name in cli.COMMANDS} == modules
    for name in cli.COMMANDS:
        main = importlib.import_module(cli.module_of(name)).main
        defaults = {p.name: p.default for p in inspect.signature(main).parameters.values()}
        assert defaults == {"arguments": None, "program": None}, name


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_list_has_a_line_for_every_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "usage: wsrl [-h] [--version] COMMAND ..."
    listed = dict(line.split(maxsplit=1) for line in lines if line.startswith("  "))
    assert listed == cli.COMMANDS
    assert max(map(len, lines)) <= 100


def test_the_list_and_a_wrong_name_take_no_jax() -> None:
    """With it they would take seconds."""
    code = (
        "import sys; from wsrl_mjx.cli import main\n"
        "main(['--help'])\n"
        "try: main(['trian'])\n"
        "except SystemExit: pass\n"
        "assert not {'jax', 'tyro', 'numpy', 'envs'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian", "got 'trian'; did you mean 'train'?"),
        ("train_behavior", "got 'train_behavior'; did you mean 'train-behavior'?"),
        ("--env", "error: command must be one of train, evaluate, "),
    ],
)
def test_an_unknown_command_is_refused(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main([name, "--help"])
    said = capsys.readouterr()
    assert exit_.value.code == 2 and said.out == ""
    assert said.err.startswith("error: command must be one of ") and message in said.err


def test_the_version_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli.metadata, "version", {"wsrl_mjx": "1.2.3"}.__getitem__)
    cli.main(["--version"])
    assert capsys.readouterr().out == "wsrl_mjx 1.2.3\n"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_is_of_the_program_that_was_typed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    assert exit_.value.code == 0
    assert text.startswith(f"usage: wsrl {name} ") and "python scripts/" not in text


def test_a_script_s_help_has_the_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/evaluate.py", "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module("wsrl_mjx.cli.evaluate").main()
    text = capsys.readouterr().out
    assert text.startswith("usage: scripts/evaluate.py ") and "python scripts/evaluate.py runs/" in text


def test_flags_reach_the_command_and_so_does_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["evaluate", "nowhere", "--episodes", "0"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == "error: episodes must be a positive integer, got 0\n"


COMPUTES = {
    "train": [],
    "evaluate": ["run"],
    "render": ["run"],
    "view": ["run"],
    "sweep": [],
    "reproduce": ["no_retention"],
    "collect": ["--env", "hopper", "--out", "data"],
    "train-behavior": ["--env", "hopper", "--run-dir", "run"],
    "ship-behavior": ["--run-dir", "run", "--level", "medium", "--step", "1"],
    "ship-pretraining": ["run"],
    "export": ["run", "--out", "policy"],
    "solver-study": ["--env", "hopper"],
}


def test_every_command_but_three_computes() -> None:
    assert COMPUTES.keys() | {"compare", "data", "report"} == cli.COMMANDS.keys()


@pytest.mark.parametrize("name", COMPUTES)
def test_jax_is_set_before_a_command_computes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class ReachedError(Exception):
        pass

    def prepare() -> None:
        raise ReachedError

    monkeypatch.setattr(runtime, "prepare", prepare)
    with pytest.raises(ReachedError):
        cli.main([name, *COMPUTES[name]])


def test_python_m_starts_the_same_command() -> None:
    asked = [sys.executable, "-m", "wsrl_mjx", "--version"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.startswith("wsrl_mjx ")
