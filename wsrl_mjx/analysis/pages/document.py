"""A page as one file of HTML: sections of tables, pictures, commands and charts, with their style and script.

Every function takes plain text and returns HTML; what a person typed is escaped here and nowhere else.
"""

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markdown_it import MarkdownIt
from PIL import Image

from wsrl_mjx.analysis import pages
from wsrl_mjx.analysis.pages import charts
from wsrl_mjx.analysis.pages.charts import Chart, Series, World
from wsrl_mjx.analysis.statistics import Estimate
from wsrl_mjx.analysis.text import with_interval
from wsrl_mjx.data import files

LARGEST_PICTURE = 256_000  # bytes of a file that is taken as it is; a larger one is packed anew
TABLE_ROWS = 25  # of the table below a chart
TABLE_SEEDS = 8  # more than these have no columns there

Html = str  # escaped already


class Section(NamedTuple):
    """A part of the page below a heading."""

    heading: str
    body: Html


def write(path: Path, title: str, about: str, worlds: Sequence[World], sections: Sequence[Section]) -> None:
    """Writes the page, whole or not at all: the title, a line about it, the curves, then the sections."""
    with files.written_whole(path) as beside:
        beside.write_text(page(title, about, worlds, sections), encoding="utf-8")


def page(title: str, about: str, worlds: Sequence[World], sections: Sequence[Section]) -> Html:
    """Returns the whole page; see `write`."""
    worlds = charts.thinned(worlds)
    all_charts = [chart for world in worlds for chart in world.charts]
    drawn = json.dumps([charts.as_json(chart) for chart in all_charts], separators=(",", ":"))
    data = drawn.replace("<", "\\u003c")  # a label could end the element
    body = [f"<h1>{escape(title)}</h1>", f'<p class="note">{escape(about)}</p>']
    if all_charts:
        body += ["<main>", _curves(worlds), "</main>"]
    body += [f"<section><h2>{escape(part.heading)}</h2>{part.body}</section>" for part in sections]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>',
            f"<style>\n{_own('page.css')}</style>\n</head>\n<body>",
            *body,
            f'<script type="application/json" id="data">{data}</script>',
            f"<script>\n{_own('page.js')}</script>\n</body>\n</html>\n",
        ]
    )


def _own(name: str) -> str:
    return resources.files(pages).joinpath(name).read_text(encoding="utf-8")


# -- parts of a section -----------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Sequence[Sequence[str]], wraps: bool = False) -> Html:
    """Returns a table of plain texts, which on a narrow screen is scrolled, or whose lines wrap."""
    line = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"
    body, kind = "".join(line(row, "td") for row in rows), "free" if wraps else "wide"
    return (
        f'<div class="{kind}"><table><thead>{line(header, "th")}</thead><tbody>{body}</tbody></table></div>'
    )


def text(*lines: str) -> Html:
    """Returns plain lines, each as a paragraph."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def from_markdown(source: str) -> Html:
    """Returns Markdown with tables as HTML; HTML inside it is shown as text."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table").render(source)
    return made.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")


def folded(summary: str, body: Html) -> Html:
    """Returns what is shown once somebody opens it."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def commands(by_purpose: dict[str, str]) -> Html:
    """Returns commands, each below what it is for."""
    return "".join(f"<p>{escape(why)}</p><pre>{escape(line)}</pre>" for why, line in by_purpose.items())


def links(by_name: dict[str, str]) -> Html:
    """Returns a list of names that lead to addresses beside the page."""
    items = (f'<li><a href="{escape(to)}">{escape(name)}</a></li>' for name, to in by_name.items())
    return f"<ul>{''.join(items)}</ul>"


def picture(path: Path, alternative: str) -> Html:
    """Returns a picture as a part of the page.

    Raises:
        OSError: it cannot be read, or is none.
    """
    content, kind = path.read_bytes(), "png"
    if len(content) > LARGEST_PICTURE:
        packed = io.BytesIO()
        with Image.open(path) as image:
            image.convert("RGB").save(packed, "webp", quality=85)
        content, kind = packed.getvalue(), "webp"
    data = base64.b64encode(content).decode()
    return f'<figure><img alt="{escape(alternative)}" src="data:image/{kind};base64,{data}"></figure>'


# -- charts -----------------------------------------------------------------------------------------------


def _curves(worlds: Sequence[World]) -> Html:
    """Returns the legend, and for each world its charts; the script fills them from the data of the page."""
    all_series = [series for world in worlds for chart in world.charts for series in chart.series]
    looks = {series.label: series for series in reversed(all_series) if series.line != ":"}
    labels = dict.fromkeys(series.label for series in all_series)
    parts = ['<div class="legend" role="group" aria-label="curves that are shown">']
    for label in labels if len(labels) > 1 else ():
        style = (
            f"--c:{looks[label].color};border-top-style:{'dashed' if looks[label].line == '--' else 'solid'}"
        )
        sample = f'<i class="ink" style="{style}"></i>'
        pressed = f'type="button" aria-pressed="true" data-label="{escape(label)}"'
        parts.append(f"<button {pressed}>{sample}{escape(label)}</button>")
    parts.append("</div>")
    number = 0
    for index, world in enumerate(worlds):
        if len(worlds) > 1:
            parts.append(f"<h2>{escape(world.name)}</h2>")
        parts.append('<div class="charts">')
        for chart in world.charts:
            parts.append(_chart(chart, number, index))
            number += 1
        parts.append("</div>")
    stride = max(series.stride for series in all_series)
    thin = f" Long curves show every {_ordinal(stride)} step, and the metrics have all." * (stride > 1)
    parts.append(
        '<p class="note">Thick: the mean over seeds, with its 95 % bootstrap interval; thin: every seed. '
        "Drag over a chart to see those steps in all of them; double-click, or all, for the whole. With the "
        f"keyboard: + - 0 and the arrows.{thin}</p>"
        "<noscript><p>The curves need JavaScript. Their numbers are in the tables.</p></noscript>"
    )
    return "".join(parts)


def _chart(chart: Chart, number: int, world: int) -> Html:
    ends = "; ".join(f"{series.label} ends at {_shown(series, -1)}" for series in chart.series)
    told = f"{chart.label} over steps: {ends}. The numbers are in the table below."
    data = f'data-chart="{number}" data-world="{world}" data-text="{escape(told)}"'
    return (
        f'<figure class="chart" {data}><figcaption><span>{escape(chart.label)}</span></figcaption>'
        f'<div class="plot"></div><p class="readout" aria-live="polite"></p>'
        f"{folded('Numbers', _numbers(chart))}</figure>"
    )


def _numbers(chart: Chart) -> Html:
    """Returns the table below a chart: means with intervals at some steps, and an only arm's seeds."""
    steps = sorted({int(step) for series in chart.series for step in series.steps})
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), TABLE_ROWS)).round().astype(int))
    alone = chart.series[0] if len(chart.series) == 1 else None
    seeds = alone.seeds if alone and 1 < len(alone.seeds) <= TABLE_SEEDS else ()
    header = ["step", *(s.label + (", measured" if s.line == ":" else "") for s in chart.series)]
    rows: list[list[str]] = []
    for step in (steps[place] for place in chosen):
        row = [f"{step:,}"]
        for series in chart.series:
            there = np.flatnonzero(series.steps == step)
            row.append(_shown(series, there[-1]) if len(there) else "")
            row += [_number(value) for value in series.values[there[-1]]] if seeds else []
        rows.append(row)
    return table([*header, *(f"seed {seed}" for seed in seeds)], rows)


def _shown(series: Series, place: int) -> str:
    """Returns the mean over seeds with its interval, or the one seed's value; nothing where it is unknown."""
    value, low, high = (bound[place] for bound in series.estimate)
    if not np.isfinite(value):
        return ""
    if series.values.shape[1] == 1:
        return _number(value)
    return with_interval(Estimate(value, low, high), ",.4g")


def _number(value: float) -> str:
    return f"{value:,.4g}" if np.isfinite(value) else ""


def _ordinal(count: int) -> str:
    return {2: "second", 3: "third"}.get(count, f"{count}th")
