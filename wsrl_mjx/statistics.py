"""Statistics over seeds: means with bootstrap intervals. NumPy only."""

import numpy as np

RESAMPLES = 10_000


def mean_interval(
    values: np.ndarray, confidence: float = 0.95, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns mean, lower and upper bound over the last axis, the seeds; [*] each for values [*, S].

    The interval is the percentile bootstrap of the mean: seeds are drawn with replacement, and the same draws
    serve all leading axes, so that a curve's bounds belong together. One seed has no interval: both
    bounds are its value.

    Raises:
        ValueError: a confidence outside (0, 1), or no seeds.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    seeds = values.shape[-1]
    if seeds == 0:
        raise ValueError("values must have at least one seed")
    draws = np.random.default_rng(seed).integers(seeds, size=(RESAMPLES, seeds))
    weights = np.stack([np.bincount(draw, minlength=seeds) for draw in draws]) / seeds  # [R, S]
    means = values @ weights.T  # [*, R]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail], axis=-1)
    return values.mean(axis=-1), low, high
