"""Monte-Carlo returns-to-go: the known vectors, and against a loop in NumPy."""

import jax.numpy as jnp
import numpy as np
import numpy_reference as reference
import pytest

from wsrl_mjx.data.returns_to_go import monte_carlo_returns

pytestmark = pytest.mark.usefixtures("strict_ranks")


def returns(reward: list, terminated: list, truncated: list, discount: float) -> np.ndarray:
    arrays = [jnp.asarray(x, jnp.float32) for x in (reward, terminated, truncated)]
    return np.asarray(monte_carlo_returns(*arrays, discount))


@pytest.mark.parametrize(
    ("reward", "terminated", "truncated", "expected"),
    [
        ([-5, -5, 5], [0, 0, 1], [0, 0, 0], [-5.0495, -0.05, 5.0]),  # Cal-QL's vectors
        ([-5, -5], [0, 0], [0, 0], [-500.0, -500.0]),
        ([-5, -5], [0, 0], [0, 1], [-500.0, -500.0]),
        ([1], [1], [0], [1.0]),
        ([1], [0], [1], [100.0]),
        ([1, 1, 2], [0, 1, 1], [0, 0, 0], [1.99, 1.0, 2.0]),  # one trajectory says nothing of the next
        ([0, 2, 7], [0, 0, 1], [0, 1, 0], [0.99 * 101.0, 2 + 99.0, 7.0]),
    ],
)
def test_known_vectors(reward: list, terminated: list, truncated: list, expected: list) -> None:
    np.testing.assert_allclose(returns(reward, terminated, truncated, 0.99), expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_random_trajectories_agree_with_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reward = rng.normal(size=200)
    terminated = rng.random(200) < 0.04
    truncated = (rng.random(200) < 0.04) & ~terminated
    expected = reference.monte_carlo_returns(reward, terminated, truncated, 0.95)
    np.testing.assert_allclose(returns(reward, terminated, truncated, 0.95), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("discount", [1.0, 1.5, -0.1])
def test_a_discount_without_a_tail_is_refused(discount: float) -> None:
    with pytest.raises(ValueError, match=r"discount must be in \[0, 1\)"):
        returns([1.0], [0.0], [1.0], discount)
