"""How much arithmetic an update needs: the matrix products of a lean implementation, from layer sizes.

Lean means that nothing is computed that the result does not need: only the sampled target critics and the
critics of the conservative term are evaluated, no gradient is taken with respect to data, and behind the
actor's loss only with respect to the actions. Activations, normalisation, optimizer and physics do not count.
"""

from itertools import pairwise

from wsrl_mjx.algos.sac import SACSettings
from wsrl_mjx.config.settings import Config


def forward(sizes: tuple[int, ...]) -> int:
    """Returns the operations of one row through dense layers of these sizes, inputs and outputs included."""
    return sum(2 * inputs * outputs for inputs, outputs in pairwise(sizes))


def backward(sizes: tuple[int, ...], *, weights: bool, inputs: int = 0) -> int:
    """Returns the operations of one row's gradient.

    Args:
        sizes: as in `forward`.
        weights: whether gradients of the weights are taken.
        inputs: how many of the network's inputs need a gradient.
    """
    through = forward(sizes[1:]) + 2 * inputs * sizes[1]
    return through + (forward(sizes) if weights else 0)


def critic_sizes(agent: SACSettings, obs_size: int, action_size: int) -> tuple[int, ...]:
    """Returns the layers of one critic."""
    return (obs_size + action_size, *agent.critic_hidden, 1)


def actor_sizes(agent: SACSettings, obs_size: int, action_size: int) -> tuple[int, ...]:
    """Returns the layers of the actor; the mean's and the std's heads count as one layer."""
    heads = 2 if agent.std_mode == "state" else 1
    return (obs_size, *agent.actor_hidden, heads * action_size)


def online_step(config: Config, obs_size: int, action_size: int) -> int:
    """Returns the operations of one vector step after the warmup, for one seed.

    Each of the U B rows costs one regression of all E critics, a target (M critics on K backup actions, the
    actor once), and in the actor's update the actor forward and backward, E critics forward and back to the
    action. Acting costs one more actor forward an environment.
    """
    critic = critic_sizes(config.agent, obs_size, action_size)
    actor = actor_sizes(config.agent, obs_size, action_size)
    rows = config.updates_per_step * config.online.batch_size
    updates = rows * (
        _regression(config.agent, critic) + _target(config.agent, critic, actor, config.online.backup_actions)
    )
    return (
        updates
        + rows * _actor_update(config.agent, critic, actor, action_size)
        + config.online.num_envs * forward(actor)
    )


def pretrain_step(config: Config, obs_size: int, action_size: int) -> int:
    """Returns the operations of one CQL or Cal-QL step, for one seed.

    Each of the B rows costs what it does online, and the conservative term: M critics forward and backward on
    three times n actions, and the actor at the state; its distribution at the next state is the target's.
    """
    critic = critic_sizes(config.agent, obs_size, action_size)
    actor = actor_sizes(config.agent, obs_size, action_size)
    cql, subset = config.algorithms.cql, config.agent.target_subset
    sampled = 3 * cql.cql_actions
    conservative = sampled * subset * (forward(critic) + backward(critic, weights=True)) + forward(actor)
    return config.offline.offline_batch_size * (
        _regression(config.agent, critic)
        + _target(config.agent, critic, actor, cql.offline_backup_actions)
        + conservative
        + _actor_update(config.agent, critic, actor, action_size)
    )


def _regression(agent: SACSettings, critic: tuple[int, ...]) -> int:
    return agent.ensemble_size * (forward(critic) + backward(critic, weights=True))


def _target(agent: SACSettings, critic: tuple[int, ...], actor: tuple[int, ...], actions: int) -> int:
    return actions * agent.target_subset * forward(critic) + forward(actor)


def _actor_update(
    agent: SACSettings, critic: tuple[int, ...], actor: tuple[int, ...], action_size: int
) -> int:
    judged = forward(critic) + backward(critic, weights=False, inputs=action_size)
    return forward(actor) + backward(actor, weights=True) + agent.ensemble_size * judged
