"""Names and units of observations and actions: one each, in every world."""

import pytest

import envs


@pytest.mark.parametrize("name", sorted(envs.REGISTRY))
def test_every_number_has_a_name_of_its_own(name: str) -> None:
    env = envs.make(name)
    assert len(env.obs_labels) == len(set(env.obs_labels)) == env.obs_size
    assert len(env.action_labels) == len(set(env.action_labels)) == env.action_size
    assert env.control_step is not None and 0.001 < env.control_step < 1.0


def test_names_stand_where_the_numbers_do() -> None:
    ant, peg = envs.make("antmaze-umaze"), envs.make("peg-insertion", turning=True, hole_noise=0.01)
    assert ant.obs_labels[:3] == ("root x (m)", "root y (m)", "root z (m)")
    assert ant.obs_labels[15] == "root velocity x (m/s)" and ant.obs_labels[-1] == "goal y (m)"
    assert ant.action_labels[0] == "hip_4: 30 N m" and ant.control_step == pytest.approx(0.1)
    assert envs.make("ant").obs_labels == ant.obs_labels[2:29]
    assert envs.make("hopper").obs_labels[:2] == ("rootz (m)", "rooty (rad)")
    assert peg.obs_labels[3:5] == ("position yaw (0.2 rad)", "velocity x (0.1 m/s)")
    assert peg.obs_labels[-3:] == ("hole x (0.05 m)", "hole y (0.05 m)", "hole yaw (0.2 rad)")
    assert peg.action_labels == ("x: 0.01 m", "y: 0.01 m", "z: 0.01 m", "yaw: 0.05 rad")
