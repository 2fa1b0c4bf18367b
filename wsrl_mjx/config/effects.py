"""Which settings change nothing in a run, and why: without pretraining nobody reads its batch size."""

from collections.abc import Iterator

from wsrl_mjx.algos.registry import ALGORITHMS, SHIPPED
from wsrl_mjx.config.domains import domain_of
from wsrl_mjx.config.methods import METHODS
from wsrl_mjx.config.presets import defaults
from wsrl_mjx.config.settings import Config, flat_fields

# Of the shipped algorithms; one that was added may read whatever SAC does.
HAS_TEMPERATURE = {"sac", "cql", "calql", "so2"}
HAS_SAC_TARGETS = {"sac", "awac"}  # CQL and Cal-QL have a number of actions of their own
OF_PRETRAINING = (
    "offline_algo",
    "offline_batch_size",
    "offline_actor_lr",
    "cloning_weight",
    "pretrain_eval_every",
    "init_actor",
    "init_critics",
    "keep_optimizers",
    "keep_temperature",
)
OF_DATA = ("dataset", "dataset_size", "dataset_seed", "collect_envs", "success_share", "allow_other_env")


def without_effect(config: Config) -> dict[str, str]:
    """Returns by name the settings that change nothing in what a run trains, each with the reason."""
    return dict([*_of_data(config), *_of_pretraining(config), *_of_algorithms(config), *_of_sac(config)])


def typed_without_effect(config: Config) -> dict[str, str]:
    """Returns those of them that differ from what preset, world and method give: somebody asked for them."""
    given = flat_fields(defaults(config.preset, config.env, config.method))
    ours = flat_fields(config)
    return {name: why for name, why in without_effect(config).items() if ours[name] != given[name]}


def _running(config: Config) -> set[str]:
    """Returns the algorithms of the phases that there are."""
    return {config.online.online_algo} | (
        {config.offline.offline_algo} if config.offline.offline_steps else set()
    )


def _of_data(config: Config) -> Iterator[tuple[str, str]]:
    if not config.needs_data:
        yield from ((name, "there is no offline data") for name in (*OF_DATA, "true_value_states"))
    elif config.data.dataset in domain_of(config.env).datasets:
        yield "allow_other_env", "the dataset is of this world"
    else:
        yield from ((name, "the dataset lies on disk") for name in ("dataset_size", "collect_envs"))
    online, waited = config.online, config.updates_per_step * config.online.batch_size
    if online.warmup_source == "data" and not online.warmup_steps:
        yield "warmup_source", "warmup_steps is 0"
    elif online.warmup_source != "data" and 0 < online.warmup_steps <= waited:
        yield "warmup_steps", f"the first update waits for {waited} rows in any case"


def _of_pretraining(config: Config) -> Iterator[tuple[str, str]]:
    algorithm = config.offline.offline_algo
    if not config.offline.offline_steps:
        yield from ((name, "there is no pretraining") for name in OF_PRETRAINING)
        return
    if algorithm not in ("cql", "calql") and algorithm in SHIPPED:
        yield "cloning_weight", f"it is for cql and calql, not for {algorithm}"
    if algorithm == "bc":
        yield "init_critics", "bc trains no critics"
    if algorithm in SHIPPED - HAS_TEMPERATURE:
        yield "keep_temperature", f"{algorithm} leaves the temperature as it was"
    elif config.online.online_algo in SHIPPED - HAS_TEMPERATURE:
        yield "keep_temperature", f"{config.online.online_algo} has no temperature"


def _of_algorithms(config: Config) -> Iterator[tuple[str, str]]:
    running = _running(config)
    if config.online.online_algo in SHIPPED - HAS_TEMPERATURE:  # those whose actors climb the critics
        yield "online_cloning_weight", f"{config.online.online_algo} has an actor's loss of its own"
    read = {type(config.algorithms.of(name)) for name in running}
    for own in config.algorithms.each():
        users = [name for name, kind in ALGORITHMS.items() if kind.settings is type(own)]
        if type(own) not in read:
            reason = f"no phase is {' or '.join(users)}"
            yield from ((name, reason) for name in flat_fields(own))
    cql, iql = config.algorithms.cql, config.algorithms.iql
    if running & {"cql", "calql"}:
        if not cql.cql_learn_alpha:
            fixed = "cql_learn_alpha is not set"
            yield from ((name, fixed) for name in ("cql_alpha_lr", "cql_target_gap"))
        if config.online.online_algo in SHIPPED - {"cql", "calql"}:
            yield "online_cql_alpha", f"{config.online.online_algo} goes on without the conservative term"
    if "iql" in running:
        unread = "iql_cloning" if iql.iql_extraction == "awr" else "iql_beta"
        yield unread, f"iql_extraction is {iql.iql_extraction}"


def _of_sac(config: Config) -> Iterator[tuple[str, str]]:
    running = _running(config)
    names = " and ".join(sorted(running))
    if running <= SHIPPED - HAS_TEMPERATURE:
        of_temperature = ("temperature_lr", "target_entropy", "init_temperature")
        yield from ((name, f"{names} has no temperature") for name in of_temperature)
    if running <= SHIPPED - HAS_SAC_TARGETS:
        yield "backup_actions", f"it is for the targets of sac and awac, not of {names}"
    if running <= {"so2", "bc"}:
        yield "target_subset", "every critic of so2 follows its own target"
    if running <= {"iql", "bc"} and config.algorithms.iql.iql_extraction == "awr":
        yield "actor_q", f"the actor of {names} climbs no critics"


def by_method(preset: str, env: str) -> dict[str, dict[str, str]]:
    """Returns by method what `without_effect` says of its defaults in a world."""
    return {name: without_effect(defaults(preset, env, name)) for name in METHODS}
