"""`scripts/sweep.py` on a probe environment: every member is the run alone, and nothing is done twice."""

import csv
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import finished_runs
import pytest
from probe_envs import Line

import envs
from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.cli import start, sweep, train
from wsrl_mjx.experiments import hosts, jobs, sweep_folder
from wsrl_mjx.runs import run
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.programs import Programs
from wsrl_mjx.runs.run_folder import read_metrics

TINY = [
    "--env", "line", "--preset", "smoke", "--dataset", "random", "--dataset-size", "200",
    "--collect-envs", "4",
    "--offline-steps", "40", "--offline-batch-size", "8", "--online-steps", "40", "--batch-size", "4",
    "--replay-capacity", "64", "--actor-hidden", "8", "--critic-hidden", "8", "--ensemble-size", "3",
    "--eval-every", "20", "--pretrain-eval-every", "20", "--log-every", "10", "--checkpoint-every", "20",
    "--warmup-steps", "20", "--eval-episodes", "2",
]  # fmt: skip
GRID = ["--num-seeds", "2", "--sweep", "actor_lr=1e-3,3e-3", "--sweep", "warmup_steps=16,24"]


PROGRAMS = Programs()


def be_in(place: Path, patch: pytest.MonkeyPatch) -> None:
    """Works in a folder with a cache of its own; all commands find what those before have compiled."""
    patch.setitem(envs.REGISTRY, "line", Line)
    patch.setenv("WSRL_MJX_CACHE", str(place / "cache"))
    patch.chdir(place)
    for module in (jobs, run):
        patch.setattr(module, "Programs", lambda: PROGRAMS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep, and two runs of which it should hold the numbers."""
    place = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        be_in(place, patch)
        sweep.main([*TINY, *GRID, "--run-dir", "grid"])
        alone = [*TINY, "--warmup-steps", "24", "--actor-lr", "3e-3", "--seed", "1", "--run-dir", "alone"]
        train.main(alone)
    return place


def parts(place: Path) -> list[Path]:
    return sorted(path.parent for path in (place / "grid").glob("*/summary.json"))


def test_values_of_a_branch_go_through_the_compiled_program(swept: Path) -> None:
    first, second = (json.loads((part / "summary.json").read_text()) for part in parts(swept))
    assert [part.name for part in parts(swept)] == [
        f"warmup_steps={steps},actor_lr=1e-3-to-actor_lr=3e-3,seeds=0-1" for steps in (16, 24)
    ]
    assert "pretraining" in first["compile_seconds"]  # the others may be there before they are waited for
    assert second["compile_seconds"].keys() <= {"pretraining"}  # its pretraining was found, not made
    assert first["pretraining_from"] == "this run" and second["pretraining_from"] == "the cache"


def test_a_member_is_the_run_alone(swept: Path) -> None:
    ours = [row for row in read_metrics(parts(swept)[1]) if (row.point, row.seed) == ("actor_lr=3e-3", 1)]
    theirs = read_metrics(swept / "alone")
    assert [row[:4] for row in ours] == [row[:4] for row in theirs]
    for one, other in zip(ours, theirs, strict=True):
        tolerance = 1e-3 if one.phase == "pretrain" else 0.05  # rounding grows from update to update
        assert one.value == pytest.approx(other.value, rel=tolerance, abs=tolerance), one


def test_members_differ(swept: Path) -> None:
    rows = [row for row in read_metrics(parts(swept)[0]) if row[:2] == ("pretrain", 40)]
    losses = {row.value for row in rows if row.name == "actor/loss"}
    assert len(losses) == 4


def test_the_table_has_every_member_and_every_point(swept: Path) -> None:
    with (swept / "grid" / "members.csv").open() as file:
        members = list(csv.DictReader(file))
    points = [f"warmup_steps={w},actor_lr={lr}" for w in (16, 24) for lr in ("1e-3", "3e-3")]
    assert [(m["point"], m["seed"]) for m in members] == [(p, s) for p in points for s in "01"]
    rows = [row for row in read_metrics(parts(swept)[0]) if row.name == "eval/return"]
    final = next(row for row in rows if row[:3] == ("online", 40, 1) and row.point == "actor_lr=3e-3")
    assert float(members[3]["final"]) == pytest.approx(final.value, abs=1e-4)
    everything = read_metrics(swept / "grid")
    assert len(everything) == sum(len(read_metrics(part)) for part in parts(swept))
    assert {(row.point, str(row.seed)) for row in everything} == {(m["point"], m["seed"]) for m in members}
    table = (swept / "grid" / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == [f"| {point}" for point in points]
    for picture in ("sweep.png", "curves.png"):
        assert (swept / "grid" / picture).read_bytes().startswith(b"\x89PNG")


def test_the_page_has_every_point_and_leads_to_every_run(swept: Path) -> None:
    written = (swept / "grid" / "report.html").read_text()
    for warmup in (16, 24):
        for rate in ("1e-3", "3e-3"):
            assert f'data-label="warmup_steps={warmup},actor_lr={rate}"' in written
    addresses = [unquote(found) for found in re.findall('<a href="([^"]*)"', written)]
    assert addresses == [f"{part.name}/report.html" for part in parts(swept)]
    assert all((swept / "grid" / address).is_file() for address in addresses)
    assert "--sweep actor_lr=1e-3,3e-3 --sweep warmup_steps=16,24</pre>" in written
    marks = {(m["at"], m["text"]) for m in page_data(written)[0]["steps"]}
    assert {(16, "first update: warmup_steps=16,actor_lr=1e-3"), (0.0, "switch")} < marks


def page_data(written: str) -> list[Any]:
    return json.loads(written.partition('id="data">')[2].partition("</script>")[0])


def test_what_was_cut_off_goes_on_and_what_is_finished_stays(
    swept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_in(swept, monkeypatch)
    first, second = parts(swept)
    before = [read_metrics(part) for part in (first, second)]
    untouched = (first / "metrics.csv").stat().st_mtime_ns
    (second / "summary.json").unlink()
    with (second / "metrics.csv").open("a") as file:  # of a chunk after the newest checkpoint
        file.write("online,50,0,critic/q,1.0,actor_lr=1e-3\n")
    sweep.main(["--run-dir", "grid", "--resume"])
    assert [read_metrics(part) for part in (first, second)] == before
    assert (first / "metrics.csv").stat().st_mtime_ns == untouched


def test_groups_and_shares_make_the_same_members(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_in(swept, monkeypatch)
    grid = [*TINY, "--num-seeds", "2", "--sweep", "actor_lr=1e-3,3e-3", "--warmup-steps", "24"]
    # Each for itself, through the program that the run alone had compiled.
    sweep.main([*grid, "--run-dir", "grouped", "--members-at-once", "1", "--share", "0/2"])
    assert not list((swept / "grouped").glob("*/summary.json"))
    sweep.main(["--run-dir", "grouped", "--resume", "--share", "1/2"])
    assert len(list((swept / "grouped").glob("*/summary.json"))) == 2
    sweep.main(["--run-dir", "grouped", "--resume", "--share", "2/2"])
    together = {(*row[:4], row.point): row.value for row in read_metrics(parts(swept)[1])}
    split: list[Row] = [r for p in (swept / "grouped").glob("*/metrics.csv") for r in read_metrics(p.parent)]
    assert {(*row[:4], row.point) for row in split} == together.keys()
    for row in split:
        tolerance = 1e-3 if row.phase == "pretrain" else 0.05
        expected = together[(*row[:4], row.point)]
        assert row.value == pytest.approx(expected, rel=tolerance, abs=tolerance), row
    with (swept / "grouped" / "members.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4


def test_hosts_share_the_members_out(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_in(swept, monkeypatch)
    typed = [*TINY, "--num-seeds", "2", "--warmup-steps", "24", "--run-dir", "hosts", "--distributed"]
    typed += ["--actor-lr", "3e-3"]
    # Both are checked before the first makes the folder: they meet in between.
    commands = [start.parse(typed, sweep.SweepCommand) for _ in range(2)]
    for index, command in enumerate(commands):
        monkeypatch.setattr(hosts, "meet", lambda index=index: hosts.Host(index, 2))
        sweep.carry_out(command, Console())
        done = sorted(path.parent.name for path in (swept / "hosts").glob("*/summary.json"))
        assert done == ["seeds=0", "seeds=1"][: index + 1]
    ours = read_metrics(swept / "hosts" / "seeds=1")
    theirs = read_metrics(swept / "alone")
    assert [row[:4] for row in ours] == [row[:4] for row in theirs]
    assert [row.value for row in ours if row.phase == "pretrain"] == pytest.approx(
        [row.value for row in theirs if row.phase == "pretrain"], rel=1e-3, abs=1e-3
    )
    with (swept / "hosts" / "members.csv").open() as file:
        assert [member["seed"] for member in csv.DictReader(file)] == ["0", "1"]
    # Gone on with by another number of hosts, the runs stay as they were shared out first.
    again = start.parse(["--run-dir", "hosts", "--resume"], sweep.SweepCommand)
    assert [part.name for part in sweep.plan_parts(sweep.remembered(again))] == ["seeds=0", "seeds=1"]


def test_hosts_need_a_common_folder(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sweep.main([*TINY, "--distributed"])
    assert "distributed needs --run-dir: a folder that all hosts see" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sweep", "acto_lr=1"], "did you mean 'actor_lr'"),
        (["--sweep", "actor_lr=1e-3,7"], "actor_lr must be in [0, 1), got 7.0"),
        (["--members-at-once", "0"], "members_at_once must be a positive integer, got 0"),
        (["--distributed", "--share", "1/2"], "share is chosen by --distributed, got '1/2'"),
        (["--share", "3/2"], "share must be such as 2/8, the second of eight, got '3/2'"),
        (["--points", "actor_lr=1e-3"], "points are made by --sweep here"),
        (
            ["--replay-capacity", "2000000000"],
            "replay_capacity 2,000,000,000 and a dataset of 200 rows need",
        ),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str], message: str, workplace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        sweep.main([*TINY, "--run-dir", "out", *arguments])
    assert left.value.code == 2 and message in capfd.readouterr().err
    assert not (workplace / "out").exists()


def test_a_resume_needs_a_sweep(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    finished_runs.write(Path("plain"), {})
    for content in (None, "{}", "[1]", "torn {"):
        if content is not None:
            Path("plain", sweep_folder.GRID).write_text(content)
        with pytest.raises(SystemExit):
            sweep.main(["--run-dir", "plain", "--resume"])
        assert "run-dir plain holds no sweep: sweep.json is missing or damaged" in capfd.readouterr().err
