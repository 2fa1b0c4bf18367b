"""Makes a run's folder: whole or not at all, and never over anything that is there."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from wsrl_mjx.data import files
from wsrl_mjx.runs import layout


def check_free(path: Path) -> None:
    """Raises ValueError if no folder can be made at `path`, or it is taken; then a free one is named.

    An empty folder is free, and so is a link to one.
    """
    files.check_links("run-dir", path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"run-dir {path} is no folder; choose another name")
    if path.exists() and any(path.iterdir()):
        named = path if path.name else path / "run"  # the root has no name
        free = next(p for n in range(2, 10_000) if not (p := named.with_name(f"{named.name}-{n}")).exists())
        raise ValueError(
            f"run-dir {path} exists; go on in it with --resume, or take a free name: --run-dir {free}"
        )
    whole = path.absolute()
    above = next(place for place in (whole, *whole.parents) if place.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ValueError(f"run-dir {path}: no folder can be made in {above}")


@contextmanager
def filled(path: Path) -> Generator[Path]:
    """Gives a folder to fill; what the body puts there is at `path` when it is done.

    Where `path` is no folder yet, all is moved there in one step. A folder that exists is filled where it is,
    because a shell may stand in it, or it is a link, or a disk of its own. The body writes the config last:
    without it there is no run.

    Raises:
        ValueError: the folder cannot be made or written; nothing of it stays then.
    """
    try:
        if path.is_dir():
            with _in_place(path):
                yield path
            return
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            unfinished.mkdir(parents=True)
            yield unfinished
            unfinished.rename(path)  # fails where another process was first
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    except OSError as error:
        raise ValueError(f"run-dir {path} cannot be made: {error.strerror}") from None


@contextmanager
def _in_place(path: Path) -> Generator[None]:
    """Keeps the folder for this process, and leaves it empty where the body fails."""
    (path / layout.METRICS).touch(exist_ok=False)  # fails where another process was first
    try:
        yield
    except BaseException:
        for name in (layout.CONFIG, layout.VERSIONS, layout.METRICS):
            (path / name).unlink(missing_ok=True)
        raise
