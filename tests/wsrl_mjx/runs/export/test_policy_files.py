"""A run's policy as files: whole folders, the right seed and step, and one message for what cannot be."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import kept_policies
import numpy as np
import pytest

from wsrl_mjx.cli import export as command
from wsrl_mjx.runs.export import onnx_graph, policy_files, stablehlo
from wsrl_mjx.runs.export.policy_files import NAMES, Export, export
from wsrl_mjx.runs.policies import from_run

pytestmark = pytest.mark.usefixtures("workplace")
OBS = np.linspace(-2, 2, 20, dtype=np.float32)[:, None]


@pytest.fixture
def run(workplace: Path) -> Path:
    return kept_policies.write(workplace / "run")


def expected(run: Path, seed: int, pretrained: bool = False) -> Any:
    policies = from_run(run, None, pretrained)
    return policies.decide(policies.of(seed - 4), OBS, jax.random.key(0), False)


def test_every_format_acts_as_the_checkpoint_does(run: Path, tmp_path: Path) -> None:
    card = export(Export(run, tmp_path / "out", tuple(NAMES), seed=5))
    assert set(card["largest_difference"]) == set(NAMES) and max(card["largest_difference"].values()) < 1e-5
    assert (card["observation"], card["action"]) == (["obs[0]"], ["action[0]"])
    assert json.loads((tmp_path / "out" / "policy.json").read_text()) == card
    wanted = expected(run, 5)
    np.testing.assert_allclose(stablehlo.run(tmp_path / "out" / "policy.stablehlo", OBS), wanted, atol=1e-6)
    np.testing.assert_allclose(onnx_graph.run(tmp_path / "out" / "policy.onnx", OBS), wanted, atol=1e-6)
    # In a process of its own, from the folder alone.
    code = "import numpy_policy as n; print(n.Policy('policy.npz')([[0.5]]))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "out", capture_output=True, check=True)
    policies = from_run(run)
    half = policies.decide(policies.of(1), np.array([[0.5]]), jax.random.key(0), False)
    assert float(ran.stdout.decode().strip("[]\n ")) == pytest.approx(float(half[0, 0]), abs=1e-5)


def test_the_pretrained_policy_is_another(run: Path, tmp_path: Path) -> None:
    command.main([str(run), "--out", "out", "--pretrained", "--seed", "4", "--format", "stablehlo"])
    actions = stablehlo.run(Path("out") / "policy.stablehlo", OBS)
    np.testing.assert_allclose(actions, expected(run, 4, pretrained=True), atol=1e-6)
    assert np.abs(actions - expected(run, 4)).max() > 1e-3
    assert sorted(path.name for path in Path("out").iterdir()) == ["policy.json", "policy.stablehlo"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "6"], "seed must be one of 4, 5, got 6"),
        ([], "seed must be one of 4, 5, got none"),
        (["--seed", "4", "--step", "7"], "step 7 has no checkpoint in run; online steps kept: 2,000"),
        (["--seed", "4", "--step", "best"], "step must be an online step or latest, got 'best'"),
        (["--seed", "4", "--step", "7", "--pretrained"], "give step or pretrained, not both"),
        (["--seed", "4", "--format"], "format must name one at least: npz, stablehlo, onnx"),
    ],
)
def test_what_cannot_be_exported_ends_with_one_message(
    run: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main(["run", "--out", "out", *arguments])
    assert exit_.value.code == 2 and message in capsys.readouterr().err
    assert run.is_dir() and not Path("out").exists()


def test_a_folder_that_exists_is_left_alone(run: Path) -> None:
    Path("out").mkdir()
    with pytest.raises(ValueError, match="out out exists; delete it first, or choose another"):
        export(Export(run, Path("out"), ("npz",), seed=4))
    assert not list(Path("out").iterdir())


def test_a_file_that_acts_otherwise_is_not_kept(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = policy_files.of_actor

    def moved(params: Any) -> Any:
        arrays = true(params)
        return arrays | {"mean_bias": arrays["mean_bias"] + 1}

    monkeypatch.setattr(policy_files, "of_actor", moved)
    with pytest.raises(ValueError, match="format npz acts otherwise than the checkpoint"):
        export(Export(run, Path("out"), ("npz",), seed=4))
    assert not Path("out").exists()


def test_a_missing_package_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"format onnx needs the package onnxruntime: pip install"):
        export(Export(run, Path("out"), ("npz", "onnx"), seed=4))
    assert not Path("out").exists()
