"""`python -m wsrl_mjx` is `wsrl`."""

from wsrl_mjx.cli import main

if __name__ == "__main__":
    main()
