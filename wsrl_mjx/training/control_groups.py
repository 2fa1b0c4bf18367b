"""What Linux's control groups let this process use: a container's or a cluster job's share of the machine."""

from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def folders(controller: str, groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> Iterator[Path]:
    """Yields the folders of this process's groups and of all above them: every one may limit it.

    Args:
        controller: what is limited, "memory" or "cpu".
        groups: where Linux shows its control groups, of version 1 or 2; elsewhere there is nothing.
        membership: of this process in them, lines of id:controllers:path.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, own = line.split(":", maxsplit=2)
        if controllers and controller not in controllers.split(","):
            continue
        top = groups / controller if controllers else groups
        path = Path(own.lstrip("/"))
        yield from (top / part for part in (path, *path.parents))


def numbers(file: Path) -> list[int] | None:
    """Returns the numbers in a file; None where it has others: no such group, or "max"."""
    try:
        return [int(word) for word in file.read_text().split()]
    except (OSError, ValueError):
        return None
