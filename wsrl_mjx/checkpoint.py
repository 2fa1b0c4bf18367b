"""Saves the whole training state with Orbax, nothing that changes left out; restores it, or a part of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp


class Checkpoints:
    """The checkpoints of one run, by step; old ones are deleted.

    A save is atomic: a process that dies in the middle leaves the previous checkpoint as the newest.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True)
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def save(self, step: int, state: Any, meta: dict[str, Any]) -> None:
        """Writes `state` (a pytree of arrays) and `meta` (JSON) as the checkpoint of `step`, and waits.

        Raises:
            RuntimeError: if Orbax declines, as it does for a step that is not newer than the last.
        """
        items = ocp.args.Composite(state=ocp.args.PyTreeSave(state), meta=ocp.args.JsonSave(meta))
        if not self._manager.save(step, args=items):
            raise RuntimeError(f"checkpoint of step {step} was not written; the newest is {self.latest()}")
        self._manager.wait_until_finished()

    def latest(self) -> int | None:
        """Returns the newest step, or None when there is no checkpoint."""
        return self._manager.latest_step()

    def meta(self, step: int) -> dict[str, Any]:
        """Returns the metadata of the checkpoint of `step`."""
        return self._manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]

    def restore(self, step: int, like: Any) -> Any:
        """Returns the state of `step`, shaped and placed like `like` (arrays or shapes) on this device."""
        return self.restore_part(step, like, lambda state: state)

    def restore_part(self, step: int, like: Any, pick: Callable[[Any], Any]) -> Any:
        """Returns what `pick` takes out of the state of `step`; the rest is not read from disk.

        Args:
            step: of the checkpoint.
            like: arrays or shapes of the whole state.
            pick: returns a subtree, and computes nothing: it is called on other leaves than arrays as well.
        """
        device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        shapes, structure = jax.tree.flatten(jax.eval_shape(lambda: like))
        wanted = set(jax.tree.leaves(pick(structure.unflatten(range(len(shapes))))))  # places in `shapes`
        leaves = [
            jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device) if place in wanted else ocp.PLACEHOLDER
            for place, x in enumerate(shapes)
        ]
        item = structure.unflatten(leaves)
        how = ocp.checkpoint_utils.construct_restore_args(item)
        items = ocp.args.Composite(state=ocp.args.PyTreeRestore(item, restore_args=how))
        restored = pick(self._manager.restore(step, args=items)["state"])
        # Restored arrays are not always donatable (jax #18617); a jitted copy is.
        return jax.jit(lambda tree: jax.tree.map(lambda x: x.copy(), tree))(restored)

    def close(self) -> None:
        """Waits for pending work and frees Orbax's threads."""
        self._manager.close()
