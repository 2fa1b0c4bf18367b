"""The window's command: a message where there is none, before anything is compiled, and episodes told of."""

from typing import Any

import pytest
from mjx_cart import Cart
from windows import FakeWindow

import envs
from wsrl_mjx.cli import view
from wsrl_mjx.rendering import window

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture(autouse=True)
def cart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(envs.REGISTRY, "cart", Cart)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        view.main(arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_without_a_display_another_command_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_window() -> None:
        raise window.NoWindowError("there is no display here")

    def not_reached(*_: Any) -> None:
        raise AssertionError("nothing is opened and nothing is compiled")

    monkeypatch.setattr(window, "check_window", no_window)
    monkeypatch.setattr(window, "launch", not_reached)
    monkeypatch.setattr(window, "show", not_reached)
    said = refused(["--behavior", "cart", "random"], capsys)
    assert said.startswith("error: no window can be opened: there is no display here. `wsrl render` ")


def test_episodes_are_told_of_until_the_window_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(window, "check_window", lambda: None)
    monkeypatch.setattr(window, "launch", lambda env: FakeWindow(env, frames=16))
    monkeypatch.setattr(window, "PAUSE", 0.01)
    view.main(["--behavior", "cart", "random", "--seed", "3"])
    said = capsys.readouterr().out
    assert "cart, behavior random" in said and "in 12 steps, time limit" in said
    assert "of real time" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "run-dir nowhere holds no run"),
        ([], "give either the folder of a run or --behavior ENV LEVEL"),
        (["--behavior", "line", "random"], "env 'line' has no MuJoCo model here"),
        (["--behavior", "cart", "random", "--seed", "-1"], "seed must be an integer, zero or more"),
        (["--behavior", "cart", "random", "--train-seed", "2"], "train_seed 2 is not among the policies"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(arguments, capsys)
