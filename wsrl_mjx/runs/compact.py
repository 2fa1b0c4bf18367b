"""An agent's arrays in a small file: networks exactly, what only follows them with fewer digits.

Ten critics of 128-128 take 0.9 MB; with targets and both moments of Adam it would be four times that. Targets
follow the critics by a share at every update, and moments forget within a thousand, so fewer digits of them
change nothing that lasts (docs/pretrainings.md has the comparison).
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx.data import files


def save(path: Path, agent: Any) -> None:
    """Writes one member's agent (a pytree of arrays) as a compressed npz file, whole or not at all."""
    arrays: dict[str, Any] = {name: _packed(name, np.asarray(leaf)) for name, leaf in _by_path(agent).items()}
    with files.written_whole(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: Path, like: Any) -> Any:
    """Returns the agent in a file, shaped like `like` (arrays or shapes).

    Raises:
        ValueError: it has other arrays than `like`, as a version with other networks would write.
    """
    wanted = _by_path(like)
    with np.load(path) as arrays:
        if missing := sorted(wanted.keys() ^ set(arrays.files)):
            raise ValueError(f"{path.name} and this version differ in {', '.join(missing[:3])}")
        found = {name: _unpacked(name, arrays[name]) for name in wanted}
    for name, leaf in wanted.items():
        if (found[name].shape, found[name].dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(
                f"{path.name}: {name} is {found[name].dtype} {found[name].shape}, this version has "
                f"{leaf.dtype} {leaf.shape}"
            )
    return jax.tree.unflatten(jax.tree.structure(like), list(found.values()))


def _by_path(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _packed(name: str, array: np.ndarray) -> np.ndarray:
    """Returns targets in float16 and moments in bfloat16, whose range is float32's; the rest as it is."""
    if array.dtype != np.float32:
        return array
    if ".opt_state" in name:
        return array.astype(jnp.bfloat16).view(np.uint16)  # npz knows no bfloat16
    return array.astype(np.float16) if ".target_critic" in name else array


def _unpacked(name: str, array: np.ndarray) -> np.ndarray:
    if ".opt_state" in name and array.dtype == np.uint16:
        array = array.view(jnp.bfloat16)
    return array.astype(np.float32) if array.dtype in (np.float16, jnp.bfloat16) else array
