"""Statistics over seeds and tasks: means that resist outliers, profiles, and bootstrap intervals. NumPy only.

What Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", ask of a
comparison of few runs. Several tasks are given as one array of runs each; runs are drawn anew within each
task (stratified), so that every resample has the tasks and the numbers of seeds of the experiment.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
TRIMMED = 0.25  # of the runs, at either end: what the interquartile mean leaves out

Tasks = Sequence[np.ndarray]  # the scores of the runs of each task, [*, S] with an S of its own


class Estimate(NamedTuple):
    """A statistic of the runs and its bootstrap interval, all of one shape."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_interval(values: np.ndarray, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """Returns the mean over the last axis, the seeds, with its interval; [*] each for values [*, S].

    The interval is the percentile bootstrap of the mean: seeds are drawn with replacement, and the same draws
    serve all leading axes, so that a curve's bounds belong together. One seed has no interval: both
    bounds are its value.

    Raises:
        ValueError: a confidence outside (0, 1), or no seeds.
    """
    means = values @ _weights(values.shape[-1], np.random.default_rng(seed)).T  # [*, R]
    return _estimate(values.mean(axis=-1), means, confidence)


def iqm(values: np.ndarray) -> np.ndarray:
    """Returns the interquartile mean over the last axis, [*] for values [*, S].

    The lowest and the highest quarter of the runs are left out, each rounded down to whole runs, so that of
    fewer than four runs all are kept (Agarwal et al. 2021, section 4.3).
    """
    out = int(TRIMMED * values.shape[-1])
    return np.sort(values, axis=-1)[..., out : values.shape[-1] - out].mean(axis=-1)


def iqm_interval(tasks: Tasks, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """Returns the interquartile mean of all runs of all tasks, with its stratified bootstrap interval.

    Args:
        tasks: the scores of each task, [*, S]; the leading axes are the same in all, such as a curve's steps.
        confidence: of the interval.
        seed: of the draws, which serve all leading axes.

    Raises:
        ValueError: a confidence outside (0, 1), no task, or a task without runs.
    """
    _check_tasks("tasks", tasks)
    rng = np.random.default_rng(seed)
    ends = np.cumsum([scores.shape[-1] for scores in tasks])
    draw = lambda begin, end: rng.integers(begin, end, (RESAMPLES, end - begin))
    index = np.concatenate(
        [draw(*span) for span in zip([0, *ends[:-1]], ends, strict=True)], axis=1
    )  # [R, N]
    runs = np.concatenate(tasks, axis=-1)
    flat = runs.reshape(-1, runs.shape[-1])
    # One leading position at a time: all at once would need R times a curve's memory.
    resampled = np.stack([iqm(scores[index]) for scores in flat]).reshape(*runs.shape[:-1], RESAMPLES)
    return _estimate(iqm(runs), resampled, confidence)


def performance_profile(
    tasks: Tasks, thresholds: np.ndarray, confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """Returns the share of runs that score above each of `thresholds`, [X], with pointwise intervals.

    The run-score distribution (Agarwal et al. 2021, section 4.2): each task's share, averaged over tasks.

    Raises:
        ValueError: a confidence outside (0, 1), no task, or a task without runs.
    """
    _check_tasks("tasks", tasks)
    rng = np.random.default_rng(seed)
    above = [(scores[:, None] > thresholds).astype(float) for scores in tasks]  # [S, X]
    resampled = np.mean([_weights(len(task), rng) @ task for task in above], axis=0)  # [R, X]
    return _estimate(np.mean([task.mean(axis=0) for task in above], axis=0), resampled.T, confidence)


def probability_of_improvement(
    tasks: Tasks, others: Tasks, confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """Returns the probability that a run of `tasks` scores above a run of `others` on the same task, [].

    The Mann-Whitney statistic over all pairs of runs, a tie counted as one half, averaged over tasks (Agarwal
    et al. 2021, section 4.3). Both sides are drawn anew independently, also where they share seeds.

    Raises:
        ValueError: a confidence outside (0, 1), no task, a task without runs, or sides with different tasks.
    """
    _check_tasks("tasks", tasks)
    _check_tasks("others", others)
    if len(tasks) != len(others):
        raise ValueError(f"others must have the {len(tasks)} tasks of the first side, got {len(others)}")
    rng = np.random.default_rng(seed)
    values: list[float] = []
    resampled: list[np.ndarray] = []
    for ours, theirs in zip(tasks, others, strict=True):
        difference = ours[:, None] - theirs
        wins = (difference > 0) + 0.5 * (difference == 0)  # [S, K]
        values.append(wins.mean())
        of_ours, of_theirs = _weights(len(ours), rng), _weights(len(theirs), rng)
        resampled.append(np.einsum("rs,sk,rk->r", of_ours, wins, of_theirs, optimize=True))
    return _estimate(np.asarray(np.mean(values)), np.mean(resampled, axis=0), confidence)


def _weights(runs: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the share that each run has in every resample, [R, S].

    Raises:
        ValueError: no runs.
    """
    if runs == 0:
        raise ValueError("values must have at least one seed")
    draws = rng.integers(runs, size=(RESAMPLES, runs)) + runs * np.arange(RESAMPLES)[:, None]
    return np.bincount(draws.ravel(), minlength=RESAMPLES * runs).reshape(RESAMPLES, runs) / runs


def _estimate(value: np.ndarray, resampled: np.ndarray, confidence: float) -> Estimate:
    """Returns the percentile interval of `resampled`, [*, R], around `value`, [*]."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail], axis=-1)
    return Estimate(value, low, high)


def _check_tasks(name: str, tasks: Tasks) -> None:
    if not tasks or any(scores.shape[-1] == 0 for scores in tasks):
        raise ValueError(f"{name} must be one task or more with at least one run each")
