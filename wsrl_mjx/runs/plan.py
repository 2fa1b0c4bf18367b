"""The resolved plan of a run, shown before anything compiles: phases, steps, sizes, memory."""

from pathlib import Path
from typing import Any

import jax

from envs.base import Environment
from wsrl_mjx.analysis.text import counted, size
from wsrl_mjx.config import build, effects, grid, schedules
from wsrl_mjx.config.methods import METHODS
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.device_memory import device_bytes
from wsrl_mjx.training import groups
from wsrl_mjx.training.loop import ONE_DEVICE
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.sharding import Devices, Placement
from wsrl_mjx.types import TrainState, Transition

DATASET = "dataset (until the switch)"
USABLE = 0.7  # share of the memory that is planned with
LAYERS_HELD = 2.2  # arrays of every layer's size that an update holds, seen in compiled programs


def show(
    console: Console,
    config: Config,
    env: Environment,
    recipe: Recipe,
    rows_of_data: int | None,
    placement: Placement = ONE_DEVICE,
    pretrained_in: str | None = None,
) -> None:
    """Prints phases and memory.

    Args:
        console: takes it.
        config: of the run.
        env: of the run.
        recipe: of all members.
        rows_of_data: None where nobody knows it.
        placement: of the members.
        pretrained_in: where the finished pretraining is that it begins with; None where it trains its own.
    """
    agent = config.agent
    rows = phases(config, rows_of_data, pretrained_in)
    seeds = counted(config.num_seeds, "seed")
    if config.points:
        seeds = f"{len(config.points)} grid points x {seeds} side by side"
    if placement.devices > 1:
        seeds += f" on {counted(placement.devices, 'core' if jax.default_backend() == 'cpu' else 'device')}"
    world = " ".join([config.env, *config.env_options])
    console.table(
        f"Plan: {METHODS[config.method].title} on {world}, preset {config.preset}, {seeds}",
        ["phase", "count", "of", "how"],
        rows,
    )
    for note in notes(config):
        console.say(note)
    width = "-".join(map(str, agent.critic_hidden))
    console.say(
        f"agent: {agent.ensemble_size} critics of {width}, targets from {agent.target_subset} of them; "
        f"observation {env.obs_size}, action {env.action_size}; {agent.precision}"
    )
    parts = memory(config, env, recipe, rows_of_data, placement)
    total = size(sum(parts.values()))
    console.say(f"memory: {', '.join(f'{name} {size(b)}' for name, b in parts.items())}; {total} in all")


def check_memory(
    config: Config, env: Environment, recipe: Recipe, rows_of_data: int | None, placement: Placement
) -> None:
    """Checks, before anything is compiled, that what stays on a device can be there at all.

    Programs need room of their own besides: what passes can still be too much.

    Raises:
        ValueError: it cannot; the message says what could.
    """
    parts = memory(config, env, recipe, rows_of_data, placement)
    data = parts.pop(DATASET, 0) + parts.pop("dataset", 0)
    parts.pop("programs")  # an estimate refuses nobody
    replay, count = parts["replay"], len(grid.members_of(config))
    # A dataset that is dropped at the switch makes room for the replay buffers.
    online = sum(parts.values()) + data * config.keeps_data
    needed, there = max(online, data + parts["learner"]), device_bytes() * memories(placement)
    if needed <= there:
        return
    advice = ["a smaller dataset_size"] if data > USABLE * there else []
    room = USABLE * there - data * config.keeps_data
    fitting = int(room * count // sum(parts.values()) / count * config.num_seeds)
    rows = int((room - sum(parts.values()) + replay) // (replay / config.online.replay_capacity))
    if fitting >= 1 and fitting < config.num_seeds:
        advice.append(f"--num-seeds {fitting}")
    if rows >= config.first_update:
        advice.append(f"--replay-capacity {rows // config.online.num_envs * config.online.num_envs}")
    raise ValueError(
        f"num_seeds {config.num_seeds} with replay_capacity {config.online.replay_capacity:,} needs "
        f"{size(needed)} where there are {size(there)}; choose {' or '.join(advice) or 'less of both'}"
    )


def phases(config: Config, rows_of_data: int | None, pretrained_in: str | None = None) -> list[list[str]]:
    """Returns a line for each phase that there is: its name, how many of what, and how; see `show`."""
    offline, online = config.offline, config.online
    rows = []
    if config.needs_data and (pretrained_in is None or config.keeps_data or config.prefilled_rows):
        known, how, share = "unknown", Path(config.data.dataset).name, config.data.success_share
        if rows_of_data is not None:
            known = f"{rows_of_data:,}"
        if share is not None:
            known, how = f"at most {known}", f"{how}, thinned to a share of successes of {share:g}"
        rows.append(["data", known, "transitions", how])
    if offline.offline_steps:
        fate = "then the data stays" if config.keeps_data else "then the data is dropped"
        how = f"{offline.offline_algo}, batch {offline.offline_batch_size}, {fate}"
        if pretrained_in is not None:
            how = f"{offline.offline_algo}, finished in {pretrained_in}"
        rows.append(["pretraining", f"{offline.offline_steps:,}", "gradient steps", how])
        rows.append(["switch", "", "", _switch(config)])
    rows.append(["warmup", f"{config.first_update:,}", "env steps", _warmup(config)])
    kept = ""
    if online.offline_share:
        kept = f" ({config.offline_rows} rows offline)"
    elif online.retain == "append":
        kept = " of data and replay together"
    how = f"{online.online_algo}, {online.utd:g} critic updates a step, batch {online.batch_size}{kept}"
    last = schedules.of_online(config).last
    rows.append(["fine-tuning", f"{last - config.first_update:,}", "env steps", how])
    return rows


def notes(config: Config) -> list[str]:
    """Returns a line for whatever is used another way than it was typed, or not at all."""
    online, schedule = config.online, schedules.of_online(config)
    said = []
    asked = {*range(0, online.online_steps, config.evaluation.eval_every), online.online_steps}
    if not asked <= schedule.evaluations:
        points = [f"{step:,}" for step in sorted(schedule.evaluations)]
        shown = ", ".join(points[:6]) + ", ..." * (len(points) > 6)
        said.append(
            f"{online.num_envs} environments step at once: {schedule.last:,} env steps in all, evaluated "
            f"after {shown}"
        )
    if config.replay_rows != online.replay_capacity:
        said.append(
            f"replay_capacity {online.replay_capacity:,} becomes {config.replay_rows:,}, whole steps of all"
        )
    of_reason: dict[str, list[str]] = {}
    for name, reason in effects.typed_without_effect(config).items():
        of_reason.setdefault(reason, []).append(name)
    said += [f"no effect: {', '.join(names)} ({reason})" for reason, names in of_reason.items()]
    return said


def _switch(config: Config) -> str:
    """Returns what of the pretrained agent goes on."""
    online = config.online
    kept = {
        "actor": online.init_actor == "pretrained",
        "critics": online.init_critics == "pretrained" and config.offline.offline_algo != "bc",
        "temperature": online.keep_temperature,
        "optimizer states": online.keep_optimizers,
    }
    goes_on = ", ".join(name for name, goes in kept.items() if goes) or "nothing"
    fresh = [name for name, goes in kept.items() if not goes]
    because = " (BC trains none)" if "critics" in fresh and config.offline.offline_algo == "bc" else ""
    return f"kept: {goes_on}" + (f"; fresh: {', '.join(fresh)}{because}" if fresh else "")


def _warmup(config: Config) -> str:
    """Returns what fills the buffer before the first update."""
    who = "the frozen pretrained policy" if config.offline.offline_steps else "the untrained policy"
    if config.online.warmup_source == "random":
        who = "uniformly random actions"
    if config.online.guide_steps:
        who = f"guided by the pretrained policy for {config.online.guide_steps:g} steps of an episode"
    if config.prefilled_rows:
        who += f", after {config.prefilled_rows:,} rows of the data"
    return f"{who}, no updates"


def memories(placement: Placement) -> int:
    """Returns how many devices have memory of their own: a CPU's share the machine's."""
    return 1 if jax.default_backend() == "cpu" else placement.devices


def memory(
    config: Config,
    env: Environment,
    recipe: Recipe,
    rows_of_data: int | None,
    placement: Placement = ONE_DEVICE,
) -> dict[str, int]:
    """Returns the bytes that fine-tuning needs on all devices together, without computing anything.

    Every device has a dataset of its own. One of unknown size is left out. "programs" is an estimate
    (docs/performance.md has it against what compiled programs report), the others are exact.
    """
    count = len(grid.members_of(config))
    begun, switched = recipe.shapes("pretrain", count), recipe.shapes("online", count)
    devices, places = placement.devices, placement.places(count)
    in_places = lambda tree: bytes_of(tree) // count * places
    of_device = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((places // devices, *x.shape[1:]), x.dtype), switched
    )
    row = jax.eval_shape(lambda: Transition.empty(env.obs_size, env.action_size).replace(mc_return=0.0))
    data = {}
    if config.needs_data and rows_of_data is not None:
        data = {DATASET if not config.keeps_data else "dataset": bytes_of(row) * rows_of_data * devices}
    return data | {
        "replay": in_places(switched.buffer),
        "learner": in_places(begun.agent),
        "environments": in_places(switched.env),
        "programs": _working_memory(config, of_device) * devices,
    }


def _working_memory(config: Config, state: TrainState) -> int:
    """Returns about how many bytes a chunk works with on one device besides its arguments.

    Most are activations of all critics behind the actor's update, the one with the most rows. Members that
    are computed group by group need them once, and a copy of one group.
    """
    agent = config.agent
    rows = config.critics_per_actor * config.online.batch_size
    layer = 4 if agent.precision == "float32" else 2
    each = LAYERS_HELD * layer * rows * agent.ensemble_size * sum(agent.critic_hidden)
    count, together = len(state.key), groups.size(state)
    copied = 0 if together == count else bytes_of(state) * together // count
    return round(each * together) + copied


def program_memory(program: Any) -> str | None:
    """Returns what a compiled program says of its own memory; None where the backend says nothing."""
    found = program.memory_analysis()
    if found is None:
        return None
    own, given = found.temp_size_in_bytes, found.argument_size_in_bytes
    return f"{size(given)} given to it, {size(own)} of its own"


def members_at_once(
    config: Config, env: Environment, rows_of_data: int | None, devices: Devices = "auto"
) -> int:
    """Returns how many members' memory fits beside the dataset on so many devices, 1 at least.

    Raises:
        ValueError: one member alone does not fit.
    """
    single = replace_flat(grid.at_points(config)[0], {"num_seeds": 1})
    parts = memory(single, env, build.make(single, env), rows_of_data)
    data, each = parts.pop(DATASET, 0) + parts.pop("dataset", 0), sum(parts.values())
    if USABLE * device_bytes() < data + each:
        raise ValueError(
            f"replay_capacity {single.online.replay_capacity:,} and a dataset of "
            f"{rows_of_data or 0:,} rows need {size(data + each)} for one member, of "
            f"{size(device_bytes())} on this device, of which {USABLE:.0%} are planned with: choose less"
        )
    spread = Placement.over(devices, jax.local_device_count())  # as if every device had a member
    room = USABLE * device_bytes() * memories(spread) - data * spread.devices
    return max(1, int(room // each))


def bytes_of(tree: Any) -> int:
    """Returns the bytes of all arrays of a pytree of arrays or shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
