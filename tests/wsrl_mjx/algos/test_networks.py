"""Networks: the policy's density is right, and nothing overflows."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy_reference as reference
import pytest
import tiny
from brax.training.distribution import NormalTanhDistribution
from flax import linen as nn

from wsrl_mjx.algos.distributions import ClippedGaussian, TanhGaussian
from wsrl_mjx.algos.networks import Actor, Critic
from wsrl_mjx.types import Params

pytestmark = pytest.mark.usefixtures("strict_ranks")
OBS, ACTION = jnp.zeros(tiny.OBS), jnp.zeros(tiny.ACTION)
ROWS = tiny.batch(6)


def init(network: nn.Module, *inputs: jax.Array) -> Params:
    return jax.jit(network.init)(jax.random.key(1), *inputs)


def test_the_actor_agrees_with_numpy() -> None:
    obs = reference.as_float64(ROWS.obs)
    actor = Actor(tiny.ACTION, (8, 8))
    actor_params = init(actor, OBS)
    policy = jax.jit(actor.apply)(actor_params, ROWS.obs)
    mean, std = reference.actor(reference.as_float64(actor_params), obs)
    np.testing.assert_allclose(policy.mean, mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(policy.std, std, rtol=1e-4)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_layer_norm_is_where_it_is_configured(layer_norm: bool) -> None:
    for network, inputs in (
        (Critic((8, 8), layer_norm), (OBS, ACTION)),
        (Actor(2, (8, 8), layer_norm), (OBS,)),
    ):
        names = jax.eval_shape(network.init, jax.random.key(0), *inputs)["params"]["MLP_0"].keys()
        assert sum(name.startswith("LayerNorm") for name in names) == (2 if layer_norm else 0)
        assert sum(name.startswith("Dense") for name in names) == 2


def test_a_global_std_is_one_free_vector_that_starts_at_one() -> None:
    params = init(GLOBAL, OBS)
    assert params["params"]["log_std"].shape == (2,)
    np.testing.assert_array_equal(jax.jit(GLOBAL.apply)(params, ROWS.obs).std, np.ones((6, 2)))


GLOBAL = Actor(2, (8,), std_mode="global")


@jax.jit
def sample_gradient(params: Params) -> tuple[Params, TanhGaussian]:
    def loss(params: Params) -> tuple[jax.Array, TanhGaussian]:
        policy = GLOBAL.apply(params, OBS)
        action, log_prob = policy.sample(jax.random.key(1))
        return log_prob + action.sum(), policy

    return jax.grad(loss, has_aux=True)(params)


@pytest.mark.parametrize(("log_std", "std"), [(1e4, 10.0), (-1e4, 1e-5), (0.0, 1.0)])
def test_std_is_clipped_and_its_gradient_finite(log_std: float, std: float) -> None:
    params = init(GLOBAL, OBS)
    params["params"]["log_std"] = jnp.full(2, log_std)
    slope, policy = sample_gradient(params)
    np.testing.assert_allclose(policy.std, std, rtol=1e-5)
    for leaf in jax.tree.leaves(slope):
        assert np.isfinite(leaf).all()


# -- the distribution -------------------------------------------------------------------------------------

MEAN = jnp.array([[0.3, -1.0], [4.0, -6.0]])
STD = jnp.array([[0.5, 2.0], [0.1, 3.0]])


def test_log_prob_agrees_with_brax() -> None:
    """Brax takes the point before the squash, and makes its std by a softplus plus 0.001."""
    brax = NormalTanhDistribution(event_size=2)
    logits = jnp.concatenate([MEAN, jnp.log(jnp.expm1(STD - 0.001))], axis=-1)
    raw = MEAN + STD * jnp.array([[0.2, 0.1], [-0.4, 1.0]])
    actual = TanhGaussian(MEAN, STD).log_prob(jnp.tanh(raw))
    np.testing.assert_allclose(actual[0], brax.log_prob(logits, raw)[0], rtol=1e-4)


def test_samples_and_their_log_prob_agree_with_brax() -> None:
    brax = NormalTanhDistribution(event_size=2)
    logits = jnp.concatenate([MEAN, jnp.log(jnp.expm1(STD - 0.001))], axis=-1)
    action, log_prob = TanhGaussian(MEAN, STD).sample(jax.random.key(3))
    raw = MEAN + STD * jax.random.normal(jax.random.key(3), MEAN.shape)
    np.testing.assert_allclose(action, brax.postprocess(raw), rtol=1e-5)
    np.testing.assert_allclose(log_prob, brax.log_prob(logits, raw), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.3), (0.5, 1.0), (-1.0, 0.7)])
def test_the_density_integrates_to_one(mean: float, std: float) -> None:
    grid = np.linspace(-0.9999, 0.9999, 200_001, dtype=np.float32)
    policy = TanhGaussian(jnp.full((len(grid), 1), mean), jnp.full((len(grid), 1), std))
    density = np.exp(np.asarray(policy.log_prob(jnp.asarray(grid)[:, None]), np.float64))
    assert np.trapezoid(density, grid.astype(np.float64)) == pytest.approx(1.0, abs=2e-3)


def test_samples_have_the_density_they_claim() -> None:
    """Mean and entropy of many samples against the integral of the density."""
    action, log_prob = TanhGaussian(jnp.array([0.5]), jnp.array([0.8])).sample(jax.random.key(4), (100_000,))
    raw = np.linspace(-8, 9, 100_001)
    weight = np.exp(-0.5 * ((raw - 0.5) / 0.8) ** 2) / (0.8 * np.sqrt(2 * np.pi))
    entropy = np.log(0.8) + 0.5 * np.log(2 * np.pi * np.e)
    entropy += np.trapezoid(weight * 2 * (np.log(2) - raw - np.logaddexp(0, -2 * raw)), raw)
    assert action.shape == (100_000, 1) and log_prob.shape == (100_000,)
    assert float(action.mean()) == pytest.approx(np.trapezoid(weight * np.tanh(raw), raw), abs=5e-3)
    assert -float(log_prob.mean()) == pytest.approx(entropy, abs=1e-2)


@pytest.mark.parametrize("mean", [0.0, 30.0, -300.0])
def test_far_out_the_log_prob_and_its_gradient_stay_finite(mean: float) -> None:
    @jax.jit
    @jax.value_and_grad
    def loss(mean: jax.Array, action: jax.Array) -> jax.Array:
        policy = TanhGaussian(mean, jnp.full(2, 0.1))
        return policy.log_prob(action) + policy.sample(jax.random.key(0))[1]

    for action in (jnp.full(2, 1.0), jnp.full(2, -1.0), jnp.zeros(2)):
        value, slope = loss(jnp.full(2, mean), action)
        assert np.isfinite(value) and np.isfinite(slope).all()


def test_the_mode_is_the_squashed_mean() -> None:
    np.testing.assert_allclose(TanhGaussian(MEAN, STD).mode(), np.tanh(MEAN), rtol=1e-6)


# -- without the squash -----------------------------------------------------------------------------------


def test_a_clipped_gaussian_has_the_density_of_its_gaussian() -> None:
    policy = ClippedGaussian(jnp.array([0.5, -0.2]), jnp.array([0.8, 0.1]))
    action = np.array([0.3, -0.1])
    expected = (
        -0.5 * ((action - policy.mean) / policy.std) ** 2 - np.log(policy.std) - 0.5 * np.log(2 * np.pi)
    )
    np.testing.assert_allclose(policy.log_prob(jnp.asarray(action)), expected.sum(), rtol=1e-5)
    drawn, log_prob = policy.sample(jax.random.key(0), (5000,))
    assert np.abs(drawn).max() == 1.0 and np.abs(np.asarray(drawn)[:, 1].mean() + 0.2) < 0.01
    inside = np.abs(np.asarray(drawn)).max(axis=1) < 1.0
    of_drawn = jax.vmap(policy.log_prob)(drawn)
    np.testing.assert_allclose(log_prob[inside], of_drawn[inside], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ClippedGaussian(jnp.array([3.0, -0.4]), jnp.ones(2)).mode(), [1.0, -0.4])


def test_an_actor_without_squash_has_the_same_parameters() -> None:
    obs = jnp.ones((4, 3))
    squashed, plain = Actor(2, (8,)), Actor(2, (8,), squash=False)
    params = squashed.init(jax.random.key(0), obs)
    assert jax.tree.structure(params) == jax.tree.structure(plain.init(jax.random.key(1), obs))
    one, other = squashed.apply(params, obs), plain.apply(params, obs)
    assert isinstance(one, TanhGaussian) and isinstance(other, ClippedGaussian)
    np.testing.assert_array_equal(one.mean, other.mean)
