"""Names beside pictures."""

from __future__ import annotations

LONGEST = 24
"""Letters of a name that are shown."""


def short(name: str) -> str:
    """A name of ``LONGEST`` letters at most: of a longer one the begin and the end."""
    if len(name) <= LONGEST:
        return name
    half = (LONGEST - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
