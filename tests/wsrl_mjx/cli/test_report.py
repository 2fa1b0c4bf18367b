"""`scripts/report.py`: the page of a run and of a figure, made from their folders; what it refuses."""

import json
import shlex
from pathlib import Path

import finished_runs
import numpy as np
import pytest
from PIL import Image

from wsrl_mjx.cli import report, start
from wsrl_mjx.config import typed
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.experiments import figure_pages, folder_pages
from wsrl_mjx.experiments.figure_runs import Plan, Planned, Request
from wsrl_mjx.experiments.figures import FIGURES
from wsrl_mjx.experiments.jobs import Job
from wsrl_mjx.runs import run_page
from wsrl_mjx.runs.console import Console

CURVES = {"eval/return": {0: (0.0, 0.5), 2000: (1.0, 0.5)}, "held_out/q": {0: (1.0, 2.0), 2000: (3.0, 4.0)}}
SUMMARY = {
    "behavior": {"return": 0.3, "score": 30.0},
    "seeds": {str(seed): {"pretrained": {"return": 0.1, "score": 12.0}} for seed in (0, 1)},
    "seconds": {"warmup": 61.0},
    "compile_seconds": {"switch": 2.0},
    "online_steps_per_second": 123.5,
    "pretraining_from": "<b>the cache</b>",
    "online_steps": 6000,
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return finished_runs.write(tmp_path / "a & b", CURVES, dataset="/data/<i>x</i>", num_seeds=2)


def test_a_run_under_way_has_a_page(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.main([str(run)])
    assert capsys.readouterr().out == f"written: {run / 'report.html'}\n"
    text = (run / "report.html").read_text()
    assert "<h1>a &amp; b</h1>" in text and "under way or cut off, drawn to step 2,000 of 6,000" in text
    assert "<td>/data/&lt;i&gt;x&lt;/i&gt;</td>" in text and "<i>x" not in text
    assert "75 [50, 100]" in text  # the mean at the end
    assert "To go on where it was cut off:" in text and f"--resume --run-dir &#x27;{run}&#x27;" not in text
    assert "<td>jax</td>" in text and len(text) < 100_000
    drawn = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert [m["text"] for m in drawn[0]["steps"]] == ["switch", "first update"] and drawn[0]["steps"][1][
        "at"
    ] == 5000
    assert drawn[0]["series"][0]["seeds"] == [[0, 100], [50, 50]] and drawn[1]["series"][0]["mean"] == [
        1.5,
        3.5,
    ]


def test_a_finished_run_has_its_summary_and_its_maze(run: Path) -> None:
    (run / "summary.json").write_text(json.dumps(SUMMARY))
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(run / "maze.png")
    text = folder_pages.write(run).read_text()
    assert "<td>0</td><td>30 %</td><td>12 %</td>" in text and "under way" not in text
    assert "Time: warmup 1:01; compilation 2 s; 123.5 environment steps a second" in text
    assert "pretraining from &lt;b&gt;the cache&lt;/b&gt;." in text
    assert 'alt="paths and values in the maze' in text and "data:image/png;base64," in text
    assert '"levels":[{"at":30.0,"text":"behavior data"' in text
    assert "cut off" not in text and "--online-steps 12000" in text


def test_a_page_that_fails_is_told_and_what_was_there_stays(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_page.attempt(lambda: run_page.write(run), Console())
    before = (run / "report.html").read_bytes()

    def broken(*_: object) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr(run_page.document, "page", broken)
    run_page.attempt(lambda: run_page.write(run), Console())
    said = capsys.readouterr().out
    assert "to look at in a browser: " in said
    assert "report.html could not be written, all else is (MemoryError: too much); scripts/report.py" in said
    assert (run / "report.html").read_bytes() == before
    assert not list(run.glob(".*report.html"))


def test_a_figure_has_its_curves_its_tables_and_its_runs(tmp_path: Path) -> None:
    config = preset_config("smoke", "pointmaze-umaze")
    job = Job("wsrl-run", replace_flat(config, {"num_seeds": 2}))
    runs = tmp_path / figure_pages.RUNS
    path = finished_runs.write(runs / job.name, CURVES, num_seeds=2)
    (path / "summary.json").write_text(json.dumps(SUMMARY))
    request = Request("warmup", "smoke", ("pointmaze-umaze",), 2)
    figure_pages.write(request, Plan([Planned("wsrl", job)], {}), tmp_path)
    report.main([str(tmp_path / "warmup")])
    text = (tmp_path / "warmup" / "report.html").read_text()
    assert FIGURES["warmup"].question.replace("'", "&#x27;") in text
    assert f'href="../{figure_pages.RUNS}/wsrl-run/report.html"' in text
    assert "<code>python scripts/reproduce.py warmup --preset smoke --num-seeds 2" in text
    assert text.count('class="chart"') == 2 and "75 [50, 100]" in text and "![" not in text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "is none of a run, of a sweep or of a figure of scripts/reproduce.py"),
        (lambda path: finished_runs.write(path, {}), "has no evaluation after the switch yet"),
    ],
)
def test_a_folder_without_results_is_refused(
    make: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    make(tmp_path / "there")
    with pytest.raises(SystemExit) as exit_:
        report.main([str(tmp_path / "there")])
    assert exit_.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "there" / "report.html").exists()


CHANGES = {
    "num_seeds": 3, "actor_lr": 3e-5, "critic_hidden": (16, 8), "seed": 7, "online_cloning_weight": 0.25,
    "offline_algo": "iql", "env_options": ("start=any",), "success_share": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("changes", [{}, CHANGES])
def test_the_command_of_a_run_gives_its_settings(changes: dict[str, object]) -> None:
    config: Config = replace_flat(preset_config("smoke", "pointmaze-umaze", "wsrl"), changes)
    python, script, *words = shlex.split(typed.command("train", config))
    assert (python, script) == ("python", "scripts/train.py")
    assert start.parse(words, start.Command).config == config
    assert len(words) >= 6 + 2 * len(changes)
