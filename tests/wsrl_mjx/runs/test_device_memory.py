"""The memory that there is: less than the machine's where a control group says so."""

import os
from pathlib import Path

import pytest

from wsrl_mjx.runs.device_memory import machine_bytes

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("membership", "limits", "wanted"),
    [
        ("0::/job/step", {"job/step/memory.max": "3000\n", "job/memory.max": "max\n"}, 3000),
        ("0::/job/step", {"job/step/memory.max": "max\n", "job/memory.max": "2000\n"}, 2000),
        ("0::/", {"memory.max": "max\n"}, MACHINE),
        ("4:cpu,memory:/job\n0::/", {"memory/job/memory.limit_in_bytes": "1000\n"}, 1000),
        ("4:cpu:/job", {"memory/job/memory.limit_in_bytes": "1000\n"}, MACHINE),
        ("4:memory:/job", {"memory/memory.limit_in_bytes": f"{2**63}\n"}, MACHINE),
    ],
)
def test_the_smallest_limit_of_the_own_groups_counts(
    tmp_path: Path, membership: str, limits: dict[str, str], wanted: int
) -> None:
    groups = tmp_path / "groups"
    for name, limit in limits.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(limit)
    (tmp_path / "membership").write_text(membership)
    assert machine_bytes(groups, tmp_path / "membership") == wanted


def test_without_control_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert machine_bytes(tmp_path, tmp_path / "nothing") == MACHINE
