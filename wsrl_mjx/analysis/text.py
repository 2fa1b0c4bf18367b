"""Numbers as people read them, one by one and in tables."""

from collections.abc import Iterable, Sequence

from wsrl_mjx.analysis.statistics import Estimate


def duration(seconds: float) -> str:
    """Returns a short text, such as 45 s, 3:05 or 2:10:00."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    return f"{hours}:{minutes % 60:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def counted(count: int, noun: str) -> str:
    """Returns a number of things as text, such as 1 seed or 2 seeds."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def size(count: float) -> str:
    """Returns a number of bytes as text, such as 52 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the last unit takes any number")


def with_interval(estimate: Estimate, digits: str) -> str:
    """Returns a single estimate and its bounds as text, such as 61.2 [55.0, 66.9].

    Args:
        estimate: of one number.
        digits: how a number is written, as in a format string: ".1f".
    """
    value, low, high = (format(float(number), digits) for number in estimate)
    return f"{value} [{low}, {high}]"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table in Markdown, without a line break at its end."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
