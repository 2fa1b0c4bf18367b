"""Named datasets: mixtures in equal shares, kept by what made them, and behaviours that are found."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from probe_envs import Line, probe

import envs
from wsrl_mjx.algos.networks import Actor
from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.named_datasets import resolve
from wsrl_mjx.config.settings import DataConfig
from wsrl_mjx.data import behaviors, cache, dataset

ENV = probe(Line)
RANDOM = DataConfig(dataset="random", dataset_size=40, collect_envs=4)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two behaviours for the probe environment."""
    folder = tmp_path / "behaviors"
    for seed, level in enumerate(("medium", "expert")):
        actor = Actor(1, (4,))
        params = actor.init(jax.random.key(seed), jnp.zeros(1))
        behaviors.save(folder, level, actor, params, {"return_mean": float(seed)})
    monkeypatch.setattr(behaviors, "shipped_folder", lambda env_name: folder)
    return folder


def obtain(config: DataConfig, place: Path) -> tuple[dataset.Dataset, str]:
    return resolve(config, ENV, place).obtain(lambda rows: None)


def test_rollouts_are_made_once_and_then_read(tmp_path: Path) -> None:
    made, origin = obtain(RANDOM, tmp_path)
    again, origin_again = obtain(RANDOM, tmp_path)
    assert (origin, origin_again) == ("fresh rollouts", "the cache")
    assert made.card == again.card and made.size == again.size == 40
    np.testing.assert_array_equal(made.rows["obs"], again.rows["obs"])


def test_another_seed_or_size_is_another_dataset(tmp_path: Path, shipped: Path) -> None:
    changes = [
        {},
        {"dataset_seed": 1},
        {"dataset_size": 44},
        {"collect_envs": 2},
        {"dataset": "medium"},
        {"dataset": "expert"},
    ]
    plain = {"dataset": "random", "dataset_size": 40, "collect_envs": 4}
    configs = [DataConfig(**(plain | change)) for change in changes]
    keys = {cache.key_of(resolve(config, ENV, tmp_path).identity) for config in configs}
    assert len(keys) == len(changes)


def test_a_mixture_has_equal_shares_in_order(tmp_path: Path, shipped: Path) -> None:
    config = DataConfig(dataset="medium-expert", dataset_size=41, collect_envs=3)
    made, _ = obtain(config, tmp_path)
    shares = [(policy["level"], policy["transitions"]) for policy in made.card["policies"]]
    assert made.size == 41 and shares == [("medium", 21), ("expert", 20)]
    assert made.rows["truncated"][20] == 1.0 or made.rows["terminated"][20] == 1.0
    medium, _ = obtain(DataConfig(dataset="medium", dataset_size=21, collect_envs=3), tmp_path)
    np.testing.assert_array_equal(made.rows["obs"][:21], medium.rows["obs"])


def test_a_behavior_that_is_not_there_is_answered_by_those_that_are(shipped: Path) -> None:
    named_datasets.check_available(DataConfig(dataset="expert"), "line")
    (shipped / "expert.json").unlink()
    with pytest.raises(
        ValueError, match=r"behavior 'expert' is not in behaviors; choose one of \['medium'\]"
    ):
        named_datasets.check_available(DataConfig(dataset="expert"), "line")


def test_a_folder_is_read_from_disk_and_checked(tmp_path: Path) -> None:
    made, _ = obtain(RANDOM, tmp_path / "cache")
    dataset.save(tmp_path / "mine", made)
    config = DataConfig(dataset=str(tmp_path / "mine"))
    found, origin = obtain(config, tmp_path / "cache")
    assert origin == str(tmp_path / "mine") and found.card["digest"] == made.card["digest"]
    assert resolve(config, ENV, tmp_path).identity == {
        "digest": made.card["digest"],
        "seed": 0,
    }
    (tmp_path / "mine" / "transitions.npz").unlink()
    with pytest.raises(ValueError, match=r"transitions.npz is missing"):
        resolve(config, ENV, tmp_path).check()


def test_a_behavior_comes_back_as_it_was_saved(shipped: Path) -> None:
    behavior = behaviors.load(shipped, "medium")
    fresh = Actor(1, (4,)).init(jax.random.key(0), jnp.zeros(1))
    assert behavior.card["return_mean"] == 0.0 and behavior.actor == Actor(1, (4,))
    for one, other in zip(jax.tree.leaves(behavior.params), jax.tree.leaves(fresh), strict=True):
        np.testing.assert_array_equal(one, other)
    obs = tiny.batch(5).obs[:, :1]
    mode = behavior.act(explore=False)(obs, jax.random.key(0))
    np.testing.assert_array_equal(mode, behavior.act(explore=False)(obs, jax.random.key(1)))
    assert (mode != behavior.act(explore=True)(obs, jax.random.key(0))).all()


def test_random_actions_are_uniform() -> None:
    actions = behaviors.random_act(3)(jnp.zeros((4000, 2)), jax.random.key(0))
    assert actions.shape == (4000, 3) and float(jnp.abs(actions).max()) <= 1.0
    assert float(actions.mean()) == pytest.approx(0.0, abs=0.03)
    assert float(actions.std()) == pytest.approx(3**-0.5, abs=0.02)


# -- a chosen share of successes --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_share_of_successes_is_taken_from_the_same_rollouts(tmp_path: Path) -> None:
    env = envs.make_from_text("pointmaze-umaze", ("time_limit=40", "goal_radius=2"))
    whole_of = DataConfig(dataset="diverse", dataset_size=2000, collect_envs=10)
    half_of = replace(whole_of, success_share=0.5)
    whole, _ = resolve(whole_of, env, tmp_path).obtain(lambda rows: None)
    half, origin = resolve(half_of, env, tmp_path).obtain(lambda rows: None)
    assert origin == f"the cache, thinned to a share of successes of {half.card['return_mean']:.3g}"
    assert half.card["return_mean"] == pytest.approx(0.5, abs=0.02) != whole.card["return_mean"]
    assert half.size < whole.size and half.card["digest"] != whole.card["digest"]
    plain, thinned = (resolve(config, env, tmp_path).identity for config in (whole_of, half_of))
    assert thinned == plain | {"success_share": 0.5}


def test_rollouts_too_short_for_a_failure_are_refused(tmp_path: Path) -> None:
    env = envs.make("pointmaze-umaze")  # 100 steps
    config = DataConfig(dataset="diverse", dataset_size=990, collect_envs=10, success_share=0.5)
    with pytest.raises(ValueError, match=r"success_share 0\.5 needs whole failures, of 100 steps .* 99 rows"):
        resolve(config, env, tmp_path).check()
    resolve(replace(config, dataset_size=1000), env, tmp_path).check()
    resolve(replace(config, success_share=1.0), env, tmp_path).check()


def test_another_seed_is_another_dataset_on_disk_too(tmp_path: Path) -> None:
    """It decides which rows are held out, and which a share of successes leaves out."""
    made, _ = obtain(RANDOM, tmp_path / "cache")
    dataset.save(tmp_path / "data", made)
    on_disk = DataConfig(dataset=str(tmp_path / "data"))
    identity = lambda seed: resolve(replace(on_disk, dataset_seed=seed), ENV, tmp_path).identity
    assert identity(0) != identity(1)


def test_a_share_of_successes_needs_a_world_of_success() -> None:
    named_datasets.check_available(DataConfig(dataset="play", success_share=0.1), "pointmaze-umaze")
    with pytest.raises(ValueError, match="success_share needs a world whose episodes succeed or fail"):
        named_datasets.check_available(DataConfig(dataset="medium", success_share=0.1), "hopper")


def test_no_name_at_all_is_not_the_working_directory() -> None:
    with pytest.raises(ValueError, match=r"dataset must be one of .*, got ''; nor is there a file or folder"):
        named_datasets.check_available(DataConfig(dataset=""), "pointmaze-umaze")
