"""Trajectories of a dataset: which are whole, what they earned, and a chosen share of successes."""

import numpy as np
import pytest

from wsrl_mjx.data import trajectories
from wsrl_mjx.data.trajectories import TooFewError

LIMIT = 3


def rows_of(outcomes: str) -> dict[str, np.ndarray]:
    """Rows of trajectories: s succeeds after two rows, f fails at the limit, c is cut after two rows."""
    kinds = {
        "s": ([0, 1], [0, 0], [0, 1]),
        "f": ([0, 0, 0], [0, 0, 1], [0, 0, 0]),
        "c": ([0, 0], [0, 1], [0, 0]),
    }
    parts = [kinds[outcome] for outcome in outcomes]
    names = ("terminated", "truncated", "reward")
    rows = {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}
    rows["obs"] = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])[:, None]
    return {name: array.astype(np.float32) for name, array in rows.items()}


def outcomes_of(rows: dict[str, np.ndarray]) -> list[int]:
    """Which of the trajectories of `rows_of` are in the rows, in order."""
    return np.unique(rows["obs"]).astype(int).tolist()


def test_returns_count_whole_episodes_only() -> None:
    ends = {"terminated": [0, 1, 0, 0, 0, 0, 0], "truncated": [0, 0, 0, 0, 1, 0, 1]}
    rows = {name: np.array(values, np.float32) for name, values in ends.items()}
    rows["reward"] = np.array([1, 2, 10, 20, 30, 100, 200], np.float32)
    np.testing.assert_array_equal(trajectories.whole_episodes(rows, time_limit=3)[0], [3.0, 60.0])
    np.testing.assert_array_equal(trajectories.whole_episodes(rows, time_limit=3)[1], [2, 3])
    # Under a longer limit all but the terminated one were cut short.
    np.testing.assert_array_equal(trajectories.whole_episodes(rows, time_limit=9)[0], [3.0])


def test_where_every_trajectory_was_cut_the_parts_count() -> None:
    returns, lengths = trajectories.whole_episodes(rows_of("cc"), LIMIT)
    np.testing.assert_array_equal(returns, [0.0, 0.0])
    np.testing.assert_array_equal(lengths, [2, 2])


def test_rows_behind_the_last_end_are_no_whole_trajectory() -> None:
    rows = {name: array[:-1] for name, array in rows_of("sf").items()}
    found = trajectories.find(rows, LIMIT)
    np.testing.assert_array_equal(found.whole, [True, False])
    np.testing.assert_array_equal(found.of_row, [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("share", "wins", "losses"),
    [(0.0, 0, 8), (0.1, 1, 8), (0.2, 2, 8), (1 / 3, 4, 8), (0.5, 4, 4), (0.8, 4, 1), (1.0, 4, 0)],
)
def test_as_many_as_there_can_be_have_the_share(share: float, wins: int, losses: int) -> None:
    rows = rows_of("fsfcfsffsfcfsf")
    kept = trajectories.with_success_share(rows, share, LIMIT, seed=3)
    found = trajectories.find(kept, LIMIT)
    assert found.whole.all()
    assert (np.sum(found.returns > 0), np.sum(found.returns == 0)) == (wins, losses)
    assert outcomes_of(kept) == sorted(set(outcomes_of(kept))) and kept["obs"].shape == (
        len(kept["reward"]),
        1,
    )
    again = trajectories.with_success_share(rows, share, LIMIT, seed=3)
    np.testing.assert_array_equal(kept["obs"], again["obs"])


def test_which_are_left_out_is_drawn() -> None:
    rows = rows_of("s" * 10 + "f" * 10)
    drawn = {tuple(outcomes_of(trajectories.with_success_share(rows, 0.2, LIMIT, seed))) for seed in range(8)}
    assert len(drawn) > 1
    assert all(set(range(10, 20)) < set(kept) for kept in drawn)  # every failure stays


@pytest.mark.parametrize(
    ("outcomes", "share"),
    [("ff", 0.5), ("ss", 0.5), ("ss", 0.0), ("fffs", 0.001), ("sssf", 0.9), ("sff", 0.9), ("cc", 0.5)],
)
def test_too_few_of_one_outcome_are_refused(outcomes: str, share: float) -> None:
    with pytest.raises(TooFewError, match=rf"success_share {share}: of the dataset's whole trajectories \d"):
        trajectories.with_success_share(rows_of(outcomes), share, LIMIT, seed=0)


def test_the_first_successes_are_whole_and_as_many_as_asked_for() -> None:
    rows = rows_of("fscss")
    assert outcomes_of(trajectories.first_successes(rows, 2, LIMIT)) == [1, 3]
    with pytest.raises(TooFewError, match="only 3 of the rollouts succeed, where 4 are asked for"):
        trajectories.first_successes(rows, 4, LIMIT)
