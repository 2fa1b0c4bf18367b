"""Digests of what is saved: one flipped bit on a disk must not come back as a wrong number."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

SEAL = "digests.json"  # inside a folder


def of_array(leaf: Any) -> str:
    """Returns the SHA-256 of an array's type, shape and bytes; of a typed key, those of its numbers."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    array = np.asarray(leaf)
    digest = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def of_leaves(tree: Any) -> dict[str, str]:
    """Returns the digest of every array of a pytree, by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): of_array(leaf) for path, leaf in leaves}


def of_json(content: Any) -> str:
    """Returns the SHA-256 of plain values as JSON has them."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def seal(folder: Path) -> None:
    """Writes the SHA-256 of every file below `folder` into it; does without where there is no room."""
    files = {str(path.relative_to(folder)): _of_file(path) for path in _files(folder)}
    temporary = folder.parent / f".{folder.name}-{SEAL}"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(files))
        temporary.replace(folder / SEAL)


def check_seal(folder: Path, beginning: str = "") -> None:
    """Checks files before they are read by a library that is loud about damage.

    A folder without a seal passes: its process was killed before it was sealed.

    Args:
        folder: that was sealed.
        beginning: of the paths to check; all by default.

    Raises:
        ValueError: a file is not what it was; the message names it.
    """
    if not (folder / SEAL).is_file():
        return
    sealed = json.loads((folder / SEAL).read_text())
    there = {str(path.relative_to(folder)): path for path in _files(folder)}
    for name in sorted(sealed.keys() | there.keys()):
        if name.startswith(beginning) and (name not in there or sealed.get(name) != _of_file(there[name])):
            raise ValueError(f"the file {name} is not what was saved")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != SEAL]


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
