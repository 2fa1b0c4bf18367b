"""The one tree of settings: frozen dataclasses of Python values, printed and saved with every run.

What belongs to one algorithm stands in its file (`wsrl_mjx/algos/`). All are checked by
`wsrl_mjx.config.validation`; named starting points are in `wsrl_mjx.config.presets`.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from wsrl_mjx.algos import registry
from wsrl_mjx.algos.base import PhaseName
from wsrl_mjx.algos.registry import ALGORITHMS, AlgorithmSettings, OfflineAlgo, OnlineAlgo
from wsrl_mjx.algos.sac import SACSettings

WarmupSource = Literal["policy", "random", "data"]
Origin = Literal["pretrained", "fresh"]
ALGORITHM_FLAGS: dict[str, PhaseName] = {"offline_algo": "pretrain", "online_algo": "online"}
Method = Literal["wsrl", "cql", "calql", "iql", "sac", "rlpd", "serl", "jsrl", "so2", "awac"]


@dataclass(frozen=True)
class DataConfig:
    """The offline dataset."""

    dataset: str = "medium"
    """A dataset of the environment's family, or one on disk: a folder of ours, or D4RL's, OGBench's or
    Minari's. Locomotion: random, medium, expert, medium-expert, medium-replay; mazes: play, diverse, random;
    pegs: mixed, play, demos-20, demos-100, random."""
    dataset_size: int = 1_000_000
    """Transitions to roll out; a dataset on disk has the size that it has."""
    dataset_seed: int = 0
    """Seed of the rollouts; all training seeds share one dataset."""
    collect_envs: int = 1000
    """Environments stepped side by side while collecting."""
    success_share: float | None = None
    """Share of the trajectories that succeed, where episodes succeed or fail: of the outcome that is too
    frequent, trajectories are left out at random; unset: as they were rolled out."""
    behavior_error: float | None = None
    """Standard deviation of what a script believes of the hole's or the handle's place, in metres;
    unset: the script's own."""
    reward_scale: float = 1.0
    """The learner sees scale * reward + bias, offline and online."""
    reward_bias: float = 0.0
    allow_other_env: bool = False
    """Accept a dataset whose environment fingerprint differs from this environment's."""


@dataclass(frozen=True)
class OfflineConfig:
    """Offline pretraining."""

    offline_algo: OfflineAlgo = "cql"
    """calql needs a return-to-go; cql is the paper's choice for dense rewards; bc hands its actor alone
    over."""
    offline_steps: int = 250_000
    """Gradient steps; 0 for no pretraining."""
    offline_batch_size: int = 256
    offline_actor_lr: float | None = None
    """The actor's learning rate while pretraining; unset: actor_lr, as online."""
    cloning_weight: float = 0.0
    """Share of behaviour cloning in the pretraining actor's loss; 0 is the paper's CQL and Cal-QL."""


@dataclass(frozen=True)
class OnlineConfig:
    """Warmup and online fine-tuning."""

    warmup_steps: int = 5000
    """Rows that the frozen pretrained policy collects before the first update; 0 for none."""
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
    """Next actions whose best value backs up SAC's and AWAC's targets; 1: no maximum."""
    online_algo: OnlineAlgo = "sac"
    """Whose losses fine-tune after the warmup; sac is WSRL."""
    warmup_source: WarmupSource = "policy"
    """What fills the buffer before the first update: the pretrained policy, uniformly random actions, or rows
    of the offline data, which take no environment steps."""
    offline_share: float = 0.0
    """Share of offline rows in every minibatch of the online updates; 0 drops the data at the switch."""
    retain: Literal["none", "append"] = "none"
    """append: every online minibatch is drawn from data and replay as if they were one buffer."""
    init_actor: Origin = "pretrained"
    """What the actor starts fine-tuning from; a fresh one has the pretrained policy's warmup all
    the same."""
    init_critics: Origin = "pretrained"
    """What the critics start fine-tuning from."""
    keep_optimizers: bool = True
    """Go on with the pretraining's Adam moments."""
    keep_temperature: bool = True
    """Go on with the pretraining's temperature, not with init_temperature."""
    online_cloning_weight: float = 0.0
    """Share of cloning the replay's actions in the fine-tuning actor's loss; 0 is the paper's WSRL."""
    guide_steps: float = 0.0
    """Mean steps of an episode in which the pretrained policy acts first (JSRL); 0 for none."""


@dataclass(frozen=True)
class EvaluationConfig:
    """Evaluation, logging and checkpoints."""

    eval_every: int = 20_000
    """Online steps between evaluations; the switch has its own: 0, 1k, 2k, 5k."""
    eval_episodes: int = 20
    """Deterministic episodes of one evaluation."""
    pretrain_eval_every: int = 50_000
    """Gradient steps between evaluations while pretraining."""
    log_every: int = 1000
    """Steps between rows of training metrics, in both phases; a signal to stop is heard as often."""
    checkpoint_every: int = 20_000
    """Steps between checkpoints, in both phases."""
    max_skipped_updates: int = 100
    """Updates of one network that may be left out because loss or gradient is not finite; one more ends the
    run."""
    true_value_states: int = 0
    """Held-out states from which an evaluation restarts the simulator, to measure the policy's true value; 0
    for none."""


@dataclass(frozen=True)
class Config:
    """One experiment."""

    env: str = "ant"
    """ant, ant-direction, halfcheetah, hopper, walker2d, peg-insertion, franka-peg-insertion, adroit-door,
    pointmaze- or antmaze- with umaze, medium, large or ultra, brax:<name>, playground:<name>, or gym:<id> of
    Gymnasium."""
    env_options: tuple[str, ...] = ()
    """Options of the environment as name=value, such as goal=3,4 or time_limit=500 or integrator=rk4."""
    preset: str = "paper"
    """Where the other defaults come from: smoke, laptop, paper, or auto (paper on an accelerator)."""
    method: Method = "wsrl"
    """The fine-tuning method: a bundle of the settings below, each of which can be changed
    (wsrl_mjx/config/methods.py)."""
    seed: int = 0
    num_seeds: int = 1
    """Seeds trained side by side in one program: seed, seed + 1, ..."""
    points: tuple[str, ...] = ()
    """Grid points trained side by side, each with every seed, such as actor_lr=1e-4,cql_alpha=5; see
    scripts/sweep.py, which makes them."""
    data: DataConfig = field(default_factory=DataConfig)
    offline: OfflineConfig = field(default_factory=OfflineConfig)
    online: OnlineConfig = field(default_factory=OnlineConfig)
    agent: SACSettings = field(default_factory=SACSettings)
    algorithms: AlgorithmSettings = field(default_factory=registry.defaults)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    @property
    def updates_per_step(self) -> int:
        """Critic updates of one vector step."""
        return round(self.online.utd * self.online.num_envs)

    @property
    def prefilled_rows(self) -> int:
        """Offline rows in the buffer before the first online step, as many as whole inserts have."""
        return self._in_inserts(self.online.warmup_steps) if self.online.warmup_source == "data" else 0

    @property
    def replay_rows(self) -> int:
        """Rows that the replay buffer holds: its capacity, up to a whole number of inserts."""
        return self._in_inserts(self.online.replay_capacity)

    def _in_inserts(self, rows: int) -> int:
        """Returns the rows of the inserts, of `num_envs` rows each, that so many rows take."""
        return -(-rows // self.online.num_envs) * self.online.num_envs

    @property
    def first_update(self) -> int:
        """Online steps before the first update: the warmup, and rows for one full round of distinct draws."""
        rows = max(self.online.warmup_steps, self.updates_per_step * self.online.batch_size)
        return max(0, rows - self.prefilled_rows)

    @property
    def keeps_data(self) -> bool:
        """Whether online updates draw rows of the offline data."""
        return self.online.offline_share > 0.0 or self.online.retain == "append"

    def backup_actions_of(self, algorithm: str) -> int:
        """Returns over how many sampled actions an algorithm's targets take the best."""
        own = self.algorithms.of(algorithm)
        return ALGORITHMS[algorithm].backups(own, self.online.backup_actions)

    @property
    def needs_data(self) -> bool:
        """Whether there must be offline data at all."""
        return self.offline.offline_steps > 0 or self.keeps_data or self.prefilled_rows > 0

    @property
    def offline_rows(self) -> int:
        """Offline rows of every online minibatch, where a share of them is set."""
        return round(self.online.offline_share * self.online.batch_size)

    @property
    def critics_per_actor(self) -> int:
        """Critic updates that share one actor update."""
        return max(1, round(self.online.utd))

    @property
    def seeds(self) -> range:
        """The seeds of this experiment."""
        return range(self.seed, self.seed + self.num_seeds)


def of_pretraining(config: Config) -> dict[str, Any]:
    """Returns by name what decides the pretraining, beside its data and seeds.

    Of the algorithms' own settings these are the offline algorithm's. Those named online_... are read
    by fine-tuning alone.
    """
    own = config.algorithms.of(config.offline.offline_algo)
    own = {} if own is None else flat_fields(own)
    own = {name: value for name, value in own.items() if not name.startswith("online_")}
    return flat_fields(config.offline) | flat_fields(config.agent) | own


def to_save(config: Config) -> dict[str, Any]:
    """Returns what a run keeps of its settings: all, but for those of added algorithms that it does not run.

    So the run can be read where the packages of these are not installed.
    """
    running = {config.offline.offline_algo, config.online.online_algo}
    idle = {name for own in config.algorithms.idle(running) for name in flat_fields(own)}
    return {name: value for name, value in flat_fields(config).items() if name not in idle}


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


def from_saved(saved: dict[str, Any]) -> Config:
    """Returns the config that a run saved as JSON, with JSON's lists as the tuples they were.

    Raises:
        ValueError: a name that no config has, or an algorithm that is not here.
    """
    for flag, phase in ALGORITHM_FLAGS.items():
        if flag in saved and saved[flag] not in registry.names(phase):
            why = registry.PLUGINS.problem(saved[flag]) or "no package that is installed here offers it"
            raise ValueError(f"{flag} {saved[flag]!r}, but {why}")
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
    return replace_flat(Config(), fields)


RENAMED = {"chunk_steps": "log_every"}


def renamed(saved: dict[str, Any]) -> dict[str, Any]:
    """Returns saved settings by the names that they have now."""
    return {RENAMED.get(name, name): value for name, value in saved.items()}


SHIPPED = flat_fields(Config(algorithms=AlgorithmSettings()))  # every setting of this package, as it comes
OF_A_RUN = SHIPPED.keys() - flat_fields(AlgorithmSettings()).keys()
registry.reserve(OF_A_RUN)
