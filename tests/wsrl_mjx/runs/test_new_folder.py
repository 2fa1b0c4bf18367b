"""Where a run's folder can be made: never over what is there, and in an empty folder as it is."""

import errno
from pathlib import Path
from typing import Any

import pytest

from wsrl_mjx.runs import new_folder
from wsrl_mjx.runs.new_folder import check_free
from wsrl_mjx.runs.run_folder import RunFolder, read_config

CONFIG = {"seed": 0}
WHOLE = ["config.json", "metrics.csv", "versions.json"]


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_what_exists_is_not_free_and_a_free_name_is_given(tmp_path: Path) -> None:
    check_free(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_free(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"run-dir \S*/file is no folder; choose another name"):
        check_free(tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    with pytest.raises(ValueError, match=r"full exists; .*--run-dir \S*full-2"):
        check_free(tmp_path / "full")
    with pytest.raises(ValueError, match=r"run-dir / exists; .*--run-dir /run-2"):
        check_free(Path("/"))


def test_where_nothing_can_be_made_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"run-dir \S*/file/run: no folder can be made in \S*/file$"):
        check_free(tmp_path / "file" / "run")


def test_an_empty_folder_is_filled_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that stands in it, or a disk that is mounted there, keeps it."""
    place = tmp_path / "run"
    place.mkdir()
    before = place.stat().st_ino
    monkeypatch.chdir(place)
    RunFolder.create(Path(), CONFIG)
    assert place.stat().st_ino == before and names(Path()) == WHOLE and names(tmp_path) == ["run"]
    assert read_config(place) == CONFIG


def test_a_link_to_an_empty_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to("disk")
    RunFolder.create(tmp_path / "run", CONFIG)
    assert (tmp_path / "run").is_symlink() and names(tmp_path / "disk") == WHOLE
    assert read_config(tmp_path / "run") == CONFIG


@pytest.mark.parametrize("name", ["run", "run/inside"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").symlink_to("disk")
    message = rf"run-dir \S*/{name}: \S*/run is a link to disk, where there is nothing"
    with pytest.raises(ValueError, match=message):
        RunFolder.create(tmp_path / name, CONFIG)
    assert names(tmp_path) == ["run"]


def test_a_half_made_folder_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config comes last; whatever ends the process before leaves a folder that is not gone on with."""
    seen: list[list[str]] = []
    real = RunFolder.write_json

    def watched(self: RunFolder, name: str, content: dict[str, Any]) -> None:
        seen.append(names(tmp_path))
        with pytest.raises(ValueError, match="holds no run"):
            read_config(tmp_path)
        real(self, name, content)

    monkeypatch.setattr(RunFolder, "write_json", watched)
    RunFolder.create(tmp_path, CONFIG)
    assert seen == [["metrics.csv"], ["metrics.csv", "versions.json"]]
    assert names(tmp_path) == WHOLE


def test_an_empty_folder_is_left_empty_where_it_cannot_be_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_json", full)
    with pytest.raises(ValueError, match=r"run-dir .* cannot be made: No space left on device"):
        RunFolder.create(tmp_path, CONFIG)
    assert names(tmp_path) == []


def test_of_two_processes_one_fills_an_empty_folder(tmp_path: Path) -> None:
    def another(path: Path) -> None:
        with new_folder.filled(path):
            raise AssertionError("the folder is another's")

    with new_folder.filled(tmp_path) as place:
        with pytest.raises(ValueError, match="cannot be made: File exists"):
            another(place)
        assert names(place) == ["metrics.csv"]
