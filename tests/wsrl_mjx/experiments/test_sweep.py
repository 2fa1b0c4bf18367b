"""The grid: what goes side by side, what one after another, and how members are split."""

import json
from pathlib import Path
from typing import Any

import pytest

from wsrl_mjx.config import grid
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.experiments import sweep, sweep_folder
from wsrl_mjx.experiments.sweep import Axis
from wsrl_mjx.experiments.sweep_folder import Grid


def settings(**changes: Any) -> Config:
    return replace_flat(Config(), changes)


def parts(*texts: str, at_once: int | None = None, **changes: Any) -> list[sweep.Part]:
    return sweep.parts(settings(**changes), [sweep.parse(text) for text in texts], at_once)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("actor_lr=1e-4,3e-4", (1e-4, 3e-4)),
        ("warmup_steps=0,5000", (0, 5000)),
        ("layer_norm=true,false", (True, False)),
        ("offline_algo=cql,calql", ("cql", "calql")),
        ("critic_hidden=64x64,256x256x256", ((64, 64), (256, 256, 256))),
        ("target_entropy=-3", (-3.0,)),
    ],
)
def test_values_are_of_the_settings_kind(text: str, values: tuple[Any, ...]) -> None:
    assert sweep.parse(text).values == values
    assert [type(v) for v in sweep.parse(text).values] == [type(v) for v in values]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("actor_lr", "sweep must be name=value,value,..., got 'actor_lr'"),
        ("actor_lr=", "sweep must be name=value,value"),
        ("acto_lr=1", "sweep must be one of .*; did you mean 'actor_lr'"),
        ("env=ant,hopper", "sweep must be one of "),
        ("method=wsrl,rlpd", "sweep must be one of "),
        ("warmup_steps=1.5", "sweep warmup_steps must have integers, got '1.5'"),
        ("layer_norm=yes", "sweep layer_norm must have true or false, got 'yes'"),
        ("critic_hidden=64,a", "sweep critic_hidden must have widths such as 64x64, got 'a'"),
        ("actor_lr=1e-4,0.0001", "sweep actor_lr must have different values"),
    ],
)
def test_axes_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep.parse(text)


def test_real_valued_settings_go_side_by_side_and_the_others_one_after_another() -> None:
    found = parts("actor_lr=1e-4,3e-4", "warmup_steps=0,5000", num_seeds=4)
    points = ("actor_lr=1e-4", "actor_lr=3e-4")
    assert [(p.config.online.warmup_steps, p.config.points) for p in found] == [(0, points), (5000, points)]
    assert all(len(grid.members_of(p.config)) == 8 for p in found)
    assert [p.label(points[1]) for p in found] == [
        "warmup_steps=0,actor_lr=3e-4",
        "warmup_steps=5000,actor_lr=3e-4",
    ]
    assert sweep.programs(found) == 1  # a branch reads the warmup's length: no program of its own
    assert len({p.name for p in found}) == 2


def test_shapes_need_programs_of_their_own() -> None:
    found = parts("critic_hidden=8x8,16x16", "warmup_steps=0,100")
    assert len(found) == 4 and sweep.programs(found) == 2


def test_all_points_of_a_grid_are_there_once() -> None:
    found = parts("actor_lr=1e-4,2e-4,3e-4", "cql_alpha=1,5", "utd=1,4", num_seeds=3, at_once=4)
    members_ = [(p.label(m.point), m.seed) for p in found for m in grid.members_of(p.config)]
    assert len(members_) == len(set(members_)) == 3 * 2 * 2 * 3


@pytest.mark.parametrize("at_once", range(1, 14))
@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_groups_hold_every_member_once_and_no_more_than_asked_for(count: int, at_once: int) -> None:
    points, seeds = [f"p{i}" for i in range(count)], range(5, 11)
    found = sweep.groups(points, seeds, at_once)
    sizes = [max(1, len(some)) * len(of) for some, of in found]
    assert max(sizes) <= at_once and len(set(sizes)) <= 2
    held = [(point, seed) for some, of in found for point in some or ("",) for seed in of]
    assert sorted(held) == sorted((point, seed) for point in points or [""] for seed in seeds)


def test_without_cloning_the_loss_is_another_one_and_so_is_the_program() -> None:
    assert Axis("cloning_weight", ("0.5", "0.9")).side_by_side
    assert not Axis("cloning_weight", ("0", "0.9")).side_by_side


def test_a_setting_is_swept_once() -> None:
    with pytest.raises(ValueError, match="sweep must name every setting once, got utd, utd"):
        parts("utd=1", "utd=4")


def test_a_grid_point_that_cannot_work_is_named() -> None:
    with pytest.raises(ValueError, match=r"actor_lr must be in \[0, 1\), got 3.0"):
        parts("actor_lr=1e-4,3")
    with pytest.raises(ValueError, match=r"dataset must be one of .*, got 'nosuch'"):
        parts("dataset=random,nosuch")


def test_datasets_in_folders_are_named_by_their_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grid has their whole paths, so that it can be gone on with from anywhere."""
    for name in ("a/one", "b/one", "a/two"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    axis = sweep.parse("dataset=random,a/one,a/two")
    assert axis.text == f"dataset=random,{tmp_path}/a/one,{tmp_path}/a/two"
    assert sweep.parse(axis.text) == axis and axis.labels == ("random", "one", "two")
    assert sweep.parse("dataset=a/one,b/one").labels == (f"{tmp_path}/a/one", f"{tmp_path}/b/one")
    found = sweep.parts(Config(env="pointmaze-umaze"), [axis], None)
    assert [part.name for part in found] == [f"dataset={name},seeds=0" for name in axis.labels]
    assert [part.config.data.dataset for part in found] == list(axis.values)


def test_a_sweep_goes_on_where_its_data_is_gone(tmp_path: Path) -> None:
    """Its runs see for themselves whether they still need it; a new one is refused at once."""
    gone = settings(env="pointmaze-umaze", dataset=str(tmp_path / "gone"))
    assert [part.name for part in sweep.parts(gone, [], None, begun=True)] == ["seeds=0"]
    with pytest.raises(
        ValueError, match=r"dataset must be one of .*; nor is there a file or folder of that name"
    ):
        sweep.parts(gone, [], None)


def test_axes_typed_again_are_the_same_from_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    axis = sweep.parse("dataset=random,data")
    (tmp_path / "sweep.json").write_text(json.dumps(Grid((axis.text,), 4)._asdict()))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert sweep_folder.remembered(tmp_path, ("dataset=random,../data",)).members_at_once == 4
    with pytest.raises(ValueError, match=r"sweep was dataset=random,\S*/data in "):
        sweep_folder.remembered(tmp_path, ("dataset=random,data",))
