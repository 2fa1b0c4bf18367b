"""An agent as published JAX code writes it, in Flax and Optax: what ours is measured against.

The learning is the same: layer-normed critics, the least of two random targets, several critic updates and
one of the actor and the temperature a step. The ways are the usual ones: `nn.vmap` over the critics, every
critic's target evaluated before two are chosen, `TrainState`s, and one jitted call a step.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.training.train_state import TrainState

from wsrl_mjx.algos.sac import SACSettings
from wsrl_mjx.types import Transition


class Body(nn.Module):
    """Dense, LayerNorm and ReLU for each width."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [*, I] to [*, widths[-1]]."""
        for width in self.widths:
            x = nn.relu(nn.LayerNorm()(nn.Dense(width, kernel_init=nn.initializers.orthogonal())(x)))
        return x


class Critic(nn.Module):
    """Q of an observation and an action."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, obs: jax.Array, action: jax.Array) -> jax.Array:
        """Maps [*, O] and [*, A] to [*]."""
        return nn.Dense(1)(Body(self.widths)(jnp.concatenate([obs, action], axis=-1)))[..., 0]


class Actor(nn.Module):
    """Mean and log-std of a Gaussian before the tanh."""

    widths: tuple[int, ...]
    action_size: int

    @nn.compact
    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps [*, O] to twice [*, A]."""
        hidden = Body(self.widths)(obs)
        return nn.Dense(self.action_size)(hidden), jnp.clip(nn.Dense(self.action_size)(hidden), -10.0, 2.0)


class Agent(NamedTuple):
    """All that learns."""

    actor: TrainState
    critics: TrainState
    targets: Any
    temperature: TrainState


class Constants(NamedTuple):
    """What an update needs to know besides; hashable, because it is static."""

    settings: SACSettings
    critic_updates: int


def create(settings: SACSettings, obs_size: int, action_size: int, key: jax.Array) -> Agent:
    """Returns a fresh agent."""
    keys = jax.random.split(key)
    obs, action = jnp.zeros((1, obs_size)), jnp.zeros((1, action_size))
    critics = nn.vmap(
        Critic,
        variable_axes={"params": 0},
        split_rngs={"params": True},
        in_axes=None,
        out_axes=0,
        axis_size=settings.ensemble_size,
    )(settings.critic_hidden)
    actor = Actor(settings.actor_hidden, action_size)
    begin = lambda apply, params, rate: TrainState.create(apply_fn=apply, params=params, tx=optax.adam(rate))
    params = critics.init(keys[0], obs, action)
    return Agent(
        actor=begin(actor.apply, actor.init(keys[1], obs), settings.actor_lr),
        critics=begin(critics.apply, params, settings.critic_lr),
        targets=jax.tree.map(jnp.copy, params),
        temperature=begin(lambda params: params, {"log": jnp.zeros(())}, settings.temperature_lr),
    )


@jax.jit
def act(agent: Agent, obs: jax.Array, key: jax.Array) -> jax.Array:
    """Returns a sampled action [A] for an observation [O]."""
    return _sample(agent.actor, agent.actor.params, obs, key)[0]


@partial(jax.jit, static_argnames="constants", donate_argnames="agent")
def update(agent: Agent, batches: Transition, key: jax.Array, constants: Constants) -> tuple[Agent, Any]:
    """Makes the critic updates of a step, one on each of `batches` [C, B], and one of the actor on all."""
    settings, metrics = constants.settings, {}
    for index in range(constants.critic_updates):
        key, of_update = jax.random.split(key)
        batch = jax.tree.map(lambda leaf, i=index: leaf[i], batches)
        agent, metrics = _update_critics(agent, batch, of_update, settings)
    rows = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batches)
    agent, of_actor = _update_actor(agent, rows, key, settings)
    return agent, metrics | of_actor


def _update_critics(
    agent: Agent, batch: Transition, key: jax.Array, settings: SACSettings
) -> tuple[Agent, dict[str, jax.Array]]:
    key_action, key_subset = jax.random.split(key)
    action, _ = _sample(agent.actor, agent.actor.params, batch.next_obs, key_action)
    of_all = agent.critics.apply_fn(agent.targets, batch.next_obs, action)
    chosen = jax.random.choice(key_subset, settings.ensemble_size, (settings.target_subset,), replace=False)
    value = of_all[chosen].min(axis=0)
    target = jax.lax.stop_gradient(batch.reward + settings.discount * (1.0 - batch.terminated) * value)

    def loss(params: Any) -> tuple[jax.Array, jax.Array]:
        q = agent.critics.apply_fn(params, batch.obs, batch.action)
        return jnp.mean(jnp.square(q - target)), q.mean()

    (td_error, q), grads = jax.value_and_grad(loss, has_aux=True)(agent.critics.params)
    critics = agent.critics.apply_gradients(grads=grads)
    targets = optax.incremental_update(critics.params, agent.targets, settings.target_rate)
    return agent._replace(critics=critics, targets=targets), {"td_error": td_error, "q": q}


def _update_actor(
    agent: Agent, rows: Transition, key: jax.Array, settings: SACSettings
) -> tuple[Agent, dict[str, jax.Array]]:
    temperature = jnp.exp(agent.temperature.params["log"])

    def loss(params: Any) -> tuple[jax.Array, jax.Array]:
        action, log_prob = _sample(agent.actor, params, rows.obs, key)
        of_all = agent.critics.apply_fn(agent.critics.params, rows.obs, action)
        q = of_all.min(axis=0) if settings.actor_q == "min" else of_all.mean(axis=0)
        return jnp.mean(temperature * log_prob - q), log_prob.mean()

    (actor_loss, log_prob), grads = jax.value_and_grad(loss, has_aux=True)(agent.actor.params)
    goal = -0.5 * rows.action.shape[-1]
    slope = jax.grad(lambda params: -jnp.exp(params["log"]) * (log_prob + goal))(agent.temperature.params)
    return agent._replace(
        actor=agent.actor.apply_gradients(grads=grads),
        temperature=agent.temperature.apply_gradients(grads=slope),
    ), {"actor_loss": actor_loss, "entropy": -log_prob}


def _sample(actor: TrainState, params: Any, obs: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns actions in (-1, 1) and their log-densities."""
    mean, log_std = actor.apply_fn(params, obs)
    noise = jax.random.normal(key, mean.shape)
    raw = mean + jnp.exp(log_std) * noise
    log_normal = -0.5 * jnp.square(noise) - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    log_slope = 2.0 * (jnp.log(2.0) - raw - nn.softplus(-2.0 * raw))
    return jnp.tanh(raw), jnp.sum(log_normal - log_slope, axis=-1)
