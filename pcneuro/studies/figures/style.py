"""How figures look. No pyplot: nothing outside a figure is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import matplotlib
import numpy as np
from cycler import cycler

from pcneuro.analysis.plot.arranging import arrange
from pcneuro.analysis.plot.names import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")

DPI = 200
SEQUENCE = "viridis"
"""Map for what has an order; even in lightness, and told apart with any colour vision."""
FEW = 6
"""Up to so many lines have a legend; more of them a colour bar."""
MOST_PANELS = 12
"""So many runs of a sweep are drawn, the first ones."""
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "legend.fontsize": 8,
    "legend.frameon": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.5,
    "figure.constrained_layout.use": True,
    "savefig.dpi": DPI,
    "savefig.bbox": "tight",
}
WIDTH = 7.2
"""Inches: two columns of a journal."""


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures; to be held while they are made and saved."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        yield


def sequence(count: int) -> list[Any]:
    """``count`` colours in order, the palest left out."""
    return list(matplotlib.colormaps[SEQUENCE](np.linspace(0.0, 0.9, max(count, 1))))


def first_panels(panels: Sequence[T]) -> tuple[Sequence[T], str]:
    """As many panels as a figure has room for, and what it then says of the others."""
    left_out = f"the first {MOST_PANELS} of {len(panels)} runs" if len(panels) > MOST_PANELS else ""
    return panels[:MOST_PANELS], left_out


def save(figure: Figure, file: Any, **settings: Any) -> None:
    """Arrange a figure, and write it as ``Figure.savefig`` does; to be called within ``style``."""
    arrange(figure)
    figure.savefig(file, **settings)
