"""Where the time went: compilation is counted apart from every phase, the rollouts of a dataset too."""

import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console as RichConsole

from wsrl_mjx.config.presets import PRESETS
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run import Run
from wsrl_mjx.runs.setup import RunOptions

STEP, COMPILING = 1.0, 1000.0  # seconds


@pytest.fixture
def run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose clock moves a second at every look, and a thousand while a program is compiled."""
    now = 0.0

    def look() -> float:
        nonlocal now
        now += STEP
        return now

    @contextmanager
    def compiling(console: Console, what: str) -> Generator[None]:
        nonlocal now
        now += COMPILING
        yield

    for module in ("run_record", "programs"):
        monkeypatch.setattr(f"wsrl_mjx.runs.{module}.time", SimpleNamespace(perf_counter=look))
    monkeypatch.setattr(Console, "compiling", compiling)
    config = replace_flat(
        Config(), {**PRESETS["smoke"], "env": "line", "dataset": "random", "dataset_size": 200}
    )
    console = Console(RichConsole(file=io.StringIO()))
    return Run(config, RunOptions(workplace / "run", workplace / "cache"), console)


def test_compiling_the_rollouts_is_no_part_of_the_data_phase(run: Run) -> None:
    run._load_data()
    assert run.record.compile_seconds == {"rollouts of random": COMPILING + STEP}
    assert run.record.seconds == {"data": 2 * STEP}  # two looks while it compiled are not in it


def test_a_dataset_from_the_cache_compiles_nothing(run: Run) -> None:
    run._load_data()
    run.record.compile_seconds.clear()
    run.record.seconds.clear()
    run.data.drop()
    run._load_data()
    assert run.record.compile_seconds == {} and run.record.seconds == {"data": STEP}
