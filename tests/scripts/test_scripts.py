"""Every script is a few lines that call its command: what there is to read lies in a package."""

import ast
from pathlib import Path

import pytest

from wsrl_mjx import cli

SCRIPTS = Path(__file__).parents[2] / "scripts"
DEVELOPER_TOOLS = {"benchmark": "benchmarks.command", "torture": "tortures.command"}


def test_every_command_has_a_script() -> None:
    commands = {name.replace("-", "_") for name in cli.COMMANDS}
    assert {path.stem for path in SCRIPTS.glob("*.py")} == commands | DEVELOPER_TOOLS.keys()


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_only_calls_its_command(path: Path) -> None:
    module = DEVELOPER_TOOLS.get(path.stem, f"wsrl_mjx.cli.{path.stem}")
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    body = [ast.unparse(statement) for statement in tree.body[1:]]
    assert body == [f"from {module} import main", "if __name__ == '__main__':\n    main()"]


def test_the_files_behind_them_are_short() -> None:
    for path in SCRIPTS.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path
