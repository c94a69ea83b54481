"""Figures of recorded activity over time: of one run, and of two simulators over one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcneuro.analysis.plot.bands import bands
from pcneuro.analysis.plot.names import COLOURS
from pcneuro.norms import norm
from pcneuro.studies.figures.style import FEW, SEQUENCE, WIDTH, first_panels, sequence

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_UNITS = 24
"""So many units of a population are drawn."""


def records_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Recorded activity of the first sample over time: a row for each record, a column for each run."""
    panels, left_out = first_panels(panels)
    names = list(dict.fromkeys(name for _, records in panels for name in records.data_vars))
    figure = Figure(figsize=(max(WIDTH, 2.6 * len(panels)), max(2.2 * len(names), 2.6)))
    figure.supxlabel(left_out, fontsize=8)
    axes = figure.subplots(len(names), len(panels), squeeze=False)
    for column, (title, records) in enumerate(panels):
        for row, name in enumerate(names):
            ax = axes[row, column]
            if name in records:
                array = records[name]
                time, _, unit = array.dims
                units = records[unit].values[:MOST_UNITS]
                for k, colour in zip(range(len(units)), sequence(len(units)), strict=True):
                    values = np.ma.masked_invalid(array.values[:, 0, k])
                    ax.plot(records[time].values, values, color=colour, label=f"unit {units[k]}", linewidth=1)
                if 1 < len(units) <= FEW and column == len(panels) - 1:
                    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
                bands(ax, records.attrs)
            ax.set_xlabel("time (ms)")
            ax.set_ylabel(str(name).replace(".", " ") if column == 0 else "")
        axes[0, column].set_title(title.replace(", ", "\n"))
    return figure


def overlaid_figure(records: xarray.Dataset) -> Figure:
    """Norms over time of what two simulators recorded, a column a variable, and of their difference."""
    against = records.attrs["against"]
    names = [str(name) for name in records.data_vars if f"{name}.{against}" in records.data_vars]
    vertices = list(dict.fromkeys(name.rpartition(".")[0] for name in names))[:MOST_UNITS]
    variables = list(dict.fromkeys(name.rpartition(".")[2] for name in names))
    figure = Figure(figsize=(WIDTH, 4.5))
    axes = figure.subplots(2, len(variables), sharex=True, squeeze=False)
    colours: Sequence[Any] = COLOURS
    if len(vertices) > len(COLOURS):
        colours = [matplotlib.colormaps[SEQUENCE](x) for x in np.linspace(0, 1, len(vertices))]
    for column, variable in enumerate(variables):
        above, below = axes[:, column]
        differs = False
        for vertex, colour in zip(vertices, colours, strict=False):
            if f"{vertex}.{variable}" in names:
                differs |= _overlaid(above, below, records, f"{vertex}.{variable}", against, colour)
        above.set_title(f"{variable}s")
        below.set_xlabel("time (ms)")
        if differs:
            below.set_yscale("log")
        else:
            below.text(0.5, 0.5, "no difference", ha="center", va="center", transform=below.transAxes)
    axes[0, 0].set_ylabel("norm")
    axes[1, 0].set_ylabel("norm of the difference")
    figure.suptitle(f"kernel (broad) and {against} (dashed)", fontsize=9)
    lines = [Line2D([], [], color=colour) for _, colour in zip(vertices, colours, strict=False)]
    figure.legend(lines, vertices, loc="outside right upper", fontsize=8 if len(vertices) <= 2 * FEW else 6)
    return figure


def _overlaid(above: Axes, below: Axes, records: xarray.Dataset, name: str, against: str, colour: Any) -> bool:
    """Draw one recording by both; returns whether they differ at all."""
    axis, vertex = records[name].dims[0], name.rpartition(".")[0]
    kernel, other = (records[key].transpose(..., axis) for key in (name, f"{name}.{against}"))
    flat = [array.values.reshape(-1, array.shape[-1]) for array in (kernel, other)]
    time, distances = records[axis].values, norm(flat[0] - flat[1], axis=0)
    above.plot(time, norm(flat[0], axis=0), color=colour, linewidth=3.0, alpha=0.4)
    above.plot(time, norm(flat[1], axis=0), color=colour, linestyle="--", linewidth=1.0, label=vertex)
    below.plot(time, np.where(distances > 0, distances, np.nan), color=colour, marker=".", markersize=3, label=vertex)
    return bool((distances > 0).any())
