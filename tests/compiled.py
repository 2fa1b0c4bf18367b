"""Every algorithm of the tests compiled once: its state, a batch, and its jitted methods."""

from functools import cache

import jax
import tiny

from wsrl_mjx.algos.testing import INVALID, Subject

BATCH = tiny.batch(12, invalid=INVALID)


@cache
def compiled(name: str) -> Subject:
    """Returns algorithm, a state whose targets differ from its critics, and the jitted updates."""
    subject = Subject(
        tiny.ALGORITHMS[name],
        learns_critic=name not in tiny.LEARNS_NO_CRITIC,
        learns_temperature=name not in tiny.LEARNS_NO_TEMPERATURE,
        draws=name not in tiny.DRAWS_NOTHING,
    )
    with jax.numpy_rank_promotion("raise"):
        assert subject.state is not None  # it is made here, and kept
    return subject
