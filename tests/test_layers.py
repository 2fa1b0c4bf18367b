"""Imports go one way, and files and functions stay short enough to be read."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "wsrl_mjx").rglob("*.py"), *(ROOT / "envs").rglob("*.py")])
PACKAGE = sorted((ROOT / "wsrl_mjx").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 330, 60

# From the bottom to the top; a module may import from lower layers, and from its own where that is named.
LAYERS: list[set[str]] = [
    {
        "types",
        "placement",
        "groups",
        "cache",
        "console",
        "statistics",
        "runtime",
        "domains",
        "methods",
        "device_memory",
    },
    {"distributions", "digests", "lock", "signals", "faults", "events", "facts", "hosts"},
    {"losses", "returns", "networks", "replay", "keys", "trajectories"},
    {"ensemble", "held_out"},
    {"algos"},
    {"rollout", "exploration", "retention", "hindsight", "handover"},
    {"behaviors", "dataset"},
    {"steering"},
    {"waypoints"},
    {"phases"},
    {"config", "checkpoint", "run_folder"},
    {"members", "resumption"},
    {"validation", "workshop", "skipped"},
    {"presets", "catalog", "recipes", "maze_view", "curves", "diagnostics"},
    {"pretrained", "plan", "maze_picture", "evaluation", "comparison"},
    {"panels", "measurements"},
    {"rankings"},
    {"report", "sharing", "offline_data"},
    {"policies", "run"},
    {"experiments"},
    {"warmup_map", "sweep", "figures"},
    {"sweep_report", "figure_runs"},
    {"figure_pages"},
    {"cli", "pictures"},
]
SAME_LAYER = {("algos", "algos"), ("pictures", "pictures")}
KNOWS_MAZES = {"waypoints", "maze_view"}  # who walks through a maze, or draws it, needs its map
MAY_MAKE_ENVIRONMENTS = {
    "config",
    "catalog",
    "presets",
    "policies",
    "run",
    "comparison",
    "cli",
    "pictures",
    "workshop",
    "figure_runs",
}


def imports(path: Path) -> set[str]:
    """Returns every module that a file imports, wherever in it; `from a import b` counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def unit(path: Path) -> str:
    """Returns the part of wsrl_mjx that a file belongs to: its module, or its subpackage."""
    return path.relative_to(ROOT / "wsrl_mjx").parts[0].removesuffix(".py")


def layer(name: str) -> int:
    """Returns how high a module or subpackage stands."""
    found = [index for index, names in enumerate(LAYERS) if name in names]
    assert found, f"give {name} its place in LAYERS"
    return found[0]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sorted((ROOT / "envs").rglob("*.py")), ids=name_of)
def test_environments_know_nothing_of_learning(path: Path) -> None:
    outside = {module.split(".")[0] for module in imports(path)}
    assert not outside & {"wsrl_mjx", "scripts", "optax", "orbax"}


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_the_package_imports_downwards(path: Path) -> None:
    here = unit(path)
    if here == "__init__":
        assert not imports(path)
        return
    for module in imports(path):
        parts = module.split(".")
        if parts[0] != "wsrl_mjx":
            continue
        below = parts[1]
        allowed = layer(below) < layer(here) or (here, below) in SAME_LAYER
        assert allowed, f"{name_of(path)} imports {module}, which is not below it"


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_the_package_knows_the_contract_and_only_the_top_makes_environments(path: Path) -> None:
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "envs":
            contract = parts[:2] == ["envs", "base"]
            contract |= unit(path) in KNOWS_MAZES and parts[1] in ("episode", "maze", "maze_task")
            contract |= unit(path) == "steering" and parts[:2] == ["envs", "ant_symmetry"]
            assert contract or unit(path) in MAY_MAKE_ENVIRONMENTS, f"{name_of(path)} imports {module}"
        assert parts[0] not in ("scripts", "tests")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"
    assert not text or ast.get_docstring(tree)


def test_no_room_without_a_name() -> None:
    rooms = {part.removesuffix(".py") for path in FILES for part in path.relative_to(ROOT).parts}
    assert not rooms & {"utils", "util", "common", "helpers", "misc"}
