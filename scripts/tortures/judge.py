"""Whether a run that was disturbed came out as the one that was not."""

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from rich.console import Console as RichConsole

import envs
from tortures.victim import Victim
from wsrl_mjx.config import build
from wsrl_mjx.config.grid import members_of
from wsrl_mjx.config.settings import Config, from_saved
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.layout import CHECKPOINTS, METRICS
from wsrl_mjx.runs.resumption import Resumption
from wsrl_mjx.runs.run_folder import RunFolder, read_config

# What was done, how often or where, what came of it, and whether it is as promised.
Row = tuple[str, str, str, bool]


class Judge:
    """Compares runs with the undisturbed one."""

    def __init__(self, straight: Path) -> None:
        self._leaves, self._metrics = leaves(straight), (straight / METRICS).read_bytes()

    def same(self, path: Path) -> bool:
        """Returns whether every array of the last checkpoint and every row of the metrics is the same."""
        return same(leaves(path), self._leaves) and (path / METRICS).read_bytes() == self._metrics


def like_of(path: Path) -> Callable[[str], object]:
    """Returns what gives the shapes of a run's state in a phase."""
    config: Config = from_saved(read_config(path))
    recipe = build.make(config, envs.make_from_text(config.env, config.env_options))
    return lambda phase: recipe.shapes(phase, len(members_of(config)))


def leaves(path: Path, like: Callable[[str], object] | None = None, said: io.StringIO | None = None) -> list:
    """Returns step and arrays of the newest sound checkpoint, read from a copy of the run."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "run"
        copy.mkdir()
        shutil.copytree(path / CHECKPOINTS, copy / CHECKPOINTS)
        shutil.copy(path / METRICS, copy)
        resumption = Resumption(RunFolder(copy), Console(RichConsole(file=said or io.StringIO())))
        saved = resumption.newest(like or like_of(path))  # pyright: ignore[reportArgumentType]
        resumption.close()
    assert saved is not None
    arrays = jax.tree.leaves((saved.state, saved.clock))
    is_key = lambda leaf: jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return [saved.step, *(np.asarray(jax.random.key_data(x) if is_key(x) else x) for x in arrays)]


def same(one: list, other: list) -> bool:
    """Returns whether two lists of arrays agree in every bit."""
    pairs = zip(one, other, strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


def verdict(what: str, victim: Victim, judge: Judge) -> Row:
    """Runs to the end, and returns what the judge says."""
    victim.finish()
    alike = judge.same(victim.path)
    return what, "", "bit for bit" if alike else "DIFFERENT", alike
