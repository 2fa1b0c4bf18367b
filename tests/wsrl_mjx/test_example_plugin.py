"""The example package of docs/examples/plugin: installed as anybody would, then used by the commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "plugin"
TRAIN = [
    *("--env", "thermostat", "--offline-algo", "gentle", "--online-algo", "gentle", "--gentle-weight", "0.3"),
    *("--env-options", "leak=0.2", "--preset", "smoke", "--online-steps", "400", "--batch-size", "8"),
    *("--warmup-steps", "100", "--dataset-size", "800", "--offline-steps", "20", "--ensemble-size", "2"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed in it; what builds it works on a copy, and asks no network."""
    copy, site = (tmp_path_factory.mktemp(name) for name in ("copy", "site"))
    shutil.copytree(EXAMPLE, copy, dirs_exist_ok=True)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "install", "-q", *offline, "--target", str(site), str(copy)], site)
    return site


def run(command: list[str], site: Path, **variables: str) -> str:
    """Returns what a command says, once it has ended well, with the package among what is installed."""
    paths = [str(ROOT), str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "100"} | variables
    done = subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_help_lists_world_algorithm_and_its_setting(site: Path) -> None:
    said = run([sys.executable, str(ROOT / "scripts" / "train.py"), "--help"], site)
    assert "environment thermostat, of wsrl-example 0.1.0" in said
    assert "algorithm gentle, of wsrl-example 0.1.0" in said
    assert "{cql,calql,iql,awac,bc,gentle}" in said and "--gentle-weight FLOAT" in said


@pytest.mark.slow
def test_it_trains(site: Path, tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "scripts" / "train.py")]
    cache = str(tmp_path / "cache")
    run([*script, *TRAIN, "--run-dir", str(tmp_path / "run")], site, WSRL_MJX_CACHE=cache)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["env"] == "thermostat" and config["gentle_weight"] == 0.3
    assert "gentle/size" in (tmp_path / "run" / "metrics.csv").read_text()
    script = [sys.executable, str(ROOT / "scripts" / "evaluate.py"), str(tmp_path / "run")]
    assert "deterministic" in run([*script, "--episodes", "2"], site, WSRL_MJX_CACHE=cache)


@pytest.mark.slow
def test_it_keeps_the_contracts(site: Path, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "test_plugin.py", tmp_path)
    said = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], site)
    assert "26 passed" in said
