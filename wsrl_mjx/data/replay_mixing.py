"""How much of the offline data stays among the rows of online updates: none, a share, or all of it."""

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.data import replay
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.types import Key, Transition


class ReplayMixing(struct.PyTreeNode):
    """Draws the minibatches of online updates.

    With a share every minibatch has the same number of offline rows (RLPD's mixture; the released WSRL code
    fills whole minibatches with one kind). Appended data is drawn from as if it stood in the buffer before
    the first online row; it is read where it is, once for all seeds, and the ring never overwrites it.
    """

    rows: int = struct.field(pytree_node=False, default=0)  # offline rows of every minibatch
    append: bool = struct.field(pytree_node=False, default=False)

    def draw(
        self,
        buffer: ReplayBuffer,
        data: Transition | None,
        key: Key,
        shape: tuple[int, ...],
        inserted: jax.Array,
    ) -> Transition:
        """Returns rows [*shape], the last axis a minibatch.

        Args:
            buffer: rows of the online experience.
            data: offline rows [D], None where none stay.
            key: for sampling.
            shape: of what is returned.
            inserted: [] int32, rows that `buffer` was given so far.
        """
        if data is None or not (self.rows or self.append):
            return replay.sample(buffer, key, shape, inserted)
        if buffer.data.mc_return is None:
            data = data.replace(mc_return=None)
        size = len(data.reward)
        if self.append:
            filled = jnp.minimum(inserted, buffer.capacity)
            index = jax.random.randint(key, shape, 0, size + filled)
            offline = replay.gather(data, jnp.minimum(index, size - 1))
            online = replay.gather(buffer.data, jnp.maximum(index - size, 0))
            return jax.tree.map(lambda a, b: _select(index < size, a, b), offline, online)
        key_online, key_offline = jax.random.split(key)
        *above, batch = shape
        online = replay.sample(buffer, key_online, (*above, batch - self.rows), inserted)
        offline = replay.gather(data, jax.random.randint(key_offline, (*above, self.rows), 0, size))
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=len(above)), online, offline)


def _select(condition: jax.Array, if_true: jax.Array, if_false: jax.Array) -> jax.Array:
    extra = if_true.ndim - condition.ndim
    return jnp.where(condition.reshape(condition.shape + (1,) * extra), if_true, if_false)
