"""Returns-to-go written back into the ring, against a loop over whole episodes in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy_reference as reference
import pytest

from wsrl_mjx.data import replay, returns_to_go
from wsrl_mjx.types import Transition

pytestmark = pytest.mark.usefixtures("strict_ranks")
ENVS, BLOCKS, HORIZON, DISCOUNT = 2, 12, 6, 0.9
PREFILLED = 4  # rows of the data: no episode of ours


def stream(steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Returns rewards and ends [T, N] of episodes of at most HORIZON steps, one row without value."""
    rng = np.random.default_rng(seed)
    reward, terminated = rng.normal(size=(steps, ENVS)), rng.random((steps, ENVS)) < 0.2
    truncated, valid = np.zeros((steps, ENVS), bool), np.ones((steps, ENVS), bool)
    valid[9, 1] = False
    terminated[9, 1] = False
    for env in range(ENVS):
        length = 0
        for step in range(steps):
            length += 1
            truncated[step, env] = length == HORIZON and not terminated[step, env] and valid[step, env]
            if terminated[step, env] or truncated[step, env] or not valid[step, env]:
                length = 0
    reward[~valid] = 0.0
    return {"reward": reward, "terminated": terminated, "truncated": truncated, "valid": valid}


def expected(made: dict[str, np.ndarray], done: int, env: int) -> np.ndarray:
    """Returns the return-to-go [T] of every row after `done` steps; minus infinity while it is unknown."""
    floors, start = np.full(done, -np.inf), 0
    for end in range(done):
        ended = made["terminated"][end, env] or made["truncated"][end, env]
        if ended:
            part = slice(start, end + 1)
            floors[part] = reference.monte_carlo_returns(
                made["reward"][part, env],
                made["terminated"][part, env],
                made["truncated"][part, env],
                DISCOUNT,
            )
        if ended or not made["valid"][end, env]:
            start = end + 1
    return floors


@jax.jit
def put(buffer: replay.ReplayBuffer, rows: Transition, before: jax.Array) -> replay.ReplayBuffer:
    buffer = replay.insert(buffer, returns_to_go.unfinished(rows), before * ENVS + PREFILLED)
    inserted = (before + 1) * ENVS + PREFILLED
    return returns_to_go.write_back(buffer, inserted, before + 1, ENVS, HORIZON, jnp.float32(DISCOUNT))


def test_returns_come_when_an_episode_ends_also_around_the_ring() -> None:
    made = stream(30)
    row = Transition.empty(1, 1).replace(mc_return=jnp.zeros(()))
    buffer = replay.create(row, BLOCKS * ENVS, ENVS)
    ended_by_invalid = 0
    for step in range(30):
        fields = {name: jnp.asarray(array[step], jnp.float32) for name, array in made.items()}
        rows = Transition(jnp.zeros((ENVS, 1)), jnp.zeros((ENVS, 1)), next_obs=jnp.zeros((ENVS, 1)), **fields)
        buffer = put(buffer, rows, jnp.asarray(step))
        floors = np.asarray(buffer.data.mc_return).reshape(BLOCKS, ENVS)
        for env in range(ENVS):
            wanted = expected(made, step + 1, env)
            for past in range(max(0, step + 1 - (BLOCKS - PREFILLED // ENVS)), step + 1):
                got = floors[(past + PREFILLED // ENVS) % BLOCKS, env]
                np.testing.assert_allclose(got, wanted[past], rtol=1e-5, atol=1e-5)
                ended_by_invalid += past < 9 < step and env == 1 and np.isinf(got)
    assert ended_by_invalid > 0  # an episode that broke never gets returns
    assert np.isfinite(expected(made, 30, 0)).sum() > 20


def test_rows_of_the_data_belong_to_no_episode() -> None:
    row = Transition.empty(1, 1).replace(mc_return=jnp.zeros(()))
    buffer = replay.create(row, BLOCKS * ENVS, ENVS)
    data = buffer.data.replace(mc_return=jnp.full(BLOCKS * ENVS, 7.0), valid=jnp.ones(BLOCKS * ENVS))
    one = jnp.ones(ENVS)
    rows = Transition(one[:, None], one[:, None], one, one[:, None], one, 0 * one, one)
    floors = np.asarray(put(replay.ReplayBuffer(data), rows, jnp.asarray(0)).data.mc_return)
    np.testing.assert_array_equal(floors[:PREFILLED], 7.0)
    np.testing.assert_array_equal(floors[PREFILLED : PREFILLED + ENVS], 1.0)
