"""How much memory there is: an accelerator's own, or what of the machine's this process may use."""

import os
from pathlib import Path

import jax

from wsrl_mjx.training import control_groups


def device_bytes() -> int:
    """Returns the memory of the device that computes; all devices of a CPU share the machine's."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or machine_bytes()


def machine_bytes(groups: Path = control_groups.GROUPS, membership: Path = control_groups.MEMBERSHIP) -> int:
    """Returns the machine's memory, or less where a container or a cluster's job is limited to less.

    Args:
        groups: see `control_groups.folders`.
        membership: see there.
    """
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    folders = control_groups.folders("memory", groups, membership)
    found = [
        control_groups.numbers(folder / name)
        for folder in folders
        for name in ("memory.max", "memory.limit_in_bytes")
    ]
    return min([there, *(limit[0] for limit in found if limit)])
