"""What installed packages offer by name, through entry points: found without being imported.

A package names what it offers in its pyproject.toml:

    [project.entry-points."wsrl_mjx.environments"]
    their-world = "their_package.world:TheirWorld"
"""

from collections.abc import Callable, Collection
from functools import cached_property
from importlib import metadata
from typing import Any


class Plugins:
    """The offers of one group of entry points. A package is imported when one of its names is asked for.

    An offer that cannot be used hurts no other one: `load` says what is wrong with it, and `problem` too.

    Attributes:
        group: of the entry points.
        kind: what they are, for messages.
        taken: names that no package may offer.
        add: takes a name and what its entry point stands for; raises ValueError for what cannot be used.
    """

    def __init__(
        self, group: str, kind: str, taken: Collection[str], add: Callable[[str, Any], None]
    ) -> None:
        self.group, self.kind = group, kind
        self._taken, self._add = taken, add
        self._problems: dict[str, str | None] = {}  # of the names that were loaded

    @cached_property
    def _offers(self) -> dict[str, list[metadata.EntryPoint]]:
        offers: dict[str, list[metadata.EntryPoint]] = {}
        for entry in metadata.entry_points(group=self.group):
            offers.setdefault(entry.name, []).append(entry)
        return offers

    def names(self) -> tuple[str, ...]:
        """Returns every name on offer but those that are taken, sorted, whether it can be used or not."""
        return tuple(sorted(name for name in self._offers if name not in self._taken))

    def load(self, name: str) -> None:
        """Imports what is offered as `name` and adds it, once.

        Raises:
            ValueError: it cannot be used; the message names the package and the error.
        """
        if problem := self.problem(name):
            raise ValueError(problem)

    def problem(self, name: str) -> str | None:
        """Returns why the offer `name` cannot be used; None where it can, or where there is none."""
        if name not in self._problems:
            self._problems[name] = None  # what is loading now is not loaded again by what it imports
            self._problems[name] = self._load(name)
        return self._problems[name]

    def _load(self, name: str) -> str | None:
        offers = self._offers.get(name, [])
        if not offers:
            return None
        subject = f"the {self.kind} {name!r} of the installed package {self.packages(name)} cannot be used"
        if name in self._taken:
            return f"{subject}: {self.kind} {name!r} of this package has that name"
        if len(offers) > 1:
            return f"{subject}: only one package may offer a name"
        try:
            self._add(name, offers[0].load())
        except ValueError as error:
            return f"{subject}: {error}"
        except (Exception, SystemExit) as error:  # whatever the import of another's code may do
            return f"{subject}: {type(error).__name__}: {error}"
        return None

    def packages(self, name: str) -> str:
        """Returns the package that offers `name`, with its version; where there are several, all of them."""
        dists = [entry.dist for entry in self._offers.get(name, [])]
        return " and ".join(sorted(f"{dist.name} {dist.version}" for dist in dists if dist is not None))

    def describe(self) -> list[str]:
        """Returns a line for each offer, for people; to know what is wrong with it, each is imported."""
        lines = [(name, self.packages(name), self.problem(name)) for name in sorted(self._offers)]
        return [problem or f"{self.kind} {name}, of {package}" for name, package, problem in lines]
