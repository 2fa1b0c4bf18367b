"""How many cores this process may compute on."""

import os
from pathlib import Path

from wsrl_mjx.training import control_groups


def free(groups: Path = control_groups.GROUPS, membership: Path = control_groups.MEMBERSHIP) -> int:
    """Returns the cores that the scheduler and the control groups leave to this process, 1 at least.

    Args:
        groups: see `control_groups.folders`.
        membership: see there.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # only Linux has it
    allowed = os.cpu_count() or 1 if affinity is None else len(affinity(0))
    quotas = [_quota(folder) for folder in control_groups.folders("cpu", groups, membership)]
    return max(1, min([allowed, *(quota for quota in quotas if quota is not None)]))


def _quota(folder: Path) -> int | None:
    """Returns the whole cores that a group may use in each period; None where it is not limited."""
    both = control_groups.numbers(folder / "cpu.max")  # version 2: quota and period
    if both is None:
        quota, period = (
            control_groups.numbers(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")
        )
        both = [*quota, *period] if quota and period else None
    return both[0] // both[1] if both is not None and len(both) == 2 and both[0] > 0 else None
