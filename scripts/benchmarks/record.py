"""The JSON file of a machine's numbers: parts are added one by one, so that a cut loses what runs then."""

import json
from pathlib import Path
from typing import Any

from wsrl_mjx.data import files

HOW = ("settings", "versions")  # what all parts of a file have in common


def read(path: Path) -> dict[str, Any]:
    """Returns the file's content, or an empty record where there is no file.

    Raises:
        ValueError: the file is none of ours.
    """
    if not path.exists():
        return {"parts": {}}
    try:
        found = json.loads(path.read_text())
        if not isinstance(found["parts"], dict):
            raise TypeError
    except (json.JSONDecodeError, KeyError, TypeError):
        raise ValueError(f"out {path} is no file of this benchmark; choose another") from None
    return found


def check(path: Path, common: dict[str, Any]) -> None:
    """Refuses to mix numbers that were not made alike.

    Args:
        path: of the file, which need not exist.
        common: settings, versions, or both, by the names in `HOW`.

    Raises:
        ValueError: the file has others.
    """
    found = read(path)
    for name, value in common.items():
        if name in found and found[name] != value:
            different = [key for key in value if found[name].get(key) != value[key]]
            raise ValueError(
                f"out {path} has numbers of another machine or setting ({', '.join(different)}); "
                "choose another file"
            )


def add(path: Path, common: dict[str, Any], name: str, numbers: dict[str, Any]) -> None:
    """Writes a part's numbers into the file, in the place of earlier ones of that part."""
    found = read(path)
    files.write_json(path, {**common, "parts": {**found["parts"], name: numbers}})
