"""Networks, losses and updates a second time, independently: NumPy, float64, loops where they are clearer.

Written from the equations of the papers, not from the package. Random numbers come in as arguments.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

LOG_2 = np.log(2.0)
Tree = dict[str, Any]


def as_float64(tree: Any) -> Any:
    """Returns nested dicts of arrays as float64."""
    if isinstance(tree, dict):
        return {name: as_float64(value) for name, value in tree.items()}
    return np.asarray(tree, np.float64)


def member(tree: Tree, index: int) -> Tree:
    """Returns the parameters of one critic of an ensemble."""
    if isinstance(tree, dict):
        return {name: member(value, index) for name, value in tree.items()}
    return tree[index]


# -- networks ---------------------------------------------------------------------------------------------


def mlp(params: Tree, x: np.ndarray) -> np.ndarray:
    """Dense, LayerNorm where there is one, ReLU; for every hidden layer."""
    for index in range(sum(name.startswith("Dense") for name in params)):
        dense = params[f"Dense_{index}"]
        x = x @ dense["kernel"] + dense["bias"]
        if f"LayerNorm_{index}" in params:
            norm = params[f"LayerNorm_{index}"]
            centred = x - x.mean(axis=-1, keepdims=True)
            x = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6)
            x = x * norm["scale"] + norm["bias"]
        x = np.maximum(x, 0.0)
    return x


def critic(params: Tree, obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    """One critic's Q(s, a), [*]."""
    inner = params["params"]
    hidden = mlp(inner["MLP_0"], np.concatenate([obs, action], axis=-1))
    return (hidden @ inner["Dense_0"]["kernel"] + inner["Dense_0"]["bias"])[..., 0]


def ensemble(params: Tree, obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    """All critics' values, [E, *]."""
    size = len(params["params"]["Dense_0"]["bias"])
    return np.stack([critic(member(params, i), obs, action) for i in range(size)])


def actor(params: Tree, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation before the squash, [*, A]."""
    inner = params["params"]
    hidden = mlp(inner["MLP_0"], obs)
    mean = hidden @ inner["Dense_0"]["kernel"] + inner["Dense_0"]["bias"]
    log_std = hidden @ inner["Dense_1"]["kernel"] + inner["Dense_1"]["bias"]
    return mean, np.clip(np.exp(log_std), 1e-5, 10.0)


def squash(mean: np.ndarray, std: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Actions tanh(mean + std * noise) and their log-densities by the change of variables."""
    x = mean + std * noise
    normal = -0.5 * noise**2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    slope = 2 * (LOG_2 - np.logaddexp(x, -x))  # 1 - tanh^2 = 1 / cosh^2
    return np.tanh(x), (normal - slope).sum(axis=-1)


def log_density(mean: np.ndarray, std: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Log-density of given actions, which are kept 1e-5 away from the border."""
    x = np.arctanh(np.clip(action, -1 + 1e-5, 1 - 1e-5))
    return squash(mean, std, (x - mean) / std)[1]


# -- losses -----------------------------------------------------------------------------------------------


def masked_mean(values: np.ndarray, valid: np.ndarray) -> float:
    """Mean over leading axes and rows with a value."""
    kept = values[..., valid > 0]
    return float(kept.mean()) if kept.size else 0.0


def td_target(reward: Any, terminated: Any, next_value: Any, discount: float) -> np.ndarray:
    """r, and the discounted value of the next state unless the step was terminal."""
    return np.where(terminated > 0, reward, reward + discount * next_value)


def critic_loss(q: np.ndarray, target: np.ndarray, valid: np.ndarray) -> float:
    """Mean squared TD error."""
    return masked_mean((q - target[None]) ** 2, valid)


def actor_loss(log_prob: np.ndarray, q: np.ndarray, temperature: float, valid: np.ndarray) -> float:
    """Mean of temperature * log pi - Q."""
    return masked_mean(temperature * log_prob - q, valid)


def log_sum_exp(values: np.ndarray) -> np.ndarray:
    """log of the sum of exp over the last axis."""
    top = values.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(values - top).sum(axis=-1, keepdims=True)))[..., 0]


def cql_soft_max(q: np.ndarray, log_density: np.ndarray, importance_sampling: bool) -> np.ndarray:
    """CQL(H)'s soft maximum over sampled actions: [E, B, K] to [E, B]."""
    correction = log_density[None] if importance_sampling else np.log(q.shape[-1])
    return log_sum_exp(q - correction)


def polyak(target: np.ndarray, online: np.ndarray, rate: float) -> np.ndarray:
    """The slow average."""
    return (1 - rate) * target + rate * online


def monte_carlo_returns(
    reward: np.ndarray, terminated: np.ndarray, truncated: np.ndarray, discount: float
) -> np.ndarray:
    """Returns-to-go, trajectory by trajectory; a truncated one goes on with its mean reward for ever."""
    returns, start = np.zeros(len(reward)), 0
    for end in range(len(reward)):
        if not (terminated[end] or truncated[end] or end == len(reward) - 1):
            continue
        tail = 0.0 if terminated[end] else reward[start : end + 1].mean() / (1 - discount)
        for row in range(end, start - 1, -1):
            tail = reward[row] + discount * tail
            returns[row] = tail
        start = end + 1
    return returns


# -- gradients --------------------------------------------------------------------------------------------


def leaves(tree: Tree, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """All arrays of nested dicts with their paths."""
    if isinstance(tree, dict):
        return [leaf for name, value in tree.items() for leaf in leaves(value, (*path, name))]
    return [(path, tree)]


def finite_difference(
    loss: Callable[[Tree], float], params: Tree, path: tuple[str, ...], index: tuple[int, ...]
) -> float:
    """The slope of `loss` along one entry of `params`, by central differences."""
    array = dict(leaves(params))[path]
    kept, step, values = float(array[index]), 1e-5, []
    for sign in (1.0, -1.0):
        array[index] = kept + sign * step
        values.append(loss(params))
    array[index] = kept
    return (values[0] - values[1]) / (2 * step)


# -- updates ----------------------------------------------------------------------------------------------


def sac_target(
    actor_params: Tree,
    target_params: Tree,
    batch: Tree,
    noise: np.ndarray,
    subset: list[int],
    discount: float,
    entropy_weight: float = 0.0,
) -> np.ndarray:
    """r + discount * max over the sampled actions of the min over the chosen target critics, [B]."""
    best = np.full(len(batch["reward"]), -np.inf)
    mean, std = actor(actor_params, batch["next_obs"])
    for one in noise:
        action, log_prob = squash(mean, std, one)
        values = [critic(member(target_params, i), batch["next_obs"], action) for i in subset]
        best = np.maximum(best, np.min(values, axis=0) - entropy_weight * log_prob)
    return td_target(batch["reward"], batch["terminated"], best, discount)


def sac_actor_loss(
    actor_params: Tree,
    critic_params: Tree,
    batch: Tree,
    noise: np.ndarray,
    temperature: float,
    reduce: str,
    cloning_weight: float,
) -> tuple[float, float]:
    """Loss of the actor and its entropy, both over rows with a value."""
    mean, std = actor(actor_params, batch["obs"])
    action, log_prob = squash(mean, std, noise)
    q = ensemble(critic_params, batch["obs"], action)
    value = q.min(axis=0) if reduce == "min" else q.mean(axis=0)
    improve = actor_loss(log_prob, value, temperature, batch["valid"])
    imitate = -masked_mean(log_density(mean, std, batch["action"]), batch["valid"])
    loss = (1 - cloning_weight) * improve + cloning_weight * imitate
    return loss, -masked_mean(log_prob, batch["valid"])


def cql_samples(
    actor_params: Tree, batch: Tree, uniform: np.ndarray, here: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """CQL's actions [3n, B, A] and their log-densities [B, 3n]: uniform, policy at s, policy at s'."""
    actions_here, log_here = squash(*actor(actor_params, batch["obs"]), here)
    actions_after, log_after = squash(*actor(actor_params, batch["next_obs"]), after)
    log_uniform = np.full(uniform.shape[:-1], -uniform.shape[-1] * LOG_2)
    return (
        np.concatenate([uniform, actions_here, actions_after]),
        np.concatenate([log_uniform, log_here, log_after]).T,
    )


def cql_gap(
    critic_params: Tree,
    batch: Tree,
    actions: np.ndarray,
    log_density: np.ndarray,
    subset: list[int],
    importance_sampling: bool,
    floored: bool,
) -> tuple[float, float]:
    """The soft maximum minus the data's value, and the share of the policy's values below the return."""
    gaps, below = [], []
    for index in subset:
        one = member(critic_params, index)
        data = critic(one, batch["obs"], batch["action"])
        sampled = np.stack([critic(one, batch["obs"], action) for action in actions], axis=-1)  # [B, 3n]
        first = sampled.shape[-1] // 3  # the uniform ones come before
        under = sampled[:, first:] < batch["mc_return"][:, None]
        below.append(under.mean(axis=-1))
        if floored:
            sampled[:, first:] = np.where(under, batch["mc_return"][:, None], sampled[:, first:])
        if not importance_sampling:
            sampled = np.concatenate([sampled, data[:, None]], axis=-1)
        gaps.append(cql_soft_max(sampled[None], log_density, importance_sampling)[0] - data)
    return masked_mean(np.array(gaps), batch["valid"]), masked_mean(np.array(below), batch["valid"])


def so2_targets(
    actor_params: Tree,
    target_params: Tree,
    batch: Tree,
    noise: np.ndarray,
    shift: np.ndarray,
    temperature: float,
    discount: float,
) -> np.ndarray:
    """Each critic's own target at the next action moved by `shift`, entropy included, [E, B]."""
    action, log_prob = squash(*actor(actor_params, batch["next_obs"]), noise)
    moved = np.clip(action + shift, -1.0, 1.0)
    values = ensemble(target_params, batch["next_obs"], moved) - temperature * log_prob
    return np.stack([td_target(batch["reward"], batch["terminated"], one, discount) for one in values])


def state_value(params: Tree, obs: np.ndarray) -> np.ndarray:
    """V(s), [*]."""
    inner = params["params"]
    return (mlp(inner["MLP_0"], obs) @ inner["Dense_0"]["kernel"] + inner["Dense_0"]["bias"])[..., 0]


def iql_value_loss(
    value_params: Tree, target_params: Tree, batch: Tree, subset: list[int], expectile: float
) -> float:
    """Mean of |expectile - 1(u < 0)| u^2, u the least chosen target critic minus V."""
    q = np.min([critic(member(target_params, i), batch["obs"], batch["action"]) for i in subset], axis=0)
    u = q - state_value(value_params, batch["obs"])
    return masked_mean(np.abs(expectile - (u < 0)) * u**2, batch["valid"])


def iql_actor_loss(
    actor_params: Tree,
    critic_params: Tree,
    advantage: np.ndarray,
    batch: Tree,
    noise: np.ndarray,
    beta: float,
    cloning: float | None,
) -> float:
    """Cloning weighted by exp(beta * advantage), at most 100; or, with `cloning`, DDPG+BC."""
    mean, std = actor(actor_params, batch["obs"])
    imitation = -log_density(mean, std, batch["action"])
    if cloning is None:
        return masked_mean(np.minimum(np.exp(beta * advantage), 100.0) * imitation, batch["valid"])
    action, _ = squash(mean, std, noise)
    climb = ensemble(critic_params, batch["obs"], action).min(axis=0)
    return masked_mean(cloning * imitation - climb, batch["valid"])
