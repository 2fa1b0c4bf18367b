"""The checks that other packages run find what is wrong with an algorithm."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import tiny

from wsrl_mjx.algos import testing
from wsrl_mjx.algos.testing import Subject
from wsrl_mjx.algos.variant import Variant

pytestmark = pytest.mark.usefixtures("quick_compilation")


class Leaky(Variant):
    """Its actor's update moves the targets too."""

    def update_actor(self, state: Any, batch: Any, key: Any) -> Any:
        state, metrics = self.base.update_actor(state, batch, key)
        return state.replace(target_critic=jax.tree.map(lambda x: x + 1.0, state.target_critic)), metrics


class Shrinking(Variant):
    """Its critics' update leaves a target in half the bits."""

    def update_critic(self, state: Any, batch: Any, key: Any) -> Any:
        state, metrics = self.base.update_critic(state, batch, key)
        halved = jax.tree.map(lambda x: x.astype(jnp.bfloat16), state.target_critic)
        return state.replace(target_critic=halved), metrics


DEFECTS: list[tuple[Any, Callable[[Subject], None], str]] = [
    (Leaky(tiny.sac()), testing.an_actor_update_leaves_the_critics_bit_for_bit, "targets have moved"),
    (
        Shrinking(tiny.sac()),
        testing.states_keep_their_shapes_and_types_and_none_is_weak,
        "target_critic.* changes its kind",
    ),
    (
        tiny.sac(discount=jnp.asarray(0.9, jnp.bfloat16)),
        testing.states_keep_their_shapes_and_types_and_none_is_weak,
        r"\.discount must be made by algos\.base\.hyper",
    ),
]


@pytest.mark.parametrize(("algorithm", "check", "message"), DEFECTS)
def test_a_defect_is_found(algorithm: Any, check: Callable[[Subject], None], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(Subject(algorithm))
