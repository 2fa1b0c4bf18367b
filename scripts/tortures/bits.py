"""Single flipped bits in the files of a checkpoint."""

import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tortures.judge import Row, leaves, like_of, same
from wsrl_mjx.runs.layout import CHECKPOINTS, METRICS


def flip_a_bit(folder: Path, rng: random.Random) -> Path:
    """Flips one random bit below `folder`, every bit as likely as any other, and returns the file."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    file = rng.choices(files, weights=[path.stat().st_size for path in files])[0]
    content = bytearray(file.read_bytes())
    bit = rng.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    return file


def flip_bits(place: Path, straight: Path, flips: int, seed: int) -> list[Row]:
    """Flips bits of the newest checkpoint: half of them anywhere, half in a file drawn first."""
    rng, like = random.Random(seed), like_of(straight)
    newest = max(int(path.name) for path in (straight / CHECKPOINTS).iterdir() if path.name.isdigit())
    before = leaves_without(straight, newest, like, place)
    whole = leaves(straight, like)
    counts = dict.fromkeys(("answered by the checkpoint before", "in bytes that are never read", "WRONG"), 0)
    for number in range(flips):
        copy = place / "flipped"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(straight / CHECKPOINTS, copy / CHECKPOINTS)
        shutil.copy(straight / METRICS, copy)
        folder = copy / CHECKPOINTS / str(newest)
        if number % 2:  # small files would hardly ever be hit
            folder = rng.choice([path for path in sorted(folder.rglob("*")) if path.is_file()]).parent
        flip_a_bit(folder, rng)
        said = io.StringIO()
        got = leaves(copy, like, said)
        named = f"checkpoint {newest}" in said.getvalue()
        if same(got[:1], whole[:1]):
            outcome = "WRONG" if named or not same(got, whole) else "in bytes that are never read"
        else:
            outcome = "answered by the checkpoint before" if named and same(got, before) else "WRONG"
        counts[outcome] += 1
    came = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return [("one flipped bit in the newest checkpoint", f"{flips}", came, counts["WRONG"] == 0)]


def leaves_without(path: Path, step: int, like: Callable[[str], object], place: Path) -> list:
    """Returns the arrays of the checkpoint before `step`."""
    copy = place / "before"
    shutil.copytree(path / CHECKPOINTS, copy / CHECKPOINTS)
    shutil.copy(path / METRICS, copy)
    shutil.rmtree(copy / CHECKPOINTS / str(step))
    return leaves(copy, like)
