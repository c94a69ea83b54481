"""Figures of what gradients cost: error against synaptic operations, by events and by steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from pcneuro.studies.figures.style import COLOURS, WIDTH, first_panels

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

COLUMNS = 3
MARKERS = "osD^v"
MARGIN = 4
"""Factor by which the axis of operations is wider than the points, for what stands beside them."""
DECADES = 2
"""Every so many decades a threshold is named."""


def pareto_figure(panels: Sequence[tuple[str, xarray.Dataset]], mark: float) -> Figure:
    """Gradient error against synaptic operations a sample: a line a mode with its thresholds, and the clocked engine.

    Further left and down is better; ``mark`` is an error to look at. A panel is a title and a dataset of the task.
    """
    panels, left_out = first_panels(panels)
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    width = WIDTH if columns > 1 else WIDTH / 2
    figure = Figure(figsize=(width, 2.9 * lines + 0.4))
    figure.supxlabel(left_out, fontsize=8)
    axes = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    for number, (ax, (title, records)) in enumerate(zip(axes, panels, strict=False)):
        _pareto(ax, records, mark)
        ax.set_title(title)
        if number % columns == 0:
            ax.set_ylabel("relative gradient error")
        ax.set_xlabel("synaptic operations a sample")
    _limit(axes, [records for _, records in panels], mark)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _pareto(ax: Axes, records: xarray.Dataset, mark: float) -> None:
    clocked = records["clocked.operations"].values, records["clocked.error"].values
    ax.plot(*_positive(*clocked), color="0.35", label="clocked")
    for number, mode in enumerate(records["mode"].values):
        points = records.sel(mode=mode)
        colour = COLOURS[number % len(COLOURS)]
        look: dict[str, Any] = {"marker": MARKERS[number % len(MARKERS)], "markersize": 3.5, "linewidth": 1.0}
        ax.plot(*_positive(points["operations"].values, points["error"].values), color=colour, label=str(mode), **look)
        _name_thresholds(ax, points, colour, last=number == records.sizes["mode"] - 1, ends=records.sizes["mode"] > 2)
    ax.axhline(mark, color="0.6", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    ax.set_xscale("log")
    ax.set_yscale("log")


def _name_thresholds(ax: Axes, points: xarray.Dataset, colour: str, last: bool, ends: bool) -> None:
    """Thresholds theta beside every other decade: of the ``last`` mode above its line, of others below theirs.

    Of more than two modes beside the largest and the smallest only.
    """
    largest, smallest = points["threshold"].values.max(), points["threshold"].values.min()
    place: dict[str, Any] = {"xytext": (4, 3), "ha": "left", "va": "bottom"}
    if not last:
        place = {"xytext": (-4, -4), "ha": "right", "va": "top"}
    for threshold in points["threshold"].values:
        decade = np.log10(threshold)
        point = points.sel(threshold=threshold)
        x, y = float(point["operations"]), float(point["error"])
        if abs(decade - round(decade)) > 0.01 or round(decade) % DECADES or not (x > 0 and y > 0):
            continue
        if ends and threshold not in (largest, smallest):
            continue
        text = f"$\\theta$ = {threshold:g}" if last and threshold == largest else f"{threshold:g}"
        ax.annotate(text, (x, y), textcoords="offset points", color=colour, fontsize=6.5, **place)


def _positive(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a logarithmic axis can show."""
    shown = (x > 0) & (y > 0)
    return x[shown], y[shown]


def _limit(axes: Sequence[Axes], panels: Sequence[xarray.Dataset], mark: float) -> None:
    """Errors down to the smallest by events: what a clocked engine reaches below is beside the point."""
    errors = np.concatenate([records["error"].values.ravel() for records in panels])
    errors = errors[np.isfinite(errors) & (errors > 0)]
    low = min(float(errors.min(initial=np.inf)), mark) / 3
    for ax, records in zip(axes, panels, strict=False):
        ax.set_ylim(low, 2.0)
        x, y = _positive(records["clocked.operations"].values, records["clocked.error"].values)
        counts = np.concatenate([records["operations"].values.ravel(), x[y > low]])
        counts = counts[np.isfinite(counts) & (counts > 0)]
        if counts.size:
            ax.set_xlim(float(counts.min()) / MARGIN, float(counts.max()) * MARGIN)
