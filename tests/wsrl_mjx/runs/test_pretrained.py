"""Pretrainings kept in a run: which one fits, also where settings came to exist after it."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest

from wsrl_mjx.config.settings import Config, of_pretraining, replace_flat
from wsrl_mjx.runs import layout, pretrained
from wsrl_mjx.runs.checkpoint import Checkpoints

IDENTITY = pretrained.as_json({"settings": of_pretraining(Config()), "seeds": [0, 2]})

# What a version wrote that kept the settings of every algorithm, in two parts.
WITH_TWO_PARTS: dict[str, Any] = {
    "offline": {
        "offline_algo": "cql", "offline_steps": 250000, "offline_batch_size": 256, "offline_actor_lr": None,
        "cql_alpha": 5.0, "cql_learn_alpha": False, "cql_alpha_lr": 0.0003, "cql_target_gap": 0.8,
        "cql_actions": 10, "cql_importance_sampling": True, "cloning_weight": 0.0,
        "offline_backup_actions": 10, "iql_expectile": 0.9, "iql_beta": 10.0, "awac_beta": 1.0,
        "iql_extraction": "awr", "iql_cloning": 1.0,
    },
    "agent": {
        "actor_hidden": [256, 256], "critic_hidden": [256, 256], "layer_norm": True, "actor_squash": True,
        "std_mode": "state", "precision": "float32", "ensemble_size": 10, "target_subset": 2,
        "actor_q": "min", "actor_lr": 0.0001, "critic_lr": 0.0003, "temperature_lr": 0.0001,
        "discount": 0.99, "target_rate": 0.005, "target_entropy": None, "init_temperature": 1.0,
    },
    "seeds": [0, 2],
}  # fmt: skip


def keep(run_dir: Path, identity: dict[str, Any]) -> Path:
    kept = Checkpoints(run_dir / layout.PRETRAINED)
    kept.save(0, {"weights": jnp.zeros(2)}, {"identity": identity})
    kept.close()
    return run_dir


def with_settings(**changes: Any) -> dict[str, Any]:
    return {**IDENTITY, "settings": {**IDENTITY["settings"], **changes}}


def test_a_setting_that_came_later_counts_as_its_default(tmp_path: Path) -> None:
    before = {name: value for name, value in IDENTITY["settings"].items() if name != "discount"}
    source = keep(tmp_path, {**IDENTITY, "settings": before})
    pretrained.check(source, IDENTITY)
    with pytest.raises(ValueError, match=r"does not fit:\n  settings\.discount: it has 0\.99, now 0\.5$"):
        pretrained.check(source, with_settings(discount=0.5))


def test_a_setting_that_is_gone_is_a_difference(tmp_path: Path) -> None:
    source = keep(tmp_path, with_settings(gone=1))
    with pytest.raises(ValueError, match=r"does not fit:\n  settings\.gone: it has 1, now None$"):
        pretrained.check(source, IDENTITY)


def test_an_identity_in_two_parts_counts_as_the_settings_that_its_algorithm_read(tmp_path: Path) -> None:
    source = keep(tmp_path, WITH_TWO_PARTS)
    pretrained.check(source, IDENTITY)
    with pytest.raises(ValueError, match=r"does not fit:\n  settings\.cql_alpha: it has 5\.0, now 1\.0$"):
        pretrained.check(source, with_settings(cql_alpha=1.0))


def test_of_other_algorithms_settings_a_pretraining_does_not_depend() -> None:
    of = lambda **changes: of_pretraining(replace_flat(Config(), changes))
    assert of(iql_beta=9.0) == of(online_cql_alpha=1.0) == of(so2_noise=0.1) == of()
    assert of(cql_alpha=1.0) != of() != of(actor_lr=1e-3)
    assert (
        of(offline_algo="iql", iql_beta=9.0)
        != of(offline_algo="iql")
        == of(offline_algo="iql", cql_alpha=1.0)
    )
