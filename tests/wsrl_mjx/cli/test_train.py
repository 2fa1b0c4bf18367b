"""The command line: bad input ends with exit code 2 and one clear message; nothing is written or compiled."""

from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from probe_envs import Line, OtherLine, WideLine, probe

from wsrl_mjx.cli import start, train
from wsrl_mjx.config.settings import flat_fields
from wsrl_mjx.data import behaviors, dataset, rollout
from wsrl_mjx.data.dataset import Dataset
from wsrl_mjx.runs.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("workplace")
SMOKE = ["--env", "line", "--preset", "smoke", "--dataset", "random"]
compilations: list[str] = []


def note_compilation(event: str, seconds: float, **details: object) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        compilations.append(event)


jax.monitoring.register_event_duration_secs_listener(note_compilation)


@pytest.fixture
def refused(workplace: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[list[str]], str]]:
    """Runs a command that must be refused; gives what it said on standard error."""

    def run(arguments: list[str]) -> str:
        before, compiled = sorted(workplace.rglob("*")), len(compilations)
        with pytest.raises(SystemExit) as exit_:
            train.main(arguments)
        assert exit_.value.code == 2
        assert sorted(workplace.rglob("*")) == before, "something was written"
        assert len(compilations) == compiled, "something was compiled"
        return capfd.readouterr().err

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "lime"], "env must be one of adroit-door, ant, ant-direction, franka-peg-insertion, "),
        (["--env", "lime"], "'lime'; did you mean 'line'?"),
        (["--env", "brax:nothing"], "nothing"),
        (["--preset", "laptp"], "preset must be one of paper, laptop, smoke, auto, got 'laptp'; did"),
        (["--dataset", "rnadom"], "dataset must be one of medium, random, expert, medium-expert, "),
        (["--dataset", "rnadom"], "got 'rnadom'; did you mean 'random'?; nor is there a file or folder"),
        (["--dataset", "expert"], "behavior 'expert' is not in line"),
        (["--dataset", "medium-replay"], "medium"),
        (["--warmup-steps", "-1"], "warmup_steps must be an integer, zero or more, got -1"),
        (["--warmup-steps", "6000"], "warmup_steps must be less than online_steps (6000)"),
        (["--online-steps", "-200"], "online_steps must be an integer, positive, got -200"),
        (["--offline-steps", "-1"], "offline_steps must be an integer, zero or more, got -1"),
        (["--num-seeds", "0"], "num_seeds must be an integer, positive, got 0"),
        (["--num-envs", "0"], "num_envs must be an integer, positive, got 0"),
        (["--utd", "0.3"], "utd * num_envs must be a positive integer, got 0.3 * 1 = 0.3"),
        (["--utd", "0.5", "--num-envs", "5"], "utd * num_envs must be a positive integer, got 0.5 * 5 = 2.5"),
        (["--target-subset", "11"], "target_subset must not exceed ensemble_size (10), got 11"),
        (["--env-options", "gravity=1"], "has no option 'gravity'"),
        (["--env-options", "time_limit=long"], "must be an integer, got 'long'"),
        (["--resume"], "resume needs --run-dir"),
        (["--resume", "--run-dir", "nowhere"], "run-dir nowhere holds no run: config.json is missing"),
        (["--offline-algo", "cqll"], "offline_algo must be one of cql, calql, iql, awac, bc, got 'cqll'"),
        (["--online-algo", "bc"], "online_algo must be one of sac, cql, calql, iql, awac, so2, got 'bc'"),
        (["--pretrained", "nowhere"], "nowhere is neither a run with a finished pretraining nor a shipped"),
    ],
)  # fmt: skip
def test_bad_input_is_answered_by_one_message(
    refused: Callable[[list[str]], str], arguments: list[str], message: str
) -> None:
    said = refused([*SMOKE, *arguments])
    assert said.startswith("error: ") and said.count("error: ") == 1 and "Traceback" not in said
    assert message in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--warmup-steps", "1.5"], ["--warmup-steps", "1.5"]),
        (["--warmup-steps", "many"], ["--warmup-steps", "many"]),
        (["--warmup-step", "5"], ["--warmup-step", "--warmup-steps"]),
        (["--presset", "smoke"], ["--presset", "--preset"]),
    ],
)
def test_what_cannot_be_parsed_is_named_with_a_suggestion(
    refused: Callable[[list[str]], str], arguments: list[str], words: list[str]
) -> None:
    said = refused([*SMOKE, *arguments])
    assert all(word in said for word in words) and "Traceback" not in said


def test_a_run_folder_that_exists_is_never_touched(
    refused: Callable[[list[str]], str], workplace: Path
) -> None:
    (workplace / "kept").mkdir()
    (workplace / "kept" / "results.txt").write_text("precious")
    (workplace / "kept-2").mkdir()
    said = refused([*SMOKE, "--run-dir", "kept"])
    assert "run-dir kept exists; go on in it with --resume, or take a free name: --run-dir kept-3" in said
    assert (workplace / "kept" / "results.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--run-dir", "run-dir link/x: link is a link to nowhere, where there is nothing"),
        ("--cache-dir", "cache-dir link/x: link is a link to nowhere, where there is nothing"),
    ],
)
def test_a_link_that_leads_nowhere_is_refused(
    refused: Callable[[list[str]], str], workplace: Path, flag: str, message: str
) -> None:
    (workplace / "link").symlink_to("nowhere")
    assert message in refused([*SMOKE, flag, "link/x"])


def test_a_resume_with_another_config_shows_what_differs(
    refused: Callable[[list[str]], str], workplace: Path
) -> None:
    config = start.parse(SMOKE, start.Command).config
    RunFolder.create(workplace / "run", flat_fields(config))
    said = refused([*SMOKE, "--run-dir", "run", "--resume", "--utd", "2", "--seed", "7"])
    assert "run-dir run was made with another config" in said
    assert "seed: the run has 0, now 7" in said and "utd: the run has 4.0, now 2.0" in said
    assert "online_steps" not in said


# -- datasets on disk -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    return dataset.collect(probe(Line), rollout.Memoryless(behaviors.random_act(1)), 40, 4, seed=0)


def save(rows: dict[str, np.ndarray], task: type[Line] = Line) -> Path:
    fingerprint = probe(task).fingerprint()
    card = {
        "name": "mine", "env": task.name, "env_fingerprint": fingerprint, "episodes": 8, "return_mean": -4.0,
        "digest": dataset.digest(rows),
    }  # fmt: skip
    dataset.save(Path("data"), Dataset(rows, card))
    return Path("data")


def with_entry(rows: dict[str, np.ndarray], name: str, value: float) -> dict[str, np.ndarray]:
    copy = rows[name].copy()
    copy.flat[0] = value
    return rows | {name: copy}


def test_a_dataset_of_another_environment_is_refused(
    refused: Callable[[list[str]], str], rows: dict[str, np.ndarray]
) -> None:
    save(rows, OtherLine)
    assert "comes from another environment: 'other-line'" in refused([*SMOKE, "--dataset", "data"])


def test_a_dataset_of_another_shape_is_refused(
    refused: Callable[[list[str]], str], rows: dict[str, np.ndarray]
) -> None:
    save(rows | {name: np.tile(rows[name], 2) for name in ("obs", "next_obs")}, WideLine)
    said = refused([*SMOKE, "--dataset", "data"])
    assert "obs must have shape (40, 1) for 'line', got (40, 2)" in said


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("obs", np.nan, "obs has numbers that are not finite"),
        ("action", -1.25, "action must be in [-1, 1], the largest is 1.25"),
    ],
)
def test_a_dataset_with_bad_numbers_is_refused(
    refused: Callable[[list[str]], str], rows: dict[str, np.ndarray], name: str, value: float, message: str
) -> None:
    save(with_entry(rows, name, value))
    assert message in refused([*SMOKE, "--dataset", "data"])


def test_a_dataset_cut_short_on_disk_is_refused(
    refused: Callable[[list[str]], str], rows: dict[str, np.ndarray]
) -> None:
    path = save(rows) / "transitions.npz"
    path.write_bytes(path.read_bytes()[:-600])
    assert "dataset data: the files are damaged or cut short" in refused([*SMOKE, "--dataset", "data"])


def test_a_folder_without_a_dataset_is_refused(refused: Callable[[list[str]], str]) -> None:
    Path("data").mkdir()
    assert "dataset data: card.json is missing" in refused([*SMOKE, "--dataset", "data"])


# -- what is right ----------------------------------------------------------------------------------------


def test_flags_override_the_preset_and_nothing_else() -> None:
    typed = [*SMOKE, "--warmup-steps", "400", "--critic-hidden", "16", "16", "--run-dir", "x"]
    command = start.parse(typed, start.Command)
    plain = start.parse(SMOKE, start.Command).config
    changed = flat_fields(command.config).items() - flat_fields(plain).items()
    assert dict(changed) == {"warmup_steps": 400, "critic_hidden": (16, 16)}
    assert command.run_dir == Path("x") and not command.resume


def test_folders_are_read_as_a_shell_reads_them(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    typed = ["--run-dir", ".", "--cache-dir", "~/cache", "--pretrained", ".."]
    command = start.parse([*SMOKE, *typed], start.Command)
    assert (command.run_dir, command.cache_dir) == (workplace, Path("/home/me/cache"))
    assert command.pretrained == workplace.parent


def test_a_datasets_folder_is_kept_with_its_whole_path(workplace: Path, rows: dict[str, np.ndarray]) -> None:
    save(rows)
    config = start.parse([*SMOKE, "--dataset", "data/"], start.Command).config
    assert config.data.dataset == str(workplace / "data")
    assert start.free_run_dir(config) == Path("runs/line-data-smoke-1")


def test_a_preset_is_resolved_and_resume_takes_the_config_of_the_run(workplace: Path) -> None:
    config = start.parse([*SMOKE, "--preset", "auto", "--seed", "3"], start.Command).config
    assert config.preset in ("laptop", "paper")
    RunFolder.create(workplace / "run", flat_fields(config))
    assert start.parse(["--run-dir", "run", "--resume"], start.Command).config == config


def test_help_shows_every_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        train.main(["--preset", "smoke", "--env", "line", "--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    for name in flat_fields(start.parse(SMOKE, start.Command).config):
        assert f"--{name.replace('_', '-')}" in text or f"--no-{name.replace('_', '-')}" in text, name
