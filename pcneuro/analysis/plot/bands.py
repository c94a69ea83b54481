"""Grey bands: when something was perturbed, in pictures with time as their axis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pcneuro.simulator.perturbations.plan import MARKS

if TYPE_CHECKING:
    import matplotlib.axes

_GREY = "0.86"


def bands(ax: matplotlib.axes.Axes, attributes: Mapping[str, Any]) -> None:
    """Draw a band behind everything for each perturbation among the attributes of a dataset, within the time shown."""
    marks = json.loads(attributes.get(MARKS, "[]"))
    if not marks:
        return
    first, last = ax.get_xlim()
    for mark in marks:
        start, stop = max(float(mark["start"]), first), min(float(mark["stop"]), last)
        if start < stop:
            ax.axvspan(start, stop, color=_GREY, linewidth=0, zorder=0, gid=mark["what"])
    ax.set_xlim(first, last)
