"""The run folder: appended to without a seam, cut back exactly, never overwritten."""

import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.runs import run_folder
from wsrl_mjx.runs.run_folder import RunFolder, read_config, read_metrics

CONFIG = {"seed": 0, "utd": 4.0}
ROWS = [Row("online", 10, 0, "critic/q", 0.1), Row("online", 10, 1, "critic/q", 1 / 3)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    made = RunFolder.create(tmp_path / "run", CONFIG)
    yield made
    made.close()


def test_rows_come_back_exactly(folder: RunFolder) -> None:
    folder.append(ROWS[:1])
    folder.append(ROWS[1:])
    folder.close()
    assert read_metrics(folder.path) == ROWS


def test_metrics_are_cut_back_to_what_a_checkpoint_remembers(folder: RunFolder) -> None:
    at_start = folder.mark()
    folder.append(ROWS[:1])
    remembered = folder.mark()
    folder.append(ROWS[1:])
    assert folder.holds(at_start) and folder.holds(remembered)
    folder.cut_metrics(remembered["size"])
    assert read_metrics(folder.path) == ROWS[:1]
    folder.append(ROWS[1:])
    folder.close()
    assert read_metrics(folder.path) == ROWS
    folder.cut_metrics()
    assert folder.mark() == at_start


def test_metrics_that_are_shorter_or_other_than_remembered_are_noticed(folder: RunFolder) -> None:
    folder.append(ROWS[:1])
    first = folder.mark()
    folder.append(ROWS[1:])
    both = folder.mark()
    whole = folder.metrics_path.read_bytes()
    folder.metrics_path.write_bytes(whole[:-1])
    assert folder.holds(first) and not folder.holds(both)
    folder.metrics_path.write_bytes(whole.replace(b"0.1", b"0.3"))
    assert not folder.holds(first)
    folder.metrics_path.unlink()
    assert not folder.holds(first)


def test_rows_wait_while_the_disk_is_full_and_come_in_order(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a line may have been written when the room ended."""
    folder.append(ROWS[:1])
    real = Path.open

    def full(path: Path, mode: str = "r", **options: Any) -> Any:
        if path == folder.metrics_path and "+" in mode:
            with real(path, "ab") as file:
                file.write(b"online,1")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, mode, **options)

    monkeypatch.setattr(Path, "open", full)
    folder.append(ROWS[1:])
    with pytest.raises(OSError, match="no room for its rows"):
        folder.mark()
    monkeypatch.setattr(Path, "open", real)
    folder.append([ROWS[0]._replace(step=20)])
    assert read_metrics(folder.path) == [*ROWS, ROWS[0]._replace(step=20)]


def test_a_folder_that_is_gone_is_an_error_that_says_so(folder: RunFolder) -> None:
    folder.append(ROWS[:1])
    shutil.rmtree(folder.path)
    with pytest.raises(OSError, match="run is gone"):
        folder.append(ROWS[1:])


def events(path: Path) -> list[Event]:
    """Returns the TensorBoard events of all files in a folder, oldest file first."""
    found = []
    for file in sorted(path.glob("events*")):
        content, start = file.read_bytes(), 0
        while start < len(content):  # length (8 bytes), checksum (4), event, checksum (4)
            size = int.from_bytes(content[start : start + 8], "little")
            found.append(Event.FromString(content[start + 12 : start + 12 + size]))
            start += size + 16
    return found


def test_tensorboard_forgets_what_comes_again_after_a_resume(folder: RunFolder) -> None:
    folder.append([Row("pretrain", 400, 0, "critic/q", 1.0), *ROWS])
    remembered = folder.mark()["size"]
    folder.append([Row("online", 20, 0, "critic/q", 2.0)])
    folder.close()
    resumed = RunFolder.reopen(folder.path, CONFIG, defaults={})
    resumed.cut_metrics(remembered)
    resumed.append([Row("online", 20, 0, "critic/q", 3.0)])
    resumed.close()
    online = events(folder.path / "tensorboard" / "online")
    told = [event.step for event in online if event.session_log.status == SessionLog.START]
    assert told == [11]  # the first step that is not in the metrics any more
    assert [event.step for event in online if event.summary.value] == [10, 10, 20, 20]
    assert [e.step for e in events(folder.path / "tensorboard" / "pretrain") if e.summary.value] == [400]


def test_config_and_versions_are_there_from_the_start(folder: RunFolder) -> None:
    assert read_config(folder.path) == CONFIG
    assert json.loads((folder.path / "versions.json").read_text())["jax"]


def test_what_a_run_is_gone_on_with_is_recorded_beside_what_it_began_with(folder: RunFolder) -> None:
    began = run_folder.versions()
    assert folder.settle_versions() == []
    folder.write_json("versions.json", began | {"jax": "0.0"})
    assert folder.settle_versions() == [f"jax: 0.0, now {began['jax']}"]
    kept = json.loads((folder.path / "versions.json").read_text())
    assert kept == {**began, "before": [began | {"jax": "0.0"}]}
    assert folder.settle_versions() == []
    (folder.path / "versions.json").write_text("torn {")
    assert folder.settle_versions() == ["versions.json was lost"]
    assert folder.settle_versions() == []


def test_json_is_replaced_whole(folder: RunFolder) -> None:
    folder.write_json("summary.json", {"a": 1})
    folder.write_json("summary.json", {"b": 2})
    assert json.loads((folder.path / "summary.json").read_text()) == {"b": 2}
    assert not list(folder.path.glob(".*"))


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_json", full)
        with pytest.raises(ValueError, match=r"run-dir .* cannot be made: No space left on device"):
            RunFolder.create(tmp_path / "run", CONFIG)
    assert not list(tmp_path.iterdir())
    assert RunFolder.create(tmp_path / "run", CONFIG).metrics_path.exists()


def test_a_row_that_is_being_written_is_not_read(folder: RunFolder) -> None:
    folder.append([Row("online", 20, 0, "eval/return", 1.0)])
    with folder.metrics_path.open("a") as file:
        file.write("online,20,1,eval/ret")
    assert [row.seed for row in read_metrics(folder.path)] == [0]


def test_only_the_same_config_goes_on(folder: RunFolder) -> None:
    assert RunFolder.reopen(folder.path, CONFIG, defaults={}).path == folder.path
    with pytest.raises(
        ValueError, match=r"another config:\n  new: the run has None, now 1\n  utd: .* now 1.0$"
    ):
        RunFolder.reopen(folder.path, CONFIG | {"utd": 1.0, "new": 1}, defaults={})


def test_a_run_may_be_made_longer_and_nothing_else(tmp_path: Path) -> None:
    config = {"seed": 0, "online_steps": 40}
    path = RunFolder.create(tmp_path / "run", config).path
    longer = config | {"online_steps": 60}
    reopened = RunFolder.reopen(path, longer, defaults={})
    assert read_config(path) == config  # another process may hold the folder
    reopened.settle(longer)
    assert read_config(path) == longer
    with pytest.raises(ValueError, match=r"online_steps: the run has 60, now 40$"):
        RunFolder.reopen(path, config, defaults={})
    with pytest.raises(ValueError, match=r"another config:\n  seed: the run has 0, now 1$"):
        RunFolder.reopen(path, longer | {"online_steps": 80, "seed": 1}, defaults={})
    assert read_config(path) == longer


def test_a_setting_that_did_not_exist_when_the_run_began_counts_as_its_default(folder: RunFolder) -> None:
    assert RunFolder.reopen(folder.path, CONFIG | {"new": 1}, defaults={"new": 1}).path == folder.path
    with pytest.raises(ValueError, match=r"another config:\n  new: the run has 1, now 2$"):
        RunFolder.reopen(folder.path, CONFIG | {"new": 2}, defaults={"new": 1})


def test_where_there_is_no_run_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no run: config.json is missing"):
        read_config(tmp_path)


def test_the_grid_point_of_a_row_comes_back(folder: RunFolder) -> None:
    row = Row("online", 10, 0, "critic/q", 0.1, "actor_lr=1e-4,cql_alpha=5")
    folder.append([row, ROWS[0]])
    assert read_metrics(folder.path) == [row, ROWS[0]] and ROWS[0].point == ""


def test_metrics_of_another_version_are_refused_and_left_as_they_are(folder: RunFolder) -> None:
    text = "phase,step,seed,name,value\nonline,10,0,critic/q,0.1\n"
    folder.metrics_path.write_text(text)
    for refused in (lambda: read_metrics(folder.path), folder.cut_metrics):
        with pytest.raises(
            ValueError, match=r"must have the columns phase, .*, point, got 'phase,.*,value';"
        ):
            refused()
    assert folder.metrics_path.read_text() == text


def test_a_torn_last_row_is_cut_off(folder: RunFolder) -> None:
    """A process may die in the middle of a line."""
    folder.append(ROWS)
    size = folder.mark()["size"]
    with folder.metrics_path.open("a") as file:
        file.write("online,1")
    folder.cut_metrics(size)
    assert read_metrics(folder.path) == ROWS


def test_metrics_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes(b"\x88\x00")
    with pytest.raises(ValueError, match=r"run-dir .*: metrics.csv is damaged \('utf-8' codec"):
        read_metrics(tmp_path)
