"""From which starts a peg is inserted: what each evaluation saw, kept until the picture is drawn.

One `online-<step>.npz` an evaluation; `wsrl_mjx.rendering.start_picture` draws them.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from envs.base import Environment
from envs.episode import Episodes
from envs.insertion import InsertionTask
from wsrl_mjx.data.rollout import EpisodeScores


class StartView:
    """Keeps the starts of evaluated episodes and how these ended."""

    def __init__(self, task: InsertionTask, folder: Path) -> None:
        self._task, self._folder = task, folder

    def keep(self, step: int, played: EpisodeScores) -> None:
        """Writes `online-<step>.npz` for the episodes of all seeds, [M, N]."""
        tips = self._task.seen(jnp.asarray(played.first_obs))["position"]
        self._folder.mkdir(exist_ok=True)
        np.savez_compressed(
            self._folder / f"online-{step}.npz",
            start=np.asarray(tips[..., :3]),
            success=np.asarray(played.returns) > 0.5,
            hole=np.asarray(self._task.hole),
        )


def of(env: Environment, folder: Path) -> StartView | None:
    """Returns the view of a peg insertion; None for any other world."""
    if isinstance(env, Episodes) and isinstance(env.task, InsertionTask):
        return StartView(env.task, folder)
    return None
