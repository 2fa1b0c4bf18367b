"""The plan that is shown before anything compiles: the rows of the data, and the memory that they take."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import jax
import pytest
from probe_envs import Line, probe
from rich.console import Console as RichConsole

from wsrl_mjx.config import build, named_datasets
from wsrl_mjx.config.presets import PRESETS, preset_config
from wsrl_mjx.config.settings import Config, DataConfig, replace_flat
from wsrl_mjx.data import dataset
from wsrl_mjx.runs import plan
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run import Run
from wsrl_mjx.runs.setup import RunOptions
from wsrl_mjx.training import groups, loop
from wsrl_mjx.types import Clock

LINE = probe(Line)
ROWS, ROW_BYTES = 1500, 8 * 4  # obs, action, reward, next_obs, three flags and a return-to-go


class PlanShownError(Exception):
    """Nothing behind the plan is wanted."""


@pytest.fixture
def shown(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the plan of a run on a dataset, with 1,500 rows in the folder `data` and as medium-replay."""
    config = DataConfig(dataset="random", dataset_size=ROWS, collect_envs=4)
    made = named_datasets.roll_out(config, probe(Line), lambda rows: None)
    for folder in (workplace / "data", named_datasets.replay_folder(workplace / "cache", "line")):
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
    shutil.rmtree(named_datasets.replay_folder(workplace / "cache", "line"))
    said = shown("medium-replay", resume=True)
    assert data_line(said)[1] == "unknown" and "dataset (until" not in said


def test_a_card_without_a_size_leaves_it_unknown(shown: Any, workplace: Path) -> None:
    path = workplace / "data" / "card.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "transitions"}))
    assert data_line(shown("data"))[1] == "unknown"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "kept: actor, critics, temperature, optimizer states"),
        (
            {"init_actor": "fresh", "keep_temperature": False},
            "kept: critics, optimizer states; fresh: actor, temperature",
        ),
        (
            {"offline_algo": "bc"},
            "kept: actor, temperature, optimizer states; fresh: critics (BC trains none)",
        ),
    ],
)
def test_the_plan_says_what_goes_on_at_the_switch(changes: dict[str, Any], words: str) -> None:
    rows = plan.phases(replace_flat(Config(), changes), None)
    assert [row[3] for row in rows if row[0] == "switch"] == [words]


def test_without_a_pretraining_there_is_no_switch() -> None:
    rows = plan.phases(preset_config("smoke", "hopper", "sac"), None)
    assert [row[0] for row in rows] == ["warmup", "fine-tuning"]


@pytest.mark.slow
def test_what_stays_is_what_the_compiled_program_takes_and_group_by_group_it_works_with_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = {"actor_hidden": (8,), "critic_hidden": (8,), "replay_capacity": 5000, "num_seeds": 4}
    config = replace_flat(Config(), {**PRESETS["smoke"], **sizes})
    env = probe(Line)
    recipe = build.make(config, env)
    state, clock = recipe.shapes("online", 4), jax.eval_shape(Clock.zero)
    found: dict[int, tuple[dict[str, int], Any]] = {}
    for together, room in ((4, 2**40), (1, 1)):
        monkeypatch.setattr(groups, "CACHE", room)
        lowered = loop.make_chunk(10).lower(recipe.online, recipe.shared, state, clock)
        found[together] = plan.memory(config, env, recipe, None), lowered.compile().memory_analysis()
    for parts, compiled in found.values():
        stays = sum(parts.values()) - parts["programs"]
        assert compiled.argument_size_in_bytes == pytest.approx(stays, rel=0.01)
        assert compiled.alias_size_in_bytes == pytest.approx(stays, rel=0.01)  # donated, so not twice
    activations = plan.LAYERS_HELD * 4 * (4 * 32) * 10 * 8  # bytes; rows, critics, width
    at_once, one_by_one = found[4][0], found[1][0]
    assert at_once["programs"] == round(4 * activations)
    quarter = (sum(one_by_one.values()) - one_by_one["programs"]) / 4
    assert one_by_one["programs"] == pytest.approx(activations + quarter, rel=0.01)
    assert found[1][1].temp_size_in_bytes < quarter + found[4][1].temp_size_in_bytes


# -- what cannot fit --------------------------------------------------------------------------------------


def refused(monkeypatch: pytest.MonkeyPatch, there: float, **changes: Any) -> str:
    """Returns the refusal on a device with so many bytes."""
    config = replace_flat(Config(), {**PRESETS["smoke"], "env": "line", "dataset": "random", **changes})
    recipe = build.make(config, LINE)
    monkeypatch.setattr(plan, "device_bytes", lambda: there)
    with pytest.raises(ValueError, match="choose") as error:
        plan.check_memory(config, LINE, recipe, 4000, loop.ONE_DEVICE)
    return str(error.value)


def test_what_cannot_fit_is_refused_with_what_could(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"num_seeds": 8, "replay_capacity": 1_000_000}
    said = refused(monkeypatch, 100e6, **sizes)
    assert (
        said.startswith("num_seeds 8 with replay_capacity 1,000,000 needs ")
        and "where there are 100.0 MB" in said
    )
    capacity = int(said.partition("--replay-capacity ")[2].split()[0])
    seeds = int(said.partition("--num-seeds ")[2].split()[0])
    for change in ({"replay_capacity": capacity}, {"num_seeds": seeds}):
        config = replace_flat(
            Config(), {**PRESETS["smoke"], "env": "line", "dataset": "random", **sizes, **change}
        )
        plan.check_memory(config, LINE, build.make(config, LINE), 4000, loop.ONE_DEVICE)
        parts = plan.memory(config, LINE, build.make(config, LINE), None)
        assert sum(parts.values()) - parts["programs"] < plan.USABLE * 100e6
    assert "smaller dataset_size" in refused(monkeypatch, 1e5)


def test_a_compiled_program_tells_its_memory() -> None:
    program = jax.jit(lambda x: (x @ x.T).sum()).lower(jax.ShapeDtypeStruct((256, 256), "float32")).compile()
    said = plan.program_memory(program)
    assert said is not None and said.startswith("262.1 kB given to it, ") and said.endswith(" of its own")


def test_what_is_used_another_way_than_typed_is_said() -> None:
    changes = {"num_envs": 11, "online_steps": 6000, "replay_capacity": 6000, "iql_beta": 1.0}
    config = replace_flat(preset_config("smoke", "pointmaze-umaze"), changes)
    assert plan.notes(config) == [
        "11 environments step at once: 6,006 env steps in all, evaluated after 0, 1,001, 2,002, 5,005, 6,006",
        "replay_capacity 6,000 becomes 6,006, whole steps of all",
        "no effect: iql_beta (no phase is iql)",
    ]
    assert not plan.notes(preset_config("laptop", "ant"))
