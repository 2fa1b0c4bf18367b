"""Shows a policy in MuJoCo's own window: `wsrl view`."""

from wsrl_mjx.cli.view import main

if __name__ == "__main__":
    main()
