"""The figure of gradients over time: how far they are from backprop's, by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcneuro.studies.figures.style import WIDTH, sequence

if TYPE_CHECKING:
    import xarray


def divergence_figure(
    parameters: Sequence[str], lines: Sequence[tuple[str, str, xarray.Dataset]], tolerances: set[float]
) -> Figure:
    """Distance from the true gradient by iteration, linear and logarithmic, a row of two panels for each parameter.

    A line is a label, the name of its dynamics, and a dataset with ``divergence`` (parameter, time) and ``iteration``.
    """
    figure = Figure(figsize=(WIDTH, 2.6 * len(parameters) + 0.4))
    axes = figure.subplots(len(parameters), 2, squeeze=False)
    labels = list(dict.fromkeys(label for label, _, _ in lines))
    kinds = list(dict.fromkeys(dynamics for _, dynamics, _ in lines))
    colours = dict(zip(labels, sequence(len(labels)), strict=True))
    strokes = dict(zip(kinds, ["-", "--", ":", "-."], strict=False))
    for row, name in enumerate(parameters):
        linear, logarithmic = axes[row]
        for label, dynamics, records in lines:
            distances = np.ma.masked_invalid(records["divergence"].sel(parameter=name).values)
            steps = records["iteration"].values
            look = {"color": colours[label], "linestyle": strokes.get(dynamics, "-"), "label": label}
            linear.plot(steps, distances, **look)
            logarithmic.plot(steps, np.ma.masked_less_equal(distances, 0.0), **look)
        logarithmic.set_yscale("log")
        for value in sorted(tolerances):
            logarithmic.axhline(value, color="0.4", linewidth=0.8, linestyle=":")
        for ax in (linear, logarithmic):
            ax.set_xscale("symlog", linthresh=1.0)
            ax.set_xlim(left=0)
            ax.set_xlabel("iteration")
            ax.set_ylabel(f"|dL/d{name} $-$ backprop|")
    _keys(figure, axes, colours, strokes if len(kinds) > 1 else {})
    return figure


def _keys(figure: Figure, axes: np.ndarray, colours: dict[str, Any], strokes: dict[str, Any]) -> None:
    """One legend beside all panels: colours, then strokes."""
    named = {label: colour for label, colour in colours.items() if label}
    handles = [Line2D([], [], color=colour, label=label) for label, colour in named.items()]
    handles += [Line2D([], [], color="0.3", linestyle=stroke, label=kind) for kind, stroke in strokes.items()]
    handles.append(Line2D([], [], color="0.4", linewidth=0.8, linestyle=":", label="tolerance"))
    figure.legend(handles=handles, loc="outside right upper")
