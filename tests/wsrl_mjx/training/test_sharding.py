"""Members spread over several devices: the same numbers as on one, without a word between them."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsrl_mjx.training import sharding
from wsrl_mjx.training.sharding import Placement

TESTS = Path(__file__).parents[2]
FIRST, SECOND = jax.local_devices()[:2]  # as many as conftest asks for


def devices(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets there be so many devices, of which the same one is all."""
    monkeypatch.setattr(jax, "local_devices", lambda: [FIRST] * count)
    monkeypatch.setattr(sharding, "Mesh", lambda devices, axes: np.asarray(devices))


@pytest.mark.parametrize("wanted", [0, 5])
def test_devices_that_are_not_there_are_refused(wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    devices(4, monkeypatch)
    with pytest.raises(ValueError, match=f"devices must be auto, or from 1 to 4, .* got {wanted}"):
        Placement.over(wanted, 4)


@pytest.mark.parametrize(
    ("wanted", "there", "members", "used", "spare"),
    [
        ("auto", 2, 1, 1, 0),
        ("auto", 2, 4, 2, 0),
        ("auto", 2, 3, 2, 1),
        ("auto", 4, 5, 3, 1),  # a fourth device would make nothing faster
        ("auto", 8, 9, 5, 1),
        ("auto", 8, 3, 3, 0),
        (1, 8, 9, 1, 0),
        (4, 8, 8, 4, 0),
        (3, 8, 7, 3, 2),
    ],
)
def test_as_few_devices_as_are_as_fast(
    wanted: int, there: int, members: int, used: int, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices(there, monkeypatch)
    found = Placement.over(wanted, members)
    assert (found.devices, found.spare, found.places(members)) == (used, spare, members + spare)


@pytest.mark.parametrize(
    ("there", "members", "idle", "spare"),
    [
        (1, 1, None, 0),
        (2, 1, 1, 0),
        (2, 2, None, 0),
        (4, 1, 1, 0),  # one member needs no more
        (4, 3, 1, 0),
        (8, 5, 3, 1),
        (8, 7, None, 0),  # seven on one would take longer than what they are to be beside
    ],
)
def test_idle_cores_are_for_what_goes_on_beside_the_training(
    there: int, members: int, idle: int | None, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices(there, monkeypatch)
    found = Placement.over("auto", members).beside(members)
    assert (None if found is None else found.devices) == idle
    assert found is None or found.spare == spare


def test_on_an_accelerator_nothing_goes_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert Placement.over("auto", 1).beside(1) is None


def test_places_left_over_repeat_the_last_member_and_nobody_sees_them() -> None:
    placement = Placement.over(2, 3)
    tree = {"numbers": jnp.arange(6.0).reshape(3, 2), "keys": jax.random.split(jax.random.key(0), 3)}
    spread = placement.spread(placement.filled_up(tree))
    assert spread["numbers"].sharding.device_set == {FIRST, SECOND}
    np.testing.assert_array_equal(spread["numbers"][:, 0], [0.0, 2.0, 4.0, 4.0])
    back = placement.of_members(spread)
    np.testing.assert_array_equal(back["numbers"], tree["numbers"])
    ours, theirs = (jax.random.key_data(t["keys"]) for t in (back, tree))
    np.testing.assert_array_equal(ours, theirs)


def test_only_what_members_differ_in_is_filled_up() -> None:
    fitted = Placement.over(2, 3).fitted((jnp.asarray(0.5), jnp.asarray([1.0, 2.0, 3.0])))
    assert float(fitted[0]) == 0.5 and fitted[1].tolist() == [1.0, 2.0, 3.0, 3.0]


def test_shapes_are_those_of_what_is_spread() -> None:
    placement = Placement.over(2, 4)
    spread = placement.spread(jnp.zeros((4, 2)))
    (shape,) = placement.spread_shapes([jax.eval_shape(lambda: jnp.zeros((4, 2)))])
    assert (shape.shape, shape.dtype, shape.sharding) == (spread.shape, spread.dtype, spread.sharding)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("evenly", marks=pytest.mark.slow),
        pytest.param("unevenly", marks=pytest.mark.thorough),  # as in test_door, and gone on with on others
    ],
)
def test_several_devices_give_the_numbers_of_one(how: str, tmp_path: Path) -> None:
    """Two grid points of two seeds, or three seeds: spread, cut off and gone on with."""
    environment = os.environ | {
        "JAX_NUM_CPU_DEVICES": "4",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}",
    }
    done = subprocess.run(
        [sys.executable, str(TESTS / "devices.py"), str(tmp_path), how],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "all as on one device" in done.stdout
