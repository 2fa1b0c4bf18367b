"""Shows an episode of a policy: `wsrl render`."""

from wsrl_mjx.cli.render import main

if __name__ == "__main__":
    main()
