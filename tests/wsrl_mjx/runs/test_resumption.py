"""What a run goes on from: the newest sound checkpoint, with the metrics that belong to it."""

import errno
import io
import itertools
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import damage
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console as RichConsole

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.resumption import Resumption, rows_in_use
from wsrl_mjx.runs.run_folder import RunFolder, read_metrics
from wsrl_mjx.types import Clock, TrainState

MEMBERS, CAPACITY = 2, 40
FACTS = {"dataset_rows": 7}


def state_at(step: int, phase: str = "online", capacity: int = CAPACITY) -> TrainState:
    """Returns a state whose rows count from 1, of which `step` are written."""
    rows = jnp.arange(1.0, 1.0 + MEMBERS * capacity * 3).reshape(MEMBERS, capacity, 3)
    written = jnp.arange(capacity)[None, :, None] < step
    buffer = ReplayBuffer(
        {"obs": jnp.where(written, rows, 0.0), "valid": jnp.where(written[..., 0], 1.0, 0.0)}
    )
    weights = (
        np.random.default_rng(step).normal(size=(MEMBERS, 16)).astype(np.float32)
    )  # in any process alike
    return TrainState(
        agent={"weights": jnp.asarray(weights), "count": jnp.asarray([1, step])},
        env=None,
        buffer=buffer if phase == "online" else None,
        key=jax.random.split(jax.random.key(step), MEMBERS),
    )


def like(phase: str) -> TrainState:
    return jax.eval_shape(lambda: state_at(0, phase))


def clock_at(step: int) -> Clock:
    return Clock.zero().replace(env_steps=jnp.asarray(step, jnp.int32))


def same(one: Any, other: Any) -> bool:
    bits = lambda x: np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(bits(a), bits(b)) for a, b in leaves)


class Opened(Resumption):
    """The checkpoints of a folder, with rows written beside them, and what was said."""

    def __init__(self, folder: RunFolder) -> None:
        self.said = io.StringIO()
        self.folder = folder
        super().__init__(folder, Console(RichConsole(file=self.said, width=1000)))

    def reach(self, step: int, phase: str = "online") -> None:
        """Writes a row and a checkpoint."""
        self.folder.append([Row(phase, step, 0, "critic/q", 1.0 / (1 + step))])
        self.save(step, phase, step, FACTS, state_at(step, phase), clock_at(step))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made = Opened(RunFolder.create(tmp_path / "run", {}))
    yield made
    made.close()
    made.folder.close()


def checkpoint(opened: Opened, step: int) -> Path:
    return opened.folder.path / "checkpoints" / str(step)


def steps(opened: Opened) -> list[int]:
    return [row.step for row in read_metrics(opened.folder.path)]


@pytest.mark.parametrize("step", [10, CAPACITY, CAPACITY + 10])
def test_everything_comes_back_and_the_rows_that_are_not_written_as_zeros(opened: Opened, step: int) -> None:
    opened.reach(step)
    saved = opened.newest(like)
    assert saved is not None and (saved.phase, saved.step, saved.facts) == ("online", step, FACTS)
    assert same((saved.state, saved.clock), (state_at(step), clock_at(step)))
    jax.jit(lambda x: jax.tree.map(lambda leaf: leaf + 0, x), donate_argnums=0)(saved.state.buffer)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(saved.state.buffer))


def test_rows_that_are_not_written_are_not_saved(tmp_path: Path) -> None:
    """Noise does not compress: what is on disk is what was written of it."""
    noise = np.random.default_rng(0).normal(size=(1, 100_000, 4)).astype(np.float32)
    sizes = []
    for step in (1000, 100_000):
        folder = RunFolder.create(tmp_path / str(step), {})
        saving = Opened(folder)
        written = jnp.asarray(noise).at[:, step:].set(0.0)
        state = state_at(0).replace(buffer=ReplayBuffer(written))
        saving.save(step, "online", step, FACTS, state, clock_at(step))
        saving.close()
        sizes.append(sum(p.stat().st_size for p in checkpoint(saving, step).rglob("*") if p.is_file()))
    assert sizes[0] < 40_000 and sizes[1] > 1_000_000


def test_rows_in_use_end_with_the_last_that_is_not_zeros() -> None:
    """A negative zero is no zero: its bits are to come back."""
    for rows in (0, 1, 4095, 4096, 4097, 9000):
        store = np.zeros((2, 9000, 3), np.float32)
        store[1, max(0, rows - 1), 2] = -0.0 if rows else 0.0
        assert rows_in_use(ReplayBuffer([np.zeros((2, 9000), bool), store])) == rows
    assert rows_in_use(None) == 0


def test_pretraining_has_no_rows(opened: Opened) -> None:
    opened.reach(10, "pretrain")
    saved = opened.newest(like)
    assert saved is not None and same(saved.state, state_at(10, "pretrain"))


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(opened: Opened) -> None:
    opened.reach(10)
    opened.reach(20)
    damage.spoil(checkpoint(opened, 20))
    saved = opened.newest(like)
    assert saved is not None and saved.step == 10 and same(saved.state, state_at(10))
    assert "checkpoint 20 in " in opened.said.getvalue() and "is damaged: " in opened.said.getvalue()
    assert steps(opened) == [10] and (opened.folder.path / "damaged" / "20").is_dir()
    opened.reach(20)  # its place is free again
    again = opened.newest(like)
    assert again is not None and again.step == 20 and steps(opened) == [10, 20]


def test_where_no_checkpoint_is_sound_it_says_so_and_changes_nothing(opened: Opened) -> None:
    opened.reach(10)
    opened.reach(20)
    for step in (10, 20):
        damage.spoil(checkpoint(opened, step))
    with pytest.raises(ValueError, match="no checkpoint that can be gone on with: 2 of 2 are damaged"):
        opened.newest(like)
    assert steps(opened) == [10, 20] and checkpoint(opened, 20).is_dir()


def test_a_checkpoint_without_its_metrics_is_not_taken(opened: Opened) -> None:
    opened.reach(10)
    kept = opened.folder.metrics_path.read_bytes()
    opened.reach(20)
    opened.folder.metrics_path.write_bytes(kept)
    saved = opened.newest(like)
    assert saved is not None and saved.step == 10
    assert "checkpoint 20 cannot be used: metrics.csv lacks rows" in opened.said.getvalue()


def test_without_any_checkpoint_all_rows_come_again(opened: Opened) -> None:
    opened.folder.append([Row("pretrain", 10, 0, "critic/q", 1.0)])
    assert opened.newest(like) is None and steps(opened) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_flipped_bit_is_noticed_or_harmless(opened: Opened, seed: int) -> None:
    """scripts/torture.py flips a hundred, in a real run."""
    opened.reach(10)
    opened.reach(20)
    file = damage.flip_a_bit(checkpoint(opened, 20), random.Random(seed))
    saved = opened.newest(like)
    assert saved is not None
    assert same((saved.state, saved.clock), (state_at(saved.step), clock_at(saved.step))), file
    assert saved.step == 20 or "is damaged" in opened.said.getvalue()


def test_a_full_disk_is_said_and_a_later_save_succeeds(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.reach(10)
    opened.reach(20)
    real = opened.folder.mark

    def full() -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(opened.folder, "mark", full)
    opened.reach(30)
    assert opened.overdue
    said = opened.said.getvalue()
    assert "checkpoint 30 could not be saved ([Errno 28] No space" in said and "checkpoint 20 stays" in said
    opened.reach(35)
    assert opened.said.getvalue().endswith("checkpoint 35 could not be saved either\n")
    monkeypatch.setattr(opened.folder, "mark", real)
    opened.reach(40)
    assert not opened.overdue and "checkpoint 40 is saved" in opened.said.getvalue()
    saved = opened.newest(like)
    assert saved is not None and saved.step == 40 and steps(opened) == [10, 20, 30, 35, 40]


def test_a_folder_that_is_gone_ends_the_run(opened: Opened) -> None:
    opened.reach(10)
    shutil.rmtree(opened.folder.path)
    with pytest.raises(OSError, match="is gone"):
        opened.save(20, "online", 20, FACTS, state_at(20), clock_at(20))
    opened.folder.path.mkdir()


def test_what_a_killed_save_leaves_is_removed(opened: Opened) -> None:
    opened.reach(10)
    torn = opened.folder.path / "checkpoints" / "20.orbax-checkpoint-tmp"
    shutil.copytree(checkpoint(opened, 10), torn)
    saved = opened.newest(like)
    assert saved is not None and saved.step == 10 and not torn.exists()


def test_checkpoints_of_another_version_are_not_taken(opened: Opened) -> None:
    opened.reach(10)
    (checkpoint(opened, 10) / "digests.json").unlink()
    metadata = checkpoint(opened, 10) / "meta" / "metadata"
    metadata.write_text('{"phase": "online", "step": 10}')
    with pytest.raises(ValueError, match="1 of 1 are damaged"):
        opened.newest(like)
    assert "its metadata are not those that were saved" in opened.said.getvalue()


def keep_saving(path: Path) -> None:
    """What the process does that is killed: it saves, for ever."""
    opened = Opened(RunFolder.create(path, {}) if not path.exists() else RunFolder(path))
    saved = opened.newest(like)
    for step in itertools.count(10 if saved is None else saved.step + 10, 10):
        opened.reach(step)


@pytest.mark.slow
def test_a_process_killed_during_a_save_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    """scripts/torture.py does this to real runs."""
    here, rng, reached = Path(__file__), random.Random(0), 0
    program = f"import sys; sys.path[:0] = {sys.path!r}; sys.path.insert(0, {str(here.parent)!r}); "
    program += f"from pathlib import Path; import {here.stem} as t; t.keep_saving(Path(sys.argv[1]))"
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "run")]) as process:
            checkpoints, seen = tmp_path / "run" / "checkpoints", set[str]()
            while len(seen) < 3:  # saves that were seen under way
                assert process.poll() is None
                seen |= {path.name for path in checkpoints.glob("*.orbax-checkpoint-tmp")}
            time.sleep(rng.uniform(0.0, 0.02))
            process.kill()
        opened = Opened(RunFolder(tmp_path / "run"))
        saved = opened.newest(like)
        opened.close()
        assert saved is not None and saved.step > reached and "damaged" not in opened.said.getvalue()
        assert same(saved.state, state_at(saved.step)) and steps(opened) == list(
            range(10, saved.step + 1, 10)
        )
        reached = saved.step
