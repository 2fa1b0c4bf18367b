"""What was kept at a run's evaluations to be drawn when it ends, and the three moments that pictures show."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Moment:
    """What was seen at one evaluation: arrays with a leading axis of seeds."""

    step: int
    seen: dict[str, np.ndarray]


def read(folder: Path) -> list[Moment]:
    """Returns what was kept of the online phase in `folder`, in order; the first is at the switch."""
    found = []
    for path in folder.glob("online-*.npz"):
        match = re.fullmatch(r"online-(\d+)", path.stem)
        if match:
            with np.load(path) as arrays:
                found.append(Moment(int(match[1]), {name: arrays[name] for name in arrays.files}))
    return sorted(found, key=lambda moment: moment.step)


def three(moments: Sequence[Moment], success: Mapping[int, float]) -> list[tuple[str, Moment]]:
    """Returns with their names the moments at the switch, at the lowest success after it, and at the end.

    Args:
        moments: as `read` returns them.
        success: by step.
    """
    after = moments[1:] or moments
    lowest = min(after, key=lambda moment: success[moment.step])
    return [("at the switch", moments[0]), ("lowest", lowest), ("end", moments[-1])]
