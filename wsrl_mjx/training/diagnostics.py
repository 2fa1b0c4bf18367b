"""What happens to a policy and its critics after the switch: judged on fixed rows, and against the truth.

The paper follows Q values and TD errors on offline and online data (Zhou et al. 2024, sections 4 and 6). Here
the value that the policy really has is measured beside them, by restarting the simulator.
"""

import math

import jax
import jax.numpy as jnp
from flax import struct

from envs.base import Environment, EnvState
from wsrl_mjx.algos import ensemble, losses
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.data import replay, rollout
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.data.rollout import Act
from wsrl_mjx.types import Key, Params, Transition

DRAWN_ROWS = 1000  # of a buffer
FORGOTTEN = 0.01  # a value is followed until its discount has fallen to this

Values = dict[str, jax.Array]  # scalars by name


def judge(sac: SAC, agent: SACState, rows: Transition, key: Key, group: str) -> Values:
    """Returns mean Q and mean squared TD error of SAC's target over the ensemble and `rows` [B]."""
    q = ensemble.evaluate(sac.critic, agent.critic.params, rows.obs, rows.action)
    target = sac.target(agent, rows, key)
    return {
        f"{group}/q": losses.masked_mean(q, rows.valid),
        f"{group}/td_error": losses.critic_loss(q, target, rows.valid),
    }


class ReplayRows(struct.PyTreeNode):
    """Rows drawn from a replay, to judge critics on while the replay goes on changing."""

    current: Transition  # [B] of all that it holds
    any_current: jax.Array  # [] bool: False before the first step, when the rows mean nothing
    warmup: Transition  # [B] of what was in it at the first update
    any_warmup: jax.Array  # [] bool: False when there was none, or the ring has gone over it


def draw_replay(buffer: ReplayBuffer, inserted: jax.Array, warmup_rows: jax.Array, key: Key) -> ReplayRows:
    """Returns rows drawn from a replay.

    Args:
        buffer: the replay.
        inserted: [] int32, rows that it was given so far.
        warmup_rows: [] int32, how many of these came before the first update.
        key: for drawing, and the key for `judge_replay`.
    """
    key_replay, key_warmup, _ = jax.random.split(key, 3)
    count = jnp.clip(warmup_rows, 1, buffer.capacity)
    kept = (inserted >= warmup_rows) & (inserted <= buffer.capacity)
    return ReplayRows(
        current=replay.sample(buffer, key_replay, (DRAWN_ROWS,), jnp.maximum(inserted, 1)),
        any_current=inserted > 0,
        warmup=replay.gather(buffer.data, jax.random.randint(key_warmup, (DRAWN_ROWS,), 0, count)),
        any_warmup=kept & (warmup_rows > 0),
    )


def judge_replay(sac: SAC, agent: SACState, rows: ReplayRows, key: Key) -> Values:
    """Returns `judge` of the rows of a replay, current and of the warmup; NaN where there are none."""
    _, _, key_judge = jax.random.split(key, 3)
    current = judge(sac, agent, rows.current, key_judge, "replay")
    first = judge(sac, agent, rows.warmup, key_judge, "warmup")
    return {
        **{name: jnp.where(rows.any_current, value, jnp.nan) for name, value in current.items()},
        **{name: jnp.where(rows.any_warmup, value, jnp.nan) for name, value in first.items()},
    }


def drift(sac: SAC, actor_params: Params, reference: Params, obs: jax.Array) -> Values:
    """Returns how far the policy has gone from the pretrained one, as means over `obs` [B, O].

    `drift/kl` is KL(policy || pretrained) in nats, which the squash does not change; `drift/action` the
    distance between their deterministic actions.
    """
    now, before = sac.policy(actor_params, obs), sac.policy(reference, obs)
    ratio = jnp.square(now.std / before.std)
    distance = jnp.square((now.mean - before.mean) / before.std)
    kl = 0.5 * jnp.sum(ratio + distance - 1.0 - jnp.log(ratio), axis=-1)
    moved = jnp.linalg.norm(now.mode() - before.mode(), axis=-1)
    return {"drift/kl": jnp.mean(kl), "drift/action": jnp.mean(moved)}


def horizon(discount: float) -> int:
    """Returns the steps after which a reward counts less than `FORGOTTEN`."""
    return max(1, math.ceil(math.log(FORGOTTEN) / math.log(discount)))


def true_value(
    env: Environment,
    sac: SAC,
    agent: SACState,
    obs: jax.Array,
    transform: rollout.RewardTransform,
    steps: int,
    key: Key,
) -> Values:
    """Returns the critics' mean value of the policy's actions at `obs` [V, O], their true one, and the gap.

    A positive `value/gap` is an overestimate. Where targets take the best of several sampled actions, critics
    learn the value of a policy that does the same: it is measured too (`value/best_true`), and with it what
    is left of the gap (`value/best_gap`). States that the simulation could not go on from count for nothing.
    """
    key_start, key_first, key_run = jax.random.split(key, 3)
    starts = jax.vmap(env.at)(obs, jax.random.split(key_start, len(obs)))  # pyright: ignore[reportAttributeAccessIssue]
    starts = starts.replace(steps=jnp.full_like(starts.steps, -steps))  # out of the time limit's reach
    sampled = lambda obs, key: sac.policy(agent.actor.params, obs).sample(key)[0]
    best = lambda obs, key: sac.best_action(agent, obs, key)
    first = sampled(obs, key_first)
    q = ensemble.evaluate(sac.critic, agent.critic.params, obs, first)

    def compare(act: Act, name: str) -> Values:
        """Returns what follows the first actions where `act` goes on, and how far the critics are above."""
        total, sound = _returns(env, act, starts, first, transform, sac.discount, steps, key_run)
        weight = sound.astype(jnp.float32)
        mean = lambda values: jnp.where(sound.any(), losses.masked_mean(values, weight), jnp.nan)
        estimated, true = mean(q), mean(total)
        return {"value/q": estimated, f"value/{name}true": true, f"value/{name}gap": estimated - true}

    values = compare(sampled, "")
    return compare(best, "best_") | values if sac.backup_actions > 1 else values


def _returns(
    env: Environment,
    act: Act,
    starts: EnvState,
    first: jax.Array,
    transform: rollout.RewardTransform,
    discount: jax.Array,
    steps: int,
    key: Key,
) -> tuple[jax.Array, jax.Array]:
    """Returns one discounted return [V] from each state, and whether the simulation was sound all along [V].

    After the `first` actions [V, A] `act` chooses, for `steps` steps in all; what lies beyond is left out.
    """

    def advance(carry: tuple[EnvState, jax.Array, jax.Array, jax.Array, jax.Array], key: Key):
        state, action, total, weight, sound = carry
        action = jnp.clip(action, -rollout.ACTION_LIMIT, rollout.ACTION_LIMIT)
        stepped = jax.vmap(env.step)(state, action)
        total = total + weight * transform(stepped.reward)
        sound = sound & (stepped.valid | (weight == 0.0))
        weight = jnp.where(stepped.terminated | ~stepped.valid, 0.0, weight * discount)
        return (stepped, act(stepped.obs, key), total, weight, sound), None

    ones = jnp.ones(len(first))
    carry = (starts, first, jnp.zeros(len(first)), ones, ones > 0)
    (_, _, total, _, sound), _ = jax.lax.scan(advance, carry, jax.random.split(key, steps))
    return total, sound
