"""Digests of what is saved: one flipped bit on a disk must not come back as a wrong number."""

import hashlib
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


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
