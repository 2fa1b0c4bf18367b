"""The compiled chunks of a run's two phases, and what is compiled while something else goes on."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from wsrl_mjx.config import schedules
from wsrl_mjx.runs import signals
from wsrl_mjx.runs.evaluation import Evaluation
from wsrl_mjx.runs.programs import ProgramsOfRun
from wsrl_mjx.runs.setup import Setup
from wsrl_mjx.training import loop
from wsrl_mjx.training.loop import Advanced, Chunk
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.schedule import Schedule
from wsrl_mjx.types import Clock, TrainState


class TrainingPrograms:
    """Advances the members of a run by the chunks of its schedules.

    Attributes:
        pretraining: when something is due in the pretraining.
        online: the same since the switch.
    """

    def __init__(self, setup: Setup, recipe: Recipe, programs: ProgramsOfRun) -> None:
        """Plans both phases.

        Args:
            setup: of the run.
            recipe: for all places, [P].
            programs: compiles.
        """
        self._setup, self._recipe, self._programs = setup, recipe, programs
        self.pretraining = schedules.of_pretraining(setup.config)
        self.online = schedules.of_online(setup.config)

    def chunks(
        self,
        name: str,
        phase: Any,
        shared: Any,
        state: TrainState,
        clock: Clock,
        first: int,
        schedule: Schedule,
    ) -> Iterator[Advanced]:
        """Returns what yields after every chunk of a phase, to its end; its program is compiled by then.

        Args:
            name: of the program, for people.
            phase: of the recipe.
            shared: what it reads.
            state: of all members, [P].
            clock: that goes with it.
            first: steps done before.
            schedule: of the phase.

        Raises:
            StoppedError: a signal asked for the end while it was compiled.
        """
        length, ends = schedule.stride(first), schedule.ends_after(first)
        chunk = self._chunk(schedule, length)
        arguments = phase, shared, state, clock, jnp.ones((), jnp.int32)
        program = self._programs.compiled(name, chunk, *arguments, length=length)
        signals.check()
        return loop.advance(program, length, lambda _: phase, shared, state, clock, first, ends)

    def compile_ahead(self, evaluation: Evaluation) -> None:
        """Begins to compile what is needed after the pretraining: fine-tuning and `evaluation`."""
        setup, recipe = self._setup, self._recipe
        if not setup.config.keeps_data:  # whose size is not known yet
            length, placement = self.online.stride(), setup.placement
            shapes = recipe.shapes("online", placement.places(len(setup.members)))
            state, clock = placement.spread_shapes(shapes), placement.copied(Clock.zero())
            arguments = recipe.online, recipe.shared, state, clock, jnp.ones((), jnp.int32)
            self._programs.ahead("fine-tuning", self._chunk(self.online, length), *arguments, length=length)
        begun = setup.recipe.shapes("pretrain", len(setup.members))
        agent = jax.eval_shape(setup.recipe.pretrain.algorithm.hand_over, begun.agent)
        self._programs.ahead("evaluation", *evaluation.playing(agent))

    def _chunk(self, schedule: Schedule, length: int) -> Chunk:
        """Returns the chunk, not compiled yet, of so many steps of a phase."""
        steps_each = self._setup.config.online.num_envs if schedule is self.online else 1
        return loop.make_chunk(length // steps_each, self._setup.placement)
