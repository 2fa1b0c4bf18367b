"""Algorithms of other code: added by name, with settings that are flags where the code is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from probe_envs import Line

import envs
import wsrl_mjx as wsrl
from envs.plugins import Plugins
from wsrl_mjx.algos import registry
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.cql import CQLSettings
from wsrl_mjx.algos.registry import ALGORITHMS, SHIPPED
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.cli import start
from wsrl_mjx.config import build, domains, effects, plugins
from wsrl_mjx.config.settings import Config, flat_fields, from_saved, of_pretraining, replace_flat, to_save
from wsrl_mjx.runs import pretrained
from wsrl_mjx.runs.setup import settings_of

TRAIN = ["--env", "line", "--preset", "smoke", "--dataset", "random"]


@dataclass(frozen=True)
class ShySettings:
    """Settings of shy."""

    shy_weight: float = 0.5
    """What shyness weighs."""
    shy_rounds: int = 0

    def check(self) -> None:
        if self.shy_weight < 0.0:
            raise ValueError(f"shy_weight must not be negative, got {self.shy_weight}")


class Shy(Variant):
    """SAC by another name, with settings."""

    name: ClassVar[str] = "shy"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = True
    settings: ClassVar[type | None] = ShySettings

    weight: Any

    @classmethod
    def from_settings(cls, sac: Any, settings: ShySettings, phase: str) -> "Shy":
        return cls(sac, weight=hyper(settings.shy_weight))


def variant(**changes: Any) -> type:
    """Returns a class like Shy with other class attributes."""
    return type("Other", (Shy,), {"name": "other", "__annotations__": {}, **changes})


@pytest.fixture(autouse=True)
def only_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No installed package is seen, and what a test adds is forgotten afterwards."""
    before = dict(ALGORITHMS)
    monkeypatch.setattr(registry, "PLUGINS", Plugins("nobody", "algorithm", SHIPPED, registry.add))
    yield
    ALGORITHMS.clear()
    ALGORITHMS.update(before)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages are installed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    offers = Plugins("wsrl_mjx.algorithms", "algorithm", SHIPPED, registry.add)
    monkeypatch.setattr(registry, "PLUGINS", offers)
    return tmp_path


def offer(site: Path, package: str, name: str, place: str) -> None:
    info = site / f"{package}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(f"[wsrl_mjx.algorithms]\n{name} = {place}\n")


def test_an_added_algorithm_has_its_settings_among_all(workplace: Path) -> None:
    before = Config()
    wsrl.register("shy", Shy)
    assert flat_fields(Config()) == flat_fields(before) | {"shy_weight": 0.5, "shy_rounds": 0}
    typed = [*TRAIN, "--online-algo", "shy", "--offline-algo", "shy", "--shy-weight", "2"]
    config = start.parse(typed, start.Command).config
    assert config.algorithms.of("shy") == ShySettings(2.0, 0)
    recipe = build.make(config, wsrl.Episodes(Line()))
    assert type(recipe.online.algorithm) is Shy and float(recipe.online.algorithm.weight) == 2.0
    assert of_pretraining(config)["shy_weight"] == 2.0
    assert before.algorithms.of("shy") == ShySettings()  # settings from before it was added
    with pytest.raises(ValueError, match="shy_weight must not be negative, got -1"):
        start.parse([*typed, "--shy-weight", "-1"], start.Command)
    with pytest.raises(
        ValueError, match=r"online_algo must be one of .*, shy, got 'sly'; did you mean 'shy'"
    ):
        start.parse([*TRAIN, "--online-algo", "sly"], start.Command)


def test_a_run_keeps_the_settings_of_what_it_runs() -> None:
    wsrl.register("shy", Shy)
    assert "shy_weight" not in to_save(Config())
    config = replace_flat(Config(), {"online_algo": "shy", "shy_weight": 3.0})
    saved = settings_of(config)
    assert saved["shy_weight"] == 3.0 and from_saved(saved) == config
    del ALGORITHMS["shy"]
    assert from_saved(settings_of(Config())) == Config()
    with pytest.raises(ValueError, match="online_algo 'shy', but no package that is installed here offers"):
        from_saved(saved)


def test_no_setting_of_an_added_algorithm_is_called_idle_for_a_shipped_ones_reasons() -> None:
    wsrl.register("shy", Shy)
    config = replace_flat(Config(), {"offline_algo": "shy", "online_algo": "shy"})
    said = effects.without_effect(config)
    assert not said.keys() & {"shy_weight", "temperature_lr", "backup_actions", "cloning_weight"}
    assert effects.without_effect(Config())["shy_weight"] == "no phase is shy"


def test_the_cache_knows_the_code_of_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wsrl.register("shy", Shy)
    wanted = {name: {"settings": {"offline_algo": name}} for name in ("cql", "shy")}
    before = {name: pretrained.cache_folder(tmp_path, each) for name, each in wanted.items()}
    assert "class Shy(Variant)" in registry.source("shy") and registry.source("cql") == ""
    monkeypatch.setattr(registry, "source", lambda name: "" if name == "cql" else "edited")
    assert pretrained.cache_folder(tmp_path, wanted["cql"]) == before["cql"]
    assert pretrained.cache_folder(tmp_path, wanted["shy"]) != before["shy"]


@dataclass(frozen=True)
class Clashing:
    utd: float = 1.0

    def check(self) -> None: ...


@dataclass(frozen=True)
class Borrowed:
    cql_alpha: float = 1.0

    def check(self) -> None: ...


@dataclass(frozen=True)
class Unset:
    other_weight: float

    def check(self) -> None: ...


@dataclass(frozen=True)
class Unsayable:
    other_parts: Any = object

    def check(self) -> None: ...


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("sac", Shy, "the name 'sac' is taken by an algorithm of this package"),
        ("Other", variant(), "must be small letters, digits and hyphens, got 'Other'"),
        ("shy", variant(), "must have the name it is added by, 'shy', got 'other'"),
        ("other", variant(pretrains=False, fine_tunes=False), "must pretrain or fine-tune: both are False"),
        ("other", variant(settings=Clashing), "'other' have utd, a setting of a run; rename it"),
        ("other", variant(settings=Borrowed), "have cql_alpha, a setting of the algorithm 'cql'; rename it"),
        ("other", variant(settings=Unset), "must all have defaults: "),
        ("other", variant(settings=Unsayable), "other_parts must be a number, a truth, a text, a tuple"),
        ("other", variant(settings=dict), "must be a dataclass with a method check"),
        ("other", type("Bare", (), {"name": "other", "update_critic": None}), "lacks pretrains, fine_tunes"),
    ],
)
def test_what_cannot_be_added_is_refused(name: str, kind: type, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wsrl.register(name, kind)
    assert ALGORITHMS.keys() == SHIPPED


def test_settings_of_ours_can_be_shared_and_a_class_can_be_replaced() -> None:
    wsrl.register("other", variant(settings=CQLSettings))
    assert flat_fields(Config()).keys() == flat_fields(Config(algorithms=registry.AlgorithmSettings())).keys()
    again = variant()
    wsrl.register("other", again)
    assert ALGORITHMS["other"] is again and "shy_weight" in flat_fields(Config())


def test_an_installed_algorithm_is_found_and_a_broken_one_says_why(site: Path, workplace: Path) -> None:
    text = Path(__file__).read_text()
    first, last = text.index("@dataclass"), text.index("def variant")
    imports = "from dataclasses import dataclass\nfrom typing import Any, ClassVar\n"
    imports += "from wsrl_mjx.algos.base import hyper\nfrom wsrl_mjx.algos.variant import Variant\n"
    (site / "shy_package.py").write_text(imports + text[first:last])
    offer(site, "shy_package", "shy", "shy_package:Shy")
    offer(site, "sad_package", "sad", "sad_package:Sad")
    assert registry.names("online")[-1] == "shy" and "sad" not in registry.names("online")
    config = start.parse([*TRAIN, "--online-algo", "shy", "--shy-rounds", "4"], start.Command).config
    assert config.algorithms.of("shy").shy_rounds == 4
    why = (
        "online_algo is 'sad': the algorithm 'sad' of the installed package sad_package 2.0 cannot be used: "
        "ModuleNotFoundError: No module named 'sad_package'"
    )
    with pytest.raises(ValueError, match=why):
        start.parse([*TRAIN, "--online-algo", "sad", "--sad-weight", "4"], start.Command)
    with pytest.raises(ValueError, match="online_algo 'sad', but the algorithm 'sad' of the installed"):
        from_saved({"online_algo": "sad"})
    told = plugins.describe()
    assert "algorithm shy, of shy_package 2.0" in told and "cannot be used: ModuleNotFoundError" in told


def test_help_lists_what_is_added(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    wsrl.register("shy", Shy)
    with pytest.raises(SystemExit):
        start.parse([*TRAIN, "--help"], start.Command)
    said = capsys.readouterr().out
    assert "--online-algo {sac,cql,calql,iql,awac,so2,shy}" in said
    assert "--shy-weight FLOAT" in said and "What shyness weighs." in said


def test_a_world_that_is_added_has_random_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envs, "REGISTRY", dict(envs.REGISTRY))
    monkeypatch.setattr(envs, "_ADDED", set())
    assert domains.domain_of("mine").datasets[0] == "medium"
    wsrl.register("mine", Line)
    assert domains.domain_of("mine").datasets == ("random",)
    assert start.parse(["--env", "mine", "--preset", "smoke"], start.Command).config.data.dataset == "random"
