"""Another project's dataset as a folder of ours: converted when it is first asked for, then kept."""

from pathlib import Path

from wsrl_mjx.data import cache, dataset, digests
from wsrl_mjx.data.foreign import minari_folder
from wsrl_mjx.data.foreign.episodes import to_dataset
from wsrl_mjx.data.foreign.reading import read


def is_foreign(path: Path) -> bool:
    """Returns whether at `path` is a file or a Minari dataset's folder; ours are folders of another kind."""
    return path.is_file() or minari_folder.is_one(path)


def converted(path: Path, cache_folder: Path) -> Path:
    """Returns the folder of the same rows, kept under a digest of the bytes at `path`.

    Raises:
        ValueError: no known format, or rows that cannot be used as they are; the message names the file.
    """
    folder = cache_folder / "datasets" / f"{path.stem}-{cache.key_of({'converted': _digest(path)})}"
    if (folder / "card.json").is_file():
        return folder
    try:
        made = to_dataset(read(path))
    except ValueError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"dataset {path}: {reason}; scripts/data.py can inspect and convert it") from None
    dataset.save(folder, made)
    return folder


def _digest(path: Path) -> str:
    found = [path] if path.is_file() else sorted(part for part in path.rglob("*") if part.is_file())
    return digests.of_json([[str(part.relative_to(path)), digests.of_file(part)] for part in found])
