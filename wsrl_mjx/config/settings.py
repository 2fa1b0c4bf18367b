"""The one tree of settings: frozen dataclasses of Python values, printed and saved with every run.

They are checked by `wsrl_mjx.config.validation`; named starting points are in `wsrl_mjx.config.presets`.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

OfflineAlgo = Literal["calql", "cql", "iql", "awac", "bc"]
OnlineAlgo = Literal["sac", "cql", "calql", "iql", "awac", "so2"]
WarmupSource = Literal["policy", "random", "data"]
Origin = Literal["pretrained", "fresh"]
Method = Literal["wsrl", "cql", "calql", "iql", "sac", "rlpd", "jsrl", "so2", "awac"]


@dataclass(frozen=True)
class DataConfig:
    """The offline dataset."""

    dataset: str = "medium"
    """A dataset of the environment's family, or the folder of one on disk. Locomotion: random, medium,
    expert, medium-expert, medium-replay; mazes: play, diverse, random."""
    dataset_size: int = 1_000_000
    """Transitions to roll out; a dataset on disk has the size that it has."""
    dataset_seed: int = 0
    """Seed of the rollouts; all training seeds share one dataset."""
    collect_envs: int = 1000
    """Environments stepped side by side while collecting."""
    success_share: float | None = None
    """Share of the trajectories that succeed, where episodes succeed or fail: of the outcome that is too
    frequent, trajectories are left out at random; unset: as they were rolled out."""
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
    cql_alpha: float = 5.0
    """Weight of the conservative term, or its start where it is learned."""
    cql_learn_alpha: bool = False
    """Learn alpha by keeping the gap at cql_target_gap."""
    cql_alpha_lr: float = 3e-4
    cql_target_gap: float = 0.8
    cql_actions: int = 10
    """Actions from each of three sources: uniform, the policy here, the policy at the next state."""
    cql_importance_sampling: bool = True
    cloning_weight: float = 0.0
    """Share of behaviour cloning in the pretraining actor's loss; 0 is the paper's CQL and Cal-QL."""
    offline_backup_actions: int = 10
    """Next actions whose best value backs up CQL's and Cal-QL's targets, also online; 1: no maximum."""
    iql_expectile: float = 0.7
    """Expectile of the target critics' values that IQL's state value regresses on; 0.5 is the mean."""
    iql_beta: float = 3.0
    """Inverse temperature of the advantages that weigh IQL's cloning."""
    awac_beta: float = 1.0
    """Inverse temperature of the advantages that weigh AWAC's cloning."""
    iql_extraction: Literal["awr", "ddpg"] = "awr"
    """How IQL's actor follows its critics: advantage-weighted cloning, or their gradient (DDPG+BC)."""
    iql_cloning: float = 1.0
    """Weight of cloning beside the critics' gradient, for ddpg."""


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
    online_cql_alpha: float | None = None
    """Weight of the conservative term online, for cql and calql; unset: cql_alpha."""
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
    guide_steps: float = 0.0
    """Mean steps of an episode in which the pretrained policy acts first (JSRL); 0 for none."""
    so2_noise: float = 0.3
    """Standard deviation of the noise on SO2's next actions."""
    so2_noise_limit: float = 0.6
    """Where that noise is clipped."""


@dataclass(frozen=True)
class AgentConfig:
    """Networks and constants that pretraining and fine-tuning share."""

    actor_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    layer_norm: bool = True
    actor_squash: bool = True
    """Squash actions by tanh; without, a Gaussian's samples are clipped, as in the released IQL and BC."""
    std_mode: Literal["state", "global"] = "state"
    """Whether the policy's std depends on the state or is one free vector."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of activations and products between hidden layers; parameters, optimizers, values, densities, targets
    and losses are float32 either way."""
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
    """ant, ant-direction, halfcheetah, hopper, walker2d, pointmaze- or antmaze- with umaze, medium, large or
    ultra, or brax:<name>."""
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
    agent: AgentConfig = field(default_factory=AgentConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    @property
    def updates_per_step(self) -> int:
        """Critic updates of one vector step."""
        return round(self.online.utd * self.online.num_envs)

    @property
    def prefilled_rows(self) -> int:
        """Offline rows in the buffer before the first online step."""
        return self.online.warmup_steps if self.online.warmup_source == "data" else 0

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
        """Returns over how many sampled actions an algorithm's targets take the best.

        CQL and Cal-QL have a number of their own. IQL's targets are its state values, SO2's are of one action
        with noise, and BC has none.
        """
        own = dict.fromkeys(("cql", "calql"), self.offline.offline_backup_actions)
        return {**own, "iql": 1, "so2": 1, "bc": 1}.get(algorithm, self.online.backup_actions)

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


EARLY_EVALUATIONS = (0, 1000, 2000, 5000)  # online steps: where the dip after the switch is


def evaluation_points(config: Config) -> tuple[int, ...]:
    """Returns the online steps at which the policy is evaluated, the end included."""
    last, every = config.online.online_steps, config.evaluation.eval_every
    points = {*EARLY_EVALUATIONS, *range(0, last, every), last}
    return tuple(sorted(p for p in points if p <= last))


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
        ValueError: a name that no config has.
    """
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
    return replace_flat(Config(), fields)
