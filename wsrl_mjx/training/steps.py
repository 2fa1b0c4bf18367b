"""The two phases as pure steps of one seed: an offline gradient step, and an online environment step.

Each is a small bundle with `step(shared, state, clock) -> (state, clock, metrics)`; `training.loop` scans it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs.base import Environment, EnvState
from wsrl_mjx.data import replay, returns_to_go, rollout
from wsrl_mjx.data.replay_mixing import ReplayMixing
from wsrl_mjx.training.exploration import Explorer
from wsrl_mjx.types import Average, Clock, Key, Metrics, TrainState, Transition


class Pretrain(struct.PyTreeNode):
    """One offline gradient step: critics, then actor, on one minibatch of the dataset."""

    algorithm: Any  # Algorithm
    batch_size: int = struct.field(pytree_node=False)

    def zero_metrics(self, shared: Transition, state: TrainState) -> Metrics:
        """Returns the metrics of no step."""
        return zero_metrics_of(self.algorithm, state.agent, shared, state.key)

    def step(self, shared: Transition, state: TrainState, clock: Clock) -> tuple[TrainState, Clock, Metrics]:
        """Draws a minibatch from `shared`, the dataset [D], and updates critics and actor once."""
        key, key_sample, key_critic, key_actor = jax.random.split(state.key, 4)
        index = jax.random.randint(key_sample, (self.batch_size,), 0, shared.reward.shape[0])
        batch = replay.gather(shared, index)
        agent, critic_metrics = self.algorithm.update_critic(state.agent, batch, key_critic)
        agent, actor_metrics = self.algorithm.update_actor(agent, batch, key_actor)
        clock = clock.replace(updates=clock.updates + 1)
        return state.replace(agent=agent, key=key), clock, critic_metrics | actor_metrics


class OnlineShared(struct.PyTreeNode):
    """What an online step reads and never writes."""

    warmup_steps: jax.Array  # [] int32, rows before the first update; traced: changing it compiles nothing
    reward_transform: rollout.RewardTransform
    # [] int32, offline rows in the buffer before the first step; traced
    prefilled: jax.Array = struct.field(default_factory=lambda: jnp.zeros((), jnp.int32))
    data: Transition | None = None  # [D], where offline rows stay


class Online(struct.PyTreeNode):
    """Act, step, insert; and, after the warmup, U critic updates and the actor updates that go with them.

    The updates stand under a `lax.cond` whose predicate reads the unbatched clock alone, so that `vmap`
    over seeds keeps a real branch. The buffer is an operand of that branch and never its result.

    Environments on the host move while the updates before them are computed, on the rows until then.
    """

    algorithm: Any  # Algorithm
    env: Environment = struct.field(pytree_node=False)
    num_envs: int = struct.field(pytree_node=False)
    updates: int = struct.field(pytree_node=False)  # critic updates per vector step: utd * num_envs
    critics_per_actor: int = struct.field(pytree_node=False)  # critic updates per actor update
    batch_size: int = struct.field(pytree_node=False)  # rows of one critic update
    explorer: Explorer = Explorer()
    mixing: ReplayMixing = ReplayMixing()
    discount: jax.Array | None = None  # of returns-to-go, where the algorithm asks for them

    def zero_metrics(self, shared: OnlineShared, state: TrainState) -> Metrics:
        """Returns the metrics of no step."""
        del shared
        of_algorithm = zero_metrics_of(self.algorithm, state.agent, state.buffer.data, state.key)
        return {name: Average.zero() for name in rollout.STEP_METRICS} | of_algorithm

    def step(
        self, shared: OnlineShared, state: TrainState, clock: Clock
    ) -> tuple[TrainState, Clock, Metrics]:
        """Takes one vector step in the environments, and updates when the warmup is over."""
        key, key_act, key_update = jax.random.split(state.key, 3)
        env_steps = clock.env_steps + self.num_envs
        inserted = env_steps + shared.prefilled
        # One full round of distinct draws is asked for in every arm: without it, "no warmup" would train
        # on a thousand copies of one row.
        first_update = jnp.maximum(shared.warmup_steps, self.updates * self.batch_size)
        learning, warming_up = inserted > first_update, inserted - self.num_envs < first_update
        act = lambda obs, k: self.explorer.act(self.algorithm, state, warming_up, k)
        update = lambda buffer, inserted, key: jax.lax.cond(
            learning, self._update, self._keep, state.agent, buffer, shared.data, inserted, key
        )
        if getattr(self.env, "on_host", False):
            action = rollout.limited(act(state.env.obs, key_act))
            env, agent, learner_metrics = self._update_while_moving(
                state, action, lambda key: update(state.buffer, inserted - self.num_envs, key), key_update
            )
            rows = rollout.transition(state.env, action, env, shared.reward_transform)
            metrics = rollout.step_metrics(env)
            buffer = self._insert(state.buffer, rows, clock.env_steps, shared.prefilled)
        else:
            env, rows, metrics = rollout.act_and_step(
                self.env, act, state.env, key_act, shared.reward_transform
            )
            buffer = self._insert(state.buffer, rows, clock.env_steps, shared.prefilled)
            agent, learner_metrics = update(buffer, inserted, key_update)
        clock = Clock(env_steps, clock.updates + jnp.where(learning, self.updates, 0))
        ended = env.terminated | env.truncated | ~env.valid
        guide = self.explorer.after(state.guide, ended, jax.random.fold_in(key_act, 1))
        state = state.replace(agent=agent, env=env, buffer=buffer, key=key, guide=guide)
        return state, clock, metrics | learner_metrics

    def _update_while_moving(
        self, state: TrainState, action: jax.Array, update: Callable[[Key], tuple[Any, Metrics]], key: Key
    ) -> tuple[EnvState, Any, Metrics]:
        """Begins the step of environments on the host, updates on the rows until then, and waits for them.

        Each of the three is made to depend on the one before it: nothing else keeps their order.
        """
        env: Any = self.env
        begun = jax.vmap(env.begin)(state.env, action)
        agent, metrics = update(jax.random.fold_in(key, jnp.sum(begun)))
        updated = sum(jnp.sum(average.total) for average in metrics.values())
        stepped = jax.vmap(env.finish, in_axes=(0, None))(state.env, updated)
        return stepped, agent, metrics

    def _insert(
        self, buffer: replay.ReplayBuffer, rows: Transition, env_steps: jax.Array, prefilled: jax.Array
    ) -> replay.ReplayBuffer:
        """Puts one step's rows [N] into the buffer, with returns-to-go where the algorithm asks for them."""
        if self.discount is None:
            return replay.insert(buffer, rows, env_steps + prefilled)
        buffer = replay.insert(buffer, returns_to_go.unfinished(rows), env_steps + prefilled)
        env_steps = env_steps + self.num_envs
        return returns_to_go.write_back(
            buffer,
            inserted=env_steps + prefilled,
            steps=env_steps // self.num_envs,
            num_envs=self.num_envs,
            horizon=self.env.time_limit,
            discount=self.discount,
        )

    def _update(
        self,
        agent: Any,
        buffer: replay.ReplayBuffer,
        data: Transition | None,
        inserted: jax.Array,
        key: Key,
    ) -> tuple[Any, Metrics]:
        """Runs all updates of one vector step; the rows of all of them are gathered at once."""
        key_sample, key_update = jax.random.split(key)
        shape = (self.updates // self.critics_per_actor, self.critics_per_actor, self.batch_size)
        return self.learn(agent, self.mixing.draw(buffer, data, key_sample, shape, inserted), key_update)

    def learn(self, agent: Any, batches: Transition, key: Key) -> tuple[Any, Metrics]:
        """Updates on `batches` [R, C, B]: R rounds of C critic updates and one of the actor."""
        rounds = batches.reward.shape[0]
        keys = jax.random.split(key, (rounds, self.critics_per_actor + 1))

        def critic_update(agent: Any, scanned: tuple[Transition, Key]):
            batch, key = scanned
            return self.algorithm.update_critic(agent, batch, key)

        def round_of_updates(agent: Any, scanned: tuple[Transition, Key]):
            batch, keys = scanned
            agent, critic_metrics = jax.lax.scan(critic_update, agent, (batch, keys[:-1]))
            merged = jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), batch)
            agent, actor_metrics = self.algorithm.update_actor(agent, merged, keys[-1])
            return agent, _sum(critic_metrics) | actor_metrics

        agent, metrics = jax.lax.scan(round_of_updates, agent, (batches, keys))
        return agent, _sum(metrics)

    def _keep(
        self,
        agent: Any,
        buffer: replay.ReplayBuffer,
        data: Transition | None,
        inserted: jax.Array,
        key: Key,
    ) -> tuple[Any, Metrics]:
        """The warmup's branch: the agent stays as it is, bit for bit."""
        del data, inserted
        return agent, zero_metrics_of(self.algorithm, agent, buffer.data, key)


def zero_metrics_of(algorithm: Any, agent: Any, rows: Transition, key: Key) -> Metrics:
    """Returns an average of nothing for each metric of the algorithm's two updates.

    Their names come from tracing both updates on one row shaped like those of `rows` [*]. JAX remembers the
    trace, so that asking again costs nothing.
    """
    row = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), rows)
    return {name: Average.zero() for name in jax.eval_shape(_update_once, algorithm, agent, row, key)}


def _update_once(algorithm: Any, agent: Any, batch: Transition, key: Key) -> Metrics:
    """Returns the metrics of one critic update and one actor update."""
    agent, of_critic = algorithm.update_critic(agent, batch, key)
    _, of_actor = algorithm.update_actor(agent, batch, key)
    return of_critic | of_actor


def _sum(metrics: Metrics) -> Metrics:
    """Adds up averages along their leading axis."""
    return jax.tree.map(lambda x: jnp.sum(x, axis=0), metrics)
