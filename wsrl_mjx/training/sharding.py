"""Where the members of a run live: on one device, or spread evenly over several of this machine.

Members never speak to each other, so spreading them needs no collective operation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

MEMBERS = "members"
SPREAD, COPIED = Spec(MEMBERS), Spec()


@dataclass(frozen=True)
class Placement:
    """One device (no mesh), or a row of them."""

    mesh: Mesh | None = None

    @classmethod
    def over(cls, devices: int, members: int) -> "Placement":
        """Returns the placement of so many members on so many devices.

        Raises:
            ValueError: more devices than there are, or members that cannot be shared out evenly.
        """
        there = jax.local_device_count()
        if not 1 <= devices <= there:
            raise ValueError(f"devices must be from 1 to {there}, which this machine has, got {devices}")
        if members % devices:
            raise ValueError(f"devices must divide the number of members ({members}), got {devices}")
        if devices == 1:
            return cls()
        return cls(Mesh(np.array(jax.local_devices()[:devices]), (MEMBERS,)))

    def spread(self, tree: Any) -> Any:
        """Returns arrays [M, ...] with their members shared out."""
        return self._put(tree, SPREAD)

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


def _specs(axes: Any) -> Any:
    return jax.tree.map(lambda axis: COPIED if axis is None else SPREAD, axes, is_leaf=lambda x: x is None)
