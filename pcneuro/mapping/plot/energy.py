"""Energy of a sample and of a gradient, by part, from the lowest price that is known to the highest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.plot.names import COLOURS
from pcneuro.mapping.formatting import counts_only, joule, joule_scale, no_energy, not_priced
from pcneuro.mapping.plot.arguments import axes_of, data_of
from pcneuro.mapping.schema import BOUNDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 7.2, 2.6
"""Inches of a new figure."""
BAR, GAP = 0.8, 0.3
"""How high a bar is, and how far those of a gradient are from those of a sample, in places of bars."""
ROOM = 1.18
"""By how much the axis is longer than the longest bar, for the number at its end."""


def energy(mapping: Any, ax: Axes | None = None) -> Axes:
    """Draw energies as stacks: a sample and a gradient, each with the lowest and the highest price of every part.

    What has no price is not in them; of a chip without prices there is a line that says so. Returns the axes.

    Parameters
    ----------
    mapping
        From ``pcn.map_circuit`` or ``Mapping.read``.
    ax
        Axes of matplotlib; None for a new figure of pyplot.

    Raises ParameterError for what is no mapping, or no axes.
    """
    data, ax = data_of(mapping), axes_of(ax, SIZE)
    bars = {
        f"{what}, {bound}": data[name].sel(bound=bound).values
        for what, name in (("a sample", "energy"), ("a gradient", "energy_gradient"))
        for bound in BOUNDS
    }
    totals = np.array([np.nansum(parts) for parts in bars.values()])
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    if counts_only(data):
        ax.set_axis_off()
        ax.text(0.5, 0.5, no_energy(data), ha="center", va="center", transform=ax.transAxes, fontsize=9)
        return ax
    factor, unit = joule_scale(float(totals.max()))
    places = np.arange(len(bars)) + np.repeat([0.0, GAP], 2)
    begin = np.zeros(len(bars))
    for number, part in enumerate(str(name) for name in data["part"].values):
        values = np.nan_to_num(np.array([parts[number] for parts in bars.values()])) * factor
        if values.any():
            colour = COLOURS[number % len(COLOURS)]
            ax.barh(places, values, BAR, left=begin, color=colour, label=part)
            begin += values
    for place, total in zip(places, totals, strict=True):
        ax.text(total * factor, place, f" {joule(float(total))}", va="center", fontsize=8)
    ax.set_yticks(places, list(bars), fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(0.0, (float(totals.max()) or 1.0) * factor * ROOM)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=7)
    missing = not_priced(data)
    ax.set_xlabel(f"energy ({unit})" + (f"; no price: {', '.join(missing)}" if missing else ""), fontsize=8)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(data["part"]), fontsize=7, frameon=False)
    return ax
