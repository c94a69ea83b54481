"""Equations as MathML, which browsers show by themselves: the site needs no network, and screen readers read it."""

from __future__ import annotations

from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def inline(writer: Any, node: Any) -> None:
    """An equation within a line."""
    writer.body.append(convert(node.astext(), display="inline"))
    raise SkipNode


def display(writer: Any, node: Any) -> None:
    """An equation in lines of its own."""
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise SkipNode


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
