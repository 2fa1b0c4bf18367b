"""The cores that there are: fewer than the machine's where the scheduler or a control group says so."""

import os
from pathlib import Path

import pytest

from wsrl_mjx.training import cores


@pytest.mark.parametrize(
    ("membership", "limits", "wanted"),
    [
        ("0::/job/step", {"job/step/cpu.max": "300000 100000\n", "job/cpu.max": "max 100000\n"}, 3),
        ("0::/job/step", {"job/step/cpu.max": "max 100000\n", "job/cpu.max": "250000 100000\n"}, 2),
        ("0::/job", {"job/cpu.max": "50000 100000\n"}, 1),
        ("0::/", {"cpu.max": "max 100000\n"}, 4),
        ("0::/", {"cpu.max": "900000 100000\n"}, 4),
        (
            "4:cpu,cpuacct:/job\n0::/",
            {"cpu/job/cpu.cfs_quota_us": "200000\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
            2,
        ),
        (
            "4:cpu:/job",
            {"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
            4,
        ),
        ("4:memory:/job", {"cpu/job/cpu.cfs_quota_us": "100000\n"}, 4),
    ],
)
def test_the_smallest_limit_of_the_own_groups_counts(
    membership: str,
    limits: dict[str, str],
    wanted: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 4, 6}, raising=False)
    groups = tmp_path / "groups"
    for name, limit in limits.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(limit)
    (tmp_path / "membership").write_text(membership)
    assert cores.free(groups, tmp_path / "membership") == wanted


def test_without_an_affinity_the_machines_cores_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores.free(tmp_path, tmp_path / "nothing") == 6
