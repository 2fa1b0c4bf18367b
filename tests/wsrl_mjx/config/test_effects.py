"""Settings without effect: what the table says is held against what the traced updates read."""

import importlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.interpreters import partial_eval
from probe_envs import Line, probe

from wsrl_mjx.config import build, effects
from wsrl_mjx.config.methods import METHODS
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import Config, flat_fields, replace_flat
from wsrl_mjx.training.steps import Online, Pretrain
from wsrl_mjx.types import Clock, TrainState, Transition

LINE = probe(Line)
SMALL: dict[str, Any] = {
    "actor_hidden": (4,), "critic_hidden": (4,), "ensemble_size": 3, "offline_backup_actions": 2,
    "backup_actions": 2, "cql_actions": 2, "batch_size": 4, "offline_batch_size": 4,
}  # fmt: skip
# One other value of every setting that algorithms and phases read, by name.
OTHERS: dict[str, Any] = {
    "offline_batch_size": 8, "offline_actor_lr": 0.5, "cloning_weight": 0.5, "backup_actions": 3,
    "online_cloning_weight": 0.5,
    "temperature_lr": 0.5, "target_entropy": -0.5, "actor_q": "mean",
    "target_subset": 1, "discount": 0.5, "target_rate": 0.5, "actor_lr": 0.5, "critic_lr": 0.5,
    "cql_alpha": 0.5, "cql_learn_alpha": True, "cql_alpha_lr": 0.5, "cql_target_gap": 0.5, "cql_actions": 3,
    "cql_importance_sampling": False, "offline_backup_actions": 3, "online_cql_alpha": 0.5,
    "iql_expectile": 0.6, "iql_beta": 0.5, "iql_extraction": "ddpg", "iql_cloning": 0.5, "awac_beta": 0.5,
    "so2_noise": 0.5, "so2_noise_limit": 0.5,
}  # fmt: skip
KEY = jax.random.key(0)


TRACED: dict[Any, tuple[str, list[bool]]] = {}  # by all that is static


def read_by(learn: Any, phase: Any, agent: Any, batch: Any) -> tuple[str, list[float]]:
    """Returns what a phase's updates do, as text, and the numbers of the phase that they read."""
    leaves, structure = jax.tree.flatten((phase, agent, batch))
    shapes = tuple(leaf.shape for leaf in leaves)
    if (structure, shapes) not in TRACED:
        after = lambda *leaves: jax.tree.leaves(learn(*jax.tree.unflatten(structure, leaves)))
        traced = jax.make_jaxpr(after)(*leaves).jaxpr
        pruned, used = partial_eval.dce_jaxpr(traced, [True] * len(traced.outvars))
        TRACED[structure, shapes] = str(pruned), used
    text, used = TRACED[structure, shapes]
    return text, [float(leaf) for leaf, is_used in zip(jax.tree.leaves(phase), used, strict=False) if is_used]


def fine_tuned(phase: Online, agent: Any, batch: Transition) -> Any:
    rows = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (1, phase.critics_per_actor, 4, *leaf.shape)), batch
    )
    return phase.learn(agent, rows, KEY)[0]


def pretrained(phase: Pretrain, agent: Any, batch: Transition) -> Any:
    rows = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (9, *leaf.shape)), batch)
    return phase.step(rows, TrainState(agent, None, None, KEY), Clock.zero())[0].agent


def trained_with(config: Config) -> list[Any]:
    """Returns what the phases of a run make of its settings: their updates."""
    recipe = build.make(config, LINE)
    batch = Transition.empty(LINE.obs_size, LINE.action_size).replace(mc_return=jnp.zeros(()))
    agent_in = lambda phase: jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape[1:], leaf.dtype), recipe.shapes(phase, 1).agent
    )
    found: list[Any] = [read_by(fine_tuned, recipe.online.replace(env=None), agent_in("online"), batch)]
    if config.offline.offline_steps:
        found.append(read_by(pretrained, recipe.pretrain, agent_in("pretrain"), batch))
    return found


def config_of(method: str, **changes: Any) -> Config:
    """Returns a method's settings, as small as they can be."""
    return replace_flat(preset_config("smoke", "pointmaze-umaze", method), SMALL | changes)


FEW = ("wsrl", "iql", "so2")  # an algorithm of each kind; the other methods read what these do


@pytest.mark.parametrize(
    "method",
    [pytest.param(m, marks=pytest.mark.slow if m in FEW else pytest.mark.thorough) for m in METHODS],
)
def test_the_updates_read_what_has_an_effect_and_nothing_else(method: str) -> None:
    config = config_of(method)
    before, unread = trained_with(config), effects.without_effect(config)
    wrong = []
    for name, value in OTHERS.items():
        same = trained_with(config_of(method, **{name: value})) == before
        wrong += [name] * (same != (name in unread))
    assert not wrong


@pytest.mark.parametrize(
    ("method", "changes", "expected"),
    [
        ("wsrl", {"iql_beta": 1.0}, {"iql_beta": "no phase is iql"}),
        ("wsrl", {"online_cql_alpha": 1.0},
         {"online_cql_alpha": "sac goes on without the conservative term"}),
        ("wsrl", {"offline_algo": "bc", "cloning_weight": 0.5},
         {"cloning_weight": "it is for cql and calql, not for bc"}),
        ("wsrl", {"offline_algo": "bc", "init_critics": "fresh"}, {"init_critics": "bc trains no critics"}),
        ("wsrl", {"warmup_source": "data", "warmup_steps": 0}, {"warmup_source": "warmup_steps is 0"}),
        ("wsrl", {"warmup_steps": 7}, {"warmup_steps": "the first update waits for 128 rows in any case"}),
        ("wsrl", {"warmup_steps": 0}, {}),
        ("rlpd", {"offline_batch_size": 8, "init_actor": "fresh"},
         dict.fromkeys(("offline_batch_size", "init_actor"), "there is no pretraining")),
        ("rlpd", {"offline_steps": 5000, "offline_batch_size": 8}, {}),  # it pretrains then
        ("sac", {"dataset_size": 9}, {"dataset_size": "there is no offline data"}),
        ("iql", {"temperature_lr": 0.1}, {"temperature_lr": "iql has no temperature"}),
        ("iql", {"iql_cloning": 0.1}, {"iql_cloning": "iql_extraction is awr"}),
        ("cql", {"cql_target_gap": 0.1}, {"cql_target_gap": "cql_learn_alpha is not set"}),
    ],
)  # fmt: skip
def test_what_was_typed_and_has_no_effect_is_named(
    method: str, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    config = replace_flat(preset_config("smoke", "pointmaze-umaze", method), changes)
    assert effects.typed_without_effect(config) == expected


def test_no_default_is_named_and_every_name_is_a_setting() -> None:
    for method in METHODS:
        config = preset_config("laptop", "ant", method)
        assert not effects.typed_without_effect(config)
        assert effects.without_effect(config).keys() <= flat_fields(config).keys()


def test_the_table_in_the_docs_is_todays(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = Path(__file__).parents[3] / "docs"
    monkeypatch.syspath_prepend(docs)
    table = importlib.import_module("make_settings_table")
    assert (docs / "settings_by_method.md").read_text() == table.page()
