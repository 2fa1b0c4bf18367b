"""The list of algorithms. A new one is a line in each table here (docs/adding_an_algorithm.md).

Other code adds to it with `wsrl_mjx.register`, or as an installed package (docs/plugins.md).
"""

import inspect
import re
import sys
from collections.abc import Set
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from envs.plugins import Plugins
from wsrl_mjx.algos import checks
from wsrl_mjx.algos.awac import AWAC, AWACSettings
from wsrl_mjx.algos.base import Algorithm, PhaseName
from wsrl_mjx.algos.bc import BC
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL, CQLSettings
from wsrl_mjx.algos.iql import IQL, IQLSettings
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.algos.so2 import SO2, SO2Settings

ALGORITHMS: dict[str, type[Algorithm]] = {kind.name: kind for kind in (SAC, CQL, CalQL, IQL, AWAC, BC, SO2)}

# The names again, as types: what a type checker knows. A test compares them with the table.
OfflineAlgo = Literal["calql", "cql", "iql", "awac", "bc"]
OnlineAlgo = Literal["sac", "cql", "calql", "iql", "awac", "so2"]

SHIPPED = frozenset(ALGORITHMS)
_RESERVED: set[str] = set()  # names of settings that are no algorithm's
_CONTRACT = (
    *("pretrains", "fine_tunes", "needs_returns", "settings", "create", "from_settings", "backups", "sac"),
    *("discount", "init", "act", "update_critic", "update_actor", "policy", "hand_over", "take_over"),
)
_VALUES = (bool, int, float, str, tuple, type(None))  # what flags and config.json can say


@dataclass(frozen=True)
class AlgorithmSettings:
    """The settings that belong to one algorithm alone. `defaults()` has those of added algorithms too."""

    cql: CQLSettings = field(default_factory=CQLSettings)
    iql: IQLSettings = field(default_factory=IQLSettings)
    awac: AWACSettings = field(default_factory=AWACSettings)
    so2: SO2Settings = field(default_factory=SO2Settings)

    def of(self, name: str) -> Any:
        """Returns the settings of an algorithm; None where it has none of its own."""
        wanted = ALGORITHMS[name].settings
        found = next((own for own in self.each() if type(own) is wanted), None)
        # An algorithm that was added after these were made is set as it comes.
        return wanted() if found is None and wanted is not None else found

    def each(self) -> list[Any]:
        """Returns the settings of every algorithm that has some."""
        return [getattr(self, item.name) for item in fields(self)]

    def idle(self, running: set[str]) -> list[Any]:
        """Returns the settings that only added algorithms read, none of them in `running`."""
        shipped = {item.type for item in fields(AlgorithmSettings)}
        read = shipped | {ALGORITHMS[name].settings for name in running}
        return [own for own in self.each() if type(own) not in read]


def defaults() -> AlgorithmSettings:
    """Returns the settings of every algorithm as they come, those of installed packages among them."""
    _load_all()
    shipped = {item.type for item in fields(AlgorithmSettings)}
    added = {name: kind.settings for name, kind in ALGORITHMS.items() if name not in SHIPPED}
    own = {kind: name for name, kind in added.items() if kind is not None and kind not in shipped}
    return _extended(tuple((name, kind) for kind, name in own.items()))()


@cache
def _extended(added: tuple[tuple[str, type], ...]) -> type[AlgorithmSettings]:
    parts = [(name.replace("-", "_"), kind, field(default_factory=kind)) for name, kind in added]
    return make_dataclass("AlgorithmSettings", parts, bases=(AlgorithmSettings,), frozen=True)


def names(phase: PhaseName) -> tuple[str, ...]:
    """Returns the algorithms that can pretrain, or those that can go on online."""
    _load_all()
    takes_part = lambda kind: kind.pretrains if phase == "pretrain" else kind.fine_tunes
    return tuple(name for name, kind in ALGORITHMS.items() if takes_part(kind))


def choose(flag: str, name: str, phase: PhaseName) -> None:
    """Raises ValueError unless the algorithm can take part in a phase; the message lists those that can."""
    if name not in ALGORITHMS and (problem := PLUGINS.problem(name)):
        raise ValueError(f"{flag} is {name!r}: {problem}")
    checks.choose(flag, name, names(phase))


def add(name: str, algorithm: Any) -> None:
    """Adds an algorithm of other code; another under the same name replaces it, as in a notebook.

    Args:
        name: small letters, digits and hyphens; the `name` of the class too.
        algorithm: its class, which keeps the contract `algos.base.Algorithm`.

    Raises:
        ValueError: a name that is taken or cannot be used, a part of the contract that is missing, or
            settings that cannot be flags.
    """
    if name in SHIPPED:
        raise ValueError(f"the name {name!r} is taken by an algorithm of this package; choose another")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ValueError(f"an algorithm's name must be small letters, digits and hyphens, got {name!r}")
    if (own := getattr(algorithm, "name", None)) != name:
        raise ValueError(f"an algorithm's class must have the name it is added by, {name!r}, got {own!r}")
    if missing := [part for part in _CONTRACT if not hasattr(algorithm, part)]:
        raise ValueError(f"the algorithm {name!r} lacks {', '.join(missing)}: see algos.base.Algorithm")
    if not (algorithm.pretrains or algorithm.fine_tunes):
        raise ValueError(f"the algorithm {name!r} must pretrain or fine-tune: both are False")
    _check_settings(name, algorithm.settings)
    ALGORITHMS[name] = algorithm


def reserve(settings: Set[str]) -> None:
    """Keeps names from being those of an added algorithm's settings: they are settings of a run."""
    _RESERVED.update(settings)


def _check_settings(name: str, settings: Any) -> None:
    """Raises ValueError unless the settings are None, another algorithm's, or can be flags of their own."""
    others: dict[type, str] = {}
    for other, kind in ALGORITHMS.items():
        if kind.settings is not None and other != name:
            others.setdefault(kind.settings, other)
    if settings is None or settings in others:
        return
    subject = f"the settings of the algorithm {name!r}"
    if not (is_dataclass(settings) and isinstance(settings, type) and hasattr(settings, "check")):
        raise ValueError(f"{subject} must be a dataclass with a method check, got {settings!r}")
    try:
        made: Any = settings()
        made.check()
    except TypeError as error:
        raise ValueError(f"{subject} must all have defaults: {error}") from None
    taken = {item.name: f"the algorithm {other!r}" for kind, other in others.items() for item in fields(kind)}
    taken |= dict.fromkeys(_RESERVED, "a run")
    for item in fields(made):
        if item.name in taken:
            raise ValueError(f"{subject} have {item.name}, a setting of {taken[item.name]}; rename it")
        if not isinstance(getattr(made, item.name), _VALUES):
            kinds = "a number, a truth, a text, a tuple or None"
            raise ValueError(f"{subject}: {item.name} must be {kinds}, got {getattr(made, item.name)!r}")


def source(name: str) -> str:
    """Returns the text of the modules that an added algorithm's package consists of; "" for one of ours.

    A class that was made without a file, in a notebook, is its own text or its name.
    """
    if name in SHIPPED:
        return ""
    kind = ALGORITHMS[name]
    package = sys.modules.get(kind.__module__.partition(".")[0])
    if (where := getattr(package, "__file__", None)) is None:
        return _text_of(kind)
    files = sorted(Path(where).parent.rglob("*.py")) if hasattr(package, "__path__") else [Path(where)]
    return "\n".join(file.read_text() for file in files)


def _text_of(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return kind.__qualname__


PLUGINS = Plugins("wsrl_mjx.algorithms", "algorithm", SHIPPED, add)


def _load_all() -> None:
    """Loads what installed packages offer; what is wrong with one is told where its name is asked for."""
    for name in PLUGINS.names():
        if name not in ALGORITHMS:
            PLUGINS.problem(name)
