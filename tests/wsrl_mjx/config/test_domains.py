"""Families of worlds: their datasets, and what they change in the presets."""

import pytest

from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.domains import domain_of
from wsrl_mjx.config.presets import PRESETS, preset_config
from wsrl_mjx.config.settings import DataConfig, flat_fields


def test_a_maze_brings_its_data_and_its_algorithm() -> None:
    flat = flat_fields(preset_config("paper", "pointmaze-large"))
    expected = {
        "dataset": "diverse", "offline_algo": "calql", "reward_scale": 10.0, "reward_bias": -5.0,
        "offline_backup_actions": 10, "backup_actions": 10, "std_mode": "global", "cql_learn_alpha": True,
        "critic_hidden": (256, 256, 256, 256), "actor_hidden": (256, 256), "offline_steps": 1_000_000,
    }  # fmt: skip
    assert {name: flat[name] for name in expected} == expected


def test_the_ants_mazes_have_the_papers_settings_too() -> None:
    ours, points = (flat_fields(preset_config("paper", f"{body}maze-large")) for body in ("ant", "point"))
    assert ours | {"env": points["env"]} == points


@pytest.mark.parametrize("preset", PRESETS)
def test_locomotion_is_the_preset_itself(preset: str) -> None:
    flat = flat_fields(preset_config(preset, "hopper"))
    assert flat["dataset"] == "medium" and flat["offline_algo"] == "cql"
    assert {name: flat[name] for name in PRESETS[preset]} == PRESETS[preset]


def test_a_dataset_of_another_family_is_refused() -> None:
    with pytest.raises(ValueError, match="dataset must be one of diverse, play, random, got 'medium'"):
        named_datasets.check_available(DataConfig(dataset="medium"), "pointmaze-large")
    with pytest.raises(ValueError, match=r"dataset must be one of medium, random, .*got 'play'"):
        named_datasets.check_available(DataConfig(dataset="play"), "hopper")


@pytest.mark.parametrize("name", ["brax:inverted_pendulum", "playground:CheetahRun", "ant-direction"])
def test_a_world_without_behaviours_starts_from_random_data(name: str) -> None:
    assert flat_fields(preset_config("smoke", name))["dataset"] == "random"


def test_every_dataset_of_a_family_can_be_made() -> None:
    for name in ("ant", "antmaze-umaze", "pointmaze-umaze", "brax:ant"):
        for dataset in domain_of(name).datasets:
            assert dataset in named_datasets.MIXTURES or dataset == "medium-replay"
