"""Where work is kept between runs: datasets and pretrainings by digest, and XLA's compiled programs."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jax

ENVIRONMENT_VARIABLE = "WSRL_MJX_CACHE"


def default_folder() -> Path:
    """Returns $WSRL_MJX_CACHE, or wsrl_mjx in the user's cache folder."""
    if chosen := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "wsrl_mjx"


def key_of(ingredients: dict[str, Any]) -> str:
    """Returns a short digest of everything that decides a result."""
    text = json.dumps(ingredients, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def enable_compilation_cache(folder: Path) -> None:
    """Lets XLA keep compiled programs in `folder`, unless the user has chosen another place."""
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
