"""A dataset on disk: what was asked for, readable by the trainer, and never in place of another."""

import re
from pathlib import Path

import pytest
from probe_envs import Line, probe

import envs
from wsrl_mjx.cli import collect
from wsrl_mjx.data import dataset

pytestmark = pytest.mark.usefixtures("workplace")
ARGUMENTS = ["--env", "line", "--dataset", "random", "--size", "90", "--num-envs", "4", "--out", "data"]
NAMES = {*envs.REGISTRY, "brax:<name>", "playground:<name>"}  # before the probe is among them


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        collect.main(arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_the_dataset_is_whole_and_its_card_is_printed(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collect.main(ARGUMENTS)
    made = dataset.load(workplace / "data", probe(Line))
    assert made.size == 90 and made.card["policies"][0]["level"] == "random"
    said = capsys.readouterr().out
    assert "random 90" in said and "episodes by return" in said and "--dataset data" in said


def test_nothing_is_overwritten(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "data").mkdir()
    assert "out data exists; nothing is overwritten" in refused(ARGUMENTS, capsys)
    assert not list((workplace / "data").iterdir())


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_rolled_out(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "file").write_text("")
    said = refused([*ARGUMENTS[:-1], "file/data"], capsys)
    assert "out file/data cannot be made: " in said and "file is no folder that can be written" in said


def test_help_lists_every_environment(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        collect.main(["--help"])
    assert exit_.value.code == 0
    assert set(re.split(r"[\s,│]+", capsys.readouterr().out)) >= NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "lime"], "did you mean 'line'?"),
        (["--dataset", "medium-replay"], "dataset must be one of medium, random, expert, medium-expert, got"),
        (["--dataset", "medium"], "behavior 'medium' is not in line"),
        (["--size", "3"], "size must be at least 4, a row for each environment"),
        (["--num-envs", "0"], "num_envs must be a positive integer, got 0"),
        (["--seed", "-1"], "seed must be an integer, zero or more and below 2**31, got -1"),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused([*ARGUMENTS, *arguments], capsys)
    assert not list(workplace.iterdir())
