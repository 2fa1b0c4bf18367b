"""Grid points beside seeds: who the members are, and what a grid point may say."""

from typing import Any

import jax
import numpy as np
import pytest
from probe_envs import Line, probe

from wsrl_mjx.config import build, grid
from wsrl_mjx.config.settings import Config, flat_fields, replace_flat
from wsrl_mjx.config.validation import validate
from wsrl_mjx.training.loop import member_axes

POINTS = ("actor_lr=1e-4,cql_alpha=2", "actor_lr=3e-4,cql_alpha=2")
SIZES = {"actor_hidden": (8,), "critic_hidden": (8,), "ensemble_size": 3, "replay_capacity": 50}


def settings(**changes: Any) -> Config:
    return replace_flat(Config(), changes)


def test_members_are_every_point_with_every_seed() -> None:
    found = grid.members_of(settings(points=POINTS, seed=4, num_seeds=2))
    assert [(m.point, m.seed) for m in found] == [
        (POINTS[0], 4),
        (POINTS[0], 5),
        (POINTS[1], 4),
        (POINTS[1], 5),
    ]
    assert found[0].label == "actor_lr=1e-4,cql_alpha=2 seed 4"
    assert [m.label for m in grid.members_of(settings(num_seeds=2))] == ["seed 0", "seed 1"]


def test_a_point_has_the_settings_of_a_run_of_its_own() -> None:
    config = settings(points=POINTS, num_seeds=2)
    first, second = grid.at_points(config)
    assert first == settings(actor_lr=1e-4, cql_alpha=2.0, num_seeds=2)
    assert second == settings(actor_lr=3e-4, cql_alpha=2.0, num_seeds=2)
    assert grid.at_points(settings()) == [settings()]


def test_every_setting_that_differs_side_by_side_is_a_number_of_the_algorithms() -> None:
    """A setting that were held outside the algorithm would silently be the first point's for all."""
    env = probe(Line)
    base = replace_flat(Config(), SIZES | {"cloning_weight": 0.5})
    for name in grid.SIDE_BY_SIDE:
        value = flat_fields(base)[name]
        points = tuple(f"{name}={x}" for x in ((value or 1.0) * 0.5, (value or 1.0) * 0.25))
        recipe = build.side_by_side(replace_flat(base, {"points": points, "num_seeds": 3}), env)
        varying = [leaf for leaf in jax.tree.leaves((recipe.pretrain, recipe.online)) if leaf.ndim]
        assert varying, name
        expected = np.float32([float(p.split("=")[1]) for p in points]).repeat(3)
        assert all(np.array_equal(leaf, expected) for leaf in varying), name
        assert not any(leaf.ndim for leaf in jax.tree.leaves(recipe.shared)), name


def test_what_all_members_agree_in_has_no_axis() -> None:
    recipe = build.side_by_side(replace_flat(Config(), SIZES | {"points": POINTS}), probe(Line))
    assert recipe.pretrain.algorithm.alpha.shape == () and recipe.online.algorithm.actor_lr.shape == (2,)
    assert len(jax.tree.leaves(member_axes(recipe.online))) == 1


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (("actor_lr",), "points must be name=value with actor_lr, critic_lr, .*, got 'actor_lr'"),
        (("discount=0.9",), "points must be name=value with .*, got 'discount=0.9'"),
        (("actor_lr=fast",), "points must give actor_lr a number, got 'fast'"),
        (("actor_lr=nan",), "points must give actor_lr a finite number, got 'nan'"),
        (("actor_lr=1,actor_lr=2",), "points must name actor_lr once"),
        (("actor_lr=2",), r"actor_lr must be in \[0, 1\), got 2.0"),
        (("actor_lr=0.1", "actor_lr=0.1"), "points must be different from each other"),
        (("actor_lr=0.1", "cql_alpha=1"), "points must all name the same settings"),
        (("cloning_weight=0", "cloning_weight=0.5"), "points cannot mix a cloning_weight of 0 with others"),
    ],
)
def test_points_that_cannot_work_are_refused(points: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validate(settings(points=points))
