"""A run's dataset on the device: from when it is first asked for until it is dropped."""

import jax

from wsrl_mjx.analysis.text import size
from wsrl_mjx.data import dataset, held_out
from wsrl_mjx.runs import plan, signals
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run_record import RunRecord
from wsrl_mjx.runs.setup import Setup
from wsrl_mjx.types import Compiler, Transition


class OfflineData:
    """The rows to train on, and those held out.

    Attributes:
        rows: [D], on every device that has members; None while they are not there.
        held_out: the rows held out to measure on; None until the data was loaded.
    """

    def __init__(self, setup: Setup, compiler: Compiler, record: RunRecord, console: Console) -> None:
        self._setup, self._compiler, self._record, self._console = setup, compiler, record, console
        self.rows: Transition | None = None
        self.held_out: Transition | None = None

    def load(self) -> Transition:
        """Returns the rows, loaded once; prints what they are, and records it.

        Raises:
            ValueError: the run goes on from other data than it began with.
            StoppedError: a signal asked for the end while they were rolled out.
        """
        if self.rows is not None:
            return self.rows
        setup, record, config = self._setup, self._record, self._setup.config
        began, transform = record.clock(), setup.recipe.shared.reward_transform
        with self._console.progress("data", config.data.dataset_size, 0, "transitions") as progress:
            report = signals.checked(progress.advance_to)
            found, origin = setup.data.obtain(report, self._compiler)
        digest = found.card["digest"]
        if record.dataset_digest not in ("", digest):
            raise ValueError(
                f"dataset {config.data.dataset} has the digest {digest[:12]}; the run began with "
                f"{record.dataset_digest[:12]}"
            )
        rows, others = held_out.split(found.rows, config.data.dataset_seed)
        on_device = lambda part: dataset.to_device(part, transform, config.agent.discount)
        on_devices: Transition = setup.placement.copied(on_device(rows))
        self.rows = on_devices
        self.held_out = held_out.choose(on_device(others), config.data.dataset_seed)
        record.dataset_rows, record.dataset_digest = found.size, digest
        record.behavior_return = found.card["return_mean"]
        record.spent("data", began)
        mean, reference = found.card["return_mean"], setup.env.reference
        self._console.say(
            f"offline data: {found.size:,} rows of {found.card['name']} from {origin}, "
            f"{f'return {mean:,.0f}' if reference is None else reference.show(mean)} over "
            f"{found.card['episodes']} episodes; {len(others['reward']):,} rows held out to measure on"
        )
        return on_devices

    def drop(self) -> None:
        """Frees the rows' memory: from here on the learner sees its own experience alone."""
        if self.rows is None:
            return
        count, freed = len(self.rows.reward), plan.bytes_of(self.rows)
        for leaf in jax.tree.leaves(self.rows):
            leaf.delete()
        self.rows = None
        self._console.say(f"offline data dropped: {count:,} rows, {size(freed)} freed")
