"""A run in a process of its own, that can be begun, disturbed and gone on with."""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from wsrl_mjx.data import cache
from wsrl_mjx.runs.layout import CHECKPOINTS, CONFIG
from wsrl_mjx.runs.run_folder import read_metrics

SAVING = "*.orbax-checkpoint-tmp"


@dataclass(frozen=True)
class Settings:
    """What all victims have in common; their preset is smoke, with a checkpoint after every chunk."""

    env: str
    num_seeds: int
    program: tuple[str, ...]


class Victim:
    """A run in a folder of its own: begun, disturbed, gone on with."""

    def __init__(self, settings: Settings, place: Path, name: str) -> None:
        self.path = place / name
        self._place, self._name, self._lives = place, name, 0
        self._flags = ["--env", settings.env, "--preset", "smoke", "--num-seeds", str(settings.num_seeds)]
        self._flags += ["--checkpoint-every", "200"]
        self._program = settings.program

    def start(self) -> "subprocess.Popen[bytes]":
        """Begins the run, or goes on with it."""
        resume = ["--resume"] if (self.path / CONFIG).exists() else []
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
        return process

    @staticmethod
    def limit_files(process: "subprocess.Popen[bytes]", size: int) -> None:
        """Lets no file of a running process grow beyond `size` bytes from now on."""
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    @property
    def log(self) -> Path:
        """What the newest process said."""
        return self._place / f"{self._name}-{self._lives}.log"

    @property
    def saving(self) -> bool:
        """Whether a checkpoint is being written."""
        return any((self.path / CHECKPOINTS).glob(SAVING))

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
