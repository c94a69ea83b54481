"""Parts of a report as HTML. What they are given is text, which they escape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any


def tiles(rows: Sequence[tuple[str, str]]) -> str:
    """The main numbers, each large, with what it is below."""
    made = "".join(f"<div><b>{escape(number)}</b><span>{escape(what)}</span></div>" for number, what in rows)
    return f'<div class="tiles">{made}</div>' if rows else ""


def note(text: str) -> str:
    """A line that stands out."""
    return f'<p class="note">{escape(text)}</p>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], label: str, right: str = "") -> str:
    """A table. ``right`` has a letter for each column, ``r`` where it is set to the right; by default numbers are."""
    right = right or "".join("r" if _numeric(rows, k) else "l" for k in range(len(columns)))
    classes = [' class="r"' if side == "r" else "" for side in right]

    def line(tag: str, cells: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        return "".join(f"<{tag}{scope}{c}>{escape(t)}</{tag}>" for c, t in zip(classes, cells, strict=True))

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return wide(label, f"<table><thead><tr>{line('th', columns)}</tr></thead><tbody>{body}</tbody></table>")


def _numeric(rows: Sequence[Sequence[str]], column: int) -> bool:
    cells = [row[column].strip(" %") for row in rows]
    return bool(cells) and all(cell in ("", "-") or _number(cell) for cell in cells) and any(map(_number, cells))


def _number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def wide(label: str, content: str) -> str:
    """HTML that scrolls by itself where it is wider than the page, by keys, too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(label)}">{content}</div>'


def facts(known: Mapping[str, Any], label: str) -> str:
    """Nested settings as a table of dotted keys and their values."""
    rows = [(key, _shown(value)) for key, value in _flat(known)]
    return table(("key", "value"), rows, label, "ll")


def _flat(known: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in known.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


LONGEST = 300


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"


def lines(text: str, label: str) -> str:
    """Text as it is, such as commands."""
    return f'<pre tabindex="0" role="region" aria-label="{escape(label)}">{escape(text)}</pre>'


def picture(content: str, caption: str, label: str) -> str:
    """A figure, which is HTML, with its caption."""
    return f"<figure>{wide(f'picture: {label}', content)}<figcaption>{escape(caption)}</figcaption></figure>"
