"""Figures of matplotlib as elements of a page: vectors, and of those with very many points pixels."""

from __future__ import annotations

import base64
import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 400_000
"""Characters of a figure as vectors; one that would take more is given as pixels."""
LOOK = {"svg.hashsalt": "pcneuro", "svg.fonttype": "none"}


def svg(figure: Figure, label: str, prefix: str) -> str:
    """A figure as an element of a page of HTML: its names get a ``prefix``, so that several stand on a page."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context(LOOK):  # type: ignore[arg-type]
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    if len(text) > LARGEST:
        return _pixels(figure, label)
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    # Its size is that of the page, and its proportions those of its viewBox.
    for side in ("width", "height"):
        text = re.sub(rf'(<svg [^>]*?) {side}="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'((?:xlink:)?href="|url\()#', rf"\1#{prefix}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)


def _pixels(figure: Figure, label: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    code = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(label)}" src="data:image/png;base64,{code}">'
