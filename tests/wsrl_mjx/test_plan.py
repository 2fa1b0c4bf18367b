"""The plan that is shown before anything compiles: the rows of the data, and the memory that they take."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from probe_envs import Line, probe
from rich.console import Console as RichConsole

from wsrl_mjx import catalog, dataset
from wsrl_mjx.config import Config, DataConfig, replace_flat
from wsrl_mjx.console import Console
from wsrl_mjx.presets import PRESETS
from wsrl_mjx.run import Run, RunOptions

ROWS, ROW_BYTES = 1500, 8 * 4  # obs, action, reward, next_obs, three flags and a return-to-go


class PlanShownError(Exception):
    """Nothing behind the plan is wanted."""


@pytest.fixture
def shown(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the plan of a run on a dataset, with 1,500 rows in the folder `data` and as medium-replay."""
    config = DataConfig(dataset="random", dataset_size=ROWS, collect_envs=4)
    made = catalog.roll_out(config, probe(Line), lambda rows: None)
    for folder in (workplace / "data", catalog.replay_folder(workplace / "cache", "line")):
        dataset.save(folder, made)

    def stop(run: Run) -> None:
        raise PlanShownError

    monkeypatch.setattr(Run, "_start_or_resume", stop)

    def show(name: str, resume: bool = False) -> str:
        said = io.StringIO()
        config = replace_flat(Config(), {**PRESETS["smoke"], "env": "line", "dataset": name})
        options = RunOptions(Path("run"), Path("cache"), resume)
        with pytest.raises(PlanShownError):
            Run(config, options, Console(RichConsole(file=said, width=200))).train()
        return said.getvalue()

    return show


def data_line(said: str) -> list[str]:
    """Returns the cells of the plan's first row."""
    line = next(line for line in said.splitlines() if line.startswith("│ data "))
    return [cell.strip() for cell in line.strip("│").split("│")]


@pytest.mark.parametrize("name", ["data", "medium-replay"])
def test_a_dataset_on_disk_has_the_rows_that_it_has(shown: Any, name: str) -> None:
    said = shown(name)
    assert data_line(said) == ["data", "1,500", "transitions", name]
    assert f"dataset (until the switch) {ROWS * ROW_BYTES / 1000:.1f} kB" in said


def test_rollouts_have_the_rows_that_are_asked_for(shown: Any) -> None:
    said = shown("random")
    assert data_line(said)[1] == "4,000" and "dataset (until the switch) 128.0 kB" in said


def test_a_resumed_run_whose_data_is_gone_says_that_it_does_not_know(shown: Any, workplace: Path) -> None:
    shown("medium-replay")
    shutil.rmtree(catalog.replay_folder(workplace / "cache", "line"))
    said = shown("medium-replay", resume=True)
    assert data_line(said)[1] == "unknown" and "dataset (until" not in said


def test_a_card_without_a_size_leaves_it_unknown(shown: Any, workplace: Path) -> None:
    path = workplace / "data" / "card.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "transitions"}))
    assert data_line(shown("data"))[1] == "unknown"
