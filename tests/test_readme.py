"""What README and docs say is true: commands, presets, results, links and names in the code."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from wsrl_mjx.analysis import curve_files
from wsrl_mjx.analysis.statistics import mean_interval
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import flat_fields

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_WORDS = 900  # of the README, code included
LARGEST_THUMBNAIL = 60_000  # bytes
# The rows of the table in docs/presets.md and the settings they show; layers are written 256-256.
PRESET_ROWS = {
    "dataset, transitions": "dataset_size",
    "pretraining, gradient steps": "offline_steps",
    "pretraining, batch": "offline_batch_size",
    "online, environment steps (warmup included)": "online_steps",
    "online, batch of each of the four updates": "batch_size",
    "critics": "critic_hidden",
    "actor": "actor_hidden",
    "actor's learning rate": "actor_lr",
    "discount": "discount",
    "target rate": "target_rate",
    "first temperature": "init_temperature",
    "share of behaviour cloning in the pretraining actor's loss": "cloning_weight",
    "CQL actions from each source": "cql_actions",
    "replay buffer, rows": "replay_capacity",
    "evaluation, episodes": "eval_episodes",
}


def train_command() -> list[str]:
    """Returns the words of the first train command in the README, without what installs."""
    lines = (ROOT / "README.md").read_text().splitlines()
    line = next(line for line in lines if "python scripts/train.py" in line)
    return shlex.split(re.search(r"python (scripts/train\.py[^&|`]*)", line).group(1))


def test_the_first_command_is_the_promised_one() -> None:
    assert train_command() == ["scripts/train.py", "--env", "ant", "--warmup-steps", "5000"]


def test_the_readme_fits_a_page() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= MOST_WORDS


def test_one_line_installs_and_runs_the_tests() -> None:
    lines = [line.strip() for line in (ROOT / "README.md").read_text().splitlines()]
    found = [line for line in lines if re.fullmatch(r"pip install .* && pytest", line)]
    assert found == ["pip install -c constraints.txt -e '.[dev]' && pytest"]


def links(page: Path) -> list[str]:
    """Returns the targets of a page's links and images, those to other sites left out."""
    text = page.read_text()
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    return [target for target in targets if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_picture_is_shown_and_thumbnails_are_small() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    pictures = {*(ROOT / "docs" / "images").iterdir()}
    assert pictures <= shown
    assert all(path.stat().st_size < LARGEST_THUMBNAIL for path in pictures if path.name.startswith("world_"))


def test_scripts_and_data_in_commands_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"python ([\w/.]+\.py)", page.read_text())}
    data = {name for page in PAGES for name in re.findall(r"docs/data/\w+\.csv", page.read_text())}
    assert len(named) >= 5 and len(data) >= 3
    assert not [name for name in named | data if not (ROOT / name.removeprefix("../../../")).is_file()]


def test_names_of_code_exist() -> None:
    """A page's `algos/sac.py: SAC.target` is a definition in that file."""
    for page, number in (("algorithms.md", 20), ("architecture.md", 3)):
        found = re.findall(r"`([\w/]+\.py): ([\w.]+)`", (ROOT / "docs" / page).read_text())
        assert len(found) >= number
        for file, name in found:
            assert set(name.split(".")) <= defined(ROOT / "wsrl_mjx" / file), f"{file}: {name}"


def defined(path: Path) -> set[str]:
    """Returns every class, function and method of a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_the_table_of_results_is_what_was_measured() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| world | WSRL |"))
    cells = lambda line: [cell.strip().replace("*", "") for cell in line.strip("|").split("|")]
    labels = cells(lines[start])[1:]
    labels = [label.replace("no data", "no retention") for label in labels]
    for line, file in zip(lines[start + 2 :], ("halfcheetah", "pointmaze_methods"), strict=False):
        arms = {arm.label: arm for arm in curve_files.read_csv(ROOT / "docs" / "data" / f"{file}.csv")}
        digits = 1 if file == "halfcheetah" else 0
        for label, cell in zip(labels, cells(line)[1:], strict=True):
            if cell != "not run":
                arm = arms.get(label) or arms[f"WSRL, {label}"]
                mean, low, high = (f"{x:.{digits}f}" for x in mean_interval(arm.scores()[1][-1]))
                assert cell == f"{mean} [{low}, {high}]", (file, label)


@pytest.mark.parametrize(("column", "preset"), [(1, "smoke"), (2, "laptop"), (3, "paper")])
def test_the_table_of_presets_is_true(column: int, preset: str) -> None:
    lines = (ROOT / "docs" / "presets.md").read_text().splitlines()
    start = lines.index("| | `smoke` | `laptop` | `paper` |")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 3 : start + 18]]
    assert [row[0] for row in rows] == list(PRESET_ROWS)
    config = flat_fields(preset_config(preset, "halfcheetah"))
    for row in rows:
        value, shown = config[PRESET_ROWS[row[0]]], row[column].removeprefix(f"{config['ensemble_size']} of ")
        if isinstance(value, tuple):
            assert shown == "-".join(map(str, value)), row[0]
        else:
            assert float(shown.replace(",", "")) == value, row[0]


@pytest.mark.slow
def test_the_first_command_trains(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    command = [sys.executable, *train_command(), "--preset", "smoke", "--run-dir", str(run_dir)]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "WSRL_MJX_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("preset smoke (chosen by --preset), on ")
    assert "rows held out to measure on" in done.stdout and "offline data dropped: " in done.stdout
    for name in ("config.json", "metrics.csv", "summary.json", "learning_curve.png", "checkpoints"):
        assert (run_dir / name).exists()
