"""Runs an experiment: the loop over compiled chunks, with evaluation, logging and checkpoints between them.

What touches clock, disk and console begins here. What is computed is in `wsrl_mjx.training`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import jax
import numpy as np

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config.settings import Config
from wsrl_mjx.data import held_out
from wsrl_mjx.runs import lock, on_host, plan, report, resumption, run_page, signals
from wsrl_mjx.runs.beside import Beside
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.evaluation import Evaluation, Values
from wsrl_mjx.runs.offline_data import OfflineData
from wsrl_mjx.runs.pretraining_sharing import PretrainingSharing
from wsrl_mjx.runs.programs import Programs, ProgramsBeside, ProgramsOfRun
from wsrl_mjx.runs.resumption import Resumption
from wsrl_mjx.runs.run_record import RunRecord
from wsrl_mjx.runs.setup import RunOptions, Setup, open_run, settings_of
from wsrl_mjx.runs.training_programs import TrainingPrograms
from wsrl_mjx.training import non_finite
from wsrl_mjx.training.loop import Advanced
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.schedule import Schedule
from wsrl_mjx.types import Clock, TrainState, Transition


class Run:
    """One experiment under way: its setup, programs and writers. The training state is passed around.

    Runs that are given the same `Programs` share what is compiled.
    """

    def __init__(
        self, config: Config, options: RunOptions, console: Console, programs: Programs | None = None
    ) -> None:
        programs = programs or Programs()
        # Whatever is wrong is said before anything is compiled or written.
        resumed = open_run(config, options, console.say) if options.resume else None
        self.setup = Setup.make(config, options, programs.env(config))
        self.folder = resumed or open_run(config, options, console.say)
        self.console, self.record, placement = console, RunRecord(), self.setup.placement
        self.recipe = placement.fitted(self.setup.recipe)
        self.programs = ProgramsOfRun(programs, config, self.record, console)
        self.data = OfflineData(self.setup, self.programs, self.record, console)
        self.sharing = PretrainingSharing(self.setup, self.folder, console)
        idle = placement.beside(len(self.setup.members))
        measuring = self.programs if idle is None else ProgramsBeside(programs, config)
        self.evaluation = Evaluation(self.setup, idle or placement, self.programs, measuring)
        self.beside = Beside(threaded=idle is not None)
        self.training = TrainingPrograms(self.setup, self.recipe, self.programs)

    @property
    def config(self) -> Config:
        """The settings."""
        return self.setup.config

    @property
    def options(self) -> RunOptions:
        """Where it lives, and what it starts from."""
        return self.setup.options

    # -- phases -------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Runs, or goes on with, all phases, and writes the report.

        Raises:
            ValueError: another process runs in the same folder, or no checkpoint in it can be gone on with.
            StoppedError: a signal asked for the end; what is done is saved.
            NotFiniteError: a learner's losses or gradients are not finite, again and again.
            OSError: the folder is gone, or cannot be written any more; or the last checkpoint of a run
                that is done could not be saved.
        """
        setup, given = self.setup, self.sharing.given
        plan.show(
            self.console, self.config, setup.env, setup.recipe, setup.data.count, setup.placement, given
        )
        with lock.held(self.folder.path):
            if self.options.resume:
                self.folder.settle(settings_of(self.config))
            self.checkpoints = Resumption(self.folder, self.console)
            try:
                self._train()
            finally:
                self.programs.stop_ahead()
                self.beside.close()
                on_host.close(setup.env, self.console)
                self.checkpoints.close()
                self.folder.close()  # the last: its tracker may wait

    def _train(self) -> None:
        phase, step, state, clock = self._start_or_resume()
        if phase == "pretrain":
            state = self._switch(self._pretrain(state, clock, step))
            clock, step = self.setup.placement.copied(Clock.zero()), 0
            self._evaluate("online", 0, state)
            signals.check()  # a signal need not wait for the next program
        if step < self.training.online.last:
            assert state is not None  # a checkpoint of this phase has it, and the switch gives it
            self._fine_tune(state, clock, step)
        else:
            self.console.say(f"{self.folder.path} is finished: {step:,} online steps are done")
        report.write(self.folder.path, self.config, self.setup.env.reference, self.record, self.console)
        run_page.attempt(lambda: run_page.write(self.folder.path), self.console)
        if self.checkpoints.overdue:
            raise OSError(f"{self.folder.path} is finished, and its last checkpoint could not be saved")

    def _start_or_resume(self) -> tuple[str, int, TrainState | None, Clock]:
        """Returns phase, step, state and clock of the newest sound checkpoint; no state for a fresh start."""
        setup, placement = self.setup, self.setup.placement
        like = lambda phase: setup.recipe.shapes(phase, len(setup.members))
        saved = self.checkpoints.newest(like) if self.options.resume else None
        finished = saved is not None and (saved.phase, saved.step) == ("online", self.training.online.last)
        if self.options.resume and not finished:
            for line in self.folder.settle_versions():
                self.console.say(f"not what it last ran with, so bits may differ: {line}")
        if saved is None:
            return "pretrain", 0, None, placement.copied(Clock.zero())
        self.record.continue_from(saved.facts)
        if self.config.needs_data:
            self.evaluation.held_out = held_out.load(self.folder.path)
        self.console.say(f"resuming in {saved.phase} at step {saved.step:,}")
        state = setup.spread(on_host.reopened(setup, saved))
        return saved.phase, saved.step, state, placement.copied(saved.clock)

    def _pretrain(self, state: TrainState | None, clock: Clock, step: int) -> TrainState:
        """Returns the pretrained state: read from where it was kept, or trained on the dataset."""
        schedule = self.training.pretraining
        if state is None:
            # Never in the middle: the rows of the steps that are done are in metrics.csv already.
            found = self._find_pretrained() if schedule.last else None
            if found is not None:
                return found
            state = self._begin()
        if step < schedule.last:
            data, phase = self._load_data(), self.recipe.pretrain
            chunks = self.training.chunks("pretraining", phase, data, state, clock, step, schedule)
            with self.console.progress("pretraining", schedule.last, step, "gradient steps") as progress:
                for done in chunks:
                    state, clock = done.state, done.clock
                    self._log("pretrain", "pretraining", done)
                    if done.step in schedule.evaluations:
                        self._evaluate("pretrain", done.step, state, progress.score)
                    self._end_chunk("pretrain", schedule, done)
                    progress.advance_to(done.step)
            self._settle()
        if schedule.last:
            self.sharing.keep((self.setup.placement.of_members(state), clock), self.record)
        return state

    def _begin(self) -> TrainState:
        """Returns all members before pretraining; meanwhile the data is rolled out."""
        with ThreadPoolExecutor(1) as aside:  # fresh networks are many small programs
            begun = aside.submit(lambda: self.setup.recipe.begin_all(self.setup.keys))
            if self.training.pretraining.last:
                self.training.compile_ahead(self.evaluation)
                self._load_data()
        return self.setup.spread(begun.result())

    def _switch(self, pretrained: TrainState) -> TrainState:
        """Returns the state at the start of fine-tuning, and drops the data unless the method keeps it."""
        config, recipe = self.config, self.recipe
        data = self._load_data() if config.prefilled_rows or config.keeps_data else None
        # The recipe is an argument: how many rows it puts into the buffer is part of the program.
        given = recipe, pretrained, recipe.fresh_all(pretrained), data if config.prefilled_rows else None
        state = self.programs.compiled("switch", jax.jit(Recipe.switch_all), *given)(*given)
        if not config.keeps_data:
            self.data.drop()
        return self.setup.placement.spread(state)

    def _fine_tune(self, state: TrainState, clock: Clock, step: int) -> None:
        """Runs warmup and fine-tuning, one compiled program, to the end."""
        schedule, phase, shared = self.training.online, self.recipe.online, self.recipe.shared
        shared = shared.replace(data=self._load_data()) if self.config.keeps_data else shared
        chunks = self.training.chunks("fine-tuning", phase, shared, state, clock, step, schedule)
        with self.console.progress("warmup", schedule.last, step, "env steps") as progress:
            for done in chunks:
                name = "warmup" if done.step <= self.config.first_update else "fine-tuning"
                self._log("online", name, done)
                if done.step in schedule.evaluations:
                    self._evaluate("online", done.step, done.state, progress.score)
                self._end_chunk("online", schedule, done)
                progress.advance_to(done.step, name)
            self._settle()

    def _load_data(self) -> Transition:
        """Returns the dataset on the device; see `OfflineData.load`."""
        rows = self.data.load()
        if self.data.held_out is not None:
            held_out.save(self.folder.path, self.data.held_out)
            self.evaluation.held_out = self.data.held_out
        return rows

    def _find_pretrained(self) -> TrainState | None:
        """Returns a finished pretraining: of the run named by --pretrained, or one kept in the cache."""
        shapes = self.setup.recipe.shapes("pretrain", len(self.setup.members))
        found = self.sharing.find((shapes, jax.eval_shape(Clock.zero)))
        if found is None:
            return None
        spent = {"seconds": self.record.seconds, "compile_seconds": self.record.compile_seconds}
        # What that pretraining cost was paid elsewhere.
        self.record.continue_from(found.meta["facts"] | spent)
        self.record.pretraining_from = self.sharing.origin
        self.evaluation.held_out = found.held_out
        return self.setup.spread(found.state[0])

    # -- evaluation, logs, checkpoints --------------------------------------------------------------------

    def _evaluate(
        self, phase: str, step: int, state: TrainState, tell: Callable[[str], None] = lambda score: None
    ) -> None:
        """Measures every member's agent as it is now, beside the training where a core is idle.

        Args:
            phase: "pretrain" or "online".
            step: of the phase.
            state: of all members, [P].
            tell: is given the score as text, once it is known.
        """
        online = phase == "online"
        agent = (self.recipe.online if online else self.recipe.pretrain).algorithm.hand_over(state.agent)

        def told(values: Values) -> None:
            self._write(phase, step, values)
            mean, reference = values["eval/return"].mean(), self.setup.env.reference
            tell(f"return {mean:,.0f}" if reference is None else reference.show(mean))

        if not online or step > self.config.first_update:  # a warmup takes seconds: all of its may wait
            self._settle()
        began, since_switch = self.record.clock(), (state.reference, state.buffer) if online else None
        self.beside.start(self.evaluation.prepared(phase, step, agent, since_switch), told)
        self.record.spent("evaluation", began)

    def _settle(self) -> None:
        """Waits for evaluations that go on beside the training, and writes what waits for them."""
        began = self.record.clock()
        self.beside.settle()
        self.record.spent("evaluation", began)

    def _log(self, phase: str, name: str, done: Advanced) -> None:
        """Writes the means of one chunk, and the updates that were left out so far."""
        self.record.took(name, done.seconds)
        left_out = np.sum(list(non_finite.by_network(done.state.agent).values()), axis=0)
        values = self.setup.placement.of_members(done.metrics | {"learner/skipped": left_out})
        self.beside.after(lambda: self._write(phase, done.step, values))

    def _write(self, phase: str, step: int, values: dict[str, np.ndarray]) -> None:
        """Appends values [M] by name to the metrics, a row a member; what is NaN has no row."""
        self.folder.append(
            Row(phase, step, member.seed, name, float(value), member.point)
            for name, of_all in values.items()
            for member, value in zip(self.setup.members, of_all, strict=True)
            if not np.isnan(value)
        )

    def _end_chunk(self, phase: str, schedule: Schedule, done: Advanced) -> None:
        """Saves where that is due, or where a signal asks for the end, and then ends.

        Raises:
            NotFiniteError: see `non_finite.check`; nothing is saved then.
            StoppedError: a signal has asked for the end.
        """
        limit = self.config.evaluation.max_skipped_updates
        try:
            non_finite.check(done.state.agent, limit, self.setup.labels, f"step {done.step:,} of {phase}")
        except non_finite.NotFiniteError:
            self._settle()  # what was measured before is not lost
            raise
        if done.step == schedule.last:
            self._settle()
        stopped_by = signals.received()
        if done.step in schedule.checkpoints or stopped_by or self.checkpoints.overdue:
            self._checkpoint(phase, done.step, done.state, done.clock)
        if stopped_by:
            self._settle()
            how = "not saved" if self.checkpoints.overdue else "saved"
            raise signals.StoppedError(f"stopped by {stopped_by}; {how} in {phase} at step {done.step:,}")

    def _checkpoint(self, phase: str, step: int, state: TrainState, clock: Clock) -> None:
        """Saves as soon as all rows up to here are written; the training goes on until then."""
        began = self.record.clock()
        index = step if phase == "pretrain" else self.config.offline.offline_steps + step
        kept = self.setup.placement.of_members(state)
        kept = resumption.copied(kept) if self.beside.busy else kept
        self.record.spent("checkpoints", began)
        facts = asdict(self.record)

        def save() -> None:
            began = self.record.clock()
            self.checkpoints.save(index, phase, step, facts, kept, clock)
            self.record.spent("checkpoints", began)

        self.beside.after(save)
