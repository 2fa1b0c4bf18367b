"""Where work is kept between runs: datasets and pretrainings by digest, and XLA's compiled programs."""

import functools
import hashlib
import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from wsrl_mjx.data import digests

ENVIRONMENT_VARIABLE = "WSRL_MJX_CACHE"

# The sources behind every number of a dataset or a pretraining. What settings say is among the ingredients.
DECIDES_NUMBERS = (
    "envs",
    *("wsrl_mjx/types.py", "wsrl_mjx/keys.py", "wsrl_mjx/algos", "wsrl_mjx/data", "wsrl_mjx/training"),
    *("wsrl_mjx/config/build.py", "wsrl_mjx/config/grid.py", "wsrl_mjx/config/named_datasets.py"),
)


def default_folder() -> Path:
    """Returns $WSRL_MJX_CACHE, or wsrl_mjx in the user's cache folder."""
    if chosen := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "wsrl_mjx"


def key_of(ingredients: dict[str, Any]) -> str:
    """Returns a short digest of everything that decides a result: what is asked for, and the code."""
    text = json.dumps([ingredients, _code()], sort_keys=True, default=str)
    return digests.of_bytes(text.encode())[:16]


@functools.cache
def _code() -> str:
    return digest_of_code(Path(__file__).parents[2])


def digest_of_code(root: Path) -> str:
    """Returns a digest of the sources under `root` that decide numbers, and of the versions beneath them.

    So an edited loss finds no old result, and an edited plot finds every one.
    """
    digest = hashlib.sha256()
    for part in DECIDES_NUMBERS:
        found = root / part
        for path in [found] if found.is_file() else sorted(found.rglob("*.py")):
            digest.update(path.read_bytes())
    for package in ("jax", "jaxlib", "mujoco-mjx"):
        digest.update(metadata.version(package).encode())
    return digest.hexdigest()


def enable_compilation_cache(folder: Path) -> None:
    """Lets XLA keep compiled programs in `folder`, unless the user has chosen another place."""
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
