"""Policies in MJX and in C MuJoCo: the same starts and actions; each side's returns with their intervals."""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import copy
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from envs.base import EnvState, ReferenceScores, first_state
from envs.episode import Episodes
from envs.in_mujoco import in_mujoco
from envs.simulation import Simulation
from wsrl_mjx.cli import evaluate
from wsrl_mjx.runs.policies import Policies, from_behavior
from wsrl_mjx.runs.policy_scores import play
from wsrl_mjx.runs.sim_to_sim import compare, differs

MODEL = mujoco.MjModel.from_xml_string("""<mujoco><option timestep="0.01"/><worldbody>
  <geom type="plane" size="9 9 1" friction="0.3"/>
  <body pos="0 0 0.1"><joint name="x" type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/>
  <geom type="sphere" size="0.1" mass="1"/></body></worldbody>
  <actuator><motor joint="x" ctrlrange="-5 5"/></actuator></mujoco>""")
STEPS = 8
PUSHES = (0.9, -0.9)


def simulation(iterations: int) -> Simulation:
    """Returns a ball's simulation in MJX, whose solver may stop before it has converged."""
    model = copy.copy(MODEL)
    model.opt.iterations = model.opt.ls_iterations = iterations
    return Simulation(model, substeps=2)


@dataclass(frozen=True, eq=False)
class Puck:
    """A ball that cannot roll: it slides over the floor and is pushed. The reward is where it is."""

    time_limit: int = STEPS
    simulation: Simulation = field(default_factory=lambda: simulation(20), repr=False)

    name: ClassVar[str] = "puck"
    obs_size: ClassVar[int] = 1
    action_size: ClassVar[int] = 1
    reference: ClassVar[ReferenceScores | None] = None

    def reset(self, key: jax.Array) -> EnvState:
        key_speed, key_next = jax.random.split(key)
        speed = jax.random.uniform(key_speed, minval=0.2, maxval=1.0)
        physics = self.simulation.start(jnp.array([0.0, -0.01]), jnp.stack([speed, -1.0]))
        return first_state(physics, speed[None], key_next)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        physics = self.simulation.advance(state.physics, self.simulation.control(action))
        obs = physics.qvel[:1]
        return state.replace(physics=physics, obs=obs, final_obs=obs, reward=physics.qpos[0])


def pushed(iterations: int) -> Policies:
    """Returns two policies that push with a constant force; sampled, with one of chance."""

    def decide(push: jax.Array, obs: jax.Array, key: jax.Array, explore: bool) -> jax.Array:
        steady = jnp.full((len(obs), 1), push)
        return steady * jax.random.uniform(key, (len(obs), 1)) if explore else steady

    env = Episodes(Puck(simulation=simulation(iterations)))
    return Policies("puck", "puck", env, ("ahead", "back"), jnp.array(PUSHES), decide)


def in_c(speed: float, push: float) -> float:
    """Returns an episode's return: the sum of the places after each control step."""
    data, total = mujoco.MjData(MODEL), 0.0
    data.qpos[:], data.qvel[:], data.ctrl[:] = [0.0, -0.01], [speed, -1.0], 5.0 * push
    for _ in range(STEPS):
        mujoco.mj_step(MODEL, data, nstep=2)
        total += data.qpos[0]
    return total


def test_both_sides_are_what_they_say_and_a_solver_that_stops_early_shows() -> None:
    policies = pushed(iterations=1)
    rows = compare(policies, (False,), episodes=6, seed=1)
    assert [row["policy"] for row in rows] == ["ahead", "back", "all 2"]
    there = replace(policies, env=in_mujoco(policies.env))
    speeds = play(there, (False,), 6, 1)[0].first_obs[..., 0]  # [S, N]
    means: list[float] = []
    for row, of_policy, push in zip(rows, speeds, PUSHES, strict=False):
        returns = np.array([in_c(float(speed), push) for speed in of_policy])
        found = row["return"]
        assert found["mujoco"]["mean"] == pytest.approx(returns.mean(), abs=1e-5)
        assert returns.min() < found["mujoco"]["low"] < found["mujoco"]["high"] < returns.max()
        assert found["difference"]["mean"] == pytest.approx(found["mujoco"]["mean"] - found["mjx"]["mean"])
        assert abs(found["difference"]["mean"]) > 1e-3
        assert row["length"] == {"mjx": STEPS, "mujoco": STEPS} and row["episodes"] == 6
        assert row["invalid_episodes"] == {"mjx": 0, "mujoco": 0}
        means.append(returns.mean())
    assert differs(rows[0])
    assert rows[2]["return"]["mujoco"]["mean"] == pytest.approx(np.mean(means), abs=1e-5)


@pytest.mark.slow
def test_with_all_the_iterations_the_same_noise_gives_the_same_returns() -> None:
    (row, *_) = compare(pushed(iterations=20), (True,), episodes=4, seed=0)
    assert row["actions"] == "stochastic"
    found = row["return"]
    assert found["mujoco"]["high"] - found["mujoco"]["low"] > 1e-2, "starts and noise differ by episode"
    assert found["difference"]["mean"] == pytest.approx(0.0, abs=1e-5)


def test_a_written_behavior_is_one_where_it_is_asked_for() -> None:
    policies = from_behavior("pointmaze-umaze", "play", scripts=True)
    task: Any = policies.env
    assert policies.script is not None and task.task.starts == "play"
    with pytest.raises(ValueError, match="behavior must be one of random for pointmaze-umaze, got 'play'"):
        from_behavior("pointmaze-umaze", "play")
    with pytest.raises(ValueError, match="random, demonstration, mixed, play for peg-insertion, got 'x'"):
        from_behavior("peg-insertion", "x", scripts=True)


def test_the_command_shows_both_and_says_where_they_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    shares = {"mjx": (0.5, 0.25, 0.75), "mujoco": (0.125, 0.0, 0.25), "difference": (-0.375, -0.5, -0.25)}
    row = {
        "policy": "play",
        "actions": "stochastic",
        "episodes": 8,
        "return": {side: dict(zip(("mean", "low", "high"), of, strict=True)) for side, of in shares.items()},
        "length": {"mjx": 71.0, "mujoco": 95.0},
        "invalid_episodes": {"mjx": 0, "mujoco": 2},
    }
    asked: list[Any] = []
    monkeypatch.setattr(evaluate.sim_to_sim, "compare", lambda *given: asked.extend(given) or [row])
    arguments = ["--behavior", "pointmaze-umaze", "play", "--in-mujoco", "--episodes", "8", "--seed", "3"]
    evaluate.main([*arguments, "--out", "both.json"])
    assert asked[1:] == [(True,), 8, 3] and asked[0].script is not None
    said = capsys.readouterr().out
    lines = [line.replace("│", " ").split() for line in said.splitlines()]
    assert ["play", "stochastic", "MJX", "50.0", "25.0", "to", "75.0", "71"] in lines
    assert ["play", "stochastic", "C", "MuJoCo", "12.5", "0.0", "to", "25.0", "95"] in lines
    assert ["play", "stochastic", "difference", "-37.5", "-50.0", "to", "-25.0"] in lines
    assert "the difference's interval leaves out 0: play, stochastic" in said
    assert "C MuJoCo: 2 episodes ended because the simulation became non-finite" in said
    assert json.loads((workplace / "both.json").read_text())["rows"] == [row]


@pytest.mark.parametrize("name", ["line", "gym:Pendulum-v1"])
def test_a_world_without_a_model_is_refused(
    name: str, capsys: pytest.CaptureFixture[str], workplace: object
) -> None:
    with pytest.raises(SystemExit) as exit_:
        evaluate.main(["--behavior", name, "random", "--in-mujoco"])
    assert exit_.value.code == 2
    assert f"env '{name}' has no MuJoCo model here" in capsys.readouterr().err
