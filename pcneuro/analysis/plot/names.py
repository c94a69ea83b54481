"""Names and colours in pictures."""

from __future__ import annotations

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Of lines and marks: Okabe & Ito (2008), told apart with any colour vision."""
LONGEST = 24
"""Letters of a name that are shown."""


def short(name: str) -> str:
    """A name of ``LONGEST`` letters at most: of a longer one the begin and the end."""
    if len(name) <= LONGEST:
        return name
    half = (LONGEST - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
