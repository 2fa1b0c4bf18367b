"""Makes the page of a run, a sweep or a figure again: `wsrl report`."""

from wsrl_mjx.cli.report import main

if __name__ == "__main__":
    main()
