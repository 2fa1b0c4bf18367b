"""bfloat16 is for activations alone; float32 is, bit for bit, what the networks are without a choice."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from flax import linen as nn
from probe_envs import Line, probe

from wsrl_mjx.algos import networks
from wsrl_mjx.config import build
from wsrl_mjx.config.settings import Config, replace_flat

pytestmark = pytest.mark.usefixtures("strict_ranks")
OBS, ACTION, ROWS, KEY = jnp.zeros(tiny.OBS), jnp.zeros(tiny.ACTION), tiny.batch(16), jax.random.key(7)
HIDDEN = (16, 16)


class Plain(nn.Module):
    """The body of a network as Flax makes it when no type is named."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in HIDDEN:
            x = nn.relu(nn.LayerNorm(epsilon=1e-6)(nn.Dense(width)(x)))
        return x


def slope(network: nn.Module, params: Any) -> Any:
    """Returns output and gradient of a network on the rows."""
    loss = lambda params: (jnp.sum(jnp.sin(y := network.apply(params, ROWS.obs))), y)
    return jax.jit(jax.grad(loss, has_aux=True))(params)


def test_float32_has_the_bits_of_no_choice() -> None:
    params = jax.jit(networks.MLP(HIDDEN).init)(KEY, OBS)
    ours, theirs = slope(networks.MLP(HIDDEN), params), slope(Plain(), params)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def cql(precision: networks.Precision) -> Any:
    """Returns CQL with networks of two hidden layers."""
    critic = networks.Critic(HIDDEN, precision=precision)
    actor = networks.Actor(tiny.ACTION, HIDDEN, last_hidden_gain=1.0, precision=precision)
    return tiny.cql(sac=tiny.sac(actor=actor, critic=critic, backup_actions=3))


@pytest.fixture(scope="module")
def updated() -> dict[str, Any]:
    """Gives, for each precision, the program's text, and the state and metrics after both updates."""

    def update(precision: networks.Precision) -> tuple[str, Any, Any]:
        algorithm = cql(precision)

        def both(state: Any) -> tuple[Any, Any]:
            state, critic = algorithm.update_critic(state, ROWS, KEY)
            state, actor = algorithm.update_actor(state, ROWS, KEY)
            return state, critic | actor

        # Orthogonal matrices have the same bits whatever the precision of what they are used in.
        lowered = jax.jit(both).lower(state := jax.jit(cql("float32").init)(KEY, OBS, ACTION))
        return lowered.as_text(), *lowered.compile()(state)

    return {precision: update(precision) for precision in ("float32", "bfloat16")}


def test_products_between_hidden_layers_are_in_bfloat16_where_asked_for(updated: dict[str, Any]) -> None:
    products = {p: [x for x in text.splitlines() if "dot_general" in x] for p, (text, *_) in updated.items()}
    assert not any("bf16" in line for line in products["float32"])
    halves = [line for line in products["bfloat16"] if "bf16" in line]
    assert halves and all(f"{HIDDEN[0]}x{HIDDEN[1]}" in line for line in halves)


def test_state_and_metrics_stay_float32(updated: dict[str, Any]) -> None:
    _, state, metrics = updated["bfloat16"]
    types = {leaf.dtype for leaf in jax.tree.leaves((state.sac, metrics))}
    assert types == {jnp.dtype("float32"), jnp.dtype("int32")}  # Adam counts


def test_the_losses_are_those_of_float32_to_rounding(updated: dict[str, Any]) -> None:
    exact, rough = updated["float32"][2], updated["bfloat16"][2]
    for name in ("critic/loss", "critic/q", "cql/gap", "actor/loss", "actor/entropy"):
        one, other = float(exact[name].total), float(rough[name].total)
        assert one != other and other == pytest.approx(one, rel=0.03, abs=0.03), name


def test_the_setting_reaches_all_networks_and_changes_no_parameter() -> None:
    sizes = {"actor_hidden": (8, 8), "critic_hidden": (8, 8), "ensemble_size": 3, "precision": "bfloat16"}
    recipe = build.make(replace_flat(Config(), sizes), probe(Line))
    for sac in (recipe.online.algorithm, recipe.pretrain.algorithm.sac):
        assert (sac.actor.precision, sac.critic.precision) == ("bfloat16", "bfloat16")
    shapes = jax.eval_shape(recipe.begin_all, KEY[None]).agent.sac
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes.critic.params)} == {jnp.dtype("float32")}
