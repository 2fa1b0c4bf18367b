"""Saves the whole training state with Orbax, nothing that changes left out; restores it, or a part of it.

Orbax restores a flipped bit as a wrong number, so each checkpoint carries a digest of every array and of its
own metadata, and what does not fit them is not used.
"""

import shutil
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from wsrl_mjx.data import digests
from wsrl_mjx.training.sharding import on_host

UNFINISHED = "*.orbax-checkpoint-tmp*"  # what a save that was cut off leaves


class DamagedError(ValueError):
    """A checkpoint that cannot be read, or is not what was saved."""


class NotSavedError(Exception):
    """A checkpoint that could not be written, as on a full disk; the ones before it are as they were."""


class Checkpoints:
    """The checkpoints of one run, by step; old ones are deleted.

    A save is atomic: a process that dies in the middle leaves the previous checkpoint as the newest.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder.absolute()
        self._options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True)
        self._manager = self._open()

    def save(self, step: int, state: Any, meta: dict[str, Any]) -> None:
        """Writes `state` (a pytree of arrays) and `meta` (JSON) as the checkpoint of `step`, and waits.

        Raises:
            RuntimeError: if Orbax declines, as it does for a step that is not newer than the last.
            NotSavedError: the disk did not take it.
        """
        state = jax.tree.map(on_host, state)  # once, for the digests and for Orbax
        content: dict[str, Any] = {"content": meta, "leaves": digests.of_leaves(state)}
        content["digest"] = digests.of_json(content)
        items = ocp.args.Composite(state=ocp.args.PyTreeSave(state), meta=ocp.args.JsonSave(content))
        try:
            with _quiet_threads():
                taken = self._manager.save(step, args=items)
                self._manager.wait_until_finished()
        except (OSError, ValueError) as error:  # the latter is TensorStore's
            self._forget(step)
            raise NotSavedError(_in_one_line(error)) from None
        if taken:
            digests.seal(self.folder / str(step))
        else:
            raise RuntimeError(f"checkpoint of step {step} was not written; the newest is {self.latest()}")

    def latest(self) -> int | None:
        """Returns the newest step, or None when there is no checkpoint."""
        return self._manager.latest_step()

    def steps(self) -> list[int]:
        """Returns the steps that have a checkpoint, oldest first."""
        return sorted(self._manager.all_steps())

    def meta(self, step: int) -> dict[str, Any]:
        """Returns the metadata of the checkpoint of `step`.

        Raises:
            DamagedError: it cannot be read, or is not what was saved.
        """
        return self._meta(step)["content"]

    def restore(self, step: int, like: Any) -> Any:
        """Returns the state of `step`, shaped and placed like `like` (arrays or shapes) on this device.

        Raises:
            DamagedError: it cannot be read, or is not what was saved.
        """
        return self.restore_part(step, like, lambda state: state)

    def restore_part(self, step: int, like: Any, pick: Callable[[Any], Any]) -> Any:
        """Returns what `pick` takes out of the state of `step`; the rest is not read from disk.

        Args:
            step: of the checkpoint.
            like: arrays or shapes of the whole state.
            pick: returns a subtree, and computes nothing: it is called on other leaves than arrays as well.

        Raises:
            DamagedError: it cannot be read, or is not what was saved.
        """
        device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        shapes, structure = jax.tree.flatten(jax.eval_shape(lambda: like))
        wanted = set(jax.tree.leaves(pick(structure.unflatten(range(len(shapes))))))  # places in `shapes`
        leaves = [
            jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device) if place in wanted else ocp.PLACEHOLDER
            for place, x in enumerate(shapes)
        ]
        item = structure.unflatten(leaves)
        saved = self._meta(step)["leaves"]
        with self._reading(step):
            if len(wanted) == len(shapes):  # of a part not all files are needed
                digests.check_seal(self.folder / str(step))
            how = ocp.checkpoint_utils.construct_restore_args(item)
            items = ocp.args.Composite(state=ocp.args.PyTreeRestore(item, restore_args=how))
            state = self._manager.restore(step, args=items)["state"]
            paths = jax.tree_util.tree_leaves_with_path(state)
            for place, (path, leaf) in enumerate(paths):
                name = jax.tree_util.keystr(path)
                if place in wanted and digests.of_array(leaf) != saved.get(name):
                    raise DamagedError(f"the bytes of {name} are not those that were saved")
        # Restored arrays are tied to a device, so that the same program would be compiled anew for them, and
        # are not always donatable (jax #18617). A jitted copy of what the host has is like any fresh array.
        picked = jax.tree.map(on_host, pick(state))
        return jax.jit(lambda tree: jax.tree.map(lambda x: x.copy(), tree))(picked)

    def set_aside(self, step: int, folder: Path) -> None:
        """Moves the checkpoint of `step` into `folder`, so that another can take its place."""
        self._manager.close()
        folder.mkdir(exist_ok=True)
        shutil.rmtree(folder / str(step), ignore_errors=True)
        shutil.move(self.folder / str(step), folder / str(step))
        self._manager = self._open()

    def remove_unfinished(self) -> None:
        """Deletes what saves that were cut off have left; nobody else may be saving here."""
        for path in self.folder.glob(UNFINISHED):
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Waits for pending work and frees Orbax's threads."""
        self._manager.close()

    def _open(self) -> ocp.CheckpointManager:
        return ocp.CheckpointManager(self.folder, options=self._options)

    def _forget(self, step: int) -> None:
        """Takes back a save that failed; the manager's own list of steps is not to be trusted after one."""
        self._manager.close()
        for path in self.folder.glob(f"{step}.{UNFINISHED.removeprefix('*.')}"):
            shutil.rmtree(path, ignore_errors=True)
        self._manager = self._open()

    def _meta(self, step: int) -> dict[str, Any]:
        with self._reading(step):
            digests.check_seal(self.folder / str(step), "meta/")
            how = ocp.args.Composite(meta=ocp.args.JsonRestore())
            saved = dict(self._manager.restore(step, args=how)["meta"])
            if saved.pop("digest", None) != digests.of_json(saved):
                raise DamagedError("its metadata are not those that were saved")
            return saved

    @contextmanager
    def _reading(self, step: int) -> Generator[None]:
        """Turns whatever goes wrong with damaged files (nearly anything can) into one kind of error."""
        try:
            yield
        except (MemoryError, jax.errors.JaxRuntimeError):  # of this machine, not of the files
            raise
        except Exception as error:
            raise DamagedError(
                f"checkpoint {step} in {self.folder} is damaged: {_in_one_line(error)}"
            ) from None


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:200]} ... {text[-100:]}"


@contextmanager
def _quiet_threads() -> Generator[None]:
    """Keeps Orbax's threads from printing the error that is raised here anyway."""
    before = threading.excepthook
    threading.excepthook = lambda _: None
    try:
        yield
    finally:
        threading.excepthook = before
