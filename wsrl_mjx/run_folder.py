"""The run folder: config, versions, metrics, summary. Never overwritten, appended to without a seam."""

import csv
import json
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
from tensorboardX import SummaryWriter

COLUMNS = ("phase", "step", "seed", "name", "value", "point")
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


class Row(NamedTuple):
    """One line of metrics.csv."""

    phase: str
    step: int
    seed: int
    name: str
    value: float
    point: str = ""  # of the grid; empty where the run has none


class RunFolder:
    """Paths and writers of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics_path = path / "metrics.csv"
        self._events: dict[str, SummaryWriter] = {}  # by phase: each counts its own steps
        self._events_kept: dict[str, int] | None = None  # last step by phase, after a resume

    @classmethod
    def create(cls, path: Path, config: dict[str, Any]) -> "RunFolder":
        """Makes a new folder with the config and the versions in it.

        Raises:
            ValueError: if there is something at `path` already.
        """
        check_free(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"run-dir {path} cannot be made: {error.strerror}") from None
        folder = cls(path)
        folder.write_json("versions.json", versions())
        folder.metrics_path.write_text(",".join(COLUMNS) + "\n")
        folder.write_json("config.json", config)  # last: where it is, the run can go on
        return folder

    @classmethod
    def reopen(cls, path: Path, config: dict[str, Any], defaults: dict[str, Any]) -> "RunFolder":
        """Opens an existing folder to go on in it.

        Args:
            path: of the folder.
            config: the settings to go on with.
            defaults: what a setting counts as that did not exist when the run began.

        Raises:
            ValueError: no run there, or it was made with another config; the message lists the differences.
        """
        folder = cls(path)
        saved = defaults | read_config(path)
        differing = sorted(k for k in saved.keys() | config.keys() if saved.get(k) != config.get(k))
        if differing:
            lines = [f"  {k}: the run has {saved.get(k)!r}, now {config.get(k)!r}" for k in differing]
            raise ValueError(f"run-dir {path} was made with another config:\n" + "\n".join(lines))
        return folder

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Replaces a JSON file in one move, so that a reader never sees half of it."""
        temporary = self.path / f".{name}.new"
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(self.path / name)

    def append(self, rows: Iterable[Row]) -> None:
        """Appends to metrics.csv and to the TensorBoard events."""
        with self.metrics_path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for row in rows:
                writer.writerow(row._replace(value=repr(row.value)))
                member = f"{row.point}/seed{row.seed}".removeprefix("/")
                self._events_of(row.phase).add_scalar(f"{row.name}/{member}", row.value, row.step)

    def metrics_size(self) -> int:
        """Returns the bytes in metrics.csv; a checkpoint remembers them."""
        return self.metrics_path.stat().st_size

    @staticmethod
    def header_size() -> int:
        """Returns the bytes of a metrics.csv without rows."""
        return len(",".join(COLUMNS)) + 1

    def cut_metrics(self, size: int) -> None:
        """Drops the rows written after the checkpoint that remembered `size`; they will come again.

        Raises:
            ValueError: the metrics have other columns; nothing is dropped then.
        """
        _check_columns(self.path)  # the rows come later: the last may be torn
        with self.metrics_path.open("r+b") as file:
            file.truncate(size)
        self._events_kept = {}
        for row in read_metrics(self.path):
            self._events_kept[row.phase] = max(row.step, self._events_kept.get(row.phase, 0))

    def close(self) -> None:
        """Flushes the events."""
        for events in self._events.values():
            events.close()

    def _events_of(self, phase: str) -> SummaryWriter:
        """Returns the phase's writer; after a resume TensorBoard forgets the steps that come again."""
        if phase not in self._events:
            folder = self.path / "tensorboard" / phase
            self._events[phase] = SummaryWriter(
                str(folder),
                purge_step=None if self._events_kept is None else self._events_kept.get(phase, -1) + 1,
                # The library names a file by the second: one of the same second would be overwritten.
                filename_suffix=f".{len(list(folder.glob('events*')))}",
            )
        return self._events[phase]


def check_free(path: Path) -> None:
    """Raises ValueError if no folder can be made at `path`, or it is taken; then a free one is named."""
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ValueError(f"run-dir {path}: no folder can be made in {above}")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        free = next(p for n in range(2, 10_000) if not (p := path.with_name(f"{path.name}-{n}")).exists())
        raise ValueError(
            f"run-dir {path} exists; go on in it with --resume, or take a free name: --run-dir {free}"
        )


def read_config(path: Path) -> dict[str, Any]:
    """Returns the flat config of the run at `path`.

    Raises:
        ValueError: there is no run.
    """
    try:
        config = json.loads((path / "config.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"run-dir {path} holds no run: config.json is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"run-dir {path}: config.json is damaged ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"run-dir {path}: config.json is damaged (no settings in it)")
    return config


def read_metrics(path: Path) -> list[Row]:
    """Returns the rows of a run's metrics.csv.

    Raises:
        ValueError: its columns are not ours: another version wrote it.
    """
    _check_columns(path)
    with (path / "metrics.csv").open(newline="") as file:
        return [
            Row(r["phase"], int(r["step"]), int(r["seed"]), r["name"], float(r["value"]), r["point"])
            for r in csv.DictReader(file)
        ]


def _check_columns(path: Path) -> None:
    with (path / "metrics.csv").open() as file:
        header = file.readline().strip()
    if header != ",".join(COLUMNS):
        raise ValueError(
            f"run-dir {path}: metrics.csv must have the columns {', '.join(COLUMNS)}, got {header!r}; "
            "another version wrote it"
        )


def write_metrics(path: Path, rows: Iterable[Row]) -> None:
    """Replaces a folder's metrics.csv in one move."""
    temporary = path / ".metrics.csv.new"
    with temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row._replace(value=repr(row.value)) for row in rows)
    temporary.replace(path / "metrics.csv")


def versions() -> dict[str, Any]:
    """Returns what the numbers of a run depend on besides its config."""
    device = jax.local_devices()[0]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{device.platform}: {device.device_kind}",
        "devices": jax.local_device_count(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed as a package"
