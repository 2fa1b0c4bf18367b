"""When the warmup matters: the grid's runs, and the maps of what they came to."""

import csv
import json
from pathlib import Path
from typing import Any

import finished_runs
import numpy as np
import pytest

from wsrl_mjx.experiments import warmup_grid, warmup_map
from wsrl_mjx.experiments.jobs import is_finished
from wsrl_mjx.experiments.warmup_grid import Axis, Grid, parse

PEG, MAZE = ("peg-insertion",), ("pointmaze-umaze",)
CLEARANCE = Axis("clearance", ("0.002", "0.001"))
LENGTHS = Axis("offline_steps", ("200", "400"))
GRID = Grid(PEG, (CLEARANCE, LENGTHS))


def finish(folder: Path, name: str, final: float, lowest: float, q: float, warmup: int, **more: Any) -> None:
    """Leaves a run of two seeds, whose second has twice the first one's success at the end."""
    curves = {
        # Before the first update is the pretrained policy, whose lowest does not count.
        "eval/return": {
            0: (0.1, 0.1),
            warmup or 1: (0.0, 0.0),
            6000: (lowest, lowest),
            7000: (final, 2 * final),
        },
        "held_out/q": {0: (-1.0, -1.0), warmup or 1: (-999.0, -999.0), 6000: (q, q - 2), 7000: (-3.0, -3.0)},
    }
    curves = {metric: dict(of) for metric, of in curves.items()}
    if not warmup:
        for of_steps in curves.values():
            del of_steps[1]
    finished_runs.write(folder / name, curves, "peg-insertion", warmup_steps=warmup, **more)
    (folder / name / "summary.json").write_text(json.dumps({"offline_rows": 900, "online_steps": 7000}))


def finish_cell(folder: Path, place: str, with_warmup: tuple[float, ...], without: tuple[float, ...]) -> None:
    finish(folder, f"peg-insertion,{place}-with", *with_warmup, warmup=5000)
    finish(folder, f"peg-insertion,{place}-without", *without, warmup=0)


def read(folder: Path) -> list[warmup_map.Result]:
    return warmup_map.read(folder, GRID, lambda name: is_finished(folder / name))


# -- the grid ---------------------------------------------------------------------------------------------


def test_a_cell_sets_options_and_settings_for_both_of_its_runs() -> None:
    runs = warmup_grid.runs(GRID, {"online_steps": 6000, "env_options": ("radius=0.004",)})
    assert [run.name for run in runs[:2]] == [
        "peg-insertion,clearance=0.002,offline_steps=200-with",
        "peg-insertion,clearance=0.002,offline_steps=200-without",
    ]
    assert len(runs) == 8 and runs[1].pretrained == runs[0].name and runs[0].pretrained is None
    config = runs[-1].job("smoke", 2).config
    assert config.env_options == ("radius=0.004", "clearance=0.001")
    assert (config.offline.offline_steps, config.online.warmup_steps) == (400, 0)
    assert runs[-2].job("smoke", 2).config.online.warmup_steps == 5000


def test_cells_that_differ_in_the_warmup_share_the_run_without() -> None:
    grid = Grid(PEG, (Axis("behavior_error", ("0.005", "0.01")), Axis("warmup_steps", ("1000", "5000"))))
    runs = warmup_grid.runs(grid, {"online_steps": 6000})
    warmups = [run.job("smoke", 2).config.online.warmup_steps for run in runs]
    assert warmups == [1000, 0, 5000, 1000, 0, 5000]
    assert runs[1].name == "peg-insertion,behavior_error=0.005-without"
    assert grid.cells[1].runs[1] == runs[1].name


def test_none_leaves_a_setting_unset() -> None:
    runs = warmup_grid.runs(Grid(MAZE, (parse("success_share=none,0.25", MAZE),)), {"online_steps": 6000})
    assert [run.job("smoke", 1).config.data.success_share for run in runs] == [None, None, 0.25, 0.25]


def test_several_worlds_are_the_first_direction() -> None:
    assert [axis.name for axis in GRID.directions] == ["clearance", "offline_steps"]
    assert [axis.name for axis in Grid(PEG, (LENGTHS,)).directions] == ["env", "offline_steps"]
    assert [axis.name for axis in Grid((*PEG, *MAZE), (LENGTHS,)).directions] == ["env", "offline_steps"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clearence=1", "neither a setting nor an option of peg-insertion.*; did you mean 'clearance'"),
        ("seed=1,2", "axes has 'seed', which is neither a setting nor"),
        ("clearance", "axes must be name=value,value,\\.\\.\\., got 'clearance'"),
        ("offline_steps=many", "axes offline_steps must have integers, got 'many'"),
    ],
)
def test_a_bad_axis_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, PEG)


def test_an_option_must_be_one_of_every_world() -> None:
    with pytest.raises(ValueError, match="neither a setting nor an option of pointmaze-umaze"):
        parse("clearance=0.001", (*PEG, *MAZE))


def test_datasets_of_one_name_have_runs_of_their_own() -> None:
    grid = Grid(PEG, (Axis("dataset", ("/a/play", "/b/play")),))
    assert len({run.name for run in warmup_grid.runs(grid, {})}) == 4


@pytest.mark.parametrize(
    ("grid", "base", "message"),
    [
        (
            Grid(PEG, (LENGTHS, LENGTHS)),
            {},
            "axes must name everything once, got offline_steps, offline_steps",
        ),
        (Grid(PEG, (Axis("clearance", ("0.001", "1e-3")),)), {}, "axes clearance must have different values"),
        (Grid(PEG, (Axis("clearance", ("0.001", "-1")),)), {}, "clearance is -1.0; it must be positive"),
        (Grid(PEG, (Axis("hole", ("0", "0")),)), {}, "hole of peg-insertion must be 2 numbers with a comma"),
        (Grid(PEG, (Axis("warmup_steps", ("0", "10")),)), {}, "warmup_steps must be positive: each cell has"),
        (GRID, {"warmup_steps": 0}, "warmup_steps must be positive: each cell has"),
        (GRID, {"offline_steps": 3}, "axes cannot have offline_steps: it is set for all runs"),
        (GRID, {"env_options": ("clearance=0.002",)}, "axes cannot have clearance: it is set for all runs"),
        (
            Grid((*PEG, *MAZE), (CLEARANCE, LENGTHS, Axis("utd", ("1", "4")))),
            {},
            "axes must be at most 3, worlds counted, got env, clearance, offline_steps, utd",
        ),
    ],
)
def test_a_grid_that_cannot_be_drawn_is_refused(grid: Grid, base: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        warmup_grid.check(grid, base)


# -- what they came to ------------------------------------------------------------------------------------


def test_cells_with_both_runs_finished_are_read_with_every_measure(tmp_path: Path) -> None:
    finish_cell(tmp_path, "clearance=0.002,offline_steps=200", (0.4, 0.3, -80.0), (0.3, 0.0, -200.0))
    finish(tmp_path, "peg-insertion,clearance=0.001,offline_steps=200-with", 0.4, 0.3, -80.0, 5000)
    (result,) = read(tmp_path)
    assert result.cell.values == (("clearance", "0.002"), ("offline_steps", "200")) and result.rows == 900
    np.testing.assert_allclose(result.pretrained, [10.0, 10.0])
    np.testing.assert_allclose(result.pairs["final"].gain, [10.0, 20.0])
    np.testing.assert_allclose(result.pairs["lowest"], [[30.0, 30.0], [0.0, 0.0]])
    np.testing.assert_allclose(result.pairs["lowest_q"], [[-80.0, -82.0], [-200.0, -202.0]])


def test_a_world_without_held_out_rows_has_no_map_of_q(tmp_path: Path) -> None:
    for arm in ("with", "without"):
        curves = {"eval/return": {0: (0.1,), 6000: (0.5,)}}
        name = f"peg-insertion,clearance=0.002,offline_steps=200-{arm}"
        finished_runs.write(tmp_path / name, curves, "peg-insertion")
        (tmp_path / name / "summary.json").write_text('{"offline_rows": 900, "online_steps": 7000}')
    (result,) = read(tmp_path)
    assert list(result.pairs) == ["final", "lowest"]
    assert len(warmup_map.figure([result], GRID).axes) == 4  # with their colour bars


def test_the_tables_and_the_maps_hold_the_cells(tmp_path: Path) -> None:
    finish_cell(tmp_path, "clearance=0.002,offline_steps=200", (0.4, 0.3, -80.0), (0.3, 0.0, -200.0))
    finish_cell(tmp_path, "clearance=0.001,offline_steps=400", (0.1, 0.1, -90.0), (0.3, 0.2, -60.0))
    results = read(tmp_path)
    warmup_map.write_csv(results, tmp_path / "map.csv")
    with (tmp_path / "map.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 and rows[3]["clearance"] == "0.001" and rows[3]["final_without"] == "60.0"
    assert rows[1]["lowest_q_with"] == "-82.0"
    drawn = warmup_map.figure(results, GRID)
    images = [np.asarray(axes.images[0].get_array()) for axes in drawn.axes[:3]]
    np.testing.assert_allclose(images[0], [[15.0, np.nan], [np.nan, -30.0]])
    np.testing.assert_allclose(images[1], [[30.0, np.nan], [np.nan, -10.0]])
    np.testing.assert_allclose(images[2], [[120.0, np.nan], [np.nan, -30.0]])
    texts = [text.get_text() for text in drawn.axes[0].texts]
    assert texts[0] == "+15 [+10, +20]\nwith 60, without 45\npretrained 10"
    page = warmup_map.markdown(results)
    assert "| peg-insertion | 0.002 | 200 | 900 | 10 [10, 10] | 60 [40, 80] | 45 [30, 60] |" in page
    assert page.count("Lowest ") == 2


def test_values_of_a_third_axis_have_maps_of_their_own(tmp_path: Path) -> None:
    shares = Axis("success_share", ("none", "0.5"))
    grid = Grid(PEG, (CLEARANCE, LENGTHS, shares))
    for share, final in (("none", 0.4), ("0.5", 0.2)):
        place = f"clearance=0.002,offline_steps=200,success_share={share}"
        finish_cell(tmp_path, place, (final, 0.0, -1.0), (0.1, 0.0, -1.0))
    results = warmup_map.read(tmp_path, grid, lambda name: is_finished(tmp_path / name))
    drawn = warmup_map.figure(results, grid)
    finals = [drawn.axes[0], drawn.axes[3]]
    assert [axes.get_title().splitlines()[1] for axes in finals] == [
        "success_share: none",
        "success_share: 0.5",
    ]
    np.testing.assert_allclose([axes.images[0].get_array()[0, 0] for axes in finals], [45.0, 15.0])
