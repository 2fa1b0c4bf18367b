"""Every method, and every ablation that changes the loop, ends a run and resumes bit for bit.

A new method is a line in `wsrl_mjx.config.methods.METHODS`; it is tested by this file.
"""

import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from watched import LINE, CutOffError, Watched, settings, values

import envs
from wsrl_mjx.config.methods import METHODS
from wsrl_mjx.runs.run_folder import read_metrics
from wsrl_mjx.runs.setup import RunOptions

ABLATIONS: dict[str, dict[str, Any]] = {
    "wsrl, fresh parts": {
        "init_actor": "fresh", "init_critics": "fresh", "keep_optimizers": False, "keep_temperature": False,
    },
    "wsrl, random warmup, append": {"warmup_source": "random", "retain": "append", "true_value_states": 3},
    "calql with retention, warmup of data": {
        "method": "calql", "offline_share": 0.5, "warmup_source": "data", "warmup_steps": 8,
    },
    "wsrl from bc": {"offline_algo": "bc"},
}  # fmt: skip
ARMS = {name: {"method": name, **method.settings} for name, method in METHODS.items()} | ABLATIONS


@pytest.fixture(autouse=True)
def probe_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment object for all runs, because programs are compiled for it."""
    monkeypatch.setattr(envs, "make_from_text", lambda name, options: {"line": LINE}[name])


def settings_of(arm: str) -> Any:
    changes = dict(ARMS[arm])
    if "method" in changes:
        changes = METHODS[changes["method"]].settings | changes
    changes.pop("dataset", None)  # the line has no demonstrations
    if changes.get("guide_steps"):
        changes["guide_steps"] = 3.0  # episodes are short here
    if changes.pop("utd", None):  # so2's ten updates would wait longer than the run, for nine rows of ten
        changes["offline_share"] = 0.5
    return settings(num_seeds=1, **changes)


# What the loop has of its own: no data, data that stays, a warmup of data, returns-to-go. Others are slow.
QUICK = {"wsrl", "rlpd", "calql with retention, warmup of data"}
# What these have is in another one, or in the algorithms' own tests.
REPEATED = {"calql", "cql", "sac", "serl", "so2", "wsrl from bc", "wsrl, fresh parts"}


def suite(arm: str) -> Any:
    return () if arm in QUICK else pytest.mark.thorough if arm in REPEATED else pytest.mark.slow


@pytest.mark.parametrize("arm", [pytest.param(arm, marks=suite(arm)) for arm in ARMS])
def test_it_ends_and_a_resumed_run_is_the_straight_one(arm: str, tmp_path: Path) -> None:
    config = settings_of(arm)
    cache = tmp_path / "cache"
    # What a power cut would leave on the disk, behind the rows of a chunk without a checkpoint.
    at_power_cut = lambda: shutil.copytree(tmp_path / "straight", tmp_path / "cut")
    straight = Watched(config, RunOptions(tmp_path / "straight", cache), ("online", 30), at_power_cut)
    straight.train()
    resumed = Watched(config, RunOptions(tmp_path / "cut", cache, resume=True))
    resumed.train()
    for one, other in zip(jax.tree.leaves(straight.last), jax.tree.leaves(resumed.last), strict=True):
        np.testing.assert_array_equal(one, other)
    rows = read_metrics(tmp_path / "straight")
    assert [row for row in rows if row.phase == "online"] == [
        row for row in read_metrics(tmp_path / "cut") if row.phase == "online"
    ]
    assert (tmp_path / "straight" / "summary.json").is_file()
    updates = values(rows, "online", "actor/loss")
    assert (40, 0) in updates and np.isfinite(list(updates.values())).all()
    check_diagnostics(arm, rows)
    check_data(arm, straight, resumed)


def check_diagnostics(arm: str, rows: list[Any]) -> None:
    """What belongs to every evaluation is there, and the policy drifts once it learns, not before."""
    evaluated = {(step, 0) for step in (0, 20, 40)}
    measured = lambda name: values(rows, "online", name)
    assert measured("replay/q").keys() == measured("replay/td_error").keys()
    assert measured("replay/q").keys() >= {(20, 0), (40, 0)}
    if arm == "sac":  # no data at all
        assert not measured("held_out/q")
        return
    assert measured("drift/kl").keys() == measured("held_out/q").keys() == evaluated
    begins_as_pretrained = settings_of(arm).online.init_actor == "pretrained"
    assert (abs(measured("drift/kl")[0, 0]) < 1e-5) == begins_as_pretrained
    assert measured("drift/action")[40, 0] > 0.0
    restarted = bool(settings_of(arm).evaluation.true_value_states)
    assert bool(measured("value/true")) == restarted
    # CQL's targets take the best of two actions, SAC's one.
    assert bool(values(rows, "pretrain", "value/best_true")) == restarted and not measured("value/best_true")


def check_data(arm: str, straight: Watched, resumed: Watched) -> None:
    """The data is there exactly as long as the method says."""
    config = settings_of(arm)
    said = straight.said.getvalue()
    assert ("offline data dropped" in said) == (config.offline.offline_steps > 0 and not config.keeps_data)
    assert ("offline data:" in resumed.said.getvalue()) == config.keeps_data
    if config.keeps_data:
        assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(straight.loaded))
    else:
        assert straight.loaded is None or all(leaf.is_deleted() for leaf in jax.tree.leaves(straight.loaded))


def test_as_many_offline_rows_begin_the_buffer_as_were_asked_for(tmp_path: Path) -> None:
    """One after the other through the same programs: the number of rows is part of the switch's program."""

    class Switched(Watched):
        def _switch(self, pretrained: Any) -> Any:
            self.rows = np.asarray(super()._switch(pretrained).buffer.data.valid)
            raise CutOffError

    for rows in (8, 12):
        config = settings(num_seeds=1, warmup_source="data", warmup_steps=rows)
        run = Switched(config, RunOptions(tmp_path / str(rows), tmp_path / "cache"))
        with pytest.raises(CutOffError):
            run.train()
        assert run.rows.sum() == run.rows[:, :rows].sum() == rows
