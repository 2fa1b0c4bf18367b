"""Every algorithm keeps the contract of `algos.base.Algorithm`; a new one is a line in `tiny.ALGORITHMS`."""

from collections.abc import Callable

import pytest
import tiny
from compiled import compiled

from wsrl_mjx.algos import testing
from wsrl_mjx.algos.testing import Subject

pytestmark = [pytest.mark.usefixtures("strict_ranks"), pytest.mark.parametrize("name", tiny.ALGORITHMS)]


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_the_contract(name: str, check: Callable[[Subject], None]) -> None:
    check(compiled(name))
