"""What is measured of the agents between compiled chunks: whole episodes, critics on fixed rows, true values.

Measuring draws from keys of its own, so that it never moves the training's. It has two halves: `prepared`
takes what it needs, and what that returns can be called while the training goes on.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs.base import Environment
from wsrl_mjx import keys
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.data import rollout
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.keys import Purpose
from wsrl_mjx.rendering import maze_view, start_view
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.setup import Setup
from wsrl_mjx.training import diagnostics
from wsrl_mjx.training.diagnostics import ReplayRows
from wsrl_mjx.training.loop import member_axes
from wsrl_mjx.training.sharding import Placement, copy_on_host
from wsrl_mjx.types import Compiler, Key, Params, Transition

PURPOSES = {"pretrain": Purpose.PRETRAIN_EVALUATION, "online": Purpose.ONLINE_EVALUATION}
Values = dict[str, np.ndarray]  # [M] by name


class SinceSwitch(NamedTuple):
    """What else there is to measure online; all of all members, [P]."""

    reference: Params  # of the pretrained policy
    rows: ReplayRows


class Evaluation:
    """Measures all members of a run at once.

    Attributes:
        held_out: rows [H] to judge critics on, the same for all members; None until there are some.
    """

    def __init__(self, setup: Setup, placement: Placement, drawing: Compiler, measuring: Compiler) -> None:
        """Makes the programs.

        Args:
            setup: of the run.
            placement: where to measure, which need not be where the members are trained.
            drawing: compiles what draws rows of the replay, for which the training waits.
            measuring: compiles all else.
        """
        env, sac, config = setup.env, placement.fitted(setup.recipe.judge), setup.config
        self._env, self._sac, self._config, self._shared = env, sac, config, setup.recipe.shared
        self._trained, self._placement = setup.placement, placement
        self._drawing, self._measuring = drawing, measuring
        # The picture is of one policy's seeds: over a grid it would mix what differs.
        looks = setup.options.run_dir / layout.MAZE_LOOKS
        self._maze = None if config.points else maze_view.of(env, sac, looks, placement)
        maps = setup.options.run_dir / layout.START_MAPS
        self._starts = None if config.points else start_view.of(env, maps)
        self._others: dict[str, Environment] = getattr(env, "other_starts", {})
        self._seeds = jnp.asarray([member.seed for member in setup.members])
        self._draw = jax.jit(setup.placement.over_members(diagnostics.draw_replay, (0, None, None, 0)))
        axes = (member_axes(sac), 0)
        self._play = jax.jit(placement.over_members(self._play_one, (0, 0)))
        self._judge = jax.jit(placement.over_members(_judge_one, (*axes, None, 0)))
        self._judge_replay = jax.jit(placement.over_members(diagnostics.judge_replay, (*axes, 0, 0)))
        self._drift = jax.jit(placement.over_members(diagnostics.drift, (*axes, 0, None)))
        algorithms = {"pretrain": config.offline.offline_algo, "online": config.online.online_algo}
        # How many actions a target takes the best of is static, and the phases may differ in it.
        self._followed = {
            phase: sac.replace(backup_actions=config.backup_actions_of(algorithm))
            for phase, algorithm in algorithms.items()
        }
        self._true_value = {
            phase: jax.jit(placement.over_members(self._true_value_one, (member_axes(followed), 0, None, 0)))
            for phase, followed in self._followed.items()
        }
        self.held_out: Transition | None = None

    def prepared(
        self, phase: str, step: int, agent: SACState, online: tuple[Params, ReplayBuffer] | None = None
    ) -> Callable[[], Values]:
        """Returns what measures the agents as they are now, to be called at any time and on any thread.

        It returns what every member shows, and writes a maze's look to the run folder.

        Args:
            phase: "pretrain" or "online".
            step: of the phase.
            agent: of all members, [P].
            online: the pretrained policy's parameters and the replay of all members, [P], to measure the
                policy's drift and the critics on the replay's rows.
        """
        of_step = self._keys(phase, step)
        since_switch = None
        if online is not None:
            reference, buffer = online
            key = jax.vmap(_next)(of_step[-1])
            since_switch = self._taken(SinceSwitch(reference, self._drawn(step, buffer, key)))
        held_out = None if self.held_out is None else self._placement.copied(self.held_out)
        placed = self._placement.spread(self._placement.filled_up(of_step))
        return partial(self._measure, phase, step, self._taken(agent), placed, held_out, since_switch)

    def playing(self, agent: SACState) -> tuple[Any, Params, Key]:
        """Returns the program that takes longest to compile, and what it will be called with, as shapes.

        Args:
            agent: shapes of all members', [M].
        """
        shapes = agent.actor.params, jax.eval_shape(lambda: self._keys("online", 0)[0])
        in_places = lambda leaf: jax.ShapeDtypeStruct(
            (self._placement.places(leaf.shape[0]), *leaf.shape[1:]), leaf.dtype
        )
        params, key = self._placement.spread_shapes(jax.tree.map(in_places, shapes))
        return self._play, params, key

    def _measure(
        self,
        phase: str,
        step: int,
        agent: SACState,
        of_step: list[Key],
        held_out: Transition | None,
        online: SinceSwitch | None,
    ) -> Values:
        key, key_judge, key_look, key_value = of_step
        played: rollout.EpisodeScores = self._run("evaluation", self._play, agent.actor.params, key)
        if self._starts is not None and phase == "online":
            self._starts.keep(step, played)
        count = self._config.evaluation.eval_episodes
        episodes = jax.tree.map(lambda leaf: leaf[:, :count], played)
        values = {
            "eval/return": episodes.returns.mean(axis=1),
            "eval/return_std": episodes.returns.std(axis=1),
            "eval/length": episodes.lengths.mean(axis=1),
            "eval/x_velocity": episodes.x_velocity.mean(axis=1),
            "eval/invalid": 1.0 - episodes.valid.mean(axis=1),
        }
        if self._env.reference is not None:
            values["eval/score"] = self._env.reference.normalize(values["eval/return"])
            for index, name in enumerate(self._others, 1):
                returns = played.returns[:, index * count : (index + 1) * count].mean(axis=1)
                values[f"eval/score_{name}"] = self._env.reference.normalize(returns)
        if held_out is not None:
            values |= self._run("held-out data", self._judge, self._sac, agent, held_out, key_judge)
            states = self._config.evaluation.true_value_states
            if states:
                arguments = self._followed[phase], agent, held_out.obs[:states], key_value
                values |= self._run("true values", self._true_value[phase], *arguments)
        if self._maze is not None:
            self._maze.keep(phase, step, agent, key_look, self._measuring)
        if online is not None:
            key = jax.vmap(_next)(key_value)
            values |= self._run("replay rows", self._judge_replay, self._sac, agent, online.rows, key)
            if held_out is not None:
                policies = agent.actor.params, online.reference
                values |= self._run("drift", self._drift, self._sac, *policies, held_out.obs)
        return values

    def _run(self, what: str, jitted: Any, *arguments: Any) -> Any:
        """Returns what a program says of all members, [M]."""
        program = self._measuring.compiled(what, jitted, *arguments)
        return self._placement.of_members(jax.device_get(program(*arguments)))

    def _taken(self, tree: Any) -> Any:
        """Returns what the training has of all members, where it is measured."""
        if self._placement is self._trained:
            return tree
        # A copy: the training gives the memory of its arrays away.
        of_members = jax.tree.map(copy_on_host, self._trained.of_members(tree))
        return self._placement.spread(self._placement.filled_up(of_members))

    def _drawn(self, step: int, buffer: ReplayBuffer, key: Key) -> ReplayRows:
        """Returns rows of every member's replay, [P]."""
        inserted = step + self._shared.prefilled
        first_rows = jnp.asarray(self._config.first_update, jnp.int32) + self._shared.prefilled
        key = self._trained.spread(self._trained.filled_up(key))
        arguments = buffer, inserted, first_rows, key
        return self._drawing.compiled("draw of replay rows", self._draw, *arguments)(*arguments)

    def _keys(self, phase: str, step: int) -> list[Key]:
        """Returns every member's keys [M], one for each thing that is measured."""
        at_step = lambda seed: jax.random.fold_in(keys.of(seed, PURPOSES[phase]), step)
        of_step = jax.vmap(at_step)(self._seeds)
        return list(jax.vmap(lambda key: jax.random.split(key, 4), out_axes=1)(of_step))

    def _play_one(self, actor_params: Any, key: Key) -> rollout.EpisodeScores:
        """Plays deterministic episodes."""
        act = lambda obs, _: self._sac.policy(actor_params, obs).mode()
        count, others = self._config.evaluation.eval_episodes, tuple(self._others.values())
        return rollout.evaluate(self._env, act, key, count, others)

    def _true_value_one(self, sac: Any, agent: SACState, obs: jax.Array, key: Key) -> diagnostics.Values:
        steps = diagnostics.horizon(self._config.agent.discount)
        transform = self._shared.reward_transform
        return diagnostics.true_value(self._env, sac, agent, obs, transform, steps, key)


def _judge_one(sac: Any, agent: SACState, rows: Transition, key: Key) -> diagnostics.Values:
    return diagnostics.judge(sac, agent, rows, key, "held_out")


def _next(key: Key) -> Key:
    return jax.random.fold_in(key, 1)
