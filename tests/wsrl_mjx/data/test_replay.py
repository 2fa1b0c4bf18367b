"""The ring: rows carry their own id, so that any mis-indexing shows."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsrl_mjx.data import replay

pytestmark = pytest.mark.usefixtures("strict_ranks")
CAPACITY, BLOCK, SEEDS = 12, 3, 2


def rows(first: int, count: int = BLOCK) -> dict[str, jax.Array]:
    """Rows that carry their id in every field; id 0 would look like an empty row."""
    ids = first + 1 + np.arange(count, dtype=np.int32)
    obs = np.stack([ids, 10 * ids], axis=1).astype(np.float32)
    return {"id": jnp.asarray(ids), "obs": jnp.asarray(obs)}


def empty() -> replay.ReplayBuffer:
    return replay.create(jax.tree.map(lambda x: x[0], rows(0)), CAPACITY, BLOCK)


insert = jax.jit(replay.insert)


def filled(count: int) -> replay.ReplayBuffer:
    buffer = empty()
    for first in range(0, count, BLOCK):
        buffer = insert(buffer, rows(first), jnp.asarray(first))
    return buffer


def test_an_empty_ring_has_its_capacity_and_the_types_of_a_row() -> None:
    buffer = empty()
    assert buffer.capacity == CAPACITY
    assert buffer.data["id"].dtype == jnp.int32 and buffer.data["obs"].shape == (CAPACITY, 2)


@pytest.mark.parametrize("inserted", [3, 9, 12, 15, 30])
def test_the_newest_rows_are_kept_whole(inserted: int) -> None:
    data = filled(inserted).data
    kept = np.asarray(data["id"])
    expected = set(range(max(0, inserted - CAPACITY) + 1, inserted + 1))
    assert set(kept[kept > 0].tolist()) == expected
    np.testing.assert_array_equal(data["obs"][:, 0], kept)
    np.testing.assert_array_equal(data["obs"][:, 1], 10 * kept)


def test_rows_lie_where_the_cursor_was() -> None:
    np.testing.assert_array_equal(filled(15).data["id"], [13, 14, 15, *range(4, 13)])


@pytest.mark.parametrize("inserted", [3, 9, 12, 15, 30])
def test_samples_come_from_the_filled_part_alone(inserted: int) -> None:
    drawn = replay.sample(filled(inserted), jax.random.key(0), (50, 8), jnp.asarray(inserted))
    ids = np.asarray(drawn["id"])
    assert ids.shape == (50, 8) and drawn["obs"].shape == (50, 8, 2)
    assert set(np.unique(ids)) == set(range(max(0, inserted - CAPACITY) + 1, inserted + 1))
    np.testing.assert_array_equal(drawn["obs"][..., 1], 10 * ids)


def test_samples_are_uniform() -> None:
    draws = 12_000
    drawn = replay.sample(filled(CAPACITY), jax.random.key(1), (draws,), jnp.asarray(CAPACITY))["id"]
    counts = np.bincount(np.asarray(drawn) - 1, minlength=CAPACITY)
    expected = draws / CAPACITY
    assert ((counts - expected) ** 2 / expected).sum() < 31.3  # chi-squared, 11 degrees of freedom, p = 0.001


def test_keys_decide_the_samples() -> None:
    def draw(seed: int) -> np.ndarray:
        return np.asarray(replay.sample(filled(12), jax.random.key(seed), (64,), jnp.asarray(12))["id"])

    np.testing.assert_array_equal(draw(0), draw(0))
    assert (draw(0) != draw(1)).any()


@pytest.mark.parametrize(("capacity", "block"), [(0, 1), (-3, 1), (10, 3), (2, 4)])
def test_a_capacity_that_a_block_would_straddle_is_refused(capacity: int, block: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of the {block} rows of an insert, got {capacity}"):
        replay.create(jnp.zeros(2), capacity, block)


def test_inserting_is_one_program_full_or_empty() -> None:
    filled(3 * CAPACITY)
    assert insert._cache_size() == 1


def compiled_insert(cursor_axis: int | None) -> str:
    """Returns the compiled text of an insert for several seeds; big enough that a copy would be seen."""
    capacity = 4096
    store = replay.ReplayBuffer(jnp.zeros((SEEDS, capacity, 16)))
    insert = jax.vmap(replay.insert, in_axes=(0, 0, cursor_axis))
    cursor = jnp.zeros(() if cursor_axis is None else (SEEDS,), jnp.int32)
    lowered = jax.jit(insert, donate_argnums=0).lower(store, jnp.ones((SEEDS, BLOCK, 16)), cursor)
    return lowered.compile().as_text()


@pytest.mark.usefixtures("full_compilation")
def test_under_vmap_an_insert_is_one_write_in_place() -> None:
    text = compiled_insert(cursor_axis=None)
    assert " dynamic-update-slice(" in text
    assert " scatter(" not in text and " while(" not in text
    whole_store = re.findall(rf"= f32\[{SEEDS},4096,16\]\S* ([\w-]+)\(", text)
    assert set(whole_store) <= {"parameter", "dynamic-update-slice", "fusion", "bitcast"}


@pytest.mark.usefixtures("full_compilation")
def test_a_cursor_of_its_own_for_every_seed_would_cost_more() -> None:
    """What the test above would see if the cursor were ever batched."""
    text = compiled_insert(cursor_axis=0)
    assert " scatter(" in text or " while(" in text


def test_gather_takes_any_index_shape() -> None:
    taken = replay.gather(rows(0, 6), jnp.array([[0, 5], [2, 2]]))
    np.testing.assert_array_equal(taken["id"], [[1, 6], [3, 3]])
