"""Our online step beside what people do today, in one sitting."""

from typing import Any

from benchmarks import hostloop, learning
from wsrl_mjx.config.settings import Config

NAMES = {"plain": "plain Flax and Optax from Python", "hostloop": "our agent from Python"}


def compare(config: Config, members: tuple[int, ...], steps: int, repeats: int) -> list[dict[str, Any]]:
    """Returns, for each number of seeds, our step's time, every peer's, and how many times ours that is.

    A peer's seeds are trained one after another: several take one's time, times their number.

    Args:
        config: sizes and constants.
        members: numbers of seeds.
        steps: of one timed call.
        repeats: calls.
    """
    learners = {"plain": hostloop.Plain(config), "hostloop": hostloop.Ours(config)}
    alone = {name: hostloop.online(config, steps, repeats, learner) for name, learner in learners.items()}
    found = []
    for seeds in members:
        ours = learning.online(config, seeds, steps, repeats, devices="auto")
        ratios = {name: seeds * taken["milliseconds"] / ours["milliseconds"] for name, taken in alone.items()}
        found.append({"preset": config.preset, "seeds": seeds, "ours": ours, **alone, "ratios": ratios})
    return found
