"""How much memory there is: an accelerator's own, or what of the machine's this process may use."""

import os
from pathlib import Path

import jax

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def device_bytes() -> int:
    """Returns the memory of the device that computes."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or machine_bytes()


def machine_bytes(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> int:
    """Returns the machine's memory, or less where a container or a cluster's job is limited to less.

    Args:
        groups: where Linux shows its control groups, of version 1 or 2; elsewhere there is nothing.
        membership: of this process in them, lines of id:controllers:path.
    """
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([there, *_limits(groups, membership)])


def _limits(groups: Path, membership: Path) -> list[int]:
    """Returns the limits of this process's groups and of all groups above them."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    limits: list[int] = []
    for line in lines:
        _, controllers, own = line.split(":", maxsplit=2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = (groups / "memory", "memory.limit_in_bytes") if controllers else (groups, "memory.max")
        own = top / own.lstrip("/")
        limits += [limit for group in (own, *own.parents) if (limit := _limit(group / name)) is not None]
    return limits


def _limit(file: Path) -> int | None:
    """Returns the number in a file; None where it has none: no such group, or "max"."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
