"""Shows one episode of a policy: a video through OpenGL, or a picture strip where there is no driver.

    python scripts/render.py runs/ant-medium-laptop-1
    python scripts/render.py --behavior hopper medium --out hopper.png

The ending of --out chooses: .mp4 or .gif for a video, .png, .pdf or .svg for the strip.
A peg insertion is always a strip, cut open.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import tyro

from envs.insertion import InsertionTask
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.data import cache
from wsrl_mjx.rendering import insertion_strip, strip, video
from wsrl_mjx.rendering.insertion_strip import Insertion
from wsrl_mjx.rendering.recording import Recording, check_drawable, record
from wsrl_mjx.runs import policies
from wsrl_mjx.runs.console import Console
from wsrl_mjx.training import runtime

VIDEOS, STRIPS = (".mp4", ".gif"), (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class Command:
    """Draw an episode of a run's policy, or of a behaviour."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """Folder of a run."""
    behavior: tuple[str, str] | None = None
    """Environment and level of a behaviour to show instead of a run, such as: ant medium."""
    out: Path | None = None
    """File to write; unset: a video, or else a strip, in the run's folder, or here for a behaviour."""
    step: str = "latest"
    """Online step of the checkpoint, or latest."""
    pretrained: bool = False
    """Show the policy at the end of pretraining."""
    train_seed: int | None = None
    """Which of the run's seeds; unset: the first."""
    stochastic: bool = False
    """Sample actions as training does, instead of taking the mode."""
    seed: int = 0
    """Seed of the episode."""
    seconds: float = 20.0
    """Longest video, in simulated seconds; the strip always shows the whole episode."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, plays an episode and draws it; bad input ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    runtime.prepare()
    try:
        check_ending(command.out)
        if not command.seconds > 0:
            raise ValueError(f"seconds must be positive, got {command.seconds}")
        cache.enable_compilation_cache(cache.default_folder())
        loaded = policies.load(command.run, command.behavior, command.step, command.pretrained)
        peg = insertion_strip.task_of(loaded.env)
        if peg is None:
            check_drawable(loaded.env)
            check_video(command.out)
        elif command.out is not None and command.out.suffix in VIDEOS:
            raise ValueError(f"out {command.out}: a peg insertion is drawn as a strip, {', '.join(STRIPS)}")
        index = loaded.index_of(command.train_seed)
    except ValueError as error:
        fail(str(error))
    act, key = loaded.act(loaded.of(index), command.stochastic), jax.random.key(command.seed)
    title = f"{loaded.title}, {loaded.labels[index]}" if command.run else loaded.title
    short = (command.run or Path()) / loaded.short
    if peg is not None:
        insertion = insertion_strip.record(loaded.env, peg, act, key)
        write_insertion(insertion, peg, command.out or Path(f"{short}.png"), title, Console())
        return
    path = command.out or Path(f"{short}{'.mp4' if video.can_write_mp4() else '.gif'}")
    write(record(loaded.env, act, key), path, title, command.seconds, Console())


def check_ending(out: Path | None) -> None:
    """Raises ValueError unless `out` can be a picture or a video."""
    if out is None:
        return
    if out.suffix not in (*VIDEOS, *STRIPS):
        raise ValueError(f"out must end in one of {', '.join((*VIDEOS, *STRIPS))}, got {out}")
    if not out.absolute().parent.is_dir():
        raise ValueError(f"out {out}: its folder does not exist")


def check_video(out: Path | None) -> None:
    """Raises ValueError where a video needs a package that is not installed."""
    if out is not None and out.suffix == ".mp4" and not video.can_write_mp4():
        raise ValueError(f"out {out}: mp4 needs the video extra: pip install 'wsrl_mjx[video]'; or take .gif")


def write_insertion(
    insertion: Insertion, task: InsertionTask, path: Path, title: str, console: Console
) -> None:
    """Writes the strip of an insertion."""
    console.say(f"{title}: {insertion.summary}")
    insertion_strip.draw(insertion, task, title).savefig(path, dpi=110)
    console.say(f"written to {path}")


def write(recording: Recording, path: Path, title: str, seconds: float, console: Console) -> None:
    """Writes the video, or the strip where that was asked for or nothing here can render."""
    console.say(f"{title}: {strip.describe(recording, strip.centre_path(recording))}")
    if path.suffix in VIDEOS:
        console.say("rendering the video ...")
        try:
            video.write(recording, path, seconds)
        except video.NoDriverError as error:
            path = path.with_suffix(".png")
            console.say(f"no OpenGL here, drawing a picture strip instead ({error})")
        else:
            console.say(f"written to {path}")
            return
    strip.draw(recording, title).savefig(path, dpi=110)
    console.say(f"written to {path}")
