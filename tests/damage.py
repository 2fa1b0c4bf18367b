"""What disks do to files, for the tests."""

import random
from pathlib import Path


def flip_a_bit(folder: Path, rng: random.Random) -> Path:
    """Flips one random bit of one random file below `folder`, and returns the file."""
    file = rng.choice([path for path in sorted(folder.rglob("*")) if path.is_file()])
    content = bytearray(file.read_bytes())
    bit = rng.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    return file


def spoil(folder: Path) -> None:
    """Overwrites the middle of the largest file below `folder`: of a checkpoint, numbers of an array."""
    file = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = bytes(255 - byte for byte in content[middle : middle + 8])
    file.write_bytes(content)
