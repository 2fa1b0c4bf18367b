"""The one tree of settings: frozen dataclasses of Python values, checked where they enter.

`validate` raises a ValueError that names the field, the value and the choices, before anything compiles.
Presets are in `wsrl_mjx.presets`.
"""

import dataclasses
import difflib
import math
from dataclasses import dataclass, field
from typing import Any, Literal

DATASETS = ("random", "medium", "expert", "medium-expert", "medium-replay")
OFFLINE_ALGOS = ("calql", "cql")

OfflineAlgo = Literal["calql", "cql"]


@dataclass(frozen=True)
class DataConfig:
    """The offline dataset."""

    dataset: str = "medium"
    """random, medium, expert, medium-expert, medium-replay, or the folder of a dataset on disk."""
    dataset_size: int = 1_000_000
    """Transitions to roll out."""
    dataset_seed: int = 0
    """Seed of the rollouts; all training seeds share one dataset."""
    collect_envs: int = 1000
    """Environments stepped side by side while collecting."""
    reward_scale: float = 1.0
    """The learner sees scale * reward + bias, offline and online."""
    reward_bias: float = 0.0
    allow_other_env: bool = False
    """Accept a dataset whose environment fingerprint differs from this environment's."""


@dataclass(frozen=True)
class OfflineConfig:
    """Offline pretraining."""

    offline_algo: OfflineAlgo = "cql"
    """calql needs a return-to-go; cql is the paper's choice for dense rewards."""
    offline_steps: int = 250_000
    """Gradient steps."""
    offline_batch_size: int = 256
    cql_alpha: float = 5.0
    """Weight of the conservative term, or its start where it is learned."""
    cql_learn_alpha: bool = False
    """Learn alpha by keeping the gap at cql_target_gap."""
    cql_alpha_lr: float = 3e-4
    cql_target_gap: float = 0.8
    cql_actions: int = 10
    """Actions from each of three sources: uniform, the policy here, the policy at the next state."""
    cql_importance_sampling: bool = True
    offline_backup_actions: int = 10
    """Next actions whose best value backs up the target; 1 turns the maximum off."""


@dataclass(frozen=True)
class OnlineConfig:
    """Warmup and online fine-tuning."""

    warmup_steps: int = 5000
    """Steps that the frozen pretrained policy collects before the first update; 0 for none."""
    online_steps: int = 300_000
    """Environment steps since the switch, the warmup included."""
    utd: float = 4.0
    """Critic updates per environment step."""
    num_envs: int = 1
    """Environments stepped side by side, per seed."""
    batch_size: int = 256
    """Rows of one critic update."""
    replay_capacity: int = 1_000_000
    """Rows of the replay buffer, per seed."""
    backup_actions: int = 1
    """Next actions whose best value backs up the online target; 1 turns the maximum off."""


@dataclass(frozen=True)
class AgentConfig:
    """Networks and constants that pretraining and fine-tuning share."""

    actor_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    layer_norm: bool = True
    std_mode: Literal["state", "global"] = "state"
    """Whether the policy's std depends on the state or is one free vector."""
    ensemble_size: int = 10
    target_subset: int = 2
    """Critics in the minimum of a target, drawn anew for every update."""
    actor_q: Literal["min", "mean"] = "min"
    """How the actor's loss reduces the ensemble."""
    actor_lr: float = 1e-4
    """The released code moves its actor by zero-gradient Adam steps too, 2.24 times as far: 2.24e-4."""
    critic_lr: float = 3e-4
    temperature_lr: float = 1e-4
    discount: float = 0.99
    target_rate: float = 0.005
    """Polyak rate of the target critics, per critic update."""
    target_entropy: float | None = None
    """Nats; unset: minus the number of actions."""
    init_temperature: float = 1.0


@dataclass(frozen=True)
class EvaluationConfig:
    """Evaluation, logging and checkpoints."""

    eval_every: int = 20_000
    """Online steps between evaluations; the switch has its own: 0, 1k, 2k, 5k."""
    eval_episodes: int = 20
    """Deterministic episodes of one evaluation."""
    pretrain_eval_every: int = 50_000
    """Gradient steps between evaluations while pretraining."""
    chunk_steps: int = 1000
    """Steps of one compiled call; divides every evaluation point."""
    checkpoint_every: int = 20_000
    """Steps between checkpoints, in both phases; a multiple of chunk_steps."""


@dataclass(frozen=True)
class Config:
    """One experiment."""

    env: str = "ant"
    """ant, halfcheetah, hopper, walker2d, or brax:<name>."""
    preset: str = "paper"
    """Where the other defaults come from: smoke, laptop, paper, or auto (paper on an accelerator)."""
    seed: int = 0
    num_seeds: int = 1
    """Seeds trained side by side in one program: seed, seed + 1, ..."""
    data: DataConfig = field(default_factory=DataConfig)
    offline: OfflineConfig = field(default_factory=OfflineConfig)
    online: OnlineConfig = field(default_factory=OnlineConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    @property
    def updates_per_step(self) -> int:
        """Critic updates of one vector step."""
        return round(self.online.utd * self.online.num_envs)

    @property
    def critics_per_actor(self) -> int:
        """Critic updates that share one actor update."""
        return max(1, round(self.online.utd))

    @property
    def seeds(self) -> range:
        """The seeds of this experiment."""
        return range(self.seed, self.seed + self.num_seeds)


EARLY_EVALUATIONS = (0, 1000, 2000, 5000)  # online steps: where the dip after the switch is


def evaluation_points(config: Config) -> tuple[int, ...]:
    """Returns the online steps at which the policy is evaluated, the end included."""
    last, every = config.online.online_steps, config.evaluation.eval_every
    points = {*EARLY_EVALUATIONS, *range(0, last, every), last}
    return tuple(sorted(p for p in points if p <= last))


def validate(config: Config) -> None:
    """Raises ValueError for the first field that cannot work, naming it, its value and the choices."""
    _check_counts(config)
    _check_rates(config)
    _check_choices(config)
    _check_ensemble(config.agent)
    _check_updates(config)
    _check_lengths(config)
    _check_chunks(config)


def _check_counts(config: Config) -> None:
    may_be_zero = {"warmup_steps", "seed", "dataset_seed"}
    for name, value in flat_fields(config).items():
        if name in ("actor_hidden", "critic_hidden"):
            if not value or any(not _is_count(width) or width < 1 for width in value):
                raise ValueError(f"{name} must be one or more positive integers, got {value}")
            continue
        least = 0 if name in may_be_zero else 1
        if name in _COUNT_FIELDS and (not _is_count(value) or value < least):
            kind = "positive" if least else "zero or more"
            raise ValueError(f"{name} must be an integer, {kind}, got {value!r}")
    if config.seed + config.num_seeds > 2**31:
        raise ValueError(f"seed must be below 2**31 for every one of num_seeds, got {config.seed}")


def _check_rates(config: Config) -> None:
    for name, value in flat_fields(config).items():
        if name.endswith("_lr") and not 0.0 <= value < 1.0:
            raise ValueError(f"{name} must be in [0, 1), got {value}")
        if isinstance(value, float) and name != "utd" and not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    for name in ("discount", "target_rate"):
        value = getattr(config.agent, name)
        if not 0.0 < value <= 1.0:
            raise ValueError(f"{name} must be in (0, 1], got {value}")
    if config.offline.offline_algo == "calql" and config.agent.discount >= 1.0:
        raise ValueError("discount must be less than 1 for calql: its returns-to-go bootstrap, got 1.0")
    if config.agent.init_temperature <= 0.0:
        raise ValueError(f"init_temperature must be positive, got {config.agent.init_temperature}")
    if config.offline.cql_alpha <= 0.0:
        raise ValueError(f"cql_alpha must be positive, got {config.offline.cql_alpha}")
    if config.data.reward_scale == 0.0:
        raise ValueError("reward_scale must not be 0: every reward would be the same")


def _check_choices(config: Config) -> None:
    choose("offline_algo", config.offline.offline_algo, OFFLINE_ALGOS)
    choose("std_mode", config.agent.std_mode, ("state", "global"))
    choose("actor_q", config.agent.actor_q, ("min", "mean"))


def _check_ensemble(agent: AgentConfig) -> None:
    if agent.target_subset > agent.ensemble_size:
        raise ValueError(
            f"target_subset must not exceed ensemble_size ({agent.ensemble_size}), got {agent.target_subset}"
        )


def _check_updates(config: Config) -> None:
    online = config.online
    updates = online.utd * online.num_envs
    whole = round(updates) if math.isfinite(updates) else 0
    if whole < 1 or abs(updates - whole) > 1e-6:
        raise ValueError(
            f"utd * num_envs must be a positive integer, got {online.utd} * {online.num_envs} = {updates}"
        )
    if whole % config.critics_per_actor != 0:
        raise ValueError(
            f"utd * num_envs = {whole} must be a multiple of the {config.critics_per_actor} critic "
            f"updates that share an actor update; choose another utd (got {online.utd})"
        )
    if online.replay_capacity % online.num_envs != 0:
        raise ValueError(
            f"replay_capacity must be a multiple of num_envs ({online.num_envs}), "
            f"got {online.replay_capacity}"
        )


def _check_lengths(config: Config) -> None:
    online = config.online
    if online.warmup_steps >= online.online_steps:
        raise ValueError(
            f"warmup_steps must be less than online_steps ({online.online_steps}), which count it, got "
            f"{online.warmup_steps}: there would be no fine-tuning"
        )
    if config.data.dataset_size < config.data.collect_envs:
        raise ValueError(
            f"dataset_size must be at least collect_envs ({config.data.collect_envs}), "
            f"got {config.data.dataset_size}"
        )


def _check_chunks(config: Config) -> None:
    chunk, online = config.evaluation.chunk_steps, config.online
    if chunk % online.num_envs != 0:
        raise ValueError(f"chunk_steps must be a multiple of num_envs ({online.num_envs}), got {chunk}")
    multiples = {
        "eval_every": config.evaluation.eval_every,
        "pretrain_eval_every": config.evaluation.pretrain_eval_every,
        "checkpoint_every": config.evaluation.checkpoint_every,
        "online_steps": online.online_steps,
        "offline_steps": config.offline.offline_steps,
    }
    for name, value in multiples.items():
        if value % chunk != 0:
            raise ValueError(f"{name} must be a multiple of chunk_steps ({chunk}), got {value}")
    if 1000 % chunk != 0:
        raise ValueError(f"chunk_steps must divide 1000, the first evaluation after the switch, got {chunk}")


def choose(field_name: str, value: str, choices: tuple[str, ...]) -> str:
    """Returns `value` if it is one of `choices`.

    Raises:
        ValueError: otherwise, with the choices and the nearest of them.
    """
    if value in choices:
        return value
    near = difflib.get_close_matches(value, choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{field_name} must be one of {', '.join(choices)}, got {value!r}{hint}")


def flat_fields(config: Any) -> dict[str, Any]:
    """Returns every leaf field of a tree of dataclasses by its own name; names are unique in the tree."""
    flat: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            flat |= flat_fields(value)
        else:
            flat[item.name] = value
    return flat


def replace_flat(config: Any, changes: dict[str, Any]) -> Any:
    """Returns `config` with leaf fields changed by name, wherever in the tree they are.

    Raises:
        ValueError: a name that no dataclass of the tree has.
    """
    unknown = changes.keys() - flat_fields(config).keys()
    if unknown:
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    own: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            inner = {k: v for k, v in changes.items() if k in flat_fields(value)}
            own[item.name] = replace_flat(value, inner)
        elif item.name in changes:
            own[item.name] = changes[item.name]
    return dataclasses.replace(config, **own)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_COUNT_FIELDS = frozenset(
    name
    for name, value in flat_fields(Config()).items()
    if isinstance(value, int) and not isinstance(value, bool)
)
