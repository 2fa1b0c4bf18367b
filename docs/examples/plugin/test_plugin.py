"""Both keep their contracts: python -m pytest docs/examples/plugin, with the package installed."""

import pytest
from wsrl_example.gentle import Gentle

from envs import testing as worlds
from wsrl_mjx.algos import testing as algorithms

WORLD = worlds.Subject("thermostat")
ALGORITHM = algorithms.Subject(
    Gentle.create(algorithms.Actions(2), hidden=(8,), ensemble_size=2), learns_temperature=False
)


@pytest.mark.parametrize("check", worlds.CHECKS)
def test_thermostat(check):
    """The world's."""
    check(WORLD)


@pytest.mark.parametrize("check", algorithms.CHECKS)
def test_gentle(check):
    """The algorithm's."""
    check(ALGORITHM)
