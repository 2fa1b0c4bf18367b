"""Digests of what is saved: one flipped bit on a disk must not come back as a wrong number."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx.data import files

SEAL = "digests.json"  # inside a folder


def of_bytes(*parts: bytes | memoryview) -> str:
    """Returns the SHA-256 of bytes, as if the parts were one."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_array(leaf: Any) -> str:
    """Returns the SHA-256 of an array's type, shape and bytes; of a typed key, those of its numbers."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    array = np.asarray(leaf)
    return of_bytes(f"{array.dtype} {array.shape} ".encode(), np.ascontiguousarray(array).data)


def of_leaves(tree: Any) -> dict[str, str]:
    """Returns the digest of every array of a pytree, by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): of_array(leaf) for path, leaf in leaves}


def of_json(content: Any) -> str:
    """Returns the SHA-256 of plain values as JSON has them."""
    return of_bytes(json.dumps(content, sort_keys=True).encode())


def seal(folder: Path) -> None:
    """Writes the SHA-256 of every file below `folder` into it; does without where there is no room."""
    content = {str(path.relative_to(folder)): of_file(path) for path in _files(folder)}
    with contextlib.suppress(OSError):
        files.write_json(folder / SEAL, content)


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
        if name.startswith(beginning) and (name not in there or sealed.get(name) != of_file(there[name])):
            raise ValueError(f"the file {name} is not what was saved")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != SEAL]
