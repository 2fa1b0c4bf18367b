"""Measures what a task's solver budget costs and buys: `wsrl solver-study`."""

from wsrl_mjx.cli.solver_study import main

if __name__ == "__main__":
    main()
