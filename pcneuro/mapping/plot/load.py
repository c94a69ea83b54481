"""A chip whose cores are coloured by how full they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.mapping.plot.floor import boxes, canvas, fill, floor_size, places
from pcneuro.mapping.plot.given import axes_of, data_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP = "viridis"
MOST_TEXTS = 64
"""Of up to so many cores each has its share written in it, where it is large enough."""
LETTERS = 0.030
"""Inches by which a letter of one point is wide, about, of three letters."""
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
    from matplotlib.cm import ScalarMappable
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
    bar = ax.figure.colorbar(ScalarMappable(scale, colours), ax=ax, shrink=0.8, aspect=14)
    bar.set_label("fullest limit of a core (%)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return ax


def fullest(data: Any) -> np.ndarray:
    """(cores,): of each core the largest share of a limit that it takes."""
    most = data["most"].values
    known = np.isfinite(most) & (most > 0)
    shares = data["held"].values[known] / most[known, None]
    return shares.max(axis=0, initial=0.0)


def _text_size(ax: Axes, wide: float) -> float:
    """Points of letters that fit into a core; 0 where none do."""
    box = ax.get_position()
    inches = ax.figure.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    across = abs(float(np.diff(ax.get_xlim())[0]))
    down = abs(float(np.diff(ax.get_ylim())[0]))
    tile = min(box.width * inches[0] / across, box.height * inches[1] / down)
    size = tile * wide / LETTERS
    return min(size, 8.0) if size >= 4.5 else 0.0
