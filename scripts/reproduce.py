"""Answers one of the paper's questions: `wsrl reproduce`."""

from wsrl_mjx.cli.reproduce import main

if __name__ == "__main__":
    main()
