"""Settings: presets work, bad values are refused before anything is built, and names are flat and unique."""

import dataclasses
from typing import Any

import pytest

import envs
from wsrl_mjx.config.presets import PRESETS, preset_config, resolve_preset
from wsrl_mjx.config.settings import Config, flat_fields, replace_flat
from wsrl_mjx.config.validation import choose, validate


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("env", envs.REGISTRY)
def test_presets_are_valid(preset: str, env: str) -> None:
    config = preset_config(preset, env)
    validate(config)
    assert config.env == env and config.preset == preset


def test_auto_is_a_preset_for_this_device() -> None:
    assert resolve_preset("auto") in ("laptop", "paper")
    assert resolve_preset("smoke") == "smoke"


def test_the_paper_preset_is_the_paper() -> None:
    flat = flat_fields(preset_config("paper", "ant"))
    expected = {
        "ensemble_size": 10, "target_subset": 2, "critic_hidden": (256, 256), "actor_hidden": (256, 256),
        "layer_norm": True, "utd": 4.0, "batch_size": 256, "warmup_steps": 5000, "online_steps": 300_000,
        "offline_steps": 250_000, "dataset_size": 1_000_000, "discount": 0.99, "target_rate": 0.005,
        "actor_lr": 1e-4, "critic_lr": 3e-4, "temperature_lr": 1e-4, "init_temperature": 1.0, "num_envs": 1,
        "cql_alpha": 5.0, "cql_actions": 10, "offline_backup_actions": 10, "backup_actions": 1,
        "cloning_weight": 0.0,
    }  # fmt: skip
    assert {name: flat[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warmup_steps": -1}, "warmup_steps must be an integer, zero or more, got -1"),
        ({"online_steps": 0}, "online_steps must be an integer, positive, got 0"),
        ({"offline_steps": -5}, "offline_steps must be an integer, zero or more, got -5"),
        ({"offline_steps": 1.5}, "offline_steps must be an integer, zero or more, got 1.5"),
        ({"num_seeds": 0}, "num_seeds must be an integer, positive, got 0"),
        ({"num_seeds": True}, "num_seeds must be an integer, positive, got True"),
        ({"seed": -1}, "seed must be an integer, zero or more, got -1"),
        ({"seed": 2**31}, r"seed must be below 2\*\*31 for every one of num_seeds, got 2147483648"),
        ({"batch_size": 0}, "batch_size must be an integer, positive, got 0"),
        ({"cql_actions": 0}, "cql_actions must be an integer, positive, got 0"),
        ({"critic_hidden": ()}, "critic_hidden must be one or more positive integers"),
        ({"actor_hidden": (32, 0)}, r"actor_hidden must be one or more positive integers, got \(32, 0\)"),
        ({"utd": 0.3}, r"utd \* num_envs must be a positive integer, got 0.3 \* 1"),
        ({"utd": -4.0}, r"utd \* num_envs must be a positive integer, got -4.0 \* 1"),
        ({"utd": 0.0}, r"utd \* num_envs must be a positive integer, got 0.0 \* 1"),
        ({"utd": float("inf")}, r"utd \* num_envs must be a positive integer, got inf"),
        ({"utd": float("nan")}, r"utd \* num_envs must be a positive integer, got nan"),
        ({"utd": 2.5, "num_envs": 2}, "must be a multiple of the 2 critic updates that share an actor"),
        (
            {"num_envs": 100, "batch_size": 256},
            r"online_steps must be more than 102400, got 6000: .* = 4 \* 100 \* 256 rows",
        ),
        ({"replay_capacity": 16}, "replay_capacity must hold the 5000 rows before the first update, got 16"),
        ({"dataset_seed": 2**33}, r"dataset_seed must be below 2\*\*31"),
        ({"replay_capacity": 2**31}, r"replay_capacity must be below 2\*\*31, got 2147483648"),
        ({"target_subset": 11}, r"target_subset must not exceed ensemble_size \(10\), got 11"),
        ({"warmup_steps": 6000}, r"warmup_steps must be less than online_steps \(6000\).*got 6000"),
        ({"dataset_size": 5}, r"dataset_size must be at least collect_envs \(8\), got 5"),
        ({"eval_every": 0}, "eval_every must be an integer, positive, got 0"),
        ({"log_every": -5}, "log_every must be an integer, positive, got -5"),
        ({"actor_lr": -1e-4}, r"actor_lr must be in \[0, 1\), got -0.0001"),
        ({"offline_actor_lr": 1.5}, r"offline_actor_lr must be in \[0, 1\), got 1.5"),
        ({"critic_lr": float("nan")}, r"critic_lr must be in \[0, 1\), got nan"),
        ({"discount": 0.0}, r"discount must be in \(0, 1\], got 0.0"),
        ({"target_rate": 1.5}, r"target_rate must be in \(0, 1\], got 1.5"),
        ({"precision": "bfloat"}, "precision must be one of float32, bfloat16, got 'bfloat'.*'bfloat16'"),
        ({"init_temperature": 0.0}, "init_temperature must be positive, got 0.0"),
        ({"cql_alpha": 0.0}, "cql_alpha must be positive, got 0.0"),
        ({"cloning_weight": 1.5}, r"cloning_weight must be in \[0, 1\], got 1.5"),
        ({"cloning_weight": -0.1}, r"cloning_weight must be in \[0, 1\], got -0.1"),
        ({"online_cloning_weight": 2.0}, r"online_cloning_weight must be in \[0, 1\], got 2.0"),
        ({"reward_scale": 0.0}, "reward_scale must not be 0"),
        ({"reward_scale": float("nan")}, "reward_scale must be finite, and below 3.4e38, got nan"),
        ({"reward_bias": float("inf")}, "reward_bias must be finite, and below 3.4e38, got inf"),
        ({"cql_alpha": 3.4028235677973366e38}, "cql_alpha must be finite, and below 3.4e38, got 3.4028"),
        ({"target_entropy": float("nan")}, "target_entropy must be finite, and below 3.4e38, got nan"),
        ({"discount": 1.0, "offline_algo": "calql"}, "discount must be less than 1"),
        ({"method": "rlpdd"}, "sac, rlpd, serl, jsrl, so2, awac, got 'rlpdd'; did you mean 'rlpd'"),
        ({"online_algo": "bc"}, "online_algo must be one of sac, cql, calql, iql, awac, so2, got 'bc'"),
        ({"warmup_source": "replay"}, "warmup_source must be one of policy, random, data, got 'replay'"),
        ({"retain": "all"}, "retain must be one of none, append, got 'all'"),
        ({"init_actor": "old"}, "init_actor must be one of pretrained, fresh, got 'old'"),
        ({"offline_share": 1.0}, r"offline_share must be in \[0, 1\), got 1.0"),
        ({"offline_share": 0.001}, "offline_share 0.001 of batch_size 32 is 0 rows"),
        ({"offline_share": 0.5, "retain": "append"}, "offline_share and retain append are two ways"),
        ({"guide_steps": 0.5}, "guide_steps must be 0 or at least 1, got 0.5"),
        ({"guide_steps": 9.0, "offline_steps": 0}, "guide_steps needs a pretrained policy"),
        ({"iql_expectile": 0.3}, r"iql_expectile must be in \[0.5, 1\), got 0.3"),
        ({"iql_beta": -1.0}, "iql_beta must not be negative, got -1.0"),
        ({"true_value_states": 8, "discount": 1.0}, "true_value_states needs a discount below 1"),
        ({"online_cql_alpha": 1.0, "cql_learn_alpha": True}, "online_cql_alpha is a fixed weight, got 1.0"),
        ({"online_cql_alpha": 0.0}, "online_cql_alpha must be positive, got 0.0"),
        ({"offline_algo": "cqll"}, "one of cql, calql, iql, awac, bc, got 'cqll'; did you mean 'cql'"),
        ({"std_mode": "exp"}, "std_mode must be one of state, global, got 'exp'"),
        ({"actor_q": "max"}, "actor_q must be one of min, mean, got 'max'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(changes: dict[str, Any], message: str) -> None:
    config = replace_flat(preset_config("smoke", "hopper"), changes)
    with pytest.raises(ValueError, match=message):
        validate(config)


@pytest.mark.parametrize(
    ("utd", "num_envs", "updates", "critics_per_actor"),
    [(4.0, 1, 4, 4), (1.0, 1, 1, 1), (0.25, 8, 2, 1), (2.0, 4, 8, 2), (20.0, 1, 20, 20), (1.1, 10, 11, 1)],
)
def test_updates_of_a_vector_step(utd: float, num_envs: int, updates: int, critics_per_actor: int) -> None:
    config = replace_flat(preset_config("smoke", "hopper"), {"utd": utd, "num_envs": num_envs})
    validate(config)
    assert (config.updates_per_step, config.critics_per_actor) == (updates, critics_per_actor)


@pytest.mark.parametrize("num_envs", [1, 3, 7, 16, 48])
def test_any_number_of_environments_fits_every_preset(num_envs: int) -> None:
    for preset in PRESETS:
        config = replace_flat(preset_config(preset, "ant"), {"num_envs": num_envs, "batch_size": 16})
        validate(config)
        assert 0 <= config.replay_rows - config.online.replay_capacity < num_envs
        assert config.replay_rows % num_envs == 0


def test_offline_rows_before_the_first_step_are_whole_inserts() -> None:
    config = replace_flat(Config(), {"warmup_source": "data", "warmup_steps": 1001, "num_envs": 2})
    validate(config)
    assert config.prefilled_rows == 1002


def test_flat_names_are_unique_in_the_tree() -> None:
    def count(node: Any) -> int:
        values = [getattr(node, f.name) for f in dataclasses.fields(node)]
        return sum(count(v) if dataclasses.is_dataclass(v) else 1 for v in values)

    assert count(Config()) == len(flat_fields(Config()))


def test_replace_flat_changes_that_field_alone_and_no_default() -> None:
    changed = replace_flat(Config(), {"utd": 1.0, "seed": 9})
    assert (changed.online.utd, changed.seed) == (1.0, 9)
    assert flat_fields(changed).items() - flat_fields(Config()).items() == {("utd", 1.0), ("seed", 9)}
    assert Config().online.utd == 4.0
    with pytest.raises(ValueError, match="no such field: warmup"):
        replace_flat(Config(), {"warmup": 1})


def test_every_preset_names_fields_that_there_are() -> None:
    names = flat_fields(Config()).keys()
    assert all(changes.keys() <= names for changes in PRESETS.values())


def test_choices_are_listed_with_the_nearest() -> None:
    assert choose("x", "b", ("a", "b")) == "b"
    with pytest.raises(
        ValueError, match=r"^level must be one of low, high, got 'hihg'; did you mean 'high'\?$"
    ):
        choose("level", "hihg", ("low", "high"))


def test_seeds_count_up() -> None:
    assert list(replace_flat(Config(), {"seed": 5, "num_seeds": 3}).seeds) == [5, 6, 7]


def test_targets_take_the_best_of_as_many_actions_as_their_algorithm_does() -> None:
    config = replace_flat(Config(), {"offline_backup_actions": 10, "backup_actions": 3})
    expected = {"calql": 10, "cql": 10, "sac": 3, "awac": 3, "iql": 1, "so2": 1, "bc": 1}
    assert {name: config.backup_actions_of(name) for name in expected} == expected
