"""Files that cannot be used: each ends with one message that says why."""

from pathlib import Path

import numpy as np
import pytest
from foreign_files import D4RL, OGBENCH, STATES, hdf5, npz

from wsrl_mjx.cli import data as command


def garbled(path: Path) -> Path:
    """Returns a compressed file with some bytes in the middle overwritten."""
    many = np.random.default_rng(0).normal(size=(500, 1)).astype(np.float32)
    np.savez_compressed(path, **OGBENCH | {"observations": many})
    content = bytearray(path.read_bytes())
    content[400:420] = b"\xff" * 20
    path.write_bytes(content)
    return path


def broken(folder: Path, kind: str) -> Path:
    """Returns a file that cannot be used."""
    nan = np.full(7, np.nan, np.float32)
    text = folder / "text.hdf5"
    text.write_text("no HDF5")
    whole = npz(folder / "whole.npz").read_bytes()
    (folder / "short.npz").write_bytes(whole[:200])
    (folder / "text.npz").write_text("no npz")
    np.save(folder / "array.npy", np.zeros(3))
    (folder / "empty").mkdir()
    made = {
        "absent": lambda: folder / "absent.hdf5",
        "text": lambda: text,
        "cut short": lambda: folder / "short.npz",
        "unknown": lambda: Path(__file__),
        "folder": lambda: folder / "empty",
        "no actions": lambda: hdf5(folder / "x.hdf5", actions=None),
        "lengths": lambda: hdf5(folder / "x.hdf5", rewards=np.zeros(6)),
        "axes": lambda: hdf5(folder / "x.hdf5", observations=np.zeros(7)),
        "words": lambda: npz(folder / "x.npz", rewards=np.array(["a"] * 7)),
        "no rewards": lambda: npz(folder / "x.npz", rewards=None),
        "nan": lambda: hdf5(folder / "x.hdf5", rewards=nan),
        "large": lambda: hdf5(folder / "x.hdf5", actions=D4RL["actions"] * 3),
        "text as npz": lambda: folder / "text.npz",
        "one array": lambda: (folder / "array.npy").rename(folder / "array.npz"),
        "bytes": lambda: garbled(folder / "garbled.npz"),
        "objects": lambda: npz(folder / "x.npz", rewards=np.array([{}] * 7, object)),
        "scalar": lambda: npz(folder / "x.npz", observations=np.float32(3.0)),
        "group": lambda: hdf5(folder / "x.hdf5", actions=None, **{"actions/inner": STATES}),
        "all nan": lambda: npz(folder / "x.npz", actions=np.full((7, 1), np.nan, np.float32)),
        "nothing": lambda: npz(folder / "x.npz", terminals=np.ones(7, bool)),
    }
    return made[kind]()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("absent", "absent.hdf5: there is no such file or folder"),
        ("text", "text.hdf5: it is no HDF5 file, or damaged"),
        ("cut short", "short.npz: it is no npz file, or damaged"),
        ("unknown", "the format is not known; .hdf5 is D4RL's, .npz OGBench's, a folder Minari's"),
        ("folder", "empty: the folder is no Minari dataset"),
        ("no actions", "actions missing; the file has observations, rewards, terminals, timeouts"),
        ("lengths", "rewards has 6 rows, observations 7"),
        ("axes", "observations must have 2 axes, got the shape (7,)"),
        ("words", "rewards must be real numbers"),
        ("no rewards", "rewards missing: OGBench's files have none"),
        ("nan", "reward has numbers that are not finite, in 6 rows"),
        ("large", "action must be in [-1, 1], the largest is 3; clip them with --clip"),
        ("text as npz", "text.npz: it is no npz file, or damaged"),
        ("one array", "array.npz: it is no npz file, or damaged"),
        ("bytes", "garbled.npz: it is no npz file, or damaged"),
        ("objects", "rewards must be real numbers, and cannot be read as such"),
        ("scalar", "observations must have 2 axes, got the shape ()"),
        ("group", "actions must be an array, got a group"),
        ("all nan", "action has numbers that are not finite, in 5 rows"),
        ("nothing", "there is no transition in it"),
    ],
)
def test_a_broken_file_ends_with_one_message(
    tmp_path: Path, kind: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = broken(tmp_path, kind)
    with pytest.raises(SystemExit) as exit_:
        command.main(["convert", str(source), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert exit_.value.code == 2 and message in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()
