"""Any settings at all: each configuration is refused by name, or it can be saved, composed and traced."""

import dataclasses
import json
import typing
from collections.abc import Callable
from typing import Any

import jax
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from probe_envs import Line, probe

from wsrl_mjx.config import build
from wsrl_mjx.config.settings import Config, flat_fields, from_saved, replace_flat
from wsrl_mjx.config.validation import validate
from wsrl_mjx.training import loop
from wsrl_mjx.types import Clock, Transition

# What a name means is checked where it is looked up: worlds, presets, datasets, grids.
NAMES = {"env", "env_options", "preset", "dataset", "points"}
SMALL = replace_flat(
    Config(),
    {
        "env": "line", "actor_hidden": (4,), "critic_hidden": (4,), "ensemble_size": 3, "batch_size": 8,
        "offline_batch_size": 8, "warmup_steps": 60, "online_steps": 400, "replay_capacity": 400,
        "offline_steps": 400, "log_every": 200, "eval_every": 200, "pretrain_eval_every": 200,
        "checkpoint_every": 200, "cql_actions": 2, "dataset_size": 400, "collect_envs": 10,
    },
)  # fmt: skip


def annotations(config: Any) -> dict[str, Any]:
    """Returns the type of every leaf field of a tree of dataclasses."""
    types = typing.get_type_hints(type(config))
    found: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        found |= annotations(value) if dataclasses.is_dataclass(value) else {item.name: types[item.name]}
    return found


def values(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Returns values of a field's type, few of which make sense; what it has already is as likely as they."""
    wild: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(-2, 12) | st.sampled_from([100, 200, 400, 1000, 2**31, 2**40]),
        float: st.floats() | st.floats(-0.5, 1.5) | st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 20.0]),
        type(None): st.none(),
        tuple[int, ...]: st.lists(st.integers(-1, 9), max_size=3).map(tuple),
    }
    members = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        drawn: st.SearchStrategy[Any] = st.sampled_from([*members, "nothing"])
    else:
        drawn = st.one_of(*(wild[k] for k in ((kind,) if kind in wild else members)))
    return drawn | st.just(flat_fields(SMALL)[name])


FIELDS = {name: values(name, kind) for name, kind in annotations(SMALL).items() if name not in NAMES}
CHANGES = st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=5).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names})
)
ANY = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


def traced(config: Config) -> None:
    """Traces both phases as a run would compile them, and the switch between them."""
    env = probe(Line)
    recipe = build.make(config, env)
    row = Transition.empty(env.obs_size, env.action_size).replace(mc_return=jax.numpy.zeros(()))
    data = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((50, *leaf.shape), leaf.dtype), row)
    chunk, clock = loop.make_chunk(1), Clock.zero()
    begun = recipe.shapes("pretrain", 1)
    if config.offline.offline_steps:
        jax.eval_shape(chunk, recipe.pretrain, data, begun, clock)
    shared = recipe.shared.replace(data=data if config.keeps_data else None)
    jax.eval_shape(chunk, recipe.online, shared, recipe.shapes("online", 1), clock)


def refusal(check: Callable[[Config], None], config: Config) -> str:
    """Returns what a check says against a config; empty where nothing. Any other error is the test's."""
    try:
        check(config)
    except ValueError as error:
        return str(error)
    return ""


@settings(ANY, max_examples=300)
@given(CHANGES)
def test_a_config_is_refused_by_name_or_comes_back_from_json(changes: dict[str, Any]) -> None:
    config = replace_flat(SMALL, changes)
    if said := refusal(validate, config):
        event("refused")
        assert any(name in said for name in changes), said
    else:
        event("valid")
        assert from_saved(json.loads(json.dumps(flat_fields(config)))) == config


def check_traced(changes: dict[str, Any]) -> None:
    config = replace_flat(SMALL, changes)
    assume(not refusal(validate, config))
    said = refusal(traced, config)  # only a buffer too small for an episode is not known before
    assert not said or "replay_capacity must hold an episode" in said, said


@settings(ANY, max_examples=4)
@given(CHANGES)
def test_what_is_not_refused_can_be_traced(changes: dict[str, Any]) -> None:
    check_traced(changes)


@pytest.mark.thorough
@settings(ANY, max_examples=12)
@given(CHANGES)
def test_what_is_not_refused_can_be_traced_of_many(changes: dict[str, Any]) -> None:
    check_traced(changes)


def test_the_settings_that_all_others_are_changes_of_are_valid() -> None:
    validate(SMALL)
    assert not NAMES - flat_fields(SMALL).keys()
    with pytest.raises(ValueError, match="utd"):
        validate(replace_flat(SMALL, {"utd": float("nan")}))
