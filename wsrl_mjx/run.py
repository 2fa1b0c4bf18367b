"""Runs an experiment: the loop over compiled chunks, with evaluation, logging and checkpoints between them.

The only module that touches clock, disk and console. What is computed is in `phases` and `recipes`.
"""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx import catalog, dataset, held_out, keys, members, phases, plan, pretrained, recipes, report
from wsrl_mjx.checkpoint import Checkpoints
from wsrl_mjx.config import Config, evaluation_points, flat_fields
from wsrl_mjx.console import Console, size
from wsrl_mjx.evaluation import Evaluation
from wsrl_mjx.keys import Purpose
from wsrl_mjx.placement import Placement
from wsrl_mjx.run_folder import Row, RunFolder, read_metrics
from wsrl_mjx.types import Clock, Key, Metrics, TrainState, Transition
from wsrl_mjx.workshop import Workshop


@dataclass(frozen=True)
class RunOptions:
    """Where a run lives and what it starts from; nothing here changes a number."""

    run_dir: Path
    cache_dir: Path
    resume: bool = False
    pretrained: Path | None = None
    devices: int = 1


@dataclass
class Facts:
    """What the summary needs to know of phases that are over. Saved with every checkpoint."""

    dataset_rows: int = 0
    dataset_digest: str = ""
    behavior_return: float = float("nan")
    pretraining_from: str = "this run"
    seconds: dict[str, float] = field(default_factory=dict)  # wall time by phase, without compilation
    compile_seconds: dict[str, float] = field(default_factory=dict)


def open_folder(config: Config, run_dir: Path, resume: bool) -> RunFolder:
    """Makes the run's folder, or opens it to go on there; see `RunFolder` for what is refused."""
    settings, defaults = (pretrained.as_json(flat_fields(c)) for c in (config, Config()))
    return RunFolder.reopen(run_dir, settings, defaults) if resume else RunFolder.create(run_dir, settings)


class Run:
    """One experiment under way: settings, programs and writers. The training state is passed around.

    Runs that are given the same workshop share its compiled programs.
    """

    def __init__(
        self, config: Config, options: RunOptions, console: Console, workshop: Workshop | None = None
    ) -> None:
        self.config, self.options, self.console = config, options, console
        self.workshop = workshop or Workshop()
        self.members = members.of(config)
        self.placement = Placement.over(options.devices, len(self.members))
        self.env = self.workshop.env(config)
        if not options.resume:  # whatever is wrong is said before anything is compiled or written
            catalog.check_on_disk(config.data, self.env, options.cache_dir)
            pretrained.check(options.pretrained, self._identity())
        self.folder = open_folder(config, options.run_dir, options.resume)
        self.facts = Facts()
        self.recipe = recipes.side_by_side(config, self.env)
        self.checkpoints = Checkpoints(options.run_dir / "checkpoints")
        self.evaluation = Evaluation(
            self.env,
            self.recipe.judge,
            config,
            options.run_dir,
            self._compiled,
            self.recipe.shared,
            self.placement,
        )
        self._data: Transition | None = None  # the dataset, while it is on the device
        steps = config.evaluation.chunk_steps
        self._chunk = phases.make_chunk(steps, self.placement)
        self._online_chunk = phases.make_chunk(steps // config.online.num_envs, self.placement)

    # -- phases -------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Runs, or goes on with, all phases, and writes the report."""
        rows = catalog.count_rows(self.config.data, self.env, self.options.cache_dir)
        plan.show(self.console, self.config, self.env, self.recipe, rows)
        phase, step, state, clock = self._start_or_resume()
        if phase == "pretrain":
            state = self._switch(self._pretrain(state, clock, step))
            clock, step = Clock.zero(), 0
            self._evaluate_online(state, 0)
        if step < self.config.online.online_steps:
            self._fine_tune(state, clock, step)
        else:
            self.console.say(f"{self.options.run_dir} is finished: {step:,} online steps are done")
        report.write(self.folder.path, self.config, self.env.reference, asdict(self.facts), self.console)
        self.folder.close()
        self.checkpoints.close()

    def _start_or_resume(self) -> tuple[str, int, TrainState, Clock]:
        """Returns phase, step, state and clock of a fresh start or of the newest checkpoint."""
        newest = self.checkpoints.latest() if self.options.resume else None
        if newest is None:
            if self.options.resume:
                self.folder.cut_metrics(self.folder.header_size())
            return "pretrain", 0, *self._placed(self.recipe.begin_all(self._keys()), Clock.zero())
        meta = self.checkpoints.meta(newest)
        self.facts = Facts(**meta["facts"])
        if self.config.needs_data:
            self.evaluation.held_out = held_out.load(self.folder.path)
        self.folder.cut_metrics(meta["metrics_size"])
        like = jax.eval_shape(self.recipe.begin_all, self._keys())
        if meta["phase"] == "online":
            like = self.recipe.switched_shapes(like)
        state, clock = self._placed(*self.checkpoints.restore(newest, (like, Clock.zero())))
        self.console.say(f"resuming in {meta['phase']} at step {meta['step']:,}")
        return meta["phase"], meta["step"], state, clock

    def _pretrain(self, state: TrainState, clock: Clock, step: int) -> TrainState:
        """Returns the pretrained state: read from where it was kept, or trained on the dataset."""
        total = self.config.offline.offline_steps
        if total == 0:
            return state
        if step == total:  # resumed right at the switch
            self._keep_pretrained(state, clock)
            return state
        # Never in the middle: the rows of the steps that are done are in metrics.csv already.
        found = self._find_pretrained(state, clock) if step == 0 else None
        if found is not None:
            return found
        data = self._load_data()
        phase, every = self.recipe.pretrain, self.config.evaluation
        program = self._compiled("pretraining", self._chunk, phase, data, state, clock)
        with self.console.progress("pretraining", total, step, "gradient steps") as progress:
            for done in range(step + every.chunk_steps, total + 1, every.chunk_steps):
                began = self._clock()
                state, clock, metrics = program(phase, data, state, clock)
                self._log("pretrain", done, metrics)
                self._spent("pretraining", began)
                if done % every.pretrain_eval_every == 0 and done < total:
                    progress.score(self._evaluate_and_log("pretrain", done, state))
                if done % every.checkpoint_every == 0 or done == total:
                    self._checkpoint("pretrain", done, done, (state, clock))
                progress.advance_to(done)
        self._keep_pretrained(state, clock)
        return state

    def _switch(self, pretrained: TrainState) -> TrainState:
        """Returns the state at the start of fine-tuning, and drops the data unless the method keeps it."""
        config, recipe = self.config, self.recipe
        data = self._load_data() if config.prefilled_rows or config.keeps_data else None
        begin = jax.jit(recipe.switch_all)
        state = begin(pretrained, recipe.fresh_all(pretrained), data if config.prefilled_rows else None)
        if not config.keeps_data:
            self._drop()
        return self.placement.spread(state)

    def _fine_tune(self, state: TrainState, clock: Clock, step: int) -> None:
        """Runs warmup and fine-tuning, one compiled program, to the end."""
        online, every = self.config.online, self.config.evaluation
        points = set(evaluation_points(self.config))
        phase, shared = self.recipe.online, self.recipe.shared
        if self.config.keeps_data:
            shared = shared.replace(data=self._load_data())
        program = self._compiled("fine-tuning", self._online_chunk, phase, shared, state, clock)
        with self.console.progress("warmup", online.online_steps, step, "env steps") as progress:
            for done in range(step + every.chunk_steps, online.online_steps + 1, every.chunk_steps):
                began = self._clock()
                name = "warmup" if done <= self.config.first_update else "fine-tuning"
                state, clock, metrics = program(phase, shared, state, clock)
                self._log("online", done, metrics)
                self._spent(name, began)
                if done in points:
                    progress.score(self._evaluate_online(state, done))
                if done % every.checkpoint_every == 0 or done == online.online_steps:
                    self._checkpoint("online", done, self.config.offline.offline_steps + done, (state, clock))
                progress.advance_to(done, name)

    # -- data and pretraining -----------------------------------------------------------------------------

    def _load_data(self) -> Transition:
        """Returns the dataset on the device, loaded once, and prints what it is.

        Raises:
            ValueError: the run goes on from other data than it began with.
        """
        if self._data is not None:
            return self._data
        began, config = self._clock(), self.config
        with self.console.progress("data", config.data.dataset_size, 0, "transitions") as progress:
            found, origin = catalog.obtain(
                config.data, self.env, self.options.cache_dir, progress.advance_to, self._compiled
            )
        rows, others = held_out.split(found.rows, config.data.dataset_seed)
        transform, discount = self.recipe.shared.reward_transform, config.agent.discount
        data = self._data = self.placement.copied(dataset.to_device(rows, transform, discount))
        ruler = held_out.choose(dataset.to_device(others, transform, discount), config.data.dataset_seed)
        held_out.save(self.folder.path, ruler)
        self.evaluation.held_out = ruler
        if self.facts.dataset_digest not in ("", found.card["digest"]):
            raise ValueError(
                f"dataset {config.data.dataset} has the digest {found.card['digest'][:12]}; the run began "
                f"with {self.facts.dataset_digest[:12]}"
            )
        self.facts.dataset_rows = found.size
        self.facts.dataset_digest = found.card["digest"]
        self.facts.behavior_return = found.card["return_mean"]
        self._spent("data", began)
        self.console.say(
            f"offline data: {found.size:,} rows of {found.card['name']} from {origin}, "
            f"{self._show_return(found.card['return_mean'])} over {found.card['episodes']} episodes; "
            f"{len(others['reward']):,} rows held out to measure on"
        )
        return data

    def _drop(self) -> None:
        """Frees the dataset's memory: from here on the learner sees its own experience alone."""
        if self._data is None:
            return
        rows, freed = len(self._data.reward), plan.bytes_of(self._data)
        for leaf in jax.tree.leaves(self._data):
            leaf.delete()
        self._data = None
        self.console.say(f"offline data dropped: {rows:,} rows, {size(freed)} freed")

    def _find_pretrained(self, state: TrainState, clock: Clock) -> TrainState | None:
        """Returns a finished pretraining: of the run named by --pretrained, or one kept in the cache."""
        source = self.options.pretrained
        found = pretrained.find(source, self.options.cache_dir, self._identity(), (state, clock))
        if found is None:
            return None
        (restored, _), meta, self.evaluation.held_out = found
        restored = self.placement.spread(restored)
        kept = found._replace(state=(restored, clock))
        pretrained.keep([self.folder.path / pretrained.FOLDER], self._identity(), kept)
        held_out.save(self.folder.path, found.ruler)
        spent = {"seconds": self.facts.seconds, "compile_seconds": self.facts.compile_seconds}
        self.facts = Facts(**meta["facts"] | spent)  # what that pretraining cost was paid elsewhere
        self.facts.pretraining_from = str(source or "the cache")
        self.folder.append(Row(*row) for row in meta["rows"])
        self.console.say(
            f"pretraining: found finished in {source or 'the cache'}; its {self.facts.dataset_rows:,} "
            "rows of offline data are not loaded"
        )
        return restored

    def _keep_pretrained(self, state: TrainState, clock: Clock) -> None:
        """Saves the pretrained state in the run and in the cache, for runs that share it."""
        wanted = self._identity()
        rows = [list(row) for row in read_metrics(self.folder.path) if row.phase == "pretrain"]
        folders = [
            self.folder.path / pretrained.FOLDER,
            pretrained.cache_folder(self.options.cache_dir, wanted),
        ]
        meta = {"facts": asdict(self.facts), "rows": rows}
        ruler = held_out.load(self.folder.path)
        pretrained.keep(folders, wanted, pretrained.Found((state, clock), meta, ruler))

    def _identity(self) -> dict[str, Any]:
        return pretrained.identity(self.config, self.env, self.options.cache_dir)

    # -- evaluation, logs, checkpoints --------------------------------------------------------------------

    def _evaluate_online(self, state: TrainState, step: int) -> str:
        return self._evaluate_and_log("online", step, state)

    def _evaluate_and_log(self, phase: str, step: int, state: TrainState) -> str:
        """Measures every member's agent; returns the score as text."""
        algorithm = (self.recipe.pretrain if phase == "pretrain" else self.recipe.online).algorithm
        agent = algorithm.hand_over(state.agent)
        began = self._clock()
        values = self.evaluation.measure(phase, step, agent)
        if phase == "online":
            values |= self.evaluation.measure_online(step, agent, state.reference, state.buffer)
        self._spent("evaluation", began)
        self._write(phase, step, values)
        return self._show_return(values["eval/return"].mean())

    def _log(self, phase: str, step: int, metrics: Metrics) -> None:
        """Writes the means of one chunk; what had no weight in it has no row."""
        host = jax.device_get(metrics)
        values = {
            name: np.where(m.weight > 0, m.total / np.maximum(m.weight, 1e-9), np.nan)
            for name, m in host.items()
        }
        self._write(phase, step, values)

    def _write(self, phase: str, step: int, values: dict[str, np.ndarray]) -> None:
        """Appends values [M] by name to the metrics, a row a member."""
        self.folder.append(
            Row(phase, step, member.seed, name, float(value), member.point)
            for name, of_all in values.items()
            for member, value in zip(self.members, of_all, strict=True)
            if not np.isnan(value)
        )

    def _checkpoint(self, phase: str, step: int, index: int, tree: Any) -> None:
        meta = {
            "phase": phase,
            "step": step,
            "metrics_size": self.folder.metrics_size(),
            "facts": asdict(self.facts),
        }
        began = self._clock()
        self.checkpoints.save(index, tree, meta)
        self._spent("checkpoints", began)

    # -- small things -------------------------------------------------------------------------------------

    def _compiled(self, what: str, jitted: Any, *args: Any) -> Any:
        """Compiles a program once, ahead of its first call, so that its time is known and shown."""
        program, seconds = self.workshop.compiled(self.config, what, jitted, args, self.console.compiling)
        if seconds:
            self.facts.compile_seconds[what] = round(seconds, 2)
        return program

    def _clock(self) -> float:
        """Returns seconds on a clock that stands still while a program is compiled."""
        return time.perf_counter() - sum(self.facts.compile_seconds.values())

    def _spent(self, phase: str, began: float) -> None:
        """Adds the time since `began` on the clock to what `phase` has taken."""
        self.facts.seconds[phase] = self.facts.seconds.get(phase, 0.0) + self._clock() - began

    def _placed(self, state: TrainState, clock: Clock) -> tuple[TrainState, Clock]:
        """Returns the members spread over the devices, and the clock on all of them."""
        return self.placement.spread(state), self.placement.copied(clock)

    def _keys(self) -> Key:
        seeds = jnp.asarray([member.seed for member in self.members])
        return jax.vmap(lambda seed: keys.of(seed, Purpose.TRAINING))(seeds)

    def _show_return(self, value: float) -> str:
        return f"return {value:,.0f}" if self.env.reference is None else self.env.reference.show(value)
