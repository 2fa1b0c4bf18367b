"""Shipped pretrainings: what a file keeps, who may begin with one, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import damage
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from watched import LINE, ONLINE, Watched, settings, values

import envs
from wsrl_mjx import keys
from wsrl_mjx.algos.base import learner
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.config import build, named_datasets, presets
from wsrl_mjx.config.settings import replace_flat
from wsrl_mjx.data import digests, files
from wsrl_mjx.runs import compact, origins, pretrained, shipped
from wsrl_mjx.runs.pretraining_shipping import Shipment, ship
from wsrl_mjx.runs.run_folder import read_metrics
from wsrl_mjx.runs.setup import RunOptions
from wsrl_mjx.training import recipe
from wsrl_mjx.types import Clock


def know_the_line(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(envs, "make_from_text", lambda name, options: {"line": LINE}[name])
    patch.setattr(presets, "check_env", lambda name: None)


@pytest.fixture(autouse=True)
def probe_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment object for all runs, because programs are compiled for it."""
    know_the_line(monkeypatch)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shipped")


@pytest.fixture(scope="module")
def source(place: Path) -> Watched:
    """A finished run of two seeds."""
    with pytest.MonkeyPatch.context() as patch:
        know_the_line(patch)
        run = Watched(settings(), RunOptions(place / "run", place / "cache"))
        run.train()
    return run


@pytest.fixture(scope="module")
def item(source: Watched, place: Path) -> Path:
    """Its pretraining, shipped."""
    with pytest.MonkeyPatch.context() as patch:
        know_the_line(patch)
        ship(Shipment(source.options.run_dir, place / "line-random-paper"))
    return place / "line-random-paper"


@pytest.fixture
def on_the_shelf(item: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shipped, "folder", lambda: item.parent)
    return item


def began(run: Watched, tmp_path: Path, **changes: Any) -> Watched:
    """Returns a run with the settings of `run`, but for the changes, that began with what is on the shelf."""
    folder, config = shipped.chosen(origins.SHIPPED, settings(**changes))
    other = Watched(config, RunOptions(tmp_path / "run", tmp_path / "cache", pretrained=folder))
    other.train()
    return other


# -- files ------------------------------------------------------------------------------------------------


def agent() -> SACState:
    draw = lambda number: jax.random.normal(jax.random.key(number), (2, 50))
    moved = learner({"kernel": draw(0)})
    moments = moved.opt_state[0]._replace(mu={"kernel": 1e-6 * draw(1)}, nu={"kernel": 1e-12 * draw(2) ** 2})
    moved = moved.replace(opt_state=(moments, *moved.opt_state[1:]))
    return SACState(learner({"kernel": draw(3)}), moved, {"kernel": draw(4)}, learner(jnp.ones(())))


def test_networks_are_kept_exactly_and_what_follows_them_nearly(tmp_path: Path) -> None:
    before = agent()
    compact.save(tmp_path / "seed-0.npz", before)
    after = compact.load(tmp_path / "seed-0.npz", jax.eval_shape(lambda: before))
    assert jax.tree.structure(after) == jax.tree.structure(before)
    for path, leaf in jax.tree_util.tree_leaves_with_path(before):
        name, found = jax.tree_util.keystr(path), dict(jax.tree_util.tree_leaves_with_path(after))[path]
        assert found.dtype == leaf.dtype
        digits = 2.0**-8 if "opt_state" in name else 2.0**-11 if "target" in name else 0.0
        np.testing.assert_allclose(found, leaf, rtol=digits)
    nu = after.critic.opt_state[0].nu["kernel"]
    assert 0.0 < nu.max() < 1e-10  # far below what float16 could hold


def test_arrays_of_other_networks_are_refused(tmp_path: Path) -> None:
    compact.save(tmp_path / "seed-0.npz", agent())
    wider = agent().replace(target_critic={"kernel": jnp.zeros((2, 51))})
    with pytest.raises(
        ValueError, match=r"target_critic.*is float32 \(2, 50\), this version has float32 \(2, 51\)"
    ):
        compact.load(tmp_path / "seed-0.npz", wider)
    renamed = agent().replace(target_critic={"weights": jnp.zeros((2, 50))})
    with pytest.raises(ValueError, match=r"differ in .*kernel"):
        compact.load(tmp_path / "seed-0.npz", renamed)


# -- beginning with one -----------------------------------------------------------------------------------


def test_a_run_begins_with_it_as_with_the_pretraining_itself(
    source: Watched, on_the_shelf: Path, tmp_path: Path
) -> None:
    run = began(source, tmp_path)
    theirs, ours = (read_metrics(r.options.run_dir) for r in (source, run))
    # The same networks, the same environments, the same randomness: the switch is judged alike, to the bit.
    first = lambda rows: {k: v for k, v in values(rows, "online", "eval/return").items() if k[0] == 0}
    assert first(ours) == first(theirs) and len(first(ours)) == 2
    evaluated = lambda rows: values(rows, "pretrain", "eval/return")
    assert evaluated(ours) == evaluated(theirs)
    assert run.loaded is None  # no data was rolled out
    summary = json.loads((run.options.run_dir / "summary.json").read_text())
    assert summary["pretraining_from"] == "the package (line-random-paper)"
    assert "finished in the package (line-random-paper)" in run.said.getvalue()
    np.testing.assert_array_equal(
        jax.random.key_data(recipe.after_networks(run.setup.keys)),
        jax.random.key_data(run.setup.recipe.begin_all(run.setup.keys).key),
    )


def test_more_seeds_than_there_are_take_turns(source: Watched, on_the_shelf: Path) -> None:
    config = settings(num_seeds=3, seed=1)
    run = replace(source.setup, config=config)
    like = run.recipe.shapes("pretrain", 3), jax.eval_shape(Clock.zero)
    of_seed = jax.vmap(lambda seed: keys.of(seed, keys.Purpose.TRAINING))(jnp.arange(1, 4))
    identity = {**run.identity, "seeds": [1, 3]}
    found = shipped.load(on_the_shelf, identity, like, of_seed)
    actor = run.recipe.pretrain.algorithm.hand_over(found.state[0].agent).actor
    leaf = np.asarray(jax.tree.leaves(actor.params)[-1])
    np.testing.assert_array_equal(leaf[0], leaf[2])  # seeds 1 and 3 begin with number 1
    assert (leaf[0] != leaf[1]).any()
    assert {row[2] for row in found.meta["rows"]} == {1, 2, 3}


def test_fine_tuning_may_have_rates_of_its_own(source: Watched, on_the_shelf: Path, tmp_path: Path) -> None:
    run = began(source, tmp_path, actor_lr=1e-3, init_temperature=0.5)
    assert values(read_metrics(run.options.run_dir), "online", "eval/return").keys() >= {
        (ONLINE, 0),
        (ONLINE, 1),
    }


# -- which one --------------------------------------------------------------------------------------------


def test_it_is_taken_by_itself_where_it_fits_and_nowhere_else(on_the_shelf: Path) -> None:
    assert shipped.chosen(None, settings())[0] == on_the_shelf
    assert shipped.chosen(origins.NOT_SHIPPED, settings()) == (None, settings())
    assert shipped.chosen(Path("runs/mine"), settings())[0] == Path("runs/mine")
    for other in ({"offline_steps": 20}, {"offline_steps": 0}, {"critic_hidden": (9,)}, {"dataset_seed": 1}):
        assert shipped.chosen(None, settings(**other)) == (None, settings(**other))


def test_what_nobody_set_is_as_it_was_pretrained(on_the_shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset pretrains shortly; the one on the shelf was pretrained longer."""
    quick = settings(offline_steps=10)
    monkeypatch.setattr(shipped, "preset_config", lambda *_: quick)
    changed = shipped.read(on_the_shelf)
    changed.card["changes"] = {"offline_steps": settings().offline.offline_steps}
    monkeypatch.setattr(shipped, "items", lambda: [changed])
    assert shipped.chosen(None, quick) == (on_the_shelf, settings())
    assert shipped.chosen(None, quick, as_it_is=True) == (None, quick)  # a run of its own, gone on with
    asked = settings(offline_steps=30)
    assert shipped.chosen(None, asked) == (None, asked)


def test_a_run_stays_in_the_world_and_with_the_data_that_it_asked_for(
    on_the_shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the same environment with other options, or of other data, is not taken instead."""
    for name, value in {"env_options": ["time_limit=7"], "dataset": "another"}.items():
        other = shipped.read(on_the_shelf)
        other.card["changes"] = {name: value}
        other.card["settings"] = {**other.card["settings"], name: value}
        monkeypatch.setattr(shipped, "items", lambda other=other: [other])
        assert shipped.chosen(None, settings()) == (None, settings())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discount": 0.5}, r"line-random-paper does not fit:\n  discount: it has 0\.99, now 0\.5$"),
        ({"offline_steps": 0}, r"there is none for line with these settings; there are for line$"),
        ({"points": ("actor_lr=1e-4", "actor_lr=1e-3")}, "points are trained side by side"),
    ],
)
def test_one_that_does_not_fit_is_refused_where_it_is_asked_for(
    on_the_shelf: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        shipped.chosen(origins.SHIPPED, settings(**changes))


# -- damage -----------------------------------------------------------------------------------------------


def copy_of(item: Path, place: Path) -> Path:
    copy = place / item.name
    copy.mkdir()
    for path in item.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


@pytest.mark.parametrize("name", ["seed-1.npz", "held_out.npz"])
def test_a_damaged_file_is_refused(item: Path, source: Watched, tmp_path: Path, name: str) -> None:
    copy = copy_of(item, tmp_path)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    run = Watched(source.config, RunOptions(tmp_path / "run", tmp_path / "cache", pretrained=copy))
    with pytest.raises(ValueError, match=f"line-random-paper cannot be used: {name} is damaged"):
        run.train()


def test_a_damaged_card_a_missing_file_and_another_world_are_refused(
    item: Path, source: Watched, tmp_path: Path
) -> None:
    options = RunOptions(tmp_path / "run", tmp_path / "cache", pretrained=copy_of(item, tmp_path))
    card = json.loads((tmp_path / item.name / "card.json").read_text())
    damage.spoil(tmp_path / item.name)
    card["identity"]["env"] = "another"
    files.write_json(tmp_path / item.name / "card.json", card)
    with pytest.raises(ValueError, match=r"card\.json is not what was written"):
        Watched(source.config, options)
    card.pop("digest")
    files.write_json(tmp_path / item.name / "card.json", card | {"digest": digests.of_json(card)})
    with pytest.raises(ValueError, match=r"does not fit:\n  env: it has 'another', now '"):
        Watched(source.config, options)
    assert not options.run_dir.exists()


# -- the ones that ship -----------------------------------------------------------------------------------


@pytest.mark.parametrize("item", shipped.items(), ids=lambda item: item.name)
def test_every_one_fits_this_version(item: shipped.Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # real worlds
    settings_of = item.card["settings"]
    config = presets.preset_config(item.card["preset"], settings_of["env"])
    asked = {"env_options": tuple(settings_of["env_options"]), "dataset": settings_of["dataset"]}
    config = replace_flat(config, asked)
    folder, fitted = shipped.chosen(origins.SHIPPED, config)
    assert folder == item.folder
    env = envs.make_from_text(fitted.env, fitted.env_options)
    data = named_datasets.resolve(fitted.data, env, Path("nowhere"))
    identity = pretrained.identity(fitted, env, data.identity)
    shipped.check(item.folder, identity)
    shapes = build.side_by_side(fitted, env).shapes("pretrain", 1), jax.eval_shape(Clock.zero)
    found = shipped.load(item.folder, identity, shapes, jax.random.split(jax.random.key(0), 1))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.state[0].agent))
