"""A run's part in sharing pretrainings: it takes a finished one, or keeps its own for the runs to come."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.data import held_out
from wsrl_mjx.runs import faults, layout, origins, pretrained, shipped
from wsrl_mjx.runs.checkpoint import NotSavedError
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.pretrained import Found
from wsrl_mjx.runs.run_folder import RunFolder, read_metrics
from wsrl_mjx.runs.run_record import RunRecord
from wsrl_mjx.runs.setup import Setup


class PretrainingSharing:
    """Pretrainings of one identity: in a run's folder, in the run it is told to start from, in the cache.

    Attributes:
        identity: `pretrained.identity` of the run.
        source: the run's or shipped folder whose pretraining must be taken; None: whatever is in the cache.
        origin: where a pretraining that was found comes from.
        given: the source, for people; None: none was named.
    """

    def __init__(self, setup: Setup, folder: RunFolder, console: Console) -> None:
        self.identity, self.source = setup.identity, setup.options.pretrained
        self.origin = str(self.source or "the cache")
        if self.source is not None and origins.is_item(self.source):
            self.origin = f"the package ({self.source.name})"
        self.given = None if self.source is None else self.origin
        self._keys = setup.keys
        self._cache_dir, self._folder, self._console = setup.options.cache_dir, folder, console

    def find(self, like: Any) -> Found | None:
        """Returns a finished pretraining shaped like `like`, or None where there is none.

        It is kept in the run from now on, and its rows are appended to the metrics.

        Raises:
            ValueError: the source's cannot be used; see `pretrained.find`.
        """
        found = self._taken_before(like)
        if found is None:
            found = self._of_source(like)
        if found is None:
            return None
        self._keep([self._folder.path / layout.PRETRAINED], found)
        held_out.save(self._folder.path, found.held_out)
        self._folder.append(Row(*row) for row in found.meta["rows"])
        rows = found.meta["facts"]["dataset_rows"]
        self._console.say(
            f"pretraining: found finished in {self.origin}; its {rows:,} rows of offline data are not loaded"
        )
        return found

    def _of_source(self, like: Any) -> Found | None:
        if self.source is not None and origins.is_item(self.source):
            return shipped.load(self.source, self.identity, like, self._keys)
        return pretrained.find(self.source, self._cache_dir, self.identity, like, self._console.say)

    def _taken_before(self, like: Any) -> Found | None:
        """Returns the pretraining that this run began from, where it was cut before its first checkpoint."""
        own = self._folder.path
        if not (own / layout.PRETRAINED).is_dir():
            return None
        try:
            found = pretrained.find(own, self._cache_dir, self.identity, like, self._console.say)
        except ValueError as error:  # itself cut in the middle, or damaged
            self._console.say(f"{error}; it is deleted, and looked for elsewhere")
            shutil.rmtree(own / layout.PRETRAINED, ignore_errors=True)
            return None
        self.origin = "this run's folder"
        return found

    def keep(self, state: Any, record: RunRecord) -> None:
        """Saves the run's own finished pretraining in its folder and in the cache."""
        rows = [list(row) for row in read_metrics(self._folder.path) if row.phase == "pretrain"]
        meta = {"facts": asdict(record), "rows": rows}
        folders = [
            self._folder.path / layout.PRETRAINED,
            pretrained.cache_folder(self._cache_dir, self.identity),
        ]
        self._keep(folders, Found(state, meta, held_out.load(self._folder.path)))

    def _keep(self, folders: list[Path], found: Found) -> None:
        try:
            pretrained.keep(folders, self.identity, found)
        except (OSError, NotSavedError) as error:  # the run itself needs it no more
            faults.check_writable(self._folder.path)
            self._console.say(f"the pretraining could not be kept for other runs: {error}")
