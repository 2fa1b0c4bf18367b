"""`envs.make`: names, options, fingerprints and reference scores."""

import dataclasses
import re
import subprocess
import sys
import typing
from functools import partial
from typing import Any

import pytest

import envs
from envs.base import ReferenceScores
from envs.references import reference_scores

MAY_BE_INFINITE = {"rewarded_speed"}
MAY_BE_NEGATIVE = {"healthy_reward"}
MAY_BE_ZERO = {"ctrl_cost_weight", "facing_weight", "healthy_reward", "reset_noise_scale", "start_noise"} | {
    "hole_noise",
    "hole_yaw",
}
WRONG_INTERVALS = ("nan,1", "0,nan", "1,1", "2,1", "inf,inf", "inf,-inf")


def wrong_numbers() -> list[tuple[str, str, str]]:
    """Returns environment, option and text of every number that an option must not be, over all classes."""
    wrong, classes = [], {}
    for name, factory in envs.REGISTRY.items():
        classes[factory.func if isinstance(factory, partial) else factory] = name
    for task_class, name in classes.items():
        hints = typing.get_type_hints(task_class)
        for option in (f.name for f in dataclasses.fields(task_class) if f.init):
            if hints[option] == tuple[float, float]:
                wrong += [(name, option, text) for text in WRONG_INTERVALS]
            elif hints[option] is float:
                texts = {
                    "nan": set(),
                    "-inf": set(),
                    "inf": MAY_BE_INFINITE,
                    "-1": MAY_BE_NEGATIVE,
                    "0": MAY_BE_ZERO,
                }
                wrong += [(name, option, text) for text, allowed in texts.items() if option not in allowed]
    return wrong


def test_an_unknown_name_lists_the_names_and_the_nearest() -> None:
    with pytest.raises(
        ValueError,
        match=r"env is 'hoper'.*ant, ant-direction, franka-peg-.*Did you mean 'hopper'",
    ):
        envs.make("hoper")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"integrator": "rk5"}, "integrator is 'rk5'; choose one of euler, rk4"),
        ({"iterations": 0}, "iterations is 0"),
        ({"ls_iterations": 1.5}, "ls_iterations is 1.5"),
        ({"time_limit": -1}, "time_limit is -1"),
        ({"time_limit": 2**31}, r"time_limit is 2147483648; it must be a positive integer below 2\*\*31"),
        (
            {"reset_noise_scale": "0.1"},
            "reset_noise_scale is '0.1'; it must be a finite number, zero or more",
        ),
        ({"healthy_z_range": 0.7}, "healthy_z_range is 0.7; it must be two numbers, the lower one first"),
        ({"gravity": 1}, "hopper has no option 'gravity'; its options are integrator"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envs.make("hopper", **options)


@pytest.mark.parametrize(
    ("name", "texts", "options"),
    [
        ("hopper", ("integrator=rk4", "iterations=7"), {"integrator": "rk4", "iterations": 7}),
        (
            "ant",
            ("healthy_z_range=0.3,1", "time_limit=50"),
            {"healthy_z_range": (0.3, 1.0), "time_limit": 50},
        ),
        ("pointmaze-umaze", ("goal=1,3", "substeps=2"), {"goal": (1, 3), "substeps": 2}),
        ("hopper", (), {}),
    ],
)
def test_options_as_text_are_the_options(name: str, texts: Any, options: dict[str, Any]) -> None:
    ours: Any = envs.make_from_text(name, texts)
    theirs: Any = envs.make(name, **options)
    assert ours.fingerprint() == theirs.fingerprint()
    for option, value in options.items():
        assert getattr(ours.task, option) == value


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("hopper", ("rk4",), "env_options must be name=value, got 'rk4'"),
        ("hopper", ("time_limit=5", "time_limit=6"), "env_options has time_limit twice"),
        ("hopper", ("iterations=2.5",), "iterations of hopper must be an integer, got '2.5'"),
        ("hopper", ("gravity=1",), "hopper has no option 'gravity'"),
        ("hopper", ("simulation=1",), "simulation of hopper must be set from Python, got '1'"),
        (
            "pointmaze-umaze",
            ("goal=1",),
            "goal of pointmaze-umaze must be 2 numbers with a comma between them",
        ),
        ("pointmaze-umaze", ("goal=0,0",), "goal is (0, 0); it must be a free cell"),
        ("pointmaze-umaze", ("goal=1,1",), "start and goal of maze umaze are the same cell (1, 1)"),
        ("hoper", ("time_limit=5",), "Did you mean 'hopper'"),
    ],
)
def test_options_as_text_that_cannot_be_are_refused(name: str, texts: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        envs.make_from_text(name, texts)


@pytest.mark.parametrize(("name", "option", "text"), wrong_numbers())
def test_a_number_that_cannot_work_is_refused_before_the_model_is_loaded(
    name: str, option: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("gymnasium_task", "maze_task", "insertion"):
        monkeypatch.delattr(f"envs.{module}.load_model")
    values = ", ".join(str(float(part)) for part in text.split(","))
    message = rf"^{option} is \(?{re.escape(values)}\)?; it must be "
    with pytest.raises(ValueError, match=message):
        envs.make_from_text(name, [f"{option}={text}"])


def test_every_float_of_every_class_is_tried() -> None:
    tried = {option for _, option, _ in wrong_numbers()}
    assert {"healthy_z_range", "rewarded_speed", "goal_radius", "start_noise", "speed_limit"} <= tried


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ant", {"rewarded_speed": float("inf"), "healthy_reward": -1.0, "reset_noise_scale": 0.0}),
        ("hopper", {"healthy_z_range": (0.7, float("inf")), "ctrl_cost_weight": 0}),
        ("pointmaze-umaze", {"start_noise": 0.0, "goal_radius": 1}),
    ],
)
def test_numbers_at_the_edge_are_taken(name: str, options: dict[str, Any]) -> None:
    task: Any = envs.make(name, **options).task
    assert {option: getattr(task, option) for option in options} == options


def test_the_fingerprint_follows_name_and_options_alone() -> None:
    first = envs.make("hopper")
    assert first.fingerprint() == envs.make("hopper").fingerprint()
    others = [
        envs.make("walker2d"),
        envs.make("hopper", integrator="rk4"),
        envs.make("hopper", iterations=7),
        envs.make("hopper", time_limit=10),
        envs.make("hopper", ctrl_cost_weight=0.0),
    ]
    assert len({first.fingerprint(), *(env.fingerprint() for env in others)}) == 6


def test_an_environment_is_hashable_by_identity() -> None:
    first, second = envs.make("hopper"), envs.make("hopper")
    assert first != second
    assert len({first, second}) == 2


def test_normalised_scores() -> None:
    scores = ReferenceScores(random=10.0, expert=110.0, provenance="made up")
    assert scores.normalize(10.0) == 0.0 and scores.normalize(60.0) == 50.0
    assert reference_scores("no such task") is None


def test_a_task_with_options_has_no_reference_of_the_task_as_it_is() -> None:
    assert envs.make("hopper").reference == reference_scores("hopper") is not None
    assert envs.make("hopper", ctrl_cost_weight=0.0).reference is None
    assert envs.make("hopper", time_limit=100).reference is None
    assert envs.make("hopper", time_limit=1000).reference is not None


def test_making_an_environment_imports_neither_brax_nor_a_renderer_nor_learning() -> None:
    code = (
        "import sys, envs; envs.make('hopper');"
        "bad = {'brax', 'gymnasium.envs.mujoco', 'imageio', 'wsrl_mjx', 'envs.adapters.gymnasium.single'};"
        "bad &= set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_options_can_be_listed_before_anything_is_made() -> None:
    assert {"clearance", "radius", "starts"} <= set(envs.option_names("peg-insertion"))
    assert "maze" not in envs.option_names("pointmaze-umaze"), "the name decides it"
    assert "simulation" not in envs.option_names("ant"), "it is made, not chosen"
    assert envs.option_names("no-such-world") == ()
