"""Shows a policy in MuJoCo's own window, in C MuJoCo and at real time, episode after episode.

    python scripts/view.py runs/ant-medium-laptop-1
    python scripts/view.py --behavior peg-insertion demonstration

Needs a display; without one `python scripts/render.py` draws the policy. On macOS start it with mjpython.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import tyro

from envs.in_mujoco import in_mujoco
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.data import cache
from wsrl_mjx.rendering import window
from wsrl_mjx.rendering.window import Episode
from wsrl_mjx.runs import policies
from wsrl_mjx.runs.console import Console
from wsrl_mjx.training import runtime


@dataclass(frozen=True)
class Command:
    """Watch a run's policy, or a behaviour."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """Folder of a run."""
    behavior: tuple[str, str] | None = None
    """Environment and level of a behaviour to watch instead of a run, such as: ant medium. In a maze and for
    a peg also one that is written, such as: peg-insertion mixed."""
    step: str = "latest"
    """Online step of the checkpoint, or latest."""
    pretrained: bool = False
    """Watch the policy at the end of pretraining."""
    train_seed: int | None = None
    """Which of the run's seeds; unset: the first."""
    stochastic: bool = False
    """Sample actions as training does, instead of taking the mode."""
    seed: int = 0
    """Seed of the episodes."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, and shows episodes until the window is closed; bad input ends with exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    runtime.prepare()
    try:
        if not 0 <= command.seed < 2**31:
            raise ValueError(f"seed must be an integer, zero or more and below 2**31, got {command.seed}")
        loaded = policies.load(command.run, command.behavior, command.step, command.pretrained, scripts=True)
        index, env = loaded.index_of(command.train_seed), in_mujoco(loaded.env)
        window.check_window()
        opened = window.launch(env)
    except window.NoWindowError as error:
        fail(f"no window can be opened: {error}. `wsrl render` draws the policy as a video or a picture")
    except ValueError as error:
        fail(str(error))
    cache.enable_compilation_cache(cache.default_folder())
    console = Console()
    console.say(f"{loaded.title}, {loaded.labels[index]}: compiling; close the window to end")
    player = loaded.player(loaded.of(index), command.stochastic)
    with opened:
        share = window.show(env, player, jax.random.key(command.seed), opened, _teller(console))
    console.say(f"shown at {share:.2f} of real time")


def _teller(console: Console) -> window.OnEnd:
    def tell(episode: Episode) -> None:
        console.say(f"return {episode.total:,.1f} in {episode.steps:,} steps, {episode.ending}")

    return tell
