"""Datasets of other projects: small files by their own writers, and what each format's rules make of them."""

import sys
from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
import pytest
from foreign_files import D4RL, NEXT, STATES, hdf5, npz
from probe_envs import Line, probe

import envs
from wsrl_mjx.cli import data as command
from wsrl_mjx.config.named_datasets import check_available, resolve
from wsrl_mjx.config.settings import DataConfig
from wsrl_mjx.data import dataset
from wsrl_mjx.data.foreign import converted
from wsrl_mjx.data.foreign.episodes import to_dataset
from wsrl_mjx.data.foreign.reading import read


def columns(path: Path, **options: Any) -> dict[str, list[float]]:
    rows = to_dataset(read(path, **options)).rows
    return {
        name: array.squeeze(-1).tolist() if array.ndim > 1 else array.tolist() for name, array in rows.items()
    }


def test_d4rls_row_without_a_successor_is_left_out(tmp_path: Path) -> None:
    rows = columns(hdf5(tmp_path / "a.hdf5"))
    assert rows["obs"] == [0, 1, 2, 10, 11, 12] and rows["reward"] == [0, 1, 2, 3, 4, 5]
    assert rows["next_obs"] == [1, 2, 2, 11, 12, 13]  # behind a terminal row no value is taken
    assert rows["terminated"] == [0, 0, 1, 0, 0, 0] and rows["truncated"] == [0, 0, 0, 0, 0, 1]


def test_with_next_observations_all_rows_stay(tmp_path: Path) -> None:
    rows = columns(hdf5(tmp_path / "a.hdf5", next_observations=NEXT))
    assert rows["obs"] == STATES[:, 0].tolist() and rows["next_obs"] == NEXT[:, 0].tolist()
    assert rows["truncated"] == [0, 0, 0, 0, 0, 0, 1]


def test_without_timeouts_the_length_of_an_episode_decides(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "a.hdf5", timeouts=None)
    assert columns(path, episode_steps=2)["obs"] == [0, 2, 10, 12]
    with pytest.raises(ValueError, match="timeouts missing: say with --episode-steps"):
        read(path)


def test_ogbenchs_terminals_end_a_trajectory_and_its_masks_the_task(tmp_path: Path) -> None:
    rows = columns(npz(tmp_path / "a.npz"))
    assert rows["obs"] == [0, 1, 2, 10, 11] and rows["next_obs"] == [1, 2, 3, 11, 12]
    assert rows["terminated"] == [0, 0, 1, 0, 0] and rows["truncated"] == [0, 0, 0, 0, 1]
    assert columns(npz(tmp_path / "b.npz", masks=None))["terminated"] == [0, 0, 0, 0, 0]


class Counter(gymnasium.Env[Any, Any]):
    """Counts to 3 and ends; an action is 0 to 4."""

    observation_space = gymnasium.spaces.Dict(
        {"b": gymnasium.spaces.Box(-9, 9, (1,)), "a": gymnasium.spaces.Box(-9, 9, (1,))}
    )
    action_space = gymnasium.spaces.Box(0.0, 4.0, (1,))

    def _seen(self) -> dict[str, Any]:
        return {"b": np.array([self.count], np.float32), "a": np.array([-self.count], np.float32)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.count = 0
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self.count += 1
        return self._seen(), 1.0, self.count == 3, False, {}


@pytest.fixture
def minari_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset of two episodes by Minari's own collector: one whole, one cut after two steps."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    collector = minari.DataCollector(Counter())
    for steps in (3, 2):
        collector.reset()
        for _ in range(steps):
            collector.step(np.array([3.0], np.float32))
    collector.create_dataset("counter/test-v0")
    return tmp_path / "counter" / "test-v0"


@pytest.mark.filterwarnings("ignore::UserWarning")  # Minari's, on what a card may say
def test_minaris_episodes_have_their_last_state_and_its_actions_are_scaled(minari_folder: Path) -> None:
    found = read(minari_folder)
    rows = to_dataset(found).rows
    assert rows["obs"].tolist() == [[0, 0], [-1, 1], [-2, 2], [0, 0], [-1, 1]]  # a before b
    assert rows["next_obs"].tolist() == [[-1, 1], [-2, 2], [-3, 3], [-1, 1], [-2, 2]]
    np.testing.assert_allclose(rows["action"], 0.5)
    assert rows["terminated"].tolist() == [0, 0, 1, 0, 0] and rows["truncated"].tolist() == [0, 0, 0, 0, 1]
    assert "actions were scaled from [0, 4] to [-1, 1]" in found.oddities


def test_a_converted_dataset_is_one_of_ours_that_no_world_takes_unasked(tmp_path: Path) -> None:
    source, out = hdf5(tmp_path / "a.hdf5"), tmp_path / "out"
    command.main(["convert", str(source), "--out", str(out)])
    with pytest.raises(ValueError, match="comes from another environment: 'a'"):
        dataset.load(out, probe(Line))
    assert dataset.load(out, probe(Line), allow_other_env=True).size == 6


def test_a_run_takes_a_file_as_it_is_and_converts_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, place = hdf5(tmp_path / "a.hdf5"), tmp_path / "cache"
    config = DataConfig(dataset=str(source), allow_other_env=True)
    obtain = lambda: resolve(config, probe(Line), place).obtain(lambda rows: None)
    check_available(config, "line")
    first, origin = obtain()
    assert origin == str(source) and first.card["digest"] == to_dataset(read(source)).card["digest"]
    monkeypatch.setattr(converted, "read", None)  # it is not read again,
    assert obtain()[0].card == first.card
    monkeypatch.undo()
    hdf5(source, rewards=np.zeros(7, np.float32))  # unless it has changed
    assert obtain()[0].card["return_mean"] == 0.0 != first.card["return_mean"]
    with pytest.raises(ValueError, match=r"comes from another environment: 'a'.* Pass --allow-other-env"):
        resolve(DataConfig(dataset=str(source)), probe(Line), place).check()
    hdf5(source, actions=D4RL["actions"] * 3)
    with pytest.raises(ValueError, match=r"dataset .*a.hdf5: action must be .*; scripts/data.py can"):
        obtain()


@pytest.mark.filterwarnings("ignore::UserWarning")  # Minari's, on what a card may say
def test_a_run_takes_minaris_folder(minari_folder: Path, tmp_path: Path) -> None:
    config = DataConfig(dataset=str(minari_folder), allow_other_env=True)
    assert resolve(config, probe(Line), tmp_path / "cache").count == 5


def test_inspect_shows_sizes_and_what_is_odd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = NEXT.copy()
    wrong[0] = 7.0
    path = hdf5(
        tmp_path / "a.hdf5", next_observations=wrong, rewards=np.arange(7) / 1.0, actions=D4RL["actions"] * 2
    )
    command.main(["inspect", str(path)])
    said = " ".join(capsys.readouterr().out.split())
    order = "rows out of order: in 1 the successor is not the row behind it"
    sizes = ("transitions │ 7", "3 to 4 steps", "50.0%")
    for text in (*sizes, order, "reward is float64", "actions go up to 2, outside [-1, 1]"):
        assert text in said
    deaths = np.array([0, 0, 0, 1, 0, 0, 0, 1], bool)
    eight = {name: np.concatenate([array, array[:1]]) for name, array in D4RL.items()}
    path = hdf5(tmp_path / "b.hdf5", **eight | {"terminals": deaths, "timeouts": ~deaths & False})
    assert any("time-outs marked as deaths?" in oddity for oddity in read(path).oddities)


def test_clipping_is_asked_for(tmp_path: Path) -> None:
    found = read(hdf5(tmp_path / "a.hdf5", actions=D4RL["actions"] * 3))
    assert np.abs(to_dataset(found, clip=True).rows["action"]).max() == 1.0


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hdf5(tmp_path / "a.hdf5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        ValueError, match=r"the package h5py is needed for it: pip install 'wsrl_mjx\[data\]'"
    ):
        read(path)


@pytest.mark.parametrize("known", [True, False])
def test_minari_reads_what_we_export(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two trajectories; the second row of the second is without value, so the one before it is cut."""
    env = envs.make("pointmaze-umaze")
    size = lambda count: np.arange(5 * count, dtype=np.float32).reshape(5, count)
    rows = {
        "obs": size(env.obs_size),
        "next_obs": size(env.obs_size) + env.obs_size,
        "action": np.full((5, env.action_size), 0.5, np.float32),
        "reward": np.array([0, 1, 0, 0, 0], np.float32),
        "terminated": np.array([0, 1, 0, 0, 0], np.float32),
        "truncated": np.array([0, 0, 1, 1, 1], np.float32),
        "valid": np.array([1, 1, 1, 0, 1], np.float32),
    }
    card = dataset.make_card(env, rows, "play", [{"level": "play"}], 0)
    card["env_fingerprint"] = env.fingerprint() if known else "another option"
    dataset.save(tmp_path / "ours", dataset.Dataset(rows, card))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    out = tmp_path / "wsrl" / "pointmaze-umaze" / "play-v0"
    command.main(["export", str(tmp_path / "ours"), "--out", str(out)])
    theirs = minari.load_dataset("wsrl/pointmaze-umaze/play-v0")
    assert [len(episode.rewards) for episode in theirs] == [2, 1, 1]
    first = theirs[0]
    np.testing.assert_array_equal(first.observations, [*rows["obs"][:2], rows["next_obs"][1]])
    assert first.terminations.tolist() == [False, True] and not first.truncations.any()
    assert theirs[2].truncations.tolist() == [True]
    assert (theirs.env_spec is not None) == known
    assert ("has no name in Gymnasium" in " ".join(capsys.readouterr().out.split())) != known
    back = to_dataset(read(out)).rows
    for name in ("obs", "action", "reward", "next_obs", "terminated", "truncated"):
        np.testing.assert_array_equal(back[name], rows[name][rows["valid"] > 0])
    with pytest.raises(SystemExit):
        command.main(["export", str(tmp_path / "ours"), "--out", str(out)])
    assert "exists" in capsys.readouterr().err


def test_what_is_not_ours_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["export", str(tmp_path), "--out", str(tmp_path / "out")])
    assert "card.json is missing" in capsys.readouterr().err
