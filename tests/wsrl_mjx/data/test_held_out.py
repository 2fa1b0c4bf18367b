"""Rows held out of a dataset: whole trajectories, in neither part twice, and back from disk as they were."""

import itertools
from pathlib import Path

import jax
import numpy as np
import pytest

from wsrl_mjx.data import held_out
from wsrl_mjx.data.held_out import MEASURED_ROWS, SHARE
from wsrl_mjx.types import Transition


def numbered(lengths: list[int]) -> held_out.Rows:
    """Returns rows numbered in `reward`, in trajectories of the given lengths; the odd ones terminate."""
    ends = np.cumsum(lengths) - 1
    rows = {name: np.zeros(sum(lengths), np.float32) for name in ("terminated", "truncated")}
    rows["reward"] = np.arange(sum(lengths), dtype=np.float32)
    rows["terminated"][ends[1::2]] = 1.0
    rows["truncated"][ends[::2]] = 1.0
    return rows


def test_whole_trajectories_are_held_out_and_nothing_is_lost() -> None:
    lengths = [5, 30, 7, 10, 3, 20, 8, 17] * 20
    train, held = held_out.split(numbered(lengths), seed=3)
    together = np.concatenate([train["reward"], held["reward"]])
    np.testing.assert_array_equal(np.sort(together), np.arange(sum(lengths)))
    assert 0 < len(held["reward"]) <= SHARE * sum(lengths)
    borders = np.concatenate([[0], np.cumsum(lengths)])
    for first, last in itertools.pairwise(borders):
        inside = np.isin(np.arange(first, last), held["reward"])
        assert inside.all() or not inside.any()
    for part in (train, held):
        assert np.all(np.diff(part["reward"]) > 0)


def test_the_seed_decides() -> None:
    rows = numbered([10] * 100)
    first, again, other = (held_out.split(rows, seed)[1]["reward"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len(first) == 20 and not np.array_equal(first, other)


@pytest.mark.parametrize("lengths", [[10, 90], [90, 10], [50, 50], [100]])
def test_long_trajectories_never_take_more_than_the_share(lengths: list[int]) -> None:
    for seed in range(4):
        train, held = held_out.split(numbered(lengths), seed)
        assert len(train["reward"]) == 98 and len(held["reward"]) == 2
        assert (train["terminated"] + train["truncated"])[-1] == 1.0


def test_a_single_row_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows at least"):
        held_out.split(numbered([1]), seed=0)


def test_a_single_trajectory_is_cut_near_its_end() -> None:
    rows = numbered([200])
    train, held = held_out.split(rows, seed=0)
    np.testing.assert_array_equal(held["reward"], [196, 197, 198, 199])
    np.testing.assert_array_equal(np.flatnonzero(train["truncated"]), [195])
    assert not rows["truncated"][195]  # the caller's rows stay as they are


@pytest.mark.parametrize("count", [40, 5000])
def test_the_measured_rows_always_have_the_same_shape(count: int) -> None:
    empty = Transition.empty(3, 2)
    held = jax.tree.map(lambda leaf: np.zeros((count, *leaf.shape), np.float32), empty)
    held = held.replace(reward=np.arange(count, dtype=np.float32))
    measured = held_out.choose(held, seed=0)
    assert measured.obs.shape == (MEASURED_ROWS, 3)
    assert len(np.unique(measured.reward)) == min(MEASURED_ROWS, count)
    np.testing.assert_array_equal(measured.reward, held_out.choose(held, seed=0).reward)


def test_the_measured_rows_come_back_from_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = jax.tree.map(lambda leaf: rng.normal(size=(4, *leaf.shape)), Transition.empty(3, 2))
    rows = jax.tree.map(lambda leaf: leaf.astype(np.float32), rows).replace(mc_return=np.ones(4, np.float32))
    held_out.save(tmp_path / "run", rows)
    back = held_out.load(tmp_path / "run")
    for ours, theirs in zip(jax.tree.leaves(rows), jax.tree.leaves(back), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [held_out.FILE]


def test_a_run_without_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks held_out\.npz: it comes from a version that held no rows"):
        held_out.load(tmp_path)
