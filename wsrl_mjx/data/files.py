"""Files: written whole or not at all, and their errors in words."""

import contextlib
import csv
import json
import os
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def written_whole(path: Path) -> Generator[Path]:
    """Gives a new file beside `path` to write, and moves it there in one step when the body is done.

    A reader never sees half a file. An error in the body leaves what was there before, and nothing beside it.
    """
    # By process, because machines that share a folder write alike; NumPy adds an ending where it sees none.
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write_json(path: Path, content: Any) -> None:
    """Writes plain values as a JSON file, whole or not at all."""
    with written_whole(path) as beside:
        beside.write_text(json.dumps(content, indent=2) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a header and rows as a CSV file, whole or not at all."""
    with written_whole(path) as beside, beside.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def as_meant(path: Path) -> Path:
    """Returns a path as a shell reads it, `~` as the home folder; `.` and `..` become the folders they mean.

    Any other path stays as it was typed, so that messages have the user's words.

    Raises:
        ValueError: its bytes are no text, which checkpoints cannot be written under.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError(f"paths must be text in UTF-8, got {os.fsencode(path)!r}") from None
    try:
        path = path.expanduser()
    except RuntimeError:  # no such user: a shell leaves it as it is
        return path
    return path.resolve() if path.name in ("", "..") else path


def from_here(path: Path) -> Path:
    """Returns a path as people write it in messages: what is below the working directory without that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def check_links(name: str, path: Path) -> None:
    """Checks that neither `path` nor a folder above it is a link that leads nowhere.

    Raises:
        ValueError: one is; the message begins with `name`, the flag.
    """
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            raise ValueError(
                f"{name} {path}: {place} is a link to {place.readlink()}, where there is nothing"
            )


def in_words(error: OSError) -> str:
    """Returns an error of the system in one line, with the file that it is about."""
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
