"""What is made of a figure's finished runs: its picture, its table as CSV, and a page to read it by."""

import json
from collections.abc import Sequence
from pathlib import Path

from wsrl_mjx.analysis import comparison, curve_files, curve_plots, rankings, recovery
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.text import markdown_table, with_interval
from wsrl_mjx.config.assignments import written
from wsrl_mjx.experiments import jobs, warmup_map
from wsrl_mjx.experiments.figure_arms import ARMS
from wsrl_mjx.experiments.figure_runs import Plan, Request, settings
from wsrl_mjx.experiments.figures import FIGURES, HEAT_MAP
from wsrl_mjx.experiments.jobs import Job
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.arms import read_arm
from wsrl_mjx.runs.setup import open_folder

RUNS = "runs"  # inside the folder of all figures; each figure has one beside it


def write(request: Request, plan: Plan, folder: Path) -> list[Path]:
    """Writes a figure into `folder`/<figure> and returns the files: pictures, table and page.

    Raises:
        ValueError: nothing of it is finished, or a run was made with other settings.
    """
    own = folder / request.figure
    if request.figure == HEAT_MAP:
        return _write_map(request, plan, folder, own)
    arms, figure = read(plan, folder), FIGURES[request.figure]
    if not arms:
        raise ValueError(f"out {folder}: no run of {request.figure} is finished there")
    own.mkdir(parents=True, exist_ok=True)
    drawn = curve_files.measured(arms, figure.panels)
    title = f"{', '.join(request.envs)}, preset {request.preset}"
    headline = f"{figure.question} ({title})"
    pictures = {request.figure: curve_plots.figure(arms, headline, drawn, figure.ordered)}
    if figure.ranked and all(arm.unit != "return" for arm in arms):
        pictures[f"{request.figure}-profile"] = rankings.profile_figure(arms, title)
    if figure.ranked and rankings.can_be_aggregated(arms):
        pictures[f"{request.figure}-all"] = rankings.aggregate_figure(arms, title)
    if figure.ranked and comparison.improvements(arms):
        pictures[f"{request.figure}-improvement"] = rankings.improvement_figure(arms, title)
    for name, picture in pictures.items():
        picture.savefig(own / f"{name}.png", dpi=curve_plots.DPI)
    table, curves, page = (own / f"{request.figure}{end}" for end in (".csv", "-curves.csv", ".md"))
    comparison.write_csv(comparison.table(arms), table)
    names = curve_files.measured(arms, curve_plots.metrics_of(drawn))
    curve_files.write_csv(arms, names, curves)
    page.write_text(_page(request, plan, folder, list(pictures), _results(request, arms, names)))
    return [*(own / f"{name}.png" for name in pictures), table, curves, page]


def read(plan: Plan, folder: Path) -> list[Arm]:
    """Returns the arms whose runs are finished.

    Raises:
        ValueError: a run that was made with other settings.
    """
    return [read_arm(folder / RUNS / job.name, ARMS[name].label) for name, job in _done(plan, folder)]


def _done(plan: Plan, folder: Path) -> list[tuple[str, Job]]:
    """Returns the finished runs of a plan; raises ValueError for one that was made with other settings."""
    done = [(name, job) for name, job in plan.runs if jobs.is_done(job, folder / RUNS)]
    for _, job in done:
        open_folder(job.config, folder / RUNS / job.name, resume=True)
    return done


def _write_map(request: Request, plan: Plan, folder: Path, own: Path) -> list[Path]:
    done = {job.name for _, job in _done(plan, folder)}
    results = warmup_map.read(folder / RUNS, request.grid, done.__contains__)
    if not results:
        raise ValueError(f"out {folder}: no cell of {request.figure} is finished there")
    own.mkdir(parents=True, exist_ok=True)
    picture, table, page = (own / f"{request.figure}.{kind}" for kind in ("png", "csv", "md"))
    warmup_map.figure(results, request.grid).savefig(picture, dpi=curve_plots.DPI)
    warmup_map.write_csv(results, table)
    page.write_text(_page(request, plan, folder, [request.figure], [warmup_map.markdown(results)]))
    return [picture, table, page]


# -- the page ---------------------------------------------------------------------------------------------


def _page(request: Request, plan: Plan, folder: Path, pictures: Sequence[str], results: list[str]) -> str:
    """Returns all that is needed to read the figure, and to make it again."""
    figure = FIGURES[request.figure]
    missing = [job.name for _, job in plan.runs if not jobs.is_done(job, folder / RUNS)]
    absent = dict.fromkeys(missing, "not finished") | plan.left_out
    parts = [
        f"# {request.figure}",
        figure.question + (f" (In the paper: {figure.source}.)" if figure.source else ""),
        *(f"![{name}]({name}.png)" for name in pictures),
        f"{figure.caption} Preset `{request.preset}`, {request.num_seeds} seeds, {_machines(plan, folder)}:",
        f"    {request.command}",
        *results,
    ]
    if done := [job.name for _, job in plan.runs if job.name not in missing]:
        pages = ", ".join(f"[{name}](../{RUNS}/{name}/{layout.REPORT})" for name in dict.fromkeys(done))
        parts.append(f"The pages of its runs: {pages}.")
    if absent:
        parts += ["Missing:", "\n".join(f"* `{name}`: {reason}" for name, reason in absent.items())]
    return "\n\n".join(parts) + "\n"


def _results(request: Request, arms: Sequence[Arm], names: Sequence[str]) -> list[str]:
    """Returns the parts of a page of curves: what the arms are, where they end, and who is above whom.

    Args:
        request: what was asked for.
        arms: what is finished of it.
        names: the score, and the metrics that were measured.
    """
    rows: list[list[str]] = []
    for name in FIGURES[request.figure].arms:
        arm, values = ARMS[name], settings(ARMS[name], request.envs[0], request)
        changes = ", ".join(f"`{key}={written(values[key])}`" for key in arm.changes)
        rows.append([arm.label, f"`{arm.method}`", changes])
    parts = [
        markdown_table(["arm", "method", "settings"], rows),
        "Scores at the switch, at the lowest point after it, at the end, and on average over "
        "all online steps (area): means and interquartile means (IQM), with 95 % bootstrap intervals.",
        comparison.markdown(comparison.table(arms)),
    ]
    if all(arm.success_rate for arm in arms):
        parts += [
            "How many seeds reach 90 %, and after how many environment steps since the switch: the median, "
            "with the first and the last seed's.",
            recovery.markdown(arms),
        ]
    if metrics := [name for name in names if name != curve_files.SCORE]:
        parts += [
            "At the first evaluation since the switch that measured it (at the switch there is no replay "
            "buffer), and at the last: means with 95 % bootstrap intervals. Every seed and evaluation: "
            f"[{request.figure}-curves.csv]({request.figure}-curves.csv).",
            curve_files.markdown(arms, metrics),
        ]
    found = comparison.improvements(arms)
    if not found:
        return parts
    return [
        *parts,
        f"Probability that a run of {arms[0].label} ends above one of another arm, a tie counting one half.",
        markdown_table(["arm", "probability"], ([arm, with_interval(p, ".2f")] for arm, p in found.items())),
    ]


def _machines(plan: Plan, folder: Path) -> str:
    """Returns the devices and versions of JAX that the runs were made with."""
    files = [folder / RUNS / job.name / layout.VERSIONS for _, job in plan.runs]
    last = [json.loads(file.read_text()) for file in files if file.exists()]
    found = [versions for newest in last for versions in (newest, *newest.get("before", []))]
    return "; ".join(sorted({f"{versions['device']}, jax {versions['jax']}" for versions in found}))
