"""The cache: what is asked for and the code that decides numbers find a result; other code does not."""

import shutil
from pathlib import Path

import pytest

from wsrl_mjx.data import cache

ROOT = Path(__file__).parents[3]


def digest_after(changed: str, folder: Path) -> str:
    """Returns the digest of a copy of our source in which one file has one line more."""
    for package in ("envs", "wsrl_mjx"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / changed).open("a") as file:
        file.write("# another line\n")
    return cache.digest_of_code(folder)


@pytest.mark.parametrize(
    "changed",
    [
        "algos/cql.py",
        "data/rollout.py",
        "training/steps.py",
        "config/build.py",
        "config/named_datasets.py",
        "keys.py",
    ],
)
def test_code_that_decides_numbers_decides_the_key(changed: str, tmp_path: Path) -> None:
    assert digest_after(f"wsrl_mjx/{changed}", tmp_path) != cache.digest_of_code(ROOT)


def test_a_world_decides_the_key(tmp_path: Path) -> None:
    assert digest_after("envs/hopper.py", tmp_path) != cache.digest_of_code(ROOT)


@pytest.mark.parametrize(
    "changed", ["analysis/curve_plots.py", "cli/command_line.py", "runs/report.py", "config/presets.py"]
)
def test_a_changed_label_finds_every_result(changed: str, tmp_path: Path) -> None:
    assert digest_after(f"wsrl_mjx/{changed}", tmp_path) == cache.digest_of_code(ROOT)


def test_everything_that_decides_numbers_is_there() -> None:
    assert all((ROOT / part).exists() for part in cache.DECIDES_NUMBERS)


def test_what_is_asked_for_decides_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.key_of({"size": 1}) == cache.key_of({"size": 1}) != cache.key_of({"size": 2})
    before = cache.key_of({"size": 1})
    monkeypatch.setattr(cache, "_code", lambda: "other code")
    assert cache.key_of({"size": 1}) != before
