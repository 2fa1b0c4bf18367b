"""What installed packages offer: found by name, imported late, and one that is broken hurts no other."""

import sys
from pathlib import Path
from typing import Any

import pytest

import envs
from envs.plugins import Plugins

GROUP = "wsrl_mjx.environments"
WORLD = """
from dataclasses import dataclass
from envs import first_state
import jax.numpy as jnp

@dataclass(frozen=True)
class World:
    time_limit: int = 9
    name = "far"
    obs_size = action_size = 1

    def reset(self, key):
        return first_state(jnp.zeros(1), jnp.zeros(1), key)

    def step(self, state, action):
        return state
"""


def package(folder: Path, name: str, modules: dict[str, str], offers: dict[str, str]) -> None:
    """Makes what an installer would: modules, and the folder with a package's name and entry points."""
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    info = folder / f"{name.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    lines = [f"[{GROUP}]", *(f"{offer} = {place}" for offer, place in offers.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages; what they added is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(envs, "REGISTRY", dict(envs.REGISTRY))
    monkeypatch.setattr(envs, "_ADDED", set())
    monkeypatch.setattr(envs, "PLUGINS", Plugins(GROUP, "environment", envs._SHIPPED, envs.register))
    return tmp_path


def test_a_package_is_imported_when_its_name_is_asked_for(site: Path) -> None:
    package(site, "far-away", {"far_module": WORLD}, {"far": "far_module:World"})
    assert envs.names()[-1] == "far" and envs.is_added("far") and "far_module" not in sys.modules
    assert envs.make("far", time_limit=4).time_limit == 4
    assert "far_module" in sys.modules and envs.is_added("far")
    assert envs.option_names("far") == ("time_limit",)
    with pytest.raises(ValueError, match=r"choose one of .*pointmaze-ultra, far, brax.*Did you mean 'far'"):
        envs.make("farr")


def test_a_broken_package_is_named_with_its_error_and_hurts_no_other(site: Path) -> None:
    package(site, "far-away", {"far_module2": WORLD}, {"far": "far_module2:World"})
    package(site, "brittle", {"brittle_module": "import nowhere_at_all"}, {"brittle": "brittle_module:A"})
    package(site, "leaves", {"leaves_module": "raise SystemExit(3)"}, {"leaves": "leaves_module:A"})
    package(site, "wrong", {"wrong_module": "World = 3"}, {"wrong": "wrong_module:World"})
    assert envs.names()[-4:] == ("brittle", "far", "leaves", "wrong")
    assert envs.make("far").time_limit == 9
    subject = r"the environment '{0}' of the installed package {0} 1.5 cannot be used: "
    for name, why in {
        "brittle": "ModuleNotFoundError: No module named 'nowhere_at_all'",
        "leaves": "SystemExit: 3",
        "wrong": "a task must be a dataclass",
    }.items():
        for _ in range(2):
            with pytest.raises(ValueError, match=subject.format(name) + why):
                envs.make(name)
    lines = envs.PLUGINS.describe()
    assert lines[1] == "environment far, of far-away 1.5" and len(lines) == 4
    assert "cannot be used: ModuleNotFoundError" in lines[0]


def test_names_that_clash_are_refused(site: Path) -> None:
    package(site, "one", {"one_module": WORLD}, {"far": "one_module:World", "ant": "one_module:World"})
    package(site, "two", {"two_module": WORLD}, {"far": "two_module:World"})
    both = r"package one 1.5 and two 1.5 cannot be used: only one package may offer a name"
    with pytest.raises(ValueError, match=both):
        envs.make("far")
    assert "ant" in envs.names() and envs.names().count("ant") == 1
    taken = "environment 'ant' of this package has that name"
    assert any(taken in line for line in envs.PLUGINS.describe())
    assert envs.REGISTRY["ant"].__module__ == "envs.ant"


def test_without_packages_there_is_nothing(site: Path) -> None:
    added: list[Any] = []
    offers = Plugins("wsrl_mjx.nothing", "thing", (), lambda name, kind: added.append(name))
    offers.load("far")
    assert offers.names() == () and offers.describe() == [] and added == []
