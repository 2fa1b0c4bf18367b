"""Where the rows of online minibatches come from: offline rewards are negative, online ones positive."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from wsrl_mjx.data import replay
from wsrl_mjx.data.replay_mixing import ReplayMixing
from wsrl_mjx.types import Transition

pytestmark = pytest.mark.usefixtures("strict_ranks")
CAPACITY, INSERTED, SHAPE = 50, 30, (3, 4, 20)
DATA = tiny.batch(40).replace(reward=-1.0 - jnp.arange(40.0))
ROWS = tiny.batch(CAPACITY).replace(reward=jnp.where(jnp.arange(CAPACITY) < INSERTED, 1.0, 99.0))
BUFFER = replay.ReplayBuffer(ROWS.replace(mc_return=None))


def draw(retention: ReplayMixing, data: Transition | None = DATA, buffer: Any = BUFFER, seed: int = 0) -> Any:
    drawn = jax.jit(retention.draw, static_argnums=3)
    return drawn(buffer, data, jax.random.key(seed), SHAPE, jnp.asarray(INSERTED))


def test_every_minibatch_has_the_same_share_of_offline_rows() -> None:
    batch = draw(ReplayMixing(rows=7))
    assert batch.obs.shape == (*SHAPE, tiny.OBS) and batch.mc_return is None
    np.testing.assert_array_equal((np.asarray(batch.reward) < 0).sum(axis=-1), np.full(SHAPE[:-1], 7))
    assert not (np.asarray(batch.reward) == 99.0).any()  # nothing is drawn that was never inserted
    offline = np.asarray(batch.reward)[np.asarray(batch.reward) < 0]
    assert set(np.unique(offline)) <= set(np.asarray(DATA.reward)) and len(np.unique(offline)) > 20
    where = (-1 - offline).astype(int)
    np.testing.assert_array_equal(
        np.asarray(batch.obs)[np.asarray(batch.reward) < 0], np.asarray(DATA.obs)[where]
    )


def test_appended_data_is_drawn_from_as_one_buffer() -> None:
    rewards = np.concatenate(
        [np.asarray(draw(ReplayMixing(append=True), seed=s).reward).ravel() for s in range(20)]
    )
    assert not (rewards == 99.0).any()
    share = (rewards < 0).mean()
    expected = len(DATA.reward) / (len(DATA.reward) + INSERTED)
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / len(rewards))
    counts = np.bincount((-1 - rewards[rewards < 0]).astype(int), minlength=40)
    assert counts.min() > 0.6 * counts.mean() and counts.max() < 1.5 * counts.mean()


@pytest.mark.parametrize("retention", [ReplayMixing(), ReplayMixing(rows=7)])
def test_without_data_the_replay_alone_is_drawn_from_with_the_same_bits(retention: ReplayMixing) -> None:
    plain = replay.sample(BUFFER, jax.random.key(0), SHAPE, jnp.asarray(INSERTED))
    np.testing.assert_array_equal(draw(retention, data=None).reward, plain.reward)


def test_returns_to_go_come_along_where_the_buffer_has_them() -> None:
    batch = draw(ReplayMixing(rows=7), buffer=replay.ReplayBuffer(ROWS))
    offline = np.asarray(batch.reward) < 0
    where = (-1 - np.asarray(batch.reward)[offline]).astype(int)
    np.testing.assert_array_equal(np.asarray(batch.mc_return)[offline], np.asarray(DATA.mc_return)[where])
