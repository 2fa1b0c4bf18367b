"""Statistics over seeds and tasks, on values worked out by hand and on distributions with known answers."""

import math

import numpy as np
import pytest

from wsrl_mjx.analysis import statistics
from wsrl_mjx.analysis.statistics import (
    iqm,
    iqm_interval,
    mean_interval,
    performance_profile,
    probability_of_improvement,
)

TRIALS = 200  # experiments with a known answer, of which 95 % of the intervals must hold it


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes hundreds of intervals affordable: 1,000 resamples have nearly the percentiles of 10,000."""
    monkeypatch.setattr(statistics, "RESAMPLES", 1000)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([7.0], 7.0),
        ([1.0, 2.0, 9.0], 4.0),  # a quarter of three is no whole run
        ([100.0, 1.0, 2.0, -50.0], 1.5),
        ([8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1000.0], 4.5),
        ([0.0, 0.0, 1.0, 3.0, 5.0, 90.0, 90.0], 19.8),  # one of seven at either end
    ],
)
def test_the_interquartile_mean_of_few_runs(runs: list[float], expected: float) -> None:
    np.testing.assert_allclose(iqm(np.array(runs)), expected)


def test_the_interquartile_mean_is_over_all_runs_of_all_tasks() -> None:
    tasks = [np.array([[0.0, 10.0], [1.0, 1.0]]), np.array([[2.0, 4.0, 3.0, 50.0, 60.0, 5.0], [1.0] * 6])]
    value, low, high = iqm_interval(tasks)
    np.testing.assert_allclose(value, [(3.0 + 4.0 + 5.0 + 10.0) / 4.0, 1.0])
    assert low[0] < value[0] < high[0]
    assert low[1] == high[1] == 1.0


def test_runs_are_drawn_within_their_task() -> None:
    """Each task's runs are equal, so no stratified resample differs; one over all runs would."""
    tasks = [np.full(3, 0.0), np.full(5, 100.0)]
    value, low, high = iqm_interval(tasks)
    assert value == low == high == 75.0  # of 0 0 0 and five hundreds, two go at either end
    value, low, high = performance_profile(tasks, np.array([50.0]))
    assert value == low == high == 0.5


def test_one_run_has_no_interval() -> None:
    assert mean_interval(np.array([3.0])) == (3.0, 3.0, 3.0)
    assert iqm_interval([np.array([3.0])]) == (3.0, 3.0, 3.0)


def test_a_profile_falls_from_all_runs_to_none() -> None:
    tasks = [np.array([0.0, 10.0, 20.0, 30.0]), np.array([10.0, 10.0])]
    value, low, high = performance_profile(tasks, np.array([-1.0, 0.0, 10.0, 25.0, 30.0]))
    np.testing.assert_allclose(value, [1.0, 0.875, 0.25, 0.125, 0.0])  # the mean of the two tasks' shares
    np.testing.assert_array_equal(low[[0, -1]], [1.0, 0.0])
    np.testing.assert_array_equal(high[[0, -1]], [1.0, 0.0])
    assert np.all(low <= value) and np.all(value <= high) and high[1] == 1.0


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([[1.0, 2.0]], [[0.0]], 1.0),
        ([[1.0]], [[1.0, 1.0]], 0.5),
        ([[1.0, 3.0]], [[1.0, 2.0]], 0.625),  # of four pairs two are won and one is tied
        ([[1.0], [0.0, 0.0]], [[0.0], [1.0, 0.0]], 0.625),  # the mean of 1 and 1/4
    ],
)
def test_the_probability_of_improvement_counts_pairs(
    ours: list[list[float]], theirs: list[list[float]], expected: float
) -> None:
    x, y = ([np.array(runs) for runs in side] for side in (ours, theirs))
    value, low, high = probability_of_improvement(x, y)
    assert value == expected and low <= value <= high
    assert probability_of_improvement(y, x).value == 1.0 - expected


def test_intervals_of_the_mean_hold_it_as_often_as_they_say(few_resamples: None) -> None:
    rng = np.random.default_rng(1)
    _, low, high = mean_interval(rng.exponential(2.0, (TRIALS, 40)))
    assert 0.88 <= np.mean((low <= 2.0) & (high >= 2.0)) <= 0.98


def test_intervals_of_the_interquartile_mean_hold_it_as_often_as_they_say(few_resamples: None) -> None:
    """Two tasks whose runs are normal around 0 and 1: together they are symmetric around 1/2."""
    rng = np.random.default_rng(2)
    tasks = [rng.normal(centre, 1.0, (TRIALS, 20)) for centre in (0.0, 1.0)]
    _, low, high = iqm_interval(tasks)
    assert 0.88 <= np.mean((low <= 0.5) & (high >= 0.5)) <= 0.99


def test_intervals_of_the_probability_of_improvement_hold_it_as_often_as_they_say(
    few_resamples: None,
) -> None:
    """A normal run one standard deviation higher wins with probability Phi(1 / sqrt 2)."""
    rng = np.random.default_rng(3)
    truth = 0.5 * (1.0 + math.erf(0.5))
    held = 0
    for _ in range(TRIALS):
        _, low, high = probability_of_improvement([rng.normal(1.0, 1.0, 30)], [rng.normal(0.0, 1.0, 30)])
        held += low <= truth <= high
    assert 0.88 <= held / TRIALS <= 0.98


def test_pointwise_intervals_of_a_profile_hold_it_as_often_as_they_say(few_resamples: None) -> None:
    rng = np.random.default_rng(4)
    held = []
    for _ in range(TRIALS):
        _, low, high = performance_profile([rng.uniform(0.0, 1.0, 50)], np.array([0.3, 0.6]))
        held.append((low <= [0.7, 0.4]) & (high >= [0.7, 0.4]))
    assert 0.88 <= np.mean(held) <= 0.98


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        mean_interval(np.empty((3, 0)))
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\), got 1\.5"):
        iqm_interval([np.ones(3)], confidence=1.5)
    with pytest.raises(ValueError, match="tasks must be one task or more"):
        performance_profile([], np.zeros(1))
    with pytest.raises(ValueError, match="others must have the 1 tasks of the first side, got 2"):
        probability_of_improvement([np.ones(2)], [np.ones(2), np.ones(2)])
