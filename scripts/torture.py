"""Breaks real runs in every way that a cluster or a laptop does, and checks that nothing is lost.

    python scripts/torture.py --kills 30 --flips 100

One run goes undisturbed. Others are killed with SIGKILL at random moments and during saves, stopped by
SIGTERM in each phase, and robbed of their disk. All are resumed to the end, and must come out as the first,
bit for bit: every array of the last checkpoint, every row of the metrics. Then single bits of its checkpoints
are flipped. Prints a table, and exits with code 1 where a promise was broken. See docs/reliability.md.
"""

import io
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import tyro
from rich.console import Console as RichConsole

import envs
from wsrl_mjx import cache, recipes, runtime
from wsrl_mjx.config import Config, from_saved
from wsrl_mjx.console import Console
from wsrl_mjx.members import of
from wsrl_mjx.resumption import FOLDER, Resumption
from wsrl_mjx.run_folder import RunFolder, read_config, read_metrics
from wsrl_mjx.signals import EXIT_CODE

PATIENCE = 0.002  # seconds between two looks at a run
DURING_A_SAVE = 0.15  # seconds after its beginning, at most
SAVING = "*.orbax-checkpoint-tmp"


@dataclass(frozen=True)
class Command:
    """Torture runs, and show that nothing is lost."""

    env: str = "pointmaze-umaze"
    """The environment of all runs; their preset is smoke, with a checkpoint after every chunk."""
    num_seeds: int = 1
    """Seeds side by side in every run."""
    kills: int = 30
    """How often to kill with SIGKILL: by turns at a random time, and during a save."""
    flips: int = 100
    """How many single bits to flip, each in a fresh copy of a checkpoint."""
    disk: bool = True
    """Whether to fill the disk; where other files of a run are larger than checkpoints it shows nothing."""
    seed: int = 0
    """Of the moments and of the bits."""
    out: Path | None = None
    """Folder of the runs; unset: a temporary one."""
    program: tuple[str, ...] = (str(Path(__file__).with_name("train.py")),)
    """What Python is to run: a script with the flags of scripts/train.py."""


class Victim:
    """A run in a folder of its own: begun, disturbed, gone on with."""

    def __init__(self, command: Command, place: Path, name: str) -> None:
        self.path = place / name
        self._place, self._name, self._lives = place, name, 0
        self._flags = ["--env", command.env, "--preset", "smoke", "--num-seeds", str(command.num_seeds)]
        self._flags += ["--checkpoint-every", "200"]
        self._program = command.program

    def start(self, file_size: int | None = None) -> subprocess.Popen[bytes]:
        """Begins the run, or goes on with it; no file may grow beyond `file_size` bytes."""
        resume = ["--resume"] if (self.path / "config.json").exists() else []
        flags = resume or self._flags
        self._lives += 1
        # Datasets and pretrainings are made anew by each victim; compiled programs are shared.
        places = {
            cache.ENVIRONMENT_VARIABLE: str(self._place / f"cache-{self._name}"),
            "JAX_COMPILATION_CACHE_DIR": str(self._place / "programs"),
        }
        with self.log.open("wb") as log:
            # What it says goes through a process that has no limit: a terminal never fills up either.
            self._scribe = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        assert self._scribe.stdin is not None
        process = subprocess.Popen(
            [sys.executable, *self._program, *flags, "--run-dir", str(self.path)],
            stdout=self._scribe.stdin,
            stderr=subprocess.STDOUT,
            env={**os.environ, **places},
        )
        self._scribe.stdin.close()  # the run's own end of it is open as long as the run lives
        if file_size:  # from outside: this process has threads, so nothing may run between fork and exec
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
        return process

    @property
    def log(self) -> Path:
        """What the newest process said."""
        return self._place / f"{self._name}-{self._lives}.log"

    @property
    def saving(self) -> bool:
        """Whether a checkpoint is being written."""
        return any((self.path / FOLDER).glob(SAVING))

    @property
    def where(self) -> str:
        """How far the metrics are."""
        try:
            row = read_metrics(self.path)[-1]
        except (OSError, IndexError, ValueError, KeyError, TypeError):  # not yet, or torn
            return "before training"
        return f"{row.phase} {row.step}"

    @property
    def online_steps(self) -> int:
        """Online steps that the metrics have."""
        phase, _, step = self.where.partition(" ")
        return int(step) if phase == "online" else 0

    def said(self) -> str:
        """Returns what the newest process has said so far."""
        return self.log.read_text(errors="replace")

    def last_words(self) -> str:
        """Returns all that the newest process has said, once it has ended."""
        self._scribe.wait()
        return self.said()

    def finish(self) -> None:
        """Runs undisturbed to the end."""
        process = self.start()
        if process.wait() != 0:
            raise SystemExit(f"{self.path} ended with {process.returncode}:\n{self.last_words()}")


class Judge:
    """Compares runs with the undisturbed one."""

    def __init__(self, straight: Path) -> None:
        self._leaves, self._metrics = leaves(straight), (straight / "metrics.csv").read_bytes()

    def same(self, path: Path) -> bool:
        """Returns whether every array of the last checkpoint and every row of the metrics is the same."""
        return same(leaves(path), self._leaves) and (path / "metrics.csv").read_bytes() == self._metrics


def like_of(path: Path) -> Callable[[str], object]:
    """Returns what gives the shapes of a run's state in a phase."""
    config: Config = from_saved(read_config(path))
    recipe = recipes.wsrl(config, envs.make_from_text(config.env, config.env_options))
    return lambda phase: recipe.shapes(phase, len(of(config)))


def leaves(path: Path, like: Callable[[str], object] | None = None, said: io.StringIO | None = None) -> list:
    """Returns step and arrays of the newest sound checkpoint, read from a copy of the run."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "run"
        copy.mkdir()
        shutil.copytree(path / FOLDER, copy / FOLDER)
        shutil.copy(path / "metrics.csv", copy)
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


Row = tuple[
    str, str, str, bool
]  # what was done, how often or where, what came of it, whether it is as promised


def kill_often(command: Command, place: Path, judge: Judge, startup: float) -> list[Row]:
    """Kills runs with SIGKILL until it was done often enough; each that comes to its end is judged."""
    rng = random.Random(command.seed)
    killed: list[str] = []
    during, verdicts = 0, []
    while len(killed) < command.kills or not verdicts:
        victim = Victim(command, place, f"killed-{len(verdicts)}")
        while True:
            process = victim.start()
            if len(killed) < command.kills and strike(victim, process, rng, startup, len(killed) % 2 == 1):
                during += victim.saving
                killed.append(victim.where)
                continue
            if process.wait() != 0:
                raise SystemExit(f"{victim.path} ended with {process.returncode}:\n{victim.last_words()}")
            verdicts.append(judge.same(victim.path))
            break
    names = ("before", "pretrain", "online")
    phases = {name: sum(where.startswith(name) for where in killed) for name in names}
    where = f"{len(killed)} ({', '.join(f'{count} {name}' for name, count in phases.items())})"
    came = f"{sum(verdicts)} of {len(verdicts)} runs bit for bit; {during} kills left a torn save"
    return [("SIGKILL at random moments and during saves", where, came, all(verdicts))]


def strike(
    victim: Victim, process: "subprocess.Popen[bytes]", rng: random.Random, startup: float, saves: bool
) -> bool:
    """Kills the process at a random time, or during one of its next saves; False if it was done before."""
    end = time.monotonic() + rng.uniform(0.0, 1.5 * startup)
    count, was_saving = rng.randint(1, 6), victim.saving  # a torn save may lie there still
    while process.poll() is None:
        saving = victim.saving
        count -= saving and not was_saving
        was_saving = saving
        if count <= 0 if saves else time.monotonic() > end:
            time.sleep(rng.uniform(0.0, DURING_A_SAVE) if saves else 0.0)
            process.kill()
            process.wait()
            return process.returncode == -signal.SIGKILL
        time.sleep(PATIENCE)
    return False


# When a phase is under way, from what the run has said and written.
PHASES: dict[str, Callable[[Victim], bool]] = {
    "data": lambda victim: "compiled rollouts" in victim.said(),
    "pretraining": lambda victim: "compiled pretraining" in victim.said(),
    "evaluation": lambda victim: "compiling evaluation" in victim.said(),
    "warmup": lambda victim: victim.online_steps > 0,
    "fine-tuning": lambda victim: victim.online_steps > 5000,
}


def terminate_in_each_phase(command: Command, place: Path, judge: Judge) -> list[Row]:
    """Stops one run in each phase with SIGTERM, and goes on with it."""
    victim = Victim(command, place, "terminated")
    rows: list[Row] = []
    for phase, is_there in PHASES.items():
        process = victim.start()
        while process.poll() is None and not is_there(victim):
            time.sleep(10 * PATIENCE)
        process.terminate()
        code = process.wait()
        came = f"exit code {code}: {victim.last_words().strip().splitlines()[-1].partition('; go on')[0]}"
        rows.append(("SIGTERM", phase, came, code == EXIT_CODE))
    return [*rows, verdict("the same run, resumed after each", victim, judge)]


def verdict(what: str, victim: Victim, judge: Judge) -> Row:
    """Runs to the end, and returns what the judge says."""
    victim.finish()
    alike = judge.same(victim.path)
    return what, "", "bit for bit" if alike else "DIFFERENT", alike


def fill_the_disk(command: Command, place: Path, judge: Judge) -> list[Row]:
    """Lets no file grow beyond half of what the last checkpoint needs; then gives the room back."""
    newest = max((place / "straight" / FOLDER).iterdir(), key=lambda path: path.stat().st_mtime)
    largest = max(path.stat().st_size for path in newest.rglob("*") if path.is_file())
    victim = Victim(command, place, "full")
    code = victim.start(file_size=largest // 2).wait()
    failed, ended = victim.last_words().count("could not be saved"), (victim.path / "summary.json").exists()
    step = leaves(victim.path)[0]
    came = f"exit code {code}, {failed} saves failed, summary {'there' if ended else 'MISSING'}, "
    came += f"checkpoint of step {step} sound"
    kept = code == 0 and failed > 0 and ended
    rows = [("no file beyond half a checkpoint's size", "whole run", came, kept)]
    return [*rows, verdict("the same run, resumed with room", victim, judge)]


def flip_a_bit(folder: Path, rng: random.Random) -> Path:
    """Flips one random bit below `folder`, every bit as likely as any other, and returns the file."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    file = rng.choices(files, weights=[path.stat().st_size for path in files])[0]
    content = bytearray(file.read_bytes())
    bit = rng.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    return file


def flip_bits(command: Command, place: Path, straight: Path) -> list[Row]:
    """Flips bits of the newest checkpoint: half of them anywhere, half in a file drawn first."""
    rng, like = random.Random(command.seed), like_of(straight)
    newest = max(int(path.name) for path in (straight / FOLDER).iterdir() if path.name.isdigit())
    before = leaves_without(straight, newest, like, place)
    whole = leaves(straight, like)
    counts = dict.fromkeys(("answered by the checkpoint before", "in bytes that are never read", "WRONG"), 0)
    for number in range(command.flips):
        copy = place / "flipped"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(straight / FOLDER, copy / FOLDER)
        shutil.copy(straight / "metrics.csv", copy)
        folder = copy / FOLDER / str(newest)
        if number % 2:  # small files would hardly ever be hit
            folder = rng.choice([path for path in sorted(folder.rglob("*")) if path.is_file()]).parent
        flip_a_bit(folder, rng)
        said = io.StringIO()
        got = leaves(copy, like, said)
        named = f"checkpoint {newest}" in said.getvalue()
        if same(got[:1], whole[:1]):
            outcome = "WRONG" if named or not same(got, whole) else "in bytes that are never read"
        else:
            outcome = "answered by the checkpoint before" if named and same(got, before) else "WRONG"
        counts[outcome] += 1
    came = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return [("one flipped bit in the newest checkpoint", f"{command.flips}", came, counts["WRONG"] == 0)]


def leaves_without(path: Path, step: int, like: Callable[[str], object], place: Path) -> list:
    """Returns the arrays of the checkpoint before `step`."""
    copy = place / "before"
    shutil.copytree(path / FOLDER, copy / FOLDER)
    shutil.copy(path / "metrics.csv", copy)
    shutil.rmtree(copy / FOLDER / str(step))
    return leaves(copy, like)


def torture(command: Command, place: Path) -> list[Row]:
    """Returns a row for everything that was done."""
    straight = Victim(command, place, "straight")
    began = time.monotonic()
    process = straight.start()
    startup = 0.0
    while process.poll() is None:
        if not startup and straight.where != "before training":
            startup = time.monotonic() - began
        time.sleep(10 * PATIENCE)
    if process.returncode != 0:
        raise SystemExit(f"{straight.path} ended with {process.returncode}:\n{straight.last_words()}")
    print(f"undisturbed: {time.monotonic() - began:.0f} s, the first row after {startup:.0f} s", flush=True)
    judge = Judge(straight.path)
    rows: list[Row] = []
    parts: list[Callable[[], list[Row]]] = [
        lambda: flip_bits(command, place, straight.path) if command.flips else [],
        lambda: terminate_in_each_phase(command, place, judge),
        lambda: fill_the_disk(command, place, judge) if command.disk else [],
        lambda: kill_often(command, place, judge, startup) if command.kills else [],
    ]
    for part in parts:
        rows += part()
        print(markdown(rows), flush=True)
    return rows


def markdown(rows: list[Row]) -> str:
    """Returns the rows as a table."""
    lines = ["| what was done | how often, where | what came of it | as promised |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {a} | {b} | {c} | {'yes' if ok else 'NO'} |" for a, b, c, ok in rows)])


def main(arguments: list[str] | None = None) -> None:
    """Tortures, prints, and exits with 1 where a promise was broken."""
    command = tyro.cli(Command, args=arguments, description=__doc__)
    runtime.prepare()
    with tempfile.TemporaryDirectory() as temporary:
        place = command.out or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        rows = torture(command, place)
    raise SystemExit(0 if all(ok for *_, ok in rows) else 1)


if __name__ == "__main__":
    main()
