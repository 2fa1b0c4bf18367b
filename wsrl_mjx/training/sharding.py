"""Where the members of a run live: on one device, or spread over several of this machine.

Members never speak to each other, so spreading them needs no collective operation. Every device computes the
same number of places; where members cannot be shared out evenly, the places left over repeat the last member,
and nobody sees them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

MEMBERS = "members"
SPREAD, COPIED = Spec(MEMBERS), Spec()
# An idle device is no help where it would have more members than this, for each of a training device: what
# goes on beside the training (an evaluation) takes about a third of the training's time.
MOST_BESIDE = 3
Devices = int | Literal["auto"]


@dataclass(frozen=True)
class Placement:
    """One device (no mesh), or a row of them, for M members on P places."""

    mesh: Mesh | None = None
    spare: int = 0  # places without a member, P - M

    @classmethod
    def over(cls, devices: Devices, members: int) -> "Placement":
        """Returns the placement of so many members on so many devices.

        No device is taken that would make nothing faster: five members on four devices take three, two
        members each.

        Args:
            devices: the most to use; "auto": all of this machine's.
            members: M.

        Raises:
            ValueError: more devices than there are.
        """
        there = jax.local_devices()
        if devices == "auto":
            devices = len(there)
        if not 1 <= devices <= len(there):
            raise ValueError(
                f"devices must be auto, or from 1 to {len(there)}, which this machine has, got {devices}"
            )
        each = -(-members // devices)
        used = -(-members // each)
        if used == 1:
            return cls()
        return cls(Mesh(np.array(there[:used]), (MEMBERS,)), spare=used * each - members)

    @property
    def devices(self) -> int:
        """How many devices have members."""
        return 1 if self.mesh is None else self.mesh.size

    def places(self, members: int) -> int:
        """Returns P for M members."""
        return members + self.spare

    def filled_up(self, tree: Any) -> Any:
        """Returns arrays [P, ...] of arrays [M, ...]; the places left over repeat the last member."""
        if not self.spare:
            return tree
        repeat = lambda leaf: jnp.concatenate([leaf, jnp.repeat(leaf[-1:], self.spare, axis=0)])
        return jax.tree.map(repeat, tree)

    def of_members(self, tree: Any) -> Any:
        """Returns arrays [M, ...] of arrays [P, ...], on the host if places are left over."""
        if not self.spare:
            return tree
        return jax.tree.map(lambda leaf: on_host(leaf)[: -self.spare], tree)

    def fitted(self, hyper: Any) -> Any:
        """Returns hyper-parameters for all places: those in which members differ, [M], are filled up."""
        return jax.tree.map(lambda leaf: self.filled_up(leaf) if jnp.ndim(leaf) else leaf, hyper)

    def beside(self, members: int) -> "Placement | None":
        """Returns the same members on the devices of a CPU that have none, for work beside the training.

        None where there are too few of them to keep up with it.
        """
        idle = jax.local_devices()[self.devices :]
        if jax.default_backend() != "cpu" or not idle:
            return None
        each = -(-members // len(idle))
        used = -(-members // each)
        if each > MOST_BESIDE * self.places(members) // self.devices:
            return None
        return Placement(Mesh(np.array(idle[:used]), (MEMBERS,)), spare=used * each - members)

    def spread(self, tree: Any) -> Any:
        """Returns arrays [P, ...] with their places shared out."""
        return self._put(tree, SPREAD)

    def gathered(self, tree: Any) -> Any:
        """Returns arrays [M, ...] on the first device, of arrays [P, ...] that are spread."""
        if self.mesh is None:
            return tree
        return jax.tree.map(lambda leaf: jnp.array(on_host(leaf)), self.of_members(tree))

    def spread_shapes(self, shapes: Any) -> Any:
        """Returns the shapes [P, ...] of what `spread` returns."""
        if self.mesh is None:
            return shapes
        how = NamedSharding(self.mesh, SPREAD)
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=how), shapes)

    def copied(self, tree: Any) -> Any:
        """Returns arrays that all members read, on every device."""
        return self._put(tree, COPIED)

    def over_members(
        self, function: Callable[..., Any], in_axes: Any, out_axes: Any = 0
    ) -> Callable[..., Any]:
        """Returns `function`, written for one member, as a function of all members.

        Args:
            function: of one member.
            in_axes: as `jax.vmap` has them: 0 for what each member has its own of, None for what they share.
            out_axes: the same for what is returned.
        """
        return self.on_devices(jax.vmap(function, in_axes=in_axes, out_axes=out_axes), in_axes, out_axes)

    def on_devices(self, of_all: Callable[..., Any], in_axes: Any, out_axes: Any) -> Callable[..., Any]:
        """Returns `of_all`, a function of any number of members, with its members shared out.

        Args:
            of_all: the function.
            in_axes: as for `over_members`.
            out_axes: the same for what is returned.
        """
        if self.mesh is None:
            return of_all
        # What is shared is read and never written: there is nothing to check for replication.
        return jax.shard_map(
            of_all, mesh=self.mesh, in_specs=_specs(in_axes), out_specs=_specs(out_axes), check_vma=False
        )

    def _put(self, tree: Any, spec: Spec) -> Any:
        return tree if self.mesh is None else jax.device_put(tree, NamedSharding(self.mesh, spec))


def on_host(leaf: Any) -> Any:
    """Returns an array as NumPy has it, from however many devices; typed keys go there and back."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        numbers: Any = np.asarray(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(numbers, impl=jax.random.key_impl(leaf))
    return np.asarray(leaf)


def copy_on_host(leaf: Any) -> Any:
    """Returns a copy of an array as `on_host` has it, which may be the array's own memory."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.array(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
    return np.array(leaf)


def _specs(axes: Any) -> Any:
    return jax.tree.map(lambda axis: COPIED if axis is None else SPREAD, axes, is_leaf=lambda x: x is None)
