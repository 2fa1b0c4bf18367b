"""The run folder: config, versions, metrics, summary. Never overwritten, appended to without a seam."""

import contextlib
import csv
import io
import json
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from wsrl_mjx.analysis import metrics
from wsrl_mjx.analysis.metrics import COLUMNS, Row
from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.settings import renamed
from wsrl_mjx.data import digests, files
from wsrl_mjx.runs import faults, layout, new_folder, trackers
from wsrl_mjx.runs.trackers import Tracker

RAISABLE = ("online_steps", "max_skipped_updates")  # no number before the end depends on them
PACKAGES = (
    "wsrl_mjx",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "mujoco",
    "mujoco-mjx",
    "brax",
    "numpy",
)
OPTIONAL = ("playground",)  # recorded where it is installed: a world may come from it
MISSING = "not installed as a package"


class RunFolder:
    """Paths and writers of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics_path = path / layout.METRICS
        self._written: int | None = None  # bytes of metrics.csv that are whole; None: all that it has
        self._waiting = b""  # rows that the disk has not taken yet
        self.tracker: Tracker = trackers.TensorBoard(path)

    @classmethod
    def create(cls, path: Path, config: dict[str, Any]) -> "RunFolder":
        """Makes a new folder with the config and the versions in it, whole or not at all.

        Raises:
            ValueError: if there is something at `path` already, or it cannot be made.
        """
        new_folder.check_free(path)
        with new_folder.filled(path) as place:
            folder = cls(place)
            folder.metrics_path.write_text(",".join(COLUMNS) + "\n")
            folder.write_json(layout.VERSIONS, versions())
            folder.write_json(layout.CONFIG, config)  # the last: where it is, there is a run
        return cls(path)

    @classmethod
    def reopen(cls, path: Path, config: dict[str, Any], defaults: dict[str, Any]) -> "RunFolder":
        """Opens an existing folder to go on in it.

        Args:
            path: of the folder.
            config: the settings to go on with.
            defaults: what a setting counts as that did not exist when the run began.

        What is in `RAISABLE` may have grown. Nothing is written: another process may be at work there.

        Raises:
            ValueError: no run there, or it was made with another config; the message lists the differences.
        """
        folder = cls(path)
        saved = defaults | read_config(path)
        grown = {k: config[k] for k in RAISABLE if k in config and k in saved and config[k] > saved[k]}
        saved |= grown
        differing = sorted(k for k in saved.keys() | config.keys() if saved.get(k) != config.get(k))
        if differing:
            lines = [f"  {k}: the run has {saved.get(k)!r}, now {config.get(k)!r}" for k in differing]
            raise ValueError(f"run-dir {path} was made with another config:\n" + "\n".join(lines))
        return folder

    def settle(self, config: dict[str, Any]) -> None:
        """Replaces the config where some of it has grown; for the process that holds the folder's lock."""
        if read_config(self.path) != config:
            self.write_json(layout.CONFIG, config)

    def settle_versions(self) -> list[str]:
        """Records what computes from here on; returns a line for everything that is not what it last was.

        What it was before stays in the file, under `before`, the newest last.
        """
        now = versions()
        try:
            saved = dict(json.loads((self.path / layout.VERSIONS).read_text()))
        except (OSError, ValueError, TypeError):  # no reason not to go on
            self.write_json(layout.VERSIONS, now)
            return [f"{layout.VERSIONS} was lost"]
        earlier = saved.pop("before", [])
        changed = [name for name in now if saved.get(name) != now[name]]
        if changed:
            self.write_json(layout.VERSIONS, {**now, "before": [*earlier, saved]})
        return [f"{name}: {saved.get(name)}, now {now[name]}" for name in changed]

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Replaces a JSON file in one move, so that a reader never sees half of it."""
        files.write_json(self.path / name, content)

    def append(self, rows: Iterable[Row]) -> None:
        """Appends to metrics.csv, and tells the tracker; what a full disk does not take waits.

        Raises:
            OSError: the folder is gone, or cannot be written any more.
        """
        text, added = io.StringIO(newline=""), list(rows)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(row._replace(value=repr(row.value)) for row in added)
        self._waiting += text.getvalue().encode()
        self.write_waiting()
        self.tracker.add(added)

    def write_waiting(self) -> bool:
        """Writes the rows that wait; returns whether none does any more. Raises OSError as `append` does."""
        try:
            with self.metrics_path.open("r+b") as file:  # never made anew: its rows would be lost
                # Half of what waits may be there from the time before.
                self._written = file.seek(0, os.SEEK_END) if self._written is None else self._written
                file.truncate(self._written)
                file.seek(self._written)
                file.write(self._waiting)
        except OSError as error:
            if faults.is_full(error):
                return False
            faults.check_writable(self.path)
            raise
        self._written, self._waiting = self._written + len(self._waiting), b""
        return True

    def mark(self) -> dict[str, Any]:
        """Returns the place in metrics.csv that a checkpoint remembers, once the disk has all before it.

        Raises:
            OSError: the disk is full, or does not take them otherwise.
        """
        if not self.write_waiting():
            raise OSError(f"{layout.METRICS}: there is no room for its rows")
        with self.metrics_path.open("rb") as file:
            os.fsync(file.fileno())
            content = file.read()
        return {"size": len(content), "digest": digests.of_bytes(content)}

    def holds(self, mark: dict[str, Any]) -> bool:
        """Returns whether metrics.csv begins with the rows that were there at `mark`."""
        try:
            with self.metrics_path.open("rb") as file:
                content = file.read(mark["size"])
        except OSError:
            return False
        return digests.of_bytes(content) == mark["digest"]

    def cut_metrics(self, size: int | None = None) -> None:
        """Drops the rows behind the first `size` bytes, which a checkpoint remembered; they will come again.

        Without a size all rows are dropped.

        Raises:
            ValueError: the metrics have other columns; nothing is dropped then.
        """
        metrics.check_columns(self.metrics_path)  # the rows come later: the last may be torn
        before: list[Row] = []
        with contextlib.suppress(ValueError, TypeError):  # a torn one is no reason not to go on
            before = read_metrics(self.path)
        self._written, self._waiting = len(",".join(COLUMNS)) + 1 if size is None else size, b""
        with self.metrics_path.open("r+b") as file:
            file.truncate(self._written)
        kept = read_metrics(self.path)
        self.tracker.resume(kept, before[len(kept) :])

    def close(self) -> None:
        """Ends the tracking."""
        self.tracker.close()


def read_config(path: Path) -> dict[str, Any]:
    """Returns the flat config of the run at `path`, by the names of today, with the whole path of a dataset.

    Raises:
        ValueError: there is no run.
    """
    try:
        config = json.loads((path / layout.CONFIG).read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"run-dir {path} holds no run: {layout.CONFIG} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"run-dir {path}: {layout.CONFIG} is damaged ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"run-dir {path}: {layout.CONFIG} is damaged (no settings in it)")
    if isinstance(dataset := config.get("dataset"), str):
        config["dataset"] = named_datasets.located(dataset, path)
    return renamed(config)


def kept_steps(run_dir: Path) -> list[int]:
    """Returns the indices of a run's checkpoints, oldest first: gradient steps plus online steps."""
    folder = run_dir / layout.CHECKPOINTS
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def read_metrics(path: Path) -> list[Row]:
    """Returns the rows of the metrics of the run at `path`; see `metrics.read`."""
    return metrics.read(path / layout.METRICS)


def write_metrics(path: Path, rows: Iterable[Row]) -> None:
    """Replaces a folder's metrics.csv in one move."""
    metrics.write(path / layout.METRICS, rows)


def versions() -> dict[str, Any]:
    """Returns what the numbers of a run depend on besides its config."""
    device = jax.local_devices()[0]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{device.platform}: {device.device_kind}",
        "devices": jax.local_device_count(),
        **{name: _version(name) for name in PACKAGES},
        **{name: found for name in OPTIONAL if (found := _version(name)) != MISSING},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return MISSING
