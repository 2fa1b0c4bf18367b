"""What a run can be told to start from, as it is typed."""

from pathlib import Path

from wsrl_mjx.runs import layout

SHIPPED, NOT_SHIPPED = Path("shipped"), Path("none")  # in place of a run's folder
CARD = "card.json"  # where it is, the folder holds a shipped pretraining


def is_item(place: Path) -> bool:
    """Returns whether a folder holds a shipped pretraining, and not a run."""
    return (place / CARD).is_file()


def check(source: Path | None) -> None:
    """Checks that there is something to start from at `source`, before anything is imported that computes.

    Raises:
        ValueError: a folder with neither.
    """
    if source in (None, SHIPPED, NOT_SHIPPED) or is_item(source) or (source / layout.PRETRAINED).is_dir():
        return
    raise ValueError(f"pretrained {source} is neither a run with a finished pretraining nor a shipped one")
