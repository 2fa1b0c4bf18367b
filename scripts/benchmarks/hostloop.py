"""What people do today: the same agent stepped from Python, with Gymnasium and a NumPy buffer."""

from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

import envs
from benchmarks import flops
from benchmarks.timing import per_step, timed_calls
from wsrl_mjx.config import build
from wsrl_mjx.config.settings import Config
from wsrl_mjx.training import runtime
from wsrl_mjx.training.steps import Online
from wsrl_mjx.types import Transition

GYMNASIUM = {
    "ant": "Ant-v5",
    "halfcheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
}


def online(config: Config, steps: int, repeats: int) -> dict[str, Any]:
    """Returns the time of one online step: act, simulate, store, sample, update; with a full buffer.

    Raises:
        ValueError: a task that Gymnasium does not have.
    """
    if config.env not in GYMNASIUM:
        raise ValueError(f"env of hostloop must be one of {', '.join(GYMNASIUM)}, got {config.env!r}")
    loop = HostLoop(config, steps)
    taken = per_step(timed_calls(loop.advance, loop.agent, repeats), steps)
    return taken | {"flop_rate": flops.online_step(config, *loop.sizes) * taken["per_second"]}


class HostLoop:
    """An environment, a buffer and a learner that Python holds together; `advance` takes so many steps."""

    def __init__(self, config: Config, steps: int) -> None:
        self.steps, self.random = steps, np.random.default_rng(0)
        task = envs.make(config.env)
        recipe = build.make(config, task)
        self.phase: Online = recipe.online
        self.sizes = task.obs_size, task.action_size
        self.env = gymnasium.make(GYMNASIUM[config.env], **_cut(config.env))
        self.obs, _ = self.env.reset(seed=0)
        self.buffer = _full_buffer(config.online.replay_capacity, *self.sizes, self.random)
        self.agent = recipe.begin_all(jax.random.split(jax.random.key(0), 1)).agent.sac
        self.agent = jax.tree.map(lambda leaf: leaf[0], self.agent)
        self.key, self.cursor = jax.random.key(1), 0
        self._act = jax.jit(lambda agent, obs, key: self.phase.algorithm.act(agent, obs, key, explore=True))
        self._learn: Any = None

    def advance(self, agent: Any) -> Any:
        """Takes the steps of one timed call, and returns the agent after them."""
        for _ in range(self.steps):
            self.key, key_act, key_learn = jax.random.split(self.key, 3)
            action = np.asarray(self._act(agent, jnp.asarray(self.obs, jnp.float32), key_act))
            after, reward, terminated, truncated, _ = self.env.step(action)
            self._store(action, after, reward, terminated, truncated)
            self.obs = self.env.reset()[0] if terminated or truncated else after
            batches = self._sample()
            if self._learn is None:
                lowered = jax.jit(self.phase.learn, donate_argnums=0).lower(agent, batches, key_learn)
                self._learn = runtime.compiled(lowered)
            agent, _ = self._learn(agent, batches, key_learn)
        return agent

    def _store(self, action: Any, after: Any, reward: Any, terminated: bool, truncated: bool) -> None:
        row = (self.obs, action, reward, after, terminated, truncated, 1.0)
        for column, value in zip(self.buffer, row, strict=True):
            column[self.cursor] = value
        self.cursor = (self.cursor + 1) % len(self.buffer[0])

    def _sample(self) -> Transition:
        phase = self.phase
        shape = (phase.updates // phase.critics_per_actor, phase.critics_per_actor, phase.batch_size)
        index = self.random.integers(len(self.buffer[0]), size=shape)
        return Transition(*(jnp.asarray(column[index]) for column in self.buffer))


def _full_buffer(
    capacity: int, obs_size: int, action_size: int, random: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Returns the columns of a buffer of random rows, in the order of a transition."""
    noise = lambda *shape: random.standard_normal((capacity, *shape), dtype=np.float32)
    flat = np.zeros(capacity, np.float32)
    return (
        noise(obs_size), np.tanh(noise(action_size)), noise(), noise(obs_size), flat, flat.copy(),
        np.ones(capacity, np.float32),
    )  # fmt: skip


def _cut(env: str) -> dict[str, Any]:
    """Returns what makes Gymnasium's observation as long as ours."""
    return {"include_cfrc_ext_in_observation": False} if env == "ant" else {}
