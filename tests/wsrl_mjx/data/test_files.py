"""Files and digests: whole or not there, and the same digests as ever."""

import hashlib
import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest

from wsrl_mjx.data import dataset, digests, files


def test_a_file_is_replaced_in_one_move(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    files.write_json(path, {"n": 1})
    with files.written_whole(path) as beside:
        beside.write_text("half of it")
        assert json.loads(path.read_text()) == {"n": 1}
    assert path.read_text() == "half of it"
    assert list(tmp_path.iterdir()) == [path]


def test_numpy_writes_where_it_is_told_to(tmp_path: Path) -> None:
    with files.written_whole(tmp_path / "rows.npz") as beside:
        np.savez(beside, a=np.arange(3))
    with np.load(tmp_path / "rows.npz") as arrays:
        np.testing.assert_array_equal(arrays["a"], [0, 1, 2])
    assert [path.name for path in tmp_path.iterdir()] == ["rows.npz"]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "summary.json"
    path.write_text("old")

    def write() -> None:
        with files.written_whole(path) as beside:
            beside.write_text("new")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_made_raises_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="summary"):
        files.write_json(tmp_path / "gone" / "summary.json", {})


def test_digests_are_those_of_sha_256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert digests.of_bytes(b"abc") == digests.of_bytes(b"a", b"", b"bc") == known
    assert digests.of_file(tmp_path / "abc") == known
    assert digests.of_json({"b": 1, "a": 2}) == digests.of_bytes(b'{"a": 2, "b": 1}')


def test_arrays_have_the_digests_that_were_saved_with_them() -> None:
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    for array in (numbers, numbers.T, np.float32(1.0), np.zeros((0, 3))):
        told = hashlib.sha256(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
        assert digests.of_array(array) == told.hexdigest()
    key = jax.random.key(3)
    assert digests.of_array(key) == digests.of_array(jax.random.key_data(key))
    rows = {name: numbers + i for i, name in enumerate(dataset.FIELDS)}
    said = b"".join(f"{name}(2, 3)float32".encode() + rows[name].tobytes() for name in dataset.FIELDS)
    assert dataset.digest(rows) == hashlib.sha256(said).hexdigest()


def test_a_csv_file_has_unix_line_ends_and_quotes_where_it_must(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "table.csv", ["arm", "n"], ([name, 1] for name in ("a,b", "c")))
    assert (tmp_path / "table.csv").read_bytes() == b'arm,n\n"a,b",1\nc,1\n'


def test_rows_that_cannot_be_worked_out_leave_no_table(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        files.write_csv(tmp_path / "table.csv", ["n"], ([1 / n] for n in (1, 0)))
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_read_as_a_shell_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what has no name of its own, or begins with a home, is changed."""
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    monkeypatch.setenv("HOME", "/home/me")
    meant = {
        ".": tmp_path / "in",
        "./": tmp_path / "in",
        "..": tmp_path,
        "../": tmp_path,
        "../x": Path("../x"),
    }
    meant |= {"~": Path("/home/me"), "~/x/": Path("/home/me/x"), "a~": Path("a~"), "x/": Path("x")}
    meant |= {"~nobody-of-this-name/x": Path("~nobody-of-this-name/x"), "/": Path("/")}
    assert {text: files.as_meant(Path(text)) for text in meant} == meant


def test_messages_have_paths_as_people_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert files.from_here(tmp_path / "data" / "mine") == Path("data/mine")
    assert [files.from_here(path) for path in (Path("x"), tmp_path.parent)] == [Path("x"), tmp_path.parent]


def test_a_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"paths must be text in UTF-8, got b'bad\\xff'"):
        files.as_meant(Path(os.fsdecode(b"bad\xff")))
