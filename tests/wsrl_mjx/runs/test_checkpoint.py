"""Checkpoints: everything comes back bit for bit, and a save that did not happen is an error."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsrl_mjx.runs.checkpoint import Checkpoints


@pytest.fixture
def checkpoints(tmp_path: Path) -> Iterator[Checkpoints]:
    opened = Checkpoints(tmp_path / "checkpoints")
    yield opened
    opened.close()


def tree(value: float) -> dict[str, Any]:
    return {
        "weights": jnp.full((2, 3), value),
        "count": jnp.asarray(7, jnp.int32),
        "done": jnp.array([True, False]),
        "key": jax.random.split(jax.random.key(int(value)), 2),
        "nothing": None,
    }


def test_a_tree_comes_back_with_its_types_and_keys(checkpoints: Checkpoints) -> None:
    checkpoints.save(10, tree(3.0), {"step": 10, "facts": {"a": [1, 2.5]}})
    back = checkpoints.restore(checkpoints.latest(), jax.eval_shape(lambda: tree(0.0)))
    assert jax.tree.structure(back) == jax.tree.structure(tree(3.0))
    np.testing.assert_array_equal(back["weights"], tree(3.0)["weights"])
    np.testing.assert_array_equal(back["done"], [True, False])
    assert back["count"].dtype == jnp.int32 and int(back["count"]) == 7
    assert jax.random.uniform(back["key"][1]) == jax.random.uniform(tree(3.0)["key"][1])
    assert checkpoints.meta(10) == {"step": 10, "facts": {"a": [1, 2.5]}}


@pytest.mark.parametrize("names", [("weights",), ("key", "count")])
def test_a_part_comes_back_alone(checkpoints: Checkpoints, names: tuple[str, ...]) -> None:
    checkpoints.save(1, tree(3.0), {})
    like = tree(0.0) | {name: jnp.zeros(99) for name in tree(0.0) if name not in names}  # never looked at
    part = checkpoints.restore_part(1, like, lambda state: [state[name] for name in names])
    for name, leaf in zip(names, part, strict=True):
        assert leaf.dtype == tree(3.0)[name].dtype and bool((leaf == tree(3.0)[name]).all())


def test_what_comes_back_can_be_donated(checkpoints: Checkpoints) -> None:
    checkpoints.save(1, tree(1.0), {})
    back = checkpoints.restore(1, tree(0.0))
    jax.jit(lambda x: x + 1, donate_argnums=0)(back["weights"])
    assert back["weights"].is_deleted()


def test_what_comes_back_is_tied_to_no_device(checkpoints: Checkpoints) -> None:
    """Otherwise a resumed run would compile all its programs again, past the cache."""
    checkpoints.save(1, tree(1.0), {})
    text = lambda state: jax.jit(lambda x: x).lower(state).as_text()
    assert text(checkpoints.restore(1, tree(0.0))) == text(tree(1.0))


def test_the_newest_two_are_kept(checkpoints: Checkpoints, tmp_path: Path) -> None:
    assert checkpoints.latest() is None
    for step in (1, 2, 3):
        checkpoints.save(step, tree(float(step)), {})
    assert checkpoints.latest() == 3
    assert {p.name for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()} == {"2", "3"}
    np.testing.assert_array_equal(checkpoints.restore(2, tree(0.0))["weights"], np.full((2, 3), 2.0))


@pytest.mark.parametrize("step", [5, 4])
def test_a_save_that_does_not_happen_is_an_error(checkpoints: Checkpoints, step: int) -> None:
    checkpoints.save(5, tree(1.0), {})
    with pytest.raises(RuntimeError, match=f"checkpoint of step {step} was not written; the newest is 5"):
        checkpoints.save(step, tree(2.0), {})
