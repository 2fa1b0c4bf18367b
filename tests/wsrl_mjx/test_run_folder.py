"""The run folder: appended to without a seam, cut back exactly, never overwritten."""

import json
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from wsrl_mjx.run_folder import Row, RunFolder, check_free, read_config, read_metrics

CONFIG = {"seed": 0, "utd": 4.0}
ROWS = [Row("online", 10, 0, "critic/q", 0.1), Row("online", 10, 1, "critic/q", 1 / 3)]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", CONFIG)


def test_rows_come_back_exactly(folder: RunFolder) -> None:
    folder.append(ROWS[:1])
    folder.append(ROWS[1:])
    folder.close()
    assert read_metrics(folder.path) == ROWS


def test_metrics_are_cut_back_to_what_a_checkpoint_remembers(folder: RunFolder) -> None:
    assert folder.metrics_size() == folder.header_size()
    folder.append(ROWS[:1])
    remembered = folder.metrics_size()
    folder.append(ROWS[1:])
    folder.cut_metrics(remembered)
    assert read_metrics(folder.path) == ROWS[:1]
    folder.append(ROWS[1:])
    folder.close()
    assert read_metrics(folder.path) == ROWS


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
    remembered = folder.metrics_size()
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


def test_json_is_replaced_whole(folder: RunFolder) -> None:
    folder.write_json("summary.json", {"a": 1})
    folder.write_json("summary.json", {"b": 2})
    assert json.loads((folder.path / "summary.json").read_text()) == {"b": 2}
    assert not list(folder.path.glob(".*"))


def test_only_the_same_config_goes_on(folder: RunFolder) -> None:
    assert RunFolder.reopen(folder.path, CONFIG, defaults={}).path == folder.path
    with pytest.raises(
        ValueError, match=r"another config:\n  new: the run has None, now 1\n  utd: .* now 1.0$"
    ):
        RunFolder.reopen(folder.path, CONFIG | {"utd": 1.0, "new": 1}, defaults={})


def test_a_setting_that_did_not_exist_when_the_run_began_counts_as_its_default(folder: RunFolder) -> None:
    assert RunFolder.reopen(folder.path, CONFIG | {"new": 1}, defaults={"new": 1}).path == folder.path
    with pytest.raises(ValueError, match=r"another config:\n  new: the run has 1, now 2$"):
        RunFolder.reopen(folder.path, CONFIG | {"new": 2}, defaults={"new": 1})


def test_what_exists_is_not_free_and_a_free_name_is_given(tmp_path: Path) -> None:
    check_free(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_free(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"file exists; .*--run-dir \S*file-2"):
        check_free(tmp_path / "file")


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
    for refused in (lambda: read_metrics(folder.path), lambda: folder.cut_metrics(folder.header_size())):
        with pytest.raises(
            ValueError, match=r"must have the columns phase, .*, point, got 'phase,.*,value';"
        ):
            refused()
    assert folder.metrics_path.read_text() == text


def test_a_torn_last_row_is_cut_off(folder: RunFolder) -> None:
    """A process may die in the middle of a line."""
    folder.append(ROWS)
    size = folder.metrics_size()
    with folder.metrics_path.open("a") as file:
        file.write("online,1")
    folder.cut_metrics(size)
    assert read_metrics(folder.path) == ROWS
