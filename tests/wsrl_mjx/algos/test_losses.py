"""Losses: worked out by hand, against the NumPy version, and with rows that have no value."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import numpy_reference as reference
import pytest
from jaxtyping import TypeCheckError

from wsrl_mjx.algos import losses

pytestmark = pytest.mark.usefixtures("strict_ranks")
E, B, K = 3, 7, 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def close(actual: jax.Array, expected: np.ndarray | float) -> None:
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-5, atol=1e-6)


# -- by hand ----------------------------------------------------------------------------------------------


def test_td_target_by_hand() -> None:
    target = losses.td_target(jnp.array([1.0, 1.0]), jnp.array([0.0, 1.0]), jnp.array([10.0, 10.0]), 0.9)
    close(target, [1.0 + 9.0, 1.0])


def test_td_target_has_no_gradient() -> None:
    slope = jax.grad(lambda v: losses.td_target(jnp.ones(1), jnp.zeros(1), v, 0.9)[0])(jnp.ones(1))
    close(slope, [0.0])


def test_critic_loss_by_hand() -> None:
    q = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    close(losses.critic_loss(q, jnp.array([0.0, 2.0]), jnp.ones(2)), (1 + 0 + 9 + 4) / 4)
    close(losses.critic_loss(q, jnp.array([0.0, 2.0]), jnp.array([1.0, 0.0])), (1 + 9) / 2)


def test_each_critic_may_have_its_own_target() -> None:
    q, target = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[0.0, 2.0], [3.0, 1.0]])
    close(losses.critic_loss(q, target, jnp.ones(2)), (1 + 0 + 0 + 9) / 4)


def test_expectile_loss_by_hand() -> None:
    difference, valid = jnp.array([2.0, -2.0, jnp.nan]), jnp.array([1.0, 1.0, 0.0])
    close(losses.expectile_loss(difference, 0.9, valid), (0.9 * 4 + 0.1 * 4) / 2)
    close(losses.expectile_loss(difference, 0.5, valid), 2.0)
    slope = jax.grad(lambda u: losses.expectile_loss(u, 0.9, valid))(difference)
    close(slope, [0.9 * 4 / 2, -0.1 * 4 / 2, 0.0])


def test_the_expectile_is_where_its_loss_is_least() -> None:
    values, expectile = np.array([0.0, 1.0, 5.0]), 0.8
    tried = np.linspace(0.0, 5.0, 5001)
    costs = [
        float(losses.expectile_loss(jnp.asarray(values - v), expectile, jnp.ones(3))) for v in tried[::100]
    ]
    best = tried[::100][int(np.argmin(costs))]
    # Where the weighted deviations balance: 0.8 (5 - v) = 0.2 (v + v - 1), v between 1 and 5.
    assert best == pytest.approx(4.2 / 1.2, abs=0.06)


def test_advantage_weight_by_hand() -> None:
    close(losses.advantage_weight(jnp.array([0.0, 1.0, -1.0, 9.0]), 2.0), [1.0, np.exp(2), np.exp(-2), 100.0])
    slope = jax.grad(lambda a: losses.advantage_weight(a, 2.0)[0])(jnp.ones(1))
    close(slope, [0.0])


def test_actor_loss_by_hand() -> None:
    loss = losses.actor_loss(jnp.array([2.0, 4.0]), jnp.array([1.0, 3.0]), 0.5, jnp.ones(2))
    close(loss, ((1 - 1) + (2 - 3)) / 2)


def test_cloning_takes_its_share_of_the_loss_by_hand() -> None:
    log_prob, valid = jnp.array([-1.0, -3.0, 50.0]), jnp.array([1.0, 1.0, 0.0])
    close(losses.with_cloning(jnp.asarray(10.0), log_prob, 0.25, valid), 0.75 * 10.0 + 0.25 * 2.0)
    close(losses.with_cloning(jnp.asarray(10.0), log_prob, 0.0, valid), 10.0)


@pytest.mark.parametrize(("entropy", "slope"), [(2.0, 3.0), (-1.0, 0.0), (-3.0, -2.0)])
def test_temperature_falls_where_there_is_too_much_entropy(entropy: float, slope: float) -> None:
    def loss(temperature: jax.Array) -> jax.Array:
        return losses.temperature_loss(temperature, jnp.asarray(entropy), -1.0)

    close(loss(jnp.asarray(0.5)), 0.5 * slope)
    close(jax.grad(loss)(jnp.asarray(0.5)), slope)


def test_cql_soft_max_by_hand() -> None:
    q = jnp.log(jnp.array([[[1.0, 2.0, 5.0]]]))
    density = jnp.log(jnp.array([[0.5, 1.0, 2.5]]))
    close(losses.cql_log_sum_exp(q, density, True), [[np.log(2.0 + 2.0 + 2.0)]])
    close(losses.cql_log_sum_exp(q, density, False), [[np.log(8.0 / 3.0)]])


def test_cql_soft_max_of_equal_values_is_that_value() -> None:
    """With each action's own density, the average of exp(Q) / density over uniform actions is 2^A exp(Q)."""
    q, density = jnp.full((1, 1, 30), 7.0), jnp.full((1, 30), -2 * np.log(2.0))
    close(losses.cql_log_sum_exp(q, density, False), [[7.0]])
    close(losses.cql_log_sum_exp(q, density, True), [[7.0 + np.log(30) + 2 * np.log(2.0)]])


def test_calibration_by_hand() -> None:
    q = jnp.array([[[1.0, 5.0]], [[3.0, 1.0]]])  # E 2, B 1, K 2
    close(losses.calibrate(q, jnp.array([2.0])), [[[2.0, 5.0]], [[3.0, 2.0]]])


def test_calibration_stops_the_gradient_where_the_floor_acts() -> None:
    slope = jax.grad(lambda q: losses.calibrate(q, jnp.array([2.0])).sum())(jnp.array([[[1.0, 5.0]]]))
    close(slope, [[[0.0, 1.0]]])


def test_a_floor_of_minus_infinity_does_nothing() -> None:
    q = jnp.array([[[1.0, -5.0]]])
    np.testing.assert_array_equal(losses.calibrate(q, jnp.array([-jnp.inf])), q)


def test_polyak_by_hand() -> None:
    moved = losses.polyak({"w": jnp.array([1.0, 2.0])}, {"w": jnp.array([3.0, 2.0])}, 0.25)
    close(moved["w"], [1.5, 2.0])


# -- against NumPy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("valid", [np.ones(B), np.array([1, 0, 1, 1, 0, 0, 1.0]), np.zeros(B)])
def test_losses_agree_with_numpy(rng: np.random.Generator, valid: np.ndarray) -> None:
    valid = valid.astype(np.float32)
    q, target, log_prob = draw(rng, E, B), draw(rng, B), draw(rng, B)
    close(losses.critic_loss(*map(jnp.asarray, (q, target, valid))), reference.critic_loss(q, target, valid))
    close(
        losses.actor_loss(jnp.asarray(log_prob), jnp.asarray(q[0]), 0.3, jnp.asarray(valid)),
        reference.actor_loss(log_prob, q[0], 0.3, valid),
    )
    close(losses.masked_mean(jnp.asarray(q), jnp.asarray(valid)), reference.masked_mean(q, valid))


def test_targets_and_averages_agree_with_numpy(rng: np.random.Generator) -> None:
    reward, value, ended = draw(rng, B), draw(rng, B), (draw(rng, B) > 0).astype(np.float32)
    close(
        losses.td_target(*map(jnp.asarray, (reward, ended, value)), 0.97),
        reference.td_target(reward, ended, value, 0.97),
    )
    close(
        losses.polyak(jnp.asarray(reward), jnp.asarray(value), 0.005), reference.polyak(reward, value, 0.005)
    )


@pytest.mark.parametrize("importance_sampling", [True, False])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_cql_soft_max_agrees_with_numpy(
    rng: np.random.Generator, importance_sampling: bool, scale: float
) -> None:
    q, density = scale * draw(rng, E, B, K), draw(rng, B, K)
    actual = losses.cql_log_sum_exp(jnp.asarray(q), jnp.asarray(density), importance_sampling)
    close(actual, reference.cql_soft_max(q.astype(np.float64), density, importance_sampling))


# -- rows without value -----------------------------------------------------------------------------------


def masked_losses() -> dict[str, Callable[[jax.Array, jax.Array], jax.Array]]:
    """Losses as functions of differentiable values and of numbers from the batch, both [B]."""
    valid = jnp.array([1.0, 0.0, 1.0])
    return {
        "critic": lambda q, data: losses.critic_loss(q[None], data, valid),
        "actor": lambda q, data: losses.actor_loss(data, q, 0.5, valid),
        "target": lambda q, data: losses.critic_loss(
            q[None], losses.td_target(data, jnp.zeros(3), q, 0.9), valid
        ),
    }


@pytest.mark.parametrize("name", masked_losses())
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_without_value_weigh_nothing_in_loss_and_gradient(name: str, bad: float) -> None:
    loss, q = masked_losses()[name], jnp.array([1.0, 2.0, 4.0])
    sick = jax.value_and_grad(loss)(q, jnp.array([2.0, bad, 3.0]))
    healthy = jax.value_and_grad(loss)(q, jnp.array([2.0, 7.0, 3.0]))
    for one, other in zip(sick, healthy, strict=True):
        assert np.all(np.isfinite(one))
        np.testing.assert_array_equal(one, other)
    assert sick[1][1] == 0.0 and sick[1][0] != 0.0


def test_no_valid_row_gives_zero_and_no_gradient() -> None:
    def loss(q: jax.Array) -> jax.Array:
        return losses.critic_loss(q, jnp.ones(2), jnp.zeros(2))

    value, slope = jax.value_and_grad(loss)(jnp.full((E, 2), 3.0))
    close(value, 0.0)
    close(slope, np.zeros((E, 2)))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(TypeCheckError):
        losses.critic_loss(jnp.zeros((E, B)), jnp.zeros(B - 1), jnp.ones(B))
    with pytest.raises(TypeCheckError):
        losses.td_target(jnp.zeros((B, 1)), jnp.zeros(B), jnp.zeros(B), 0.9)
