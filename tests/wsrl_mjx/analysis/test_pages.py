"""Pages for a browser: the numbers that they hold, text that cannot break out, and nothing from elsewhere."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wsrl_mjx.analysis import pages
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.analysis.pages import charts, document
from wsrl_mjx.analysis.pages.charts import Mark
from wsrl_mjx.analysis.pages.document import Section
from wsrl_mjx.analysis.statistics import mean_interval

RETURNS = {0: (0.5, 0.25, 0.0), 1000: (0.25, 0.25, 0.25), 2000: (1.0, 0.75, 0.5)}
EVIL = '</script><script>alert("1 & 2")</script>'
VOID = {"meta", "link", "img", "br", "hr"}


class Checked(HTMLParser):
    """Reads a page, and fails where a tag is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)


def arm(label: str = "a", warmup: int = 500, pretrained: bool = False) -> Arm:
    rows = [
        Row("online", step, seed, "eval/return", value)
        for step, of_seeds in RETURNS.items()
        for seed, value in enumerate(of_seeds)
    ]
    rows += [
        Row("online", step, seed, "critic/q", step / 100 + seed) for step in (1000, 2000) for seed in range(3)
    ]
    if pretrained:
        rows += [Row("pretrain", 50, seed, "eval/return", 0.1) for seed in range(3)]
        rows += [Row("pretrain", 100, seed, "critic/q", -5.0) for seed in range(3)]
    return Arm(label, "pointmaze-umaze", warmup=warmup, rows=rows)


def data_of(text: str) -> list[Any]:
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_a_chart_has_every_seed_the_mean_and_its_interval() -> None:
    (world,) = charts.of_arms([arm()])
    assert [chart.name for chart in world.charts] == ["score", "critic/q"]
    drawn = charts.as_json(world.charts[0])
    assert drawn["limits"] == (-3.0, 103.0) and not drawn["log"]
    assert [(mark["at"], mark["text"]) for mark in drawn["steps"]] == [(0.0, "switch"), (500, "first update")]
    (series,) = drawn["series"]
    values = 100 * np.array(list(RETURNS.values()))
    assert series["at"] == [0, 1000, 2000] and series["mean"] == [25, 25, 75]
    np.testing.assert_array_equal(series["seeds"], values.T)
    expected = mean_interval(values)
    np.testing.assert_allclose(series["low"], expected.low, rtol=1e-3)
    np.testing.assert_allclose(series["high"], expected.high, rtol=1e-3)


def test_arms_of_different_warmups_have_a_mark_each() -> None:
    marks = charts.of_arms([arm("a", 500), arm("b", 0), arm("c", 900)])[0].charts[0].steps
    assert [(mark.at, mark.text) for mark in marks] == [
        (0.0, "switch"), (500, "first update: a"), (900, "first update: c"),
    ]  # fmt: skip
    assert marks[0].color == "" and marks[1].color != marks[2].color


def test_the_pretraining_is_left_of_the_switch_with_a_gap_where_nothing_joins() -> None:
    own = arm(pretrained=True)
    whole = charts.with_pretraining(charts.of_arms([own])[0], own, gradient_steps=100, joined=True)
    score, q = (chart.series[0] for chart in whole.charts)
    assert score.steps.tolist() == [-50, 0, 1000, 2000]
    np.testing.assert_allclose(score.values[0], 10.0)  # in percent, as the rest
    assert q.steps.tolist() == [0, 0, 1000, 2000]
    np.testing.assert_array_equal(q.values[:2], [[-5.0] * 3, [np.nan] * 3])
    assert {chart.before for chart in whole.charts} == {charts.PRETRAINING_SHARE * 2000 / 100}
    assert charts.as_json(whole.charts[1])["series"][0]["mean"][1] is None
    alone = charts.of_arms([arm()])[0]
    assert charts.with_pretraining(alone, arm(), 100, True).charts[0].before == 0


def test_long_curves_are_thinned_and_keep_their_end() -> None:
    rows = [Row("online", step, 0, "eval/return", step / 1e6) for step in range(0, 100_001, 100)]
    worlds = charts.of_arms([Arm("a", "pointmaze-umaze", rows=rows)])
    (series,) = charts.thinned(worlds, numbers=400)[0].charts[0].series
    assert len(series.steps) * 4 <= 400 < 2 * 4 * len(series.steps) and series.steps[-1] == 100_000
    assert set(np.diff(series.steps)) == {100 * series.stride}
    np.testing.assert_allclose(series.values[:, 0], series.steps / 1e4)
    assert charts.thinned(worlds)[0].charts[0].series[0].stride == 1


def test_nothing_that_was_typed_breaks_out_of_the_page() -> None:
    worlds = charts.of_arms([arm(EVIL), arm("b")])
    worlds = [charts.marked(world, (Mark(0.0, EVIL),), (Mark(50.0, EVIL),)) for world in worlds]
    body = document.table([EVIL], [[EVIL]]) + document.text(EVIL) + document.commands({EVIL: EVIL})
    body += document.from_markdown(f"| a |\n|---|\n| {EVIL} |\n\n{EVIL}") + document.links({EVIL: EVIL})
    text = document.page(EVIL, EVIL, worlds, [Section(EVIL, document.folded(EVIL, body))])
    read = Checked(text)
    assert [tag for tag, _ in read.tags].count("script") == 2  # the data and the page's own
    assert (
        text.count("alert(") == sum(part.count("alert(") for part in read.texts) + 9
    )  # as attributes and data
    assert data_of(text)[0]["series"][0]["label"] == EVIL


def test_a_page_needs_nothing_else_and_fits_a_phone(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4, 3), 90, np.uint8)).save(tmp_path / "maze.png")
    picture = document.picture(tmp_path / "maze.png", "a maze")
    document.write(
        tmp_path / "page.html", "t", "about", charts.of_arms([arm()]), [Section("Pictures", picture)]
    )
    text = (tmp_path / "page.html").read_text()
    read = Checked(text)
    addresses = [v for _, a in read.tags for k, v in a.items() if k in ("src", "href", "srcset", "action")]
    assert addresses and all(str(address).startswith("data:") for address in addresses)
    assert "url(" not in text.partition("<style>")[2].partition("</style>")[0] and "@import" not in text
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in read.tags
    assert "prefers-color-scheme: dark" in text
    figures = [attributes for tag, attributes in read.tags if tag == "figure" and "data-chart" in attributes]
    assert [figure["data-chart"] for figure in figures] == ["0", "1"]
    assert "ends at 75 [50, 100]" in str(figures[0]["data-text"])
    assert {"1,000", "25 [25, 25]", "seed 2"} <= set(read.texts)  # the table below the chart
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maze.png", "page.html"]


def test_a_large_picture_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((64, 64, 4), np.uint8)).save(tmp_path / "a.png")
    assert "data:image/png;base64," in document.picture(tmp_path / "a.png", "")
    monkeypatch.setattr(document, "LARGEST_PICTURE", 10)
    assert "data:image/webp;base64,UklGR" in document.picture(tmp_path / "a.png", "")


SAYS = {
    "ticks(0, 15000, 3)": [0, 5000, 10000, 15000],
    "ticks(-0.3, 0.35, 4)": [-0.2, 0, 0.2],
    "ticks(2, 2, 4)": [2],
    "logTicks(0.05, 2000)": [0.1, 1, 10, 100, 1000],
    "logTicks(2, 6)": [2, 3, 4, 5, 6],
    "[0, 12, 1500, 15000, 2.5e6, -300, 0.02, 4e-5, 1e12].map(short)": [
        *("0", "12", "1.5k", "15k", "2.5M", "-300", "0.02", "4e-5", "1e12"),
    ],
    "[place(-100, 3), place(100, 3), stepAt(-300, 3), stepAt(-300, 0)]": [-300, 100, -100, -300],
    "extent([{at: [0, 1, 2], mean: [1, null, 5], low: [], high: [], seeds: [[0, 7]]}], 0, 1, 0)": [0, 7],
    "extent([{at: [0, 10], mean: [0, 3], low: [-1, 2], high: [], seeds: []}], 0, 10, 0, true)": [2, 3],
    "extent([], 0, 1, 0, false)": None,
    "roomy([0, 10], false)": [-0.5, 10.5],
    "path([0, 1, 2, 3], [5, null, 6, 7])": "M0.0 5.0M2.0 6.0L3.0 7.0",
    "nearest([0, 10, 30], 19)": 1,
    "[scaled([0, 10], [0, 100], 2), scaled([90, 100], [0, 100], 2), scaled([0, 50], [0, 60], 9)]": [
        *([0, 20], [80, 100], [0, 60]),
    ],
}  # fmt: skip


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to run the page's script")
def test_the_script_computes_what_it_should() -> None:
    script = resources.files(pages).joinpath("page.js").read_text(encoding="utf-8")
    names = "ticks, logTicks, short, place, stepAt, extent, roomy, path, nearest, scaled"
    asked = f"const {{ {names} }} = module.exports;\nconsole.log(JSON.stringify([{', '.join(SAYS)}]));"
    # In a function of its own, as the script's names are there already.
    program = f"{script}\n(() => {{ {asked} }})();"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert dict(zip(SAYS, json.loads(done.stdout), strict=True)) == SAYS
