"""The worlds' names in Gymnasium's registry. Importing it imports Gymnasium, and nothing that simulates."""

import re

import gymnasium

NAMESPACE = "wsrl"
VERSION = 0
_HERE = "envs.adapters.gymnasium"


def gymnasium_id(name: str) -> str:
    """Returns what Gymnasium calls the world `name`: "wsrl/ant-v0"."""
    return f"{NAMESPACE}/{name}-v{VERSION}"


def offer(name: str) -> None:
    """Makes the world `name` known to `gymnasium.make` and `gymnasium.make_vec`, in place of an older one.

    No `max_episode_steps` is registered: the worlds have a time limit of their own, which is an option, and
    Gymnasium's wrapper would cut a second time. A name that Gymnasium cannot spell is left out.
    """
    if not re.fullmatch(r"[\w.-]+", name):
        return
    gymnasium.registry.pop(gymnasium_id(name), None)
    gymnasium.register(
        gymnasium_id(name),
        entry_point=f"{_HERE}.single:World",
        vector_entry_point=f"{_HERE}.vector:Worlds",
        kwargs={"world": name},
    )
