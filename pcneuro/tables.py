"""Tables for people to read, as lines of text and as HTML; long ones are abridged in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

LONGEST = 60
"""Rows that a table has at most; the middle of a longer one is left out."""
WIDEST = 26
"""Letters that a cell has at most, where nothing else is said."""


def shortened(text: str, width: int = WIDEST) -> str:
    """A text of at most so many letters."""
    return text if len(text) <= width else text[: width - 3] + "..."


def aligned(
    heads: Sequence[str], rows: Sequence[Sequence[str]], right: str, widest: int = WIDEST, longest: int = LONGEST
) -> list[str]:
    """Lines of a table; ``right`` has an ``r`` for each column that is aligned to the right."""
    half = longest // 2
    left_out = len(rows) - longest
    shown = [*rows[:half], *rows[-half:]] if left_out > 0 else rows
    cells = [[shortened(cell, widest) for cell in row] for row in (heads, *shown)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = [
        "  ".join(c.rjust(w) if r == "r" else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]
    if left_out > 0:
        lines.insert(1 + half, f"... {left_out:,} more ...")
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def html(heading: str, heads: Sequence[str], rows: Sequence[Sequence[str]], longest: int = LONGEST) -> str:
    """A heading line and a table for notebooks, whose theme gives the colours; all text is escaped."""
    half = longest // 2
    left_out = len(rows) - longest
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    if left_out > 0:
        lines = [*lines[:half], f'<td colspan="{len(heads)}">... {left_out:,} more ...</td>', *lines[-half:]]
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div><p>{escape(heading)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
