"""When a run with these settings logs, evaluates and saves."""

from wsrl_mjx.config.settings import Config
from wsrl_mjx.training.schedule import EARLY_EVALUATIONS, Schedule


def of_pretraining(config: Config) -> Schedule:
    """Returns the schedule of the gradient steps. Their end is evaluated as the switch."""
    last, evaluation = config.offline.offline_steps, config.evaluation
    every = evaluation.pretrain_eval_every
    return Schedule.of(last, evaluation.log_every, range(every, last, every), evaluation.checkpoint_every)


def of_online(config: Config) -> Schedule:
    """Returns the schedule of the environment steps since the switch, in whole steps of all environments."""
    last, evaluation = config.online.online_steps, config.evaluation
    points = {*EARLY_EVALUATIONS, *range(0, last, evaluation.eval_every), last}
    wanted = Schedule.of(last, evaluation.log_every, points, evaluation.checkpoint_every)
    return wanted.in_whole(config.online.num_envs)
