"""A chip whose cores are coloured by how full they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.mapping.plot.arguments import axes_of, data_of
from pcneuro.mapping.plot.floor import boxes, canvas, colour_bar, fill, floor_size, inches_a_tile, places

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP = "viridis"
MOST_TEXTS = 64
"""Of up to so many cores each has its share written in it, where it is large enough."""
LETTERS = 0.030
"""Inches by which a letter of one point is wide, about, of three letters."""
SMALLEST_TEXT, LARGEST_TEXT = 4.5, 8.0
"""Points."""
BRIGHT = 0.55
"""Share from which on text on the map is dark."""


def load(mapping: Any, ax: Axes | None = None) -> Axes:
    """Draw the chip, each core in the colour of the fullest of its limits; returns the axes.

    Parameters
    ----------
    mapping
        From ``pcn.map_circuit`` or ``Mapping.read``.
    ax
        Axes of matplotlib; None for a new figure of pyplot.

    Raises ParameterError for what is no mapping, or no axes.
    """
    data = data_of(mapping)
    ax = axes_of(ax, floor_size(data))
    floor = canvas(data, ax)
    shares = fullest(data)
    import matplotlib
    from matplotlib.colors import Normalize

    scale, colours = Normalize(0.0, 100.0), matplotlib.colormaps[MAP]
    left, bottom = places(data, floor)
    wide, high = floor.field()
    fill(ax, boxes(left, bottom, wide, high), colours(scale(100 * shares)), edgecolors="none")
    size = _text_size(ax, wide)
    if len(shares) <= MOST_TEXTS and size:
        for x, y, share in zip(left, bottom, shares, strict=True):
            colour = "black" if share > BRIGHT else "white"
            middle = x + wide / 2, y + high / 2
            ax.text(*middle, f"{100 * share:.0f}", ha="center", va="center", fontsize=size, color=colour)
    colour_bar(ax, scale, colours, "fullest limit of a core (%)")
    return ax


def fullest(data: Any) -> np.ndarray:
    """(cores,): of each core the largest share of a limit that it takes."""
    most = data["most"].values
    known = np.isfinite(most) & (most > 0)
    shares = data["held"].values[known] / most[known, None]
    return shares.max(axis=0, initial=0.0)


def _text_size(ax: Axes, wide: float) -> float:
    """Points of letters that fit into a core; 0 where none do that can be read."""
    size = inches_a_tile(ax) * wide / LETTERS
    return min(size, LARGEST_TEXT) if size >= SMALLEST_TEXT else 0.0
