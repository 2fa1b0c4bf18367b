"""The picture of a sweep's speed: steps a second of all seeds together, over how many there are."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure


def members(entries: list[dict[str, Any]], title: str, path: Path) -> None:
    """Draws aggregate steps/s over members, and what they would be if seeds cost nothing and if linear.

    Args:
        entries: of the part `sweep`, one for each number of members.
        title: what was measured, on what.
        path: of the picture.
    """
    counts = [entry["seeds"] for entry in entries]
    rates = [entry["seed_steps_per_second"] for entry in entries]
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(5.2, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(counts, rates, "o-", color="#1f5fa8", label="measured")
        free = [rates[0] * count / counts[0] for count in counts]
        axes.plot(counts, free, ":", color="#9aa0a8", label="if more members cost nothing")
        axes.axhline(rates[0], ls="--", color="#9aa0a8", label="if each costs as much as the first")
        axes.set(
            xscale="log", yscale="log", xlabel="members in one program", ylabel="steps/s of all together"
        )
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_yticks(free, [f"{rate:,.0f}" for rate in free])
        axes.minorticks_off()
        axes.set_title(title, fontsize=9)
        axes.legend(frameon=False, fontsize=8)
        figure.savefig(path, dpi=120)
