"""Packages that only some formats need."""

import importlib
from typing import Any


def needed(name: str) -> Any:
    """Returns the module of a package that is in the extra `data`.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ValueError(f"the package {name} is needed for it: pip install 'wsrl_mjx[data]'") from None
