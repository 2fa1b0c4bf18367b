"""What people do today: an agent stepped from Python, with Gymnasium and a NumPy buffer."""

from typing import Any, Protocol

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

import envs
from benchmarks import flops, plain
from benchmarks.timing import per_step, timed_calls
from wsrl_mjx.config import build
from wsrl_mjx.config.settings import Config
from wsrl_mjx.training import runtime
from wsrl_mjx.types import Transition

GYMNASIUM = {
    "ant": "Ant-v5",
    "halfcheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
}


class Learner(Protocol):
    """What learns in the loop."""

    def begin(self, obs_size: int, action_size: int) -> Any:
        """Returns a fresh agent."""
        ...

    def act(self, agent: Any, obs: jax.Array, key: jax.Array) -> jax.Array:
        """Returns an action [A] for an observation [O]."""
        ...

    def learn(self, agent: Any, batches: Transition, key: jax.Array) -> Any:
        """Returns the agent after a step's updates, one of the critics on each of `batches` [C, B]."""
        ...


class Ours:
    """The agent of this project."""

    def __init__(self, config: Config) -> None:
        recipe = build.make(config, envs.make(config.env))
        self._recipe, self._phase = recipe, recipe.online
        self._act = jax.jit(lambda agent, obs, key: self._phase.algorithm.act(agent, obs, key, explore=True))
        self._learn: Any = None

    def begin(self, obs_size: int, action_size: int) -> Any:
        """Returns a fresh agent."""
        del obs_size, action_size
        agent = self._recipe.begin_all(jax.random.split(jax.random.key(0), 1)).agent.sac
        return jax.tree.map(lambda leaf: leaf[0], agent)

    def act(self, agent: Any, obs: jax.Array, key: jax.Array) -> jax.Array:
        """Returns a sampled action."""
        return self._act(agent, obs, key)

    def learn(self, agent: Any, batches: Transition, key: jax.Array) -> Any:
        """Makes a step's updates in one call."""
        each = self._phase.critics_per_actor
        rounds = jax.tree.map(lambda leaf: leaf.reshape(-1, each, *leaf.shape[1:]), batches)
        if self._learn is None:
            lowered = jax.jit(self._phase.learn, donate_argnums=0).lower(agent, rounds, key)
            self._learn = runtime.compiled(lowered)
        return self._learn(agent, rounds, key)[0]


class Plain:
    """An agent in plain Flax and Optax."""

    def __init__(self, config: Config) -> None:
        self._constants = plain.Constants(config.agent, config.updates_per_step)

    def begin(self, obs_size: int, action_size: int) -> Any:
        """Returns a fresh agent."""
        return plain.create(self._constants.settings, obs_size, action_size, jax.random.key(0))

    def act(self, agent: Any, obs: jax.Array, key: jax.Array) -> jax.Array:
        """Returns a sampled action."""
        return plain.act(agent, obs, key)

    def learn(self, agent: Any, batches: Transition, key: jax.Array) -> Any:
        """Makes a step's updates in one call."""
        return plain.update(agent, batches, key, self._constants)[0]


def online(config: Config, steps: int, repeats: int, learner: Learner | None = None) -> dict[str, Any]:
    """Returns the time of one online step: act, simulate, store, sample, update; with a full buffer.

    Args:
        config: sizes and constants.
        steps: of one timed call.
        repeats: calls.
        learner: what learns; None for this project's own agent.

    Raises:
        ValueError: a task that Gymnasium does not have.
    """
    if config.env not in GYMNASIUM:
        raise ValueError(f"env of hostloop must be one of {', '.join(GYMNASIUM)}, got {config.env!r}")
    loop = HostLoop(config, steps, learner or Ours(config))
    taken = per_step(timed_calls(loop.advance, loop.agent, repeats), steps)
    return taken | {"flop_rate": flops.online_step(config, *loop.sizes) * taken["per_second"]}


class HostLoop:
    """An environment, a buffer and a learner that Python holds together; `advance` takes so many steps."""

    def __init__(self, config: Config, steps: int, learner: Learner) -> None:
        self.steps, self.learner, self.random = steps, learner, np.random.default_rng(0)
        task = envs.make(config.env)
        self.sizes = task.obs_size, task.action_size
        self.shape = config.updates_per_step, config.online.batch_size
        self.env = gymnasium.make(GYMNASIUM[config.env], **_cut(config.env))
        self.obs, _ = self.env.reset(seed=0)
        self.buffer = _full_buffer(config.online.replay_capacity, *self.sizes, self.random)
        self.agent = learner.begin(*self.sizes)
        self.key, self.cursor = jax.random.key(1), 0

    def advance(self, agent: Any) -> Any:
        """Takes the steps of one timed call, and returns the agent after them."""
        for _ in range(self.steps):
            self.key, key_act, key_learn = jax.random.split(self.key, 3)
            action = np.asarray(self.learner.act(agent, jnp.asarray(self.obs, jnp.float32), key_act))
            after, reward, terminated, truncated, _ = self.env.step(action)
            self._store(action, after, reward, terminated, truncated)
            self.obs = self.env.reset()[0] if terminated or truncated else after
            agent = self.learner.learn(agent, self._sample(), key_learn)
        return agent

    def _store(self, action: Any, after: Any, reward: Any, terminated: bool, truncated: bool) -> None:
        row = (self.obs, action, reward, after, terminated, truncated, 1.0)
        for column, value in zip(self.buffer, row, strict=True):
            column[self.cursor] = value
        self.cursor = (self.cursor + 1) % len(self.buffer[0])

    def _sample(self) -> Transition:
        """Returns the rows of a step's critic updates, [C, B]."""
        index = self.random.integers(len(self.buffer[0]), size=self.shape)
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
