"""The trajectories in the rows of a dataset: where each ends, what it earned, and fewer of one outcome."""

from typing import NamedTuple

import numpy as np

Rows = dict[str, np.ndarray]  # every field [D, ...], in trajectory order

SUCCESS = 0.5  # returns above it: where episodes succeed or fail, they are 1 or 0


class TooFewError(ValueError):
    """A dataset has too few trajectories of one outcome for the share of successes that is asked for."""


class Trajectories(NamedTuple):
    """What is known of the T trajectories in a dataset's rows.

    Attributes:
        of_row: [D], which trajectory each row belongs to.
        returns: [T], undiscounted, on the task's own reward.
        lengths: [T], in rows.
        whole: [T], whether the episode came to its end; a stream that was cut leaves a part.
    """

    of_row: np.ndarray
    returns: np.ndarray
    lengths: np.ndarray
    whole: np.ndarray


def number(rows: Rows) -> np.ndarray:
    """Returns which trajectory each row belongs to, [D], counted from 0."""
    ended = (rows["terminated"] > 0) | (rows["truncated"] > 0)
    return np.concatenate([[0], np.cumsum(ended[:-1])])


def find(rows: Rows, time_limit: int) -> Trajectories:
    """Returns the trajectories of rows; one that is truncated before the time limit is not whole."""
    of_row = number(rows)
    lengths = np.bincount(of_row)
    last = np.cumsum(lengths) - 1
    short = lengths < time_limit
    whole = (rows["terminated"][last] > 0) | ((rows["truncated"][last] > 0) & ~short)
    return Trajectories(of_row, np.bincount(of_row, rows["reward"].astype(np.float64)), lengths, whole)


def whole_episodes(rows: Rows, time_limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns undiscounted return and length of whole episodes; the parts that a cut left are not counted.

    If there are only such parts they are all that is known, and are returned.
    """
    found = find(rows, time_limit)
    counted = found.whole if found.whole.any() else np.full_like(found.whole, True)
    return found.returns[counted], found.lengths[counted]


def with_success_share(rows: Rows, share: float, time_limit: int, seed: int) -> Rows:
    """Returns whole trajectories, in their order, of which `share` succeed: as many as there can be.

    Failures are left out at random where too few succeed, and successes where too many do; so are the parts
    that a cut left, whose outcome is not known.

    Raises:
        TooFewError: not one of the rarer outcome would be left.
    """
    found = find(rows, time_limit)
    succeeded = np.flatnonzero(found.whole & (found.returns > SUCCESS))
    failed = np.flatnonzero(found.whole & (found.returns <= SUCCESS))
    wins, losses = _counts(len(succeeded), len(failed), share)
    if (share > 0.0 and wins == 0) or (share < 1.0 and losses == 0):
        raise TooFewError(
            f"success_share {share}: of the dataset's whole trajectories {len(succeeded)} succeed and "
            f"{len(failed)} fail (after {time_limit} steps), which is too few"
        )
    draw = np.random.default_rng(seed).permutation
    kept = np.concatenate([draw(succeeded)[:wins], draw(failed)[:losses]])
    index = np.isin(found.of_row, kept)
    return {name: array[index] for name, array in rows.items()}


def first_successes(rows: Rows, count: int, time_limit: int) -> Rows:
    """Returns the first `count` trajectories that succeed.

    Raises:
        TooFewError: there are not so many.
    """
    found = find(rows, time_limit)
    succeeded = np.flatnonzero(found.whole & (found.returns > SUCCESS))
    if len(succeeded) < count:
        raise TooFewError(f"only {len(succeeded)} of the rollouts succeed, where {count} are asked for")
    index = np.isin(found.of_row, succeeded[:count])
    return {name: array[index] for name, array in rows.items()}


def _counts(succeeded: int, failed: int, share: float) -> tuple[int, int]:
    """Returns the largest numbers of successes and failures with this share of successes."""
    if succeeded * (1.0 - share) > failed * share:
        return round(failed * share / (1.0 - share)), failed
    return succeeded, round(succeeded * (1.0 - share) / share) if share > 0.0 else failed
