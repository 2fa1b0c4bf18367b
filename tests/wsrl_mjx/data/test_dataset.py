"""Datasets: rows in trajectory order, a round trip over the disk, and bad ones refused with their message."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy_reference as reference
import pytest
from probe_envs import Line, OtherLine, TurnsNonFinite, WideLine, probe

from wsrl_mjx.algos.base import hyper
from wsrl_mjx.data import behaviors, dataset, rollout, trajectories
from wsrl_mjx.data.dataset import Dataset
from wsrl_mjx.data.rollout import RewardTransform

LINE = probe(Line)
SIZE, ENVS = 120, 4


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    return dataset.collect(LINE, rollout.Memoryless(behaviors.random_act(1)), SIZE, ENVS, seed=0)


@pytest.fixture
def folder(tmp_path: Path, rows: dict[str, np.ndarray]) -> Path:
    return write(tmp_path / "data", rows)


def write(folder: Path, rows: dict[str, np.ndarray]) -> Path:
    card = {
        "name": "mine",
        "env": "line",
        "episodes": 6,
        "return_mean": -4.0,
        "env_fingerprint": LINE.fingerprint(),
        "policies": [],
        "digest": dataset.digest(rows),
    }
    dataset.save(folder, Dataset(rows, card))
    return folder


# -- collecting -------------------------------------------------------------------------------------------


def test_rows_have_the_shapes_and_ranges_of_the_environment(rows: dict[str, np.ndarray]) -> None:
    assert set(rows) == set(dataset.FIELDS)
    assert rows["obs"].shape == rows["next_obs"].shape == rows["action"].shape == (SIZE, 1)
    assert all(array.dtype == np.float32 for array in rows.values())
    assert np.abs(rows["action"]).max() <= 0.99999 and rows["valid"].all()


def test_rows_are_the_environments_own_steps(rows: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(rows["next_obs"], rows["obs"] + 0.2 * rows["action"], atol=1e-6)
    np.testing.assert_allclose(rows["reward"], -np.abs(rows["next_obs"][:, 0]), atol=1e-6)
    np.testing.assert_array_equal(rows["terminated"], np.abs(rows["next_obs"][:, 0]) > 1.0)


def test_rows_are_in_trajectory_order(rows: dict[str, np.ndarray]) -> None:
    ended = (rows["terminated"] + rows["truncated"]) > 0
    assert not (rows["terminated"] * rows["truncated"]).any()
    goes_on = ~ended[:-1]
    gap = np.abs(rows["next_obs"][:-1] - rows["obs"][1:])[:, 0]
    assert gap[goes_on].max() < 1e-6 < gap[~goes_on].min()
    assert np.abs(rows["obs"][1:][~goes_on]).max() <= 0.5  # a fresh start


@pytest.mark.parametrize("size", [120, 119, 117])
def test_every_stream_of_rows_ends_with_an_end(size: int) -> None:
    cut = dataset.collect(LINE, rollout.Memoryless(behaviors.random_act(1)), size, ENVS, seed=0)
    assert len(cut["reward"]) == size
    ended = (cut["terminated"] + cut["truncated"]) > 0
    per_env = 30
    assert ended[per_env - 1 :: per_env].all() and ended[-1]


def test_a_non_finite_step_ends_its_trajectory() -> None:
    rows = dataset.collect(probe(TurnsNonFinite), rollout.Memoryless(behaviors.random_act(1)), 16, 2, seed=0)
    np.testing.assert_array_equal(rows["valid"], [1, 1, 1, 0] * 4)
    np.testing.assert_array_equal(rows["reward"], [1, 1, 1, 0] * 4)
    data = dataset.to_device(rows, RewardTransform(hyper(1.0), hyper(0.0)), 0.5)
    # What was before the broken step knows nothing of what came after the restart: it goes on like its mean.
    np.testing.assert_allclose(np.asarray(data.mc_return)[rows["valid"] > 0], 2.0, rtol=1e-6)


def test_seeds_decide_the_rows(rows: dict[str, np.ndarray]) -> None:
    again = dataset.collect(LINE, rollout.Memoryless(behaviors.random_act(1)), SIZE, ENVS, seed=0)
    other = dataset.collect(LINE, rollout.Memoryless(behaviors.random_act(1)), SIZE, ENVS, seed=1)
    assert dataset.digest(again) == dataset.digest(rows) != dataset.digest(other)


def test_progress_is_reported(rows: dict[str, np.ndarray]) -> None:
    seen: list[int] = []
    dataset.collect(LINE, rollout.Memoryless(behaviors.random_act(1)), 2100, ENVS, 0, seen.append)
    assert seen == [2000, 2100]


def test_a_program_compiled_ahead_collects_the_same_rows() -> None:
    collect = lambda **how: dataset.collect(
        LINE, rollout.Memoryless(behaviors.random_act(1)), 2100, ENVS, 0, **how
    )
    compile_ahead = lambda name, jitted, *arguments: jitted.lower(*arguments).compile()
    ahead = collect(compiler=SimpleNamespace(compiled=compile_ahead))
    assert dataset.digest(ahead) == dataset.digest(collect())


# -- the card ---------------------------------------------------------------------------------------------


def test_the_card_says_what_the_rows_are(rows: dict[str, np.ndarray]) -> None:
    card = dataset.make_card(LINE, rows, "random", [{"level": "random"}], seed=5)
    assert card["env"] == "line" and card["env_fingerprint"] == LINE.fingerprint()
    assert card["transitions"] == SIZE and card["seed"] == 5 and card["invalid_rows"] == 0
    returns, _ = trajectories.whole_episodes(rows, LINE.time_limit)
    assert card["return_mean"] == pytest.approx(returns.mean())
    assert card["score_mean"] == pytest.approx(100 * (returns.mean() + 8.0) / 8.0)
    assert sum(card["return_histogram"]["counts"]) == card["episodes"] == len(returns)


# -- on disk ----------------------------------------------------------------------------------------------


def test_a_saved_dataset_comes_back_bit_for_bit(folder: Path, rows: dict[str, np.ndarray]) -> None:
    loaded = dataset.load(folder, LINE)
    for name in dataset.FIELDS:
        np.testing.assert_array_equal(loaded.rows[name], rows[name])
    assert loaded.size == SIZE and loaded.card["digest"] == dataset.digest(rows)


def changed(rows: dict[str, np.ndarray], name: str, value: Any) -> dict[str, np.ndarray]:
    copy = {field: array.copy() for field, array in rows.items()}
    copy[name] = value(copy[name])
    return copy


def put(number: float) -> Any:
    def edit(array: np.ndarray) -> np.ndarray:
        array.flat[3] = number
        return array

    return edit


@pytest.mark.parametrize(
    ("field", "edit", "message"),
    [
        ("obs", put(np.nan), "obs has numbers that are not finite"),
        ("reward", put(np.inf), "reward has numbers that are not finite"),
        ("action", put(1.5), r"action must be in \[-1, 1\], the largest is 1.5"),
        (
            "obs",
            lambda x: np.repeat(x, 2, axis=1),
            r"obs must have shape \(120, 1\) for 'line', got",
        ),
        ("next_obs", lambda x: x[:-1], r"next_obs must have shape \(120, 1\)"),
        ("terminated", lambda x: x[:, None], r"terminated must have shape \(120,\)"),
        ("terminated", put(7.0), "terminated must be 0 or 1 in every row"),
        ("valid", put(-3.0), "valid must be 0 or 1 in every row"),
        ("valid", np.zeros_like, "no row is valid"),
        ("reward", lambda x: x.astype(str), "reward must be real numbers, got <U"),
        ("obs", lambda x: x.astype(complex), "obs must be real numbers, got complex"),
    ],
)
def test_bad_rows_are_refused(
    tmp_path: Path, rows: dict[str, np.ndarray], field: str, edit: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dataset.load(write(tmp_path / "bad", changed(rows, field, edit)), LINE)


def test_an_empty_dataset_is_refused(tmp_path: Path, rows: dict[str, np.ndarray]) -> None:
    folder = write(tmp_path / "bad", rows)
    np.savez(folder / "transitions.npz", **{name: array[:0] for name, array in rows.items()})
    with pytest.raises(ValueError, match="there are no rows"):
        dataset.load(folder, LINE)


def test_tampered_rows_are_refused(folder: Path, rows: dict[str, np.ndarray]) -> None:
    np.savez(folder / "transitions.npz", **changed(rows, "reward", put(0.25)))
    with pytest.raises(ValueError, match="do not have the digest on the card"):
        dataset.load(folder, LINE)


def test_a_file_cut_short_is_refused(folder: Path) -> None:
    path = folder / "transitions.npz"
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(ValueError, match="damaged or cut short"):
        dataset.load(folder, LINE)


def test_a_missing_field_is_refused(folder: Path, rows: dict[str, np.ndarray]) -> None:
    np.savez(folder / "transitions.npz", **{k: v for k, v in rows.items() if k != "valid"})
    with pytest.raises(ValueError, match=r"damaged or cut short.*valid"):
        dataset.load(folder, LINE)


@pytest.mark.parametrize("name", ["card.json", "transitions.npz"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"{name} is missing"):
        dataset.load(folder, LINE)


def test_a_broken_card_is_refused(folder: Path) -> None:
    (folder / "card.json").write_text('{"name": "rand')
    with pytest.raises(ValueError, match="damaged or cut short"):
        dataset.load(folder, LINE)


@pytest.mark.parametrize(("card", "message"), [("[]", "lacks name, env"), ('{"name": "x"}', "lacks env, ")])
def test_a_card_without_its_fields_is_refused(folder: Path, card: str, message: str) -> None:
    (folder / "card.json").write_text(card)
    with pytest.raises(ValueError, match=message):
        dataset.load(folder, LINE)


def test_saving_leaves_the_whole_or_nothing(
    tmp_path: Path, rows: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **arrays: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        write(tmp_path / "data", rows)
    assert not list(tmp_path.iterdir())


def test_another_environment_needs_consent(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"comes from another environment: 'line'.*--allow-other-env"):
        dataset.load(folder, probe(OtherLine))
    assert dataset.load(folder, probe(OtherLine), allow_other_env=True).size == SIZE
    with pytest.raises(ValueError, match=r"obs must have shape \(120, 2\)"):
        dataset.load(folder, probe(WideLine), allow_other_env=True)


def test_options_of_the_environment_are_part_of_it(folder: Path) -> None:
    with pytest.raises(ValueError, match="another environment"):
        dataset.load(folder, probe(Line, time_limit=19))


# -- on the device ----------------------------------------------------------------------------------------


def test_scale_and_bias_are_applied_once_and_returns_are_of_the_scaled_rewards(
    rows: dict[str, np.ndarray],
) -> None:
    transform = RewardTransform(hyper(10.0), hyper(-5.0))
    data = dataset.to_device(rows, transform, 0.9)
    reward = 10.0 * rows["reward"].astype(np.float64) - 5.0
    np.testing.assert_allclose(data.reward, reward, rtol=1e-5)
    expected = reference.monte_carlo_returns(reward, rows["terminated"], rows["truncated"], 0.9)
    np.testing.assert_allclose(data.mc_return, expected, rtol=1e-4)


def test_actions_are_moved_inside_their_bounds(rows: dict[str, np.ndarray]) -> None:
    at_border = changed(rows, "action", put(-1.0))
    data = dataset.to_device(at_border, RewardTransform(hyper(1.0), hyper(0.0)), 0.9)
    assert float(jnp.abs(data.action).max()) == pytest.approx(0.99999)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(data))


def test_the_card_is_plain_json(folder: Path) -> None:
    assert json.loads((folder / "card.json").read_text())["policies"] == []
