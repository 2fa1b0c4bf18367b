"""The returns that define the normalised score of each task, read from `references.json` beside this file."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from envs.base import ReferenceScores


@cache
def _table() -> dict[str, dict[str, Any]]:
    return json.loads((Path(__file__).parent / "references.json").read_text())


def reference_scores(name: str) -> ReferenceScores | None:
    """Returns the reference scores of the task `name` at its default options; None while one is unknown."""
    entry = _table().get(name)
    if entry is None or entry["expert"] is None:
        return None
    return ReferenceScores(entry["random"], entry["expert"], entry["provenance"])
