"""What lies where in a run's folder is said once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import wsrl_mjx
from wsrl_mjx.data import held_out
from wsrl_mjx.runs import layout

PACKAGE = Path(wsrl_mjx.__file__).parent
NAMES = {name for key, name in vars(layout).items() if key.isupper()} | {held_out.FILE}
# Rows held out are written beside a dataset's too, by a module that stands below runs.
SPELT_IN = {"runs/layout.py", "data/held_out.py"}


def spelt(source: str) -> Iterator[str]:
    """Yields the names of `NAMES` that a module spells; docstrings may tell of them.

    A name without a dot may be a word of another meaning, such as "pretrained", so it counts only as a part
    of a path or as a constant.
    """
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield from (name for name in NAMES if "." in name and name in node.value)
        match node:
            case ast.BinOp(op=ast.Div(), right=ast.Constant(value=str(name))):
                found = name
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=str(name))):
                found = name if target.isupper() else ""
            case _:
                continue
        if "." not in found and found in NAMES:
            yield found


def test_no_other_module_spells_the_names() -> None:
    found = {
        str(path.relative_to(PACKAGE)): sorted(set(spelt(path.read_text()))) for path in PACKAGE.rglob("*.py")
    }
    assert {path: names for path, names in found.items() if names and path not in SPELT_IN} == {}
    assert len(found["runs/layout.py"]) == len(NAMES) - 1 and found["data/held_out.py"] == ["held_out.npz"]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('run / "checkpoints"', ["checkpoints"]),
        ('FOLDER = "pretrained"', ["pretrained"]),
        ('say(f"{run}: config.json is missing")', ["config.json"]),
        ('origin = "pretrained"', []),
        ('"""Reads config.json."""', []),
    ],
)
def test_spelling_is_seen_where_it_counts(line: str, names: list[str]) -> None:
    assert list(spelt(line)) == names


def test_the_names_on_disk_stay() -> None:
    """Earlier versions' runs are gone on with, and other programs read them."""
    on_disk = {
        *(
            "config.json",
            "versions.json",
            "metrics.csv",
            "tensorboard",
            "tracker.json",
            "checkpoints",
            "damaged",
        ),
        *("pretrained", "held_out.npz", ".lock", "summary.json", "learning_curve.png"),
        "report.html",
        *("maze", "maze.png", "starts", "starts.png"),
        *("sweep.json", "table.md", "members.csv", "sweep.png", "curves.png"),
    }
    assert on_disk == NAMES
