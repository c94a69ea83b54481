"""Grey bands and bars: when something was perturbed, in pictures with time as their axis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcneuro.simulator.perturbations.plan import MARKS

if TYPE_CHECKING:
    import matplotlib.axes

_GREY, _BAR = "0.86", "0.55"
_BAR_WIDTH = 4.0  # points


def bands(ax: matplotlib.axes.Axes, attributes: Mapping[str, Any]) -> None:
    """Draw a band behind everything for each perturbation among the attributes of a dataset, within the time shown."""
    first, last = ax.get_xlim()
    for start, stop, what in _spans(attributes, first, last):
        ax.axvspan(start, stop, color=_GREY, linewidth=0, zorder=0, gid=what)
    ax.set_xlim(first, last)


def bars(ax: matplotlib.axes.Axes, attributes: Mapping[str, Any]) -> None:
    """The same as bars along the upper edge, for pictures that leave nothing behind them to be seen."""
    first, last = ax.get_xlim()
    for start, stop, what in _spans(attributes, first, last):
        ax.plot(
            [start, stop],
            [1.0, 1.0],
            transform=ax.get_xaxis_transform(),
            color=_BAR,
            linewidth=_BAR_WIDTH,
            solid_capstyle="butt",
            clip_on=False,
            gid=what,
        )
    ax.set_xlim(first, last)


def _spans(attributes: Mapping[str, Any], first: float, last: float) -> Iterator[tuple[float, float, str]]:
    """Begin, end and name of each perturbation, within the time shown."""
    for mark in json.loads(attributes.get(MARKS, "[]")):
        start, stop = max(float(mark["start"]), first), min(float(mark["stop"]), last)
        if start < stop:
            yield start, stop, mark["what"]
