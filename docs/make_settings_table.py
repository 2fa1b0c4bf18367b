"""Writes the table of what each method leaves unread of the settings: docs/settings_by_method.md.

python docs/make_settings_table.py
"""

from pathlib import Path

from wsrl_mjx.analysis.text import markdown_table
from wsrl_mjx.config import effects
from wsrl_mjx.config.settings import Config, flat_fields

PAGE = Path(__file__).parent / "settings_by_method.md"
PRESET, ENV = "laptop", "pointmaze-umaze"
INTRODUCTION = f"""# Settings by method

Which settings have an effect, with all others as `{ENV}` and the preset {PRESET} have them. Where there is no
`yes`, a setting changes nothing that is trained. Settings that are not listed have an effect in every method.

Asking for a setting without effect is no error: the plan names it, with the reason. Another setting can bring
it to life, as `--offline-steps` does for RLPD.

Written by `python docs/make_settings_table.py`; a test holds it against what the compiled updates read.
"""


def page() -> str:
    """Returns the page."""
    unread = effects.by_method(PRESET, ENV)
    some = [name for name in flat_fields(Config()) if any(name in names for names in unread.values())]
    cells = lambda name: ["" if name in names else "yes" for names in unread.values()]
    table = markdown_table(["setting", *unread], [[f"`{name}`", *cells(name)] for name in some])
    return f"{INTRODUCTION}\n{table}\n"


if __name__ == "__main__":
    PAGE.write_text(page())
