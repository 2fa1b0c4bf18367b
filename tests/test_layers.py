"""Packages import one way, and files and functions stay short enough to be read."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "wsrl_mjx").rglob("*.py"), *(ROOT / "envs").rglob("*.py")])
LONGEST_FILE, LONGEST_FUNCTION = 300, 60

# From the bottom to the top: a package imports itself and what stands before it.
PACKAGES = (
    *("types", "keys", "algos", "data", "training", "config"),
    *("analysis", "rendering", "runs", "experiments", "cli"),
)
ABOVE_SETTINGS = PACKAGES[PACKAGES.index("config") :]  # who may make environments by name
# What a world is, how a program with it is compiled, and how installed packages are found.
CONTRACT = ("envs.base.", "envs.programs.", "envs.plugins.")
# Who walks through a maze needs its map, who inserts a peg its hole, who opens a door its handle.
KNOWS_TASKS = (
    "data/waypoints.py",
    "data/steering.py",
    "data/inserting.py",
    "data/opening.py",
    "data/scripted.py",
)


def imports(path: Path) -> set[str]:
    """Returns every module that a file imports, wherever in it; `from a import b` counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def in_package() -> list[tuple[Path, str]]:
    """Returns every file below the door, with its package."""
    files = [path for path in FILES if "wsrl_mjx" in path.relative_to(ROOT).parts]
    found = [(path, path.relative_to(ROOT / "wsrl_mjx").parts[0].removesuffix(".py")) for path in files]
    return [(path, package) for path, package in found if not package.startswith("__")]


def test_every_package_has_its_place() -> None:
    assert {package for _, package in in_package()} == set(PACKAGES)


def test_packages_import_what_stands_before_them() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, package in in_package()
        for module in imports(path)
        if module.startswith("wsrl_mjx.") and PACKAGES.index(module.split(".")[1]) > PACKAGES.index(package)
    ]
    assert not wrong, "\n".join(wrong)


def test_worlds_know_nothing_of_learning_and_learning_knows_their_contract() -> None:
    above = {"wsrl_mjx", "scripts", "tests", "optax", "orbax"}
    wrong = [path for path in FILES if "envs" in path.relative_to(ROOT).parts[:1] and _roots(path) & above]
    for path, package in in_package():
        name = str(path.relative_to(ROOT / "wsrl_mjx"))
        worlds = {module for module in imports(path) if module.split(".")[0] == "envs"}
        beyond = {module for module in worlds if not module.startswith(CONTRACT)}
        if package not in ABOVE_SETTINGS and name not in KNOWS_TASKS and beyond:
            wrong.append(path)
        if _roots(path) & {"scripts", "tests"}:
            wrong.append(path)
    assert not wrong


def _roots(path: Path) -> set[str]:
    return {module.split(".")[0] for module in imports(path)}


def test_files_and_functions_are_short_and_say_what_they_are_for() -> None:
    wrong = []
    for path in FILES:
        text = path.read_text()
        tree = ast.parse(text)
        if len(text.splitlines()) > LONGEST_FILE:
            wrong.append(f"{path.relative_to(ROOT)} is too long")
        if not ast.get_docstring(tree):
            wrong.append(f"{path.relative_to(ROOT)} does not say what it is for")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    wrong.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines")
    assert not wrong, "\n".join(wrong)


def test_the_top_of_the_package_fits_on_a_page() -> None:
    not_counted = ("__pycache__", "__main__.py", "pretrainings")  # the last is data
    entries = [path for path in (ROOT / "wsrl_mjx").iterdir() if path.name not in not_counted]
    assert len(entries) <= 12


def test_no_room_without_a_name() -> None:
    rooms = {part.removesuffix(".py") for path in FILES for part in path.relative_to(ROOT).parts}
    assert not rooms & {"utils", "util", "common", "helpers", "misc"}
