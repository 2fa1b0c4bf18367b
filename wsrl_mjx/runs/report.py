"""What a run leaves for people: the summary, the table of returns before and after, the learning curve."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from envs.base import ReferenceScores
from wsrl_mjx.analysis import curve_plots
from wsrl_mjx.analysis.metrics import Row, curve, of_point
from wsrl_mjx.analysis.text import counted, duration
from wsrl_mjx.config.grid import Member
from wsrl_mjx.config.methods import METHODS
from wsrl_mjx.config.settings import Config
from wsrl_mjx.rendering import maze_picture, moments, start_picture
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.arms import read_arms
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run_folder import RunFolder, kept_steps, read_metrics
from wsrl_mjx.runs.run_record import RunRecord

_OF_MOMENTS = (
    (layout.MAZE_LOOKS, maze_picture.draw, layout.MAZE_PICTURE),
    (layout.START_MAPS, start_picture.draw, layout.START_PICTURE),
)
OTHER_STARTS = "eval/score_"  # before the name of the starts
TITLES = {"lowest_after_switch": "lowest after the switch"}
BLUE, GREEN, ORANGE, GREY = "#1f5fa8", "#2e8b57", "#d9822b", "#6b6b6b"
PRETRAINING_SHARE = 0.3  # width of the pretraining's part of the curve, relative to the online part


def write(
    path: Path, config: Config, reference: ReferenceScores | None, record: RunRecord, console: Console
) -> None:
    """Writes the summary and the pictures into the run folder, and prints the table."""
    rows, facts = read_metrics(path), asdict(record)
    summary = summarize(rows, config, reference, facts)
    if config.points:
        figure = curve_plots.figure(read_arms(path), title(config))
    else:
        figure = learning_curve(rows, config, reference, facts["behavior_return"])
    figure.savefig(path / layout.LEARNING_CURVE, dpi=130)
    pictures = [layout.LEARNING_CURVE]
    for kept, draw, picture in _OF_MOMENTS:
        seen = moments.read(path / kept)
        if seen:
            steps, scores = curve(rows, "online", "eval/score")
            success = dict(zip(steps.tolist(), scores.mean(axis=1).tolist(), strict=True))
            drawn = draw(seen, success, f"{config.env}, {counted(config.num_seeds, 'seed')}")
            drawn.savefig(path / picture, dpi=130)
            pictures.append(picture)
    RunFolder(path).write_json(layout.SUMMARY, summary)  # last: where it is, the run is whole
    print_summary(summary, reference, console)
    written = [layout.SUMMARY, *pictures, layout.METRICS, *[layout.CHECKPOINTS] * bool(kept_steps(path))]
    console.say(f"written to {path}: {', '.join(written)}")


def summarize(
    rows: list[Row], config: Config, reference: ReferenceScores | None, facts: dict[str, Any]
) -> dict[str, Any]:
    """Returns the run in numbers: per seed, of each grid point if there are any, and the cost."""
    by_point = {
        point: _milestones(of_point(rows, point), config, reference) for point in config.points or ("",)
    }
    online_seconds = facts["seconds"].get("warmup", 0.0) + facts["seconds"].get("fine-tuning", 0.0)
    online_steps = config.online.online_steps * len(by_point) * config.num_seeds
    return {
        "env": config.env,
        "preset": config.preset,
        "online_steps": config.online.online_steps,
        "method": config.method,
        "behavior": _with_score(facts["behavior_return"], reference) if config.needs_data else None,
        **({"points": by_point} if config.points else {"seeds": by_point[""]}),
        "seconds": {name: round(value, 2) for name, value in facts["seconds"].items()},
        "compile_seconds": facts["compile_seconds"],
        "online_steps_per_second": round(online_steps / max(online_seconds, 1e-9), 1),
        "offline_rows": facts["dataset_rows"],
        "dataset_digest": facts["dataset_digest"],
        "pretraining_from": facts["pretraining_from"],
    }


def _milestones(
    rows: list[Row], config: Config, reference: ReferenceScores | None
) -> dict[str, dict[str, Any]]:
    """Returns by seed where one grid point starts, falls to, and ends."""
    steps, returns = curve(rows, "online", "eval/return")
    milestones = {
        "pretrained": returns[0],
        "lowest_after_switch": returns[steps > 0].min(axis=0),
        "final": returns[-1],
    }
    of_success = reference is not None and reference.of_success
    for name in _other_starts(rows) if of_success else ():
        success = curve(rows, "online", OTHER_STARTS + name)[1] / 100.0
        milestones |= {f"pretrained_{name}": success[0], f"final_{name}": success[-1]}
    return {
        str(seed): {name: _with_score(values[i], reference) for name, values in milestones.items()}
        for i, seed in enumerate(config.seeds)
    }


def _other_starts(rows: list[Row]) -> list[str]:
    """Returns the names of the other starts that policies were judged from."""
    names = {row.name for row in rows if row.phase == "online" and row.name.startswith(OTHER_STARTS)}
    return sorted(name.removeprefix(OTHER_STARTS) for name in names)


def print_summary(summary: dict[str, Any], reference: ReferenceScores | None, console: Console) -> None:
    """Prints returns before and after, one line a member, and where the time went."""
    quantity = "Return" if reference is None else f"Return ({reference.quantity})"
    quantity = "Success" if reference and reference.of_success else quantity
    console.table(quantity, *summary_table(summary, reference))
    spent = ", ".join(f"{name} {duration(value)}" for name, value in summary["seconds"].items())
    compiled = duration(sum(summary["compile_seconds"].values()))
    console.say(f"time: {spent}; compilation {compiled}")


def summary_table(
    summary: dict[str, Any], reference: ReferenceScores | None
) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the lines of a table: a member's returns in the data, before and after."""
    show = lambda entry: _show(entry, reference)
    data = show(summary["behavior"])
    of_all = {
        Member(point, int(seed)): entry
        for point, seeds in summary.get("points", {"": summary.get("seeds")}).items()
        for seed, entry in seeds.items()
    }
    names: list[str] = [*next(iter(of_all.values()))]
    kind = "member" if "points" in summary else "seed"
    header = [kind, "behavior data", *(TITLES.get(name, name.replace("_", ", ")) for name in names)]
    name = lambda member: member.label if member.point else str(member.seed)
    table = [[name(member), data, *(show(entry[n]) for n in names)] for member, entry in of_all.items()]
    return header, table


def learning_curve(
    rows: list[Row], config: Config, reference: ReferenceScores | None, behavior_return: float
) -> Figure:
    """Returns two panels over online steps: the score (or return), and the critics' mean Q."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        normalize = reference.normalize if reference else (lambda x: x)
        _draw(left, config, rows, "eval/return", BLUE, normalize)
        if np.isfinite(behavior_return):
            left.axhline(normalize(behavior_return), color=GREY, linestyle="--", linewidth=1)
            left.annotate(
                "behavior data", (1.0, normalize(behavior_return)), xycoords=("axes fraction", "data"),
                ha="right", va="bottom", color=GREY, fontsize=9,
            )  # fmt: skip
        left.set_ylabel(reference.quantity if reference else "return")
        for name in _other_starts(rows):
            _draw(left, config, rows, OTHER_STARTS + name, GREEN, lambda x: x)
            text = f"blue: the world's own starts; green: {name}"
            left.annotate(text, (0.99, 0.02), xycoords="axes fraction", ha="right", fontsize=8, color=GREY)
        _draw(right, config, rows, "critic/q", ORANGE, lambda x: x)
        right.set_ylabel("mean Q on the training batches")
        figure.suptitle(title(config), fontsize=11)
    return figure


def title(config: Config) -> str:
    """Returns method, world, data, seeds and preset in a line."""
    data = Path(config.data.dataset).name if config.needs_data else "no"
    seeds = counted(config.num_seeds, "seed")
    return f"{METHODS[config.method].title}: {config.env}, {data} data, {seeds}, preset {config.preset}"


def _draw(axes: Axes, config: Config, rows: list[Row], name: str, color: str, scale: Any) -> None:
    """Draws mean and spread over seeds: pretraining left of the switch, warmup shaded, then fine-tuning."""
    pretrained = config.offline.offline_steps > 0
    width = PRETRAINING_SHARE * config.online.online_steps if pretrained else 0.0
    steps, values = curve(rows, "pretrain", name)
    online_steps, online = curve(rows, "online", name)
    before = (steps / max(config.offline.offline_steps, 1) - 1.0) * width
    goes_on = pretrained and config.online.init_actor == "pretrained"
    if name.startswith("eval/") and len(online_steps) and goes_on:  # the switch is its last point
        before = np.append(before, 0.0)
        values = np.concatenate([values, online[:1]]) if values.size else online[:1]
    _draw_seeds(axes, before, scale(values), color, linestyle=":")
    _draw_seeds(axes, online_steps, scale(online), color, linestyle="-")
    axes.axvline(0, color="black", linewidth=1)
    axes.axvspan(0, config.online.warmup_steps - config.prefilled_rows, color=GREY, alpha=0.13, linewidth=0)
    top = axes.get_xaxis_transform()
    label = "warmup, fine-tuning" if config.online.warmup_steps else "fine-tuning"
    if pretrained:
        axes.text(-0.5 * width, 1.01, "pretraining", transform=top, ha="center", fontsize=9, color=GREY)
        label = f"switch: {label}"
    axes.text(0.02 * width, 1.01, label, transform=top, ha="left", fontsize=9, color=GREY)
    axes.set_xlim(-width, config.online.online_steps)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= config.online.online_steps])
    since = f"since the switch ({config.offline.offline_steps:,} gradient steps before)" if pretrained else ""
    axes.set_xlabel(f"environment steps {since}".strip())


def _draw_seeds(axes: Axes, steps: np.ndarray, values: np.ndarray, color: str, linestyle: str) -> None:
    if not len(steps):
        return
    for seed in range(values.shape[1]):
        axes.plot(steps, values[:, seed], color=color, alpha=0.3, linewidth=0.8, linestyle=linestyle)
    seen = ~np.all(np.isnan(values), axis=1)
    axes.plot(steps[seen], np.nanmean(values[seen], axis=1), color=color, linewidth=2, linestyle=linestyle)


def _with_score(value: float, reference: ReferenceScores | None) -> dict[str, float | None]:
    score = float(reference.normalize(value)) if reference else None
    return {"return": float(value), "score": score}


def _show(entry: dict[str, Any] | None, reference: ReferenceScores | None) -> str:
    if entry is None:
        return "none"
    if reference is not None and reference.of_success:
        return f"{entry['score']:.0f} %"
    score = "" if entry["score"] is None else f" ({entry['score']:.1f})"
    return f"{entry['return']:,.0f}{score}"
