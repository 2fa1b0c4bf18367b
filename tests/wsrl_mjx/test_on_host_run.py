"""A whole run in an environment on the host: every step is a row, in order, also behind a power cut."""

from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from watched import CutOffError, Watched, settings

from wsrl_mjx.runs.setup import RunOptions

LIMIT = 6


class Counted(gymnasium.Env[Any, Any]):
    """Observes how many steps it has made; notes the actions that it was stepped with."""

    instances: ClassVar[list[Any]] = []
    observation_space = spaces.Box(-9, 9, (1,))
    action_space = spaces.Box(-1, 1, (1,))

    def __init__(self) -> None:
        self.actions: list[float] = []
        self.starts: list[int] = []  # the steps before each
        self.open = True
        self.instances.append(self)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.starts.append(len(self.actions))
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        self.actions.append(float(action[0]))
        count = len(self.actions) - self.starts[-1]
        return np.array([count], np.float32), 1.0, False, False, {}

    def close(self) -> None:
        self.open = False


gymnasium.register("Counted-v0", Counted)


def test_a_run_loses_no_step_and_goes_on_with_its_replay(tmp_path: Path) -> None:
    Counted.instances.clear()
    config = settings(
        env="gym:Counted-v0",
        env_options=(f"time_limit={LIMIT}", "control_rate=5000"),
        num_seeds=1,
        replay_capacity=64,
    )
    cut_off = Watched(config, RunOptions(tmp_path / "run", tmp_path / "cache"), ("online", 30))
    with pytest.raises(CutOffError):
        cut_off.train()
    assert not any(each.open for each in Counted.instances)
    before = Counted.instances.copy()
    resumed = Watched(config, RunOptions(tmp_path / "run", tmp_path / "cache", resume=True))
    resumed.train()
    assert not any(each.open for each in Counted.instances)
    assert "gym:Counted-v0: 20 steps at " in resumed.said.getvalue()

    state, clock = resumed.last  # pyright: ignore[reportGeneralTypeIssues]
    assert clock.env_steps == 40
    rows = {name: getattr(state.buffer.data, name)[0, :40] for name in ("obs", "action", "next_obs")}
    ends = np.asarray(state.buffer.data.truncated[0, :40])
    # Collection made 50 steps in each instance, an evaluation 6; the others are the training's. Its rows of
    # step 30 are written when step 40 is done.
    (first,) = (each for each in before if len(each.actions) == 40)
    (second,) = (each for each in Counted.instances[len(before) :] if len(each.actions) == 20)
    expected = [*first.actions[:20], *second.actions]  # the checkpoint is of step 20
    np.testing.assert_allclose(rows["action"][:, 0], expected, atol=1e-6)
    counts = [*(i % LIMIT for i in range(20)), *(i % LIMIT for i in range(20))]
    assert rows["obs"][:, 0].tolist() == counts
    assert rows["next_obs"][:, 0].tolist() == [count + 1 for count in counts]
    # Cut by the limit, and where the checkpoint was.
    assert np.flatnonzero(ends).tolist() == [5, 11, 17, 19, 25, 31, 37]


def test_several_learners_are_refused(tmp_path: Path) -> None:
    config = settings(env="gym:Counted-v0", env_options=("time_limit=6",), num_seeds=2)
    with pytest.raises(ValueError, match=r"num_seeds must be 1 for gym:Counted-v0, .* got 2 learners"):
        Watched(config, RunOptions(tmp_path / "run", tmp_path / "cache"))
    assert not (tmp_path / "run").exists()
