"""Measures what a task's solver budget costs and buys: `python scripts/solver_study.py --env ant`.

For each budget (solver iterations / line-search iterations) it prints what random play does (falls, fastest
joint, non-finite states), how far a control step lands from C MuJoCo's converged solver started in the same
state, and the speed. The tables of docs/environments.md are this script's output.
"""

from dataclasses import dataclass
from typing import Literal

import envs
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.experiments import solver_budgets
from wsrl_mjx.training import runtime

# In C MuJoCo a maze would need its walls moved along, and a peg its controller: tests/envs/test_maze.py and
# test_insertion.py have these comparisons.
TASKS = tuple(name for name in envs.REGISTRY if not ("maze" in name or "insertion" in name))


@dataclass(frozen=True)
class Command:
    """Measure solver budgets."""

    env: Literal[*TASKS]  # pyright: ignore[reportInvalidTypeForm]
    """Task to measure on."""
    integrator: Literal["euler", "rk4"] = "euler"
    budgets: tuple[str, ...] = ("1/4", "2/6", "3/6", "4/8", "8/16")
    """Solver iterations / line-search iterations."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses and measures, a row of the table a budget; bad input ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    runtime.prepare()
    try:
        budgets = [budget(text) for text in command.budgets]
    except ValueError as error:
        fail(str(error))
    played = f"{solver_budgets.ENVS} environments, {solver_budgets.STEPS} random steps"
    print(f"{command.env}, {command.integrator}: {played}\n")
    header = ["budget", *solver_budgets.COLUMNS]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for text, (iterations, ls_iterations) in zip(command.budgets, budgets, strict=True):
        env = envs.make(
            command.env,
            integrator=command.integrator,
            iterations=iterations,
            ls_iterations=ls_iterations,
        )
        print(f"| {' | '.join([text, *solver_budgets.row(env)])} |", flush=True)


def budget(text: str) -> tuple[int, int]:
    """Returns solver iterations and line-search iterations.

    Raises:
        ValueError: a text that is not such as 4/8.
    """
    iterations, _, ls_iterations = text.partition("/")
    if not (iterations.isdecimal() and ls_iterations.isdecimal()):
        raise ValueError(f"budgets must be such as 4/8, got {text!r}")
    return int(iterations), int(ls_iterations)
