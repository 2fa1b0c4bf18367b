"""The members of a run: every grid point with every seed, trained side by side in one program.

A grid point is written as name=value,name=value; a run without points has one, the config itself.
"""

import itertools
import math
from typing import NamedTuple

from wsrl_mjx.config import assignments
from wsrl_mjx.config.settings import Config, replace_flat

# The numbers that an update merely multiplies by or adds: they can differ within one program. `discount` and
# the reward's scale are none of them, because they decide the dataset's returns, which all members share.
SIDE_BY_SIDE = (
    "actor_lr",
    "critic_lr",
    "temperature_lr",
    "target_rate",
    "target_entropy",
    "init_temperature",
    "cql_alpha",
    "cql_alpha_lr",
    "cql_target_gap",
    "cloning_weight",
)


class Member(NamedTuple):
    """One learner of a run."""

    point: str  # "" where the run has no grid
    seed: int

    @property
    def label(self) -> str:
        """Its name for people."""
        return f"{self.point} seed {self.seed}".strip()


def members_of(config: Config) -> tuple[Member, ...]:
    """Returns all members, [M]: point by point, and seed by seed within."""
    points = config.points or ("",)
    return tuple(Member(point, seed) for point, seed in itertools.product(points, config.seeds))


def at_points(config: Config) -> list[Config]:
    """Returns the settings of every grid point, as a run of that point alone has them.

    Raises:
        ValueError: see `parse`.
    """
    if not config.points:
        return [config]
    return [replace_flat(config, {**parse(point), "points": ()}) for point in config.points]


def parse(point: str) -> dict[str, float]:
    """Returns a grid point's values by name.

    Raises:
        ValueError: not name=value, a name that cannot differ so or comes twice, or no finite number.
    """
    values: dict[str, float] = {}
    for part in point.split(","):
        form = f"name=value with {', '.join(SIDE_BY_SIDE)}"
        name, text = assignments.split(part, "points", form)
        if name not in SIDE_BY_SIDE:
            raise ValueError(f"points must be {form}, got {part!r}")
        if name in values:
            raise ValueError(f"points must name {name} once, got {point!r}")
        try:
            values[name] = assignments.value_of(name, text, "points")
        except ValueError:
            raise ValueError(f"points must give {name} a number, got {text!r}") from None
        if not math.isfinite(values[name]):
            raise ValueError(f"points must give {name} a finite number, got {text!r}")
    return values
