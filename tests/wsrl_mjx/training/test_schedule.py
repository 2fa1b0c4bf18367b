"""When the host comes by: any numbers go together."""

import math

import pytest

from wsrl_mjx.config import schedules
from wsrl_mjx.config.presets import PRESETS, preset_config
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.training.schedule import Schedule


def test_evaluations_are_dense_after_the_switch_and_reach_the_end() -> None:
    long = schedules.of_online(replace_flat(Config(), {"online_steps": 45_000, "eval_every": 20_000}))
    assert sorted(long.evaluations) == [0, 1000, 2000, 5000, 20_000, 40_000, 45_000]
    short = schedules.of_online(replace_flat(Config(), {"online_steps": 1500, "eval_every": 1000}))
    assert sorted(short.evaluations) == [0, 1000, 1500]


def test_a_pretraining_is_evaluated_within_and_saved_at_its_end() -> None:
    config = replace_flat(Config(), {"offline_steps": 25, "pretrain_eval_every": 10, "checkpoint_every": 15})
    schedule = schedules.of_pretraining(replace_flat(config, {"log_every": 7}))
    assert (sorted(schedule.evaluations), sorted(schedule.checkpoints)) == ([10, 20], [15, 25])
    assert schedule.ends == (7, 10, 14, 15, 20, 21, 25)
    assert schedules.of_pretraining(replace_flat(config, {"offline_steps": 0})).ends == ()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_needs_no_end_but_those_of_its_logs(preset: str) -> None:
    config = preset_config(preset, "ant")
    for schedule in (schedules.of_pretraining(config), schedules.of_online(config)):
        assert schedule.stride() == config.evaluation.log_every
        assert schedule.ends == tuple(range(schedule.stride(), schedule.last + 1, schedule.stride()))


@pytest.mark.parametrize(("num_envs", "eval_every"), [(16, 2500), (3, 2500), (1, 700), (7, 700), (1, 1)])
def test_everything_due_is_put_off_to_a_step_of_all_environments(num_envs: int, eval_every: int) -> None:
    settings = {"num_envs": num_envs, "eval_every": eval_every, "online_steps": 6000, "log_every": 500}
    schedule = schedules.of_online(replace_flat(Config(), settings))
    steps = {0, *schedule.evaluations, *schedule.checkpoints, *schedule.ends}
    assert all(step % num_envs == 0 for step in steps)
    assert schedule.evaluations - {0} <= set(schedule.ends) and schedule.checkpoints <= set(schedule.ends)
    assert 0 <= schedule.last - 6000 < num_envs and schedule.ends[-1] == schedule.last
    for asked in (0, 1000, 5000, eval_every, 6000):
        assert math.ceil(asked / num_envs) * num_envs in schedule.evaluations


def test_the_stride_divides_what_is_left() -> None:
    schedule = Schedule.of(1000, log_every=500, evaluations=(0, 700))
    assert (schedule.ends, schedule.stride()) == ((500, 700, 1000), 100)
    assert (schedule.ends_after(700), schedule.stride(700)) == ([1000], 300)
    assert (schedule.ends_after(690), schedule.stride(690)) == ([700, 1000], 10)  # begun by another schedule
