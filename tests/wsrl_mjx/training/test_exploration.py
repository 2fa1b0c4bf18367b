"""Who acts: the agent, the pretrained policy, or nobody in particular."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from probe_envs import Line, probe

from wsrl_mjx.algos.base import hyper
from wsrl_mjx.training import loop, steps
from wsrl_mjx.training.exploration import Explorer
from wsrl_mjx.types import Clock, TrainState

SAC = tiny.sac(action_size=1)
ENVS = 400


def always(action: float, state: TrainState) -> TrainState:
    """Returns the state with a pretrained actor that always does `action`, and no doubt about it."""
    params = jax.tree.map(jnp.zeros_like, state.agent.actor.params)
    heads = params["params"]
    heads["Dense_0"]["bias"] = jnp.full_like(heads["Dense_0"]["bias"], np.arctanh(action))
    heads["Dense_1"]["bias"] = jnp.full_like(heads["Dense_1"]["bias"], -10.0)
    return state.replace(reference=params)


def start(explorer: Explorer) -> tuple[steps.Online, TrainState]:
    phase = tiny.online_phase(probe(Line), SAC, num_envs=ENVS, explorer=explorer, batch_size=1)
    state = jax.tree.map(lambda leaf: leaf[0], tiny.online_state(phase, (0,), capacity=10 * ENVS))
    return phase, always(0.5, state)


def actions(explorer: Explorer, warming_up: bool, guide: jax.Array | None = None) -> np.ndarray:
    _, state = start(explorer)
    state = state.replace(guide=guide)
    return np.asarray(explorer.act(SAC, state, jnp.asarray(warming_up), jax.random.key(1)))[:, 0]


AGENT = actions(Explorer(), warming_up=True)


def test_the_agent_acts_where_nothing_else_is_said() -> None:
    np.testing.assert_allclose(AGENT, actions(Explorer(), warming_up=False), atol=1e-5)
    assert np.std(AGENT) > 0.1


def test_the_pretrained_policy_acts_in_the_warmup_of_a_fresh_actor_and_not_after() -> None:
    np.testing.assert_allclose(actions(Explorer(warmup="pretrained"), warming_up=True), 0.5, atol=1e-3)
    np.testing.assert_allclose(actions(Explorer(warmup="pretrained"), warming_up=False), AGENT, atol=1e-5)


def test_random_actions_are_uniform_in_the_warmup_alone() -> None:
    drawn = actions(Explorer(warmup="random"), warming_up=True)
    assert np.abs(drawn).max() <= 1.0 and abs(drawn.mean()) < 0.15
    np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.5, 0.9]), [-0.8, 0.0, 0.8], atol=0.15)
    np.testing.assert_allclose(actions(Explorer(warmup="random"), warming_up=False), AGENT, atol=1e-5)


def test_the_guide_acts_while_it_has_steps_left() -> None:
    guide = jnp.arange(ENVS, dtype=jnp.int32) % 3
    drawn = actions(Explorer(hyper(5.0)), warming_up=False, guide=guide)
    np.testing.assert_allclose(drawn[np.asarray(guide) > 0], 0.5, atol=1e-3)
    np.testing.assert_allclose(drawn[np.asarray(guide) == 0], AGENT[np.asarray(guide) == 0], atol=1e-5)


def test_horizons_are_geometric_and_drawn_anew_with_every_episode() -> None:
    explorer = Explorer(hyper(5.0))
    drawn = np.asarray(explorer.begin(jax.random.key(0), 20_000))
    assert drawn.min() == 1 and abs(drawn.mean() - 5.0) < 0.15
    assert abs((drawn == 1).mean() - 0.2) < 0.015
    guide, ended = jnp.asarray([3, 1, 0, 4]), jnp.asarray([False, False, False, True])
    left = explorer.after(guide, ended, jax.random.key(1))
    assert left is not None and left[:3].tolist() == [2, 0, 0] and left.dtype == jnp.int32
    redrawn = {int(explorer.after(guide, ended, jax.random.key(s))[3]) for s in range(20)}  # pyright: ignore[reportOptionalSubscript]
    assert len(redrawn) > 3 and min(redrawn) >= 1


@pytest.mark.parametrize("explorer", [Explorer(hyper(5.0)), Explorer(warmup="random")])
def test_the_loop_goes_on_from_its_own_guide(explorer: Explorer) -> None:
    phase, state = start(explorer)
    state = state.replace(guide=explorer.begin(jax.random.key(0), ENVS))
    state = jax.tree.map(lambda leaf: leaf[None], state)
    after, clock, _ = loop.make_chunk(2)(phase, tiny.online_shared(10_000), state, Clock.zero())
    assert int(clock.env_steps) == 2 * ENVS
    done = np.asarray(after.buffer.data.action[0, :ENVS, 0])
    if explorer.guide_steps is None:
        assert after.guide is None and abs(np.quantile(done, 0.9) - 0.8) < 0.15
    else:
        np.testing.assert_allclose(done, 0.5, atol=1e-3)  # every episode begins with the guide


def test_the_warmups_last_step_is_the_warmups() -> None:
    """From the next step on the agent acts, and learns."""
    phase, state = start(Explorer(warmup="pretrained"))
    state = jax.tree.map(lambda leaf: leaf[None], state)
    after, clock, _ = loop.make_chunk(3)(phase, tiny.online_shared(2 * ENVS), state, Clock.zero())
    done = np.asarray(after.buffer.data.action[0, :, 0])
    np.testing.assert_allclose(done[: 2 * ENVS], 0.5, atol=1e-3)
    assert np.std(done[2 * ENVS : 3 * ENVS]) > 0.1
    assert int(clock.updates) == phase.updates
