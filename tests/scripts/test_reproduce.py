"""`scripts/reproduce.py`: bad input is answered before anything runs, and what is finished is drawn."""

import json
from pathlib import Path

import pytest
import reproduce

FIGURE = "when_warmup_matters"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "laptp"], "preset must be one of paper, laptop, smoke, auto, got 'laptp'"),
        (["--envs", "ant"], "envs must be worlds that are scored by success, the mazes, got 'ant'"),
        (["--envs", "pointmaze-huge"], "env must be one of "),
        (["--envs", "pointmaze-umaze", "pointmaze-umaze"], "envs must be different values"),
        (["--offline-steps", "3000", "3000"], "offline_steps must be different values"),
        (["--num-seeds", "0"], "num_seeds"),
        (["--draw"], "no cell of the figure is finished there"),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        reproduce.main([FIGURE, "--out", str(tmp_path / "out"), "--cache-dir", str(tmp_path), *arguments])
    assert left.value.code == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_cache_that_is_a_file_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(SystemExit):
        reproduce.main([FIGURE, "--out", str(tmp_path / "out"), "--cache-dir", str(tmp_path / "cache")])
    assert "is no folder" in capfd.readouterr().err


def test_what_is_finished_is_drawn(tmp_path: Path) -> None:
    scores = {"pretrained": {"score": 0.0}, "final": {"score": 50.0}}
    for arm in ("with", "without"):
        folder = tmp_path / f"pointmaze-umaze-3000-{arm}"
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps({"seeds": {"0": scores, "1": scores}}))
    reproduce.main([FIGURE, "--out", str(tmp_path), "--envs", "pointmaze-umaze", "--draw"])
    assert (tmp_path / f"{FIGURE}.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / f"{FIGURE}.csv").read_text().splitlines()) == 3
