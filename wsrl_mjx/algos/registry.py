"""The list of algorithms. A new one is a line in each table here (docs/adding_an_algorithm.md)."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from wsrl_mjx.algos.awac import AWAC, AWACSettings
from wsrl_mjx.algos.base import Algorithm, PhaseName
from wsrl_mjx.algos.bc import BC
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL, CQLSettings
from wsrl_mjx.algos.iql import IQL, IQLSettings
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.algos.so2 import SO2, SO2Settings

ALGORITHMS: dict[str, type[Algorithm]] = {kind.name: kind for kind in (SAC, CQL, CalQL, IQL, AWAC, BC, SO2)}

# The names again, as types: what --help lists and a type checker knows. A test compares them with the table.
OfflineAlgo = Literal["calql", "cql", "iql", "awac", "bc"]
OnlineAlgo = Literal["sac", "cql", "calql", "iql", "awac", "so2"]


@dataclass(frozen=True)
class AlgorithmSettings:
    """The settings that belong to one algorithm alone."""

    cql: CQLSettings = field(default_factory=CQLSettings)
    iql: IQLSettings = field(default_factory=IQLSettings)
    awac: AWACSettings = field(default_factory=AWACSettings)
    so2: SO2Settings = field(default_factory=SO2Settings)

    def of(self, name: str) -> Any:
        """Returns the settings of an algorithm; None where it has none of its own."""
        wanted = ALGORITHMS[name].settings
        return next((own for own in self.each() if type(own) is wanted), None)

    def each(self) -> list[Any]:
        """Returns the settings of every algorithm that has some."""
        return [getattr(self, item.name) for item in fields(self)]


def names(phase: PhaseName) -> tuple[str, ...]:
    """Returns the algorithms that can pretrain, or those that can go on online."""
    takes_part = lambda kind: kind.pretrains if phase == "pretrain" else kind.fine_tunes
    return tuple(name for name, kind in ALGORITHMS.items() if takes_part(kind))
