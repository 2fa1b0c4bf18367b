"""What a seed's random numbers are for: one key a purpose, so that no two purposes ever share a draw."""

from enum import IntEnum

import jax

from wsrl_mjx.types import Key


class Purpose(IntEnum):
    """What a key is drawn for. A number never changes its meaning: results depend on it."""

    TRAINING = 0
    PRETRAIN_EVALUATION = 1
    ONLINE_EVALUATION = 2
    DATA = 3


def of(seed: int | jax.Array, purpose: Purpose) -> Key:
    """Returns the key of `seed` for a purpose."""
    return jax.random.fold_in(jax.random.key(seed), int(purpose))
