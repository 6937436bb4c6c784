"""The line that a problem is about, with a mark under the place."""

import unicodedata

WIDTH_MAX = 100


def excerpt(line: str, column: int, end_column: int) -> str:
    """The line, and below it a mark from `column` up to `end_column`, from 1; of a long line the part around it."""
    start = max(0, column - 1 - WIDTH_MAX // 2) if len(line) > WIDTH_MAX else 0
    visible = "".join(c if c.isprintable() else " " if c == "\t" else "·" for c in line[start : start + WIDTH_MAX])
    before = visible[: column - 1 - start]
    marked = visible[len(before) : end_column - 1 - start]
    return f"{visible}\n{' ' * _columns(before)}^{'~' * (_columns(marked) - 1)}"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: East Asian characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
