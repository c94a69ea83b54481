"""Figures of errors over time: against their closed form, and how far they are from equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from pcneuro.analysis.plot.names import COLOURS
from pcneuro.studies.figures.style import FEW, SEQUENCE, WIDTH, first_panels, sequence

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def relaxation_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Errors over time as lines, with the closed form dashed over them; below, the same as a map over the populations.

    A panel is a title and a dataset that ``ErrorRelaxation.dataset`` made.
    """
    panels, left_out = first_panels(panels)
    columns = len(panels)
    mapped = any(records.sizes["vertex"] > 1 and "expected_norm" in records for _, records in panels)
    figure = Figure(figsize=(max(WIDTH, 2.6 * columns) if mapped or columns > 1 else WIDTH / 2, 5.2 if mapped else 2.8))
    figure.supxlabel(left_out, fontsize=8)
    axes = figure.subplots(2 if mapped else 1, columns, squeeze=False)
    image = None
    for column, (title, records) in enumerate(panels):
        share = _share(records, "error_norm")
        end = _end(records["time"].values, share)
        relaxation_lines(axes[0, column], records, share, _share(records, "expected_norm"))
        axes[0, column].set_title(title)
        if mapped:
            image = _wave(axes[1, column], records, share, legend=column == columns - 1)
        axes[0, column].set_ylim(bottom=0)
        for ax in axes[:, column]:
            ax.set_xlim(0 if records["time"].values[0] == 0 else records["time"].values[0], end)
    axes[0, 0].set_ylabel("error / error at equilibrium")
    if image is not None:
        axes[1, 0].set_ylabel("population")
        figure.colorbar(image, ax=list(axes[1]), label="error / error at equilibrium", pad=0.01)
    return figure


def _share(records: xarray.Dataset, variable: str) -> Any:
    """Norms relative to their end, of shape (vertex, time); zero stays zero. None where there is no such variable."""
    if variable not in records:
        return None
    final = records["final_norm"].values[:, None]
    with np.errstate(all="ignore"):
        share = np.where(final > 0, records[variable].values / final, 0.0)
    return np.ma.masked_invalid(share)


def _end(time: np.ndarray, share: np.ndarray) -> float:
    """Where the time axis ends: well behind the point from which on nothing moves visibly, or with the data."""
    moving = np.flatnonzero((np.abs(share - 1) > 0.01).any(axis=0))
    last = time[min(moving[-1] + 1, len(time) - 1)] if len(moving) else time[-1]
    return float(max(min(time[-1], time[0] + (last - time[0]) * 1.6), time[0] + 1e-9))


def relaxation_lines(ax: Axes, records: xarray.Dataset, values: np.ndarray, expected: np.ndarray | None) -> None:
    """A line for each population, the last one first; of many the first, middle and last have their closed form."""
    time = records["time"].values
    order = np.arange(len(values))[::-1]
    many = len(values) > FEW
    colours = sequence(len(values)) if many else COLOURS
    checked = {0, len(values) // 2, len(values) - 1} if many else set(range(len(values)))
    for number, row in enumerate(order):
        ax.plot(time, values[row], color=colours[number], label=str(records["vertex"].values[row]))
    if expected is not None:
        for number in sorted(checked):
            label = f"closed form\n({records['expected_norm'].attrs['closed_form']})" if number == 0 else None
            ax.plot(time, expected[order[number]], color="black", linewidth=0.8, linestyle=(0, (4, 4)), label=label)
    ax.set_xlabel("time (ms)")
    ax.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none", handlelength=1.4)


def _wave(ax: Axes, records: xarray.Dataset, share: np.ndarray, legend: bool) -> Any:
    """Population against time, coloured by how much of the error has arrived; and backprop, one after another."""
    time = records["time"].values
    count = len(share)
    edges = np.concatenate([time[:1], (time[1:] + time[:-1]) / 2, time[-1:]])
    image = ax.pcolormesh(
        edges, np.arange(count + 1) - 0.5, share, cmap=SEQUENCE, vmin=0, vmax=1, rasterized=True, shading="flat"
    )
    if "hops" in records:
        arrival = np.repeat(records["hops"].values / records.attrs["rate"], 2)
        height = np.repeat(np.arange(count), 2) + np.tile([-0.5, 0.5], count)
        ax.plot(arrival, height, color="white", linewidth=2.6)
        ax.plot(arrival, height, color=COLOURS[1], linewidth=1.4, label="backprop,\none population per $\\tau$")
    names = [str(name) for name in records["vertex"].values]
    shown = np.unique(np.linspace(0, count - 1, min(count, 10)).round().astype(int))
    ax.set_yticks(shown, [names[i] for i in shown])
    ax.set_ylim(-0.5, count - 0.5)
    ax.set_xlabel("time (ms)")
    if legend and "hops" in records:
        ax.legend(loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")
    return image


def errors_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Norm of the errors over time, and how far they are from equilibrium; a row for each run of a sweep."""
    panels, left_out = first_panels(panels)
    figure = Figure(figsize=(WIDTH, 2.8 * len(panels)))
    figure.supxlabel(left_out, fontsize=8)
    axes = figure.subplots(len(panels), 2, squeeze=False)
    for (norm, distance), (title, records) in zip(axes, panels, strict=True):
        for ax, kind in ((norm, "error_norm"), (distance, "distance_norm")):
            expected = records.get(f"expected_{kind.replace('error_', '')}")
            relaxation_lines(ax, records, _positive(records[kind], ax is distance), _positive(expected, ax is distance))
            ax.set_xlim(records["time"].values[0], records["time"].values[-1] + 1e-9)
        norm.set_title(title)
        norm.set_ylabel("norm of the error")
        distance.set_ylabel("distance from equilibrium")
        # Where no population is free, none moves.
        if any((np.ma.filled(line.get_ydata(), 0.0) > 0).any() for line in distance.lines):
            distance.set_yscale("log")
    return figure


def _positive(array: xarray.DataArray | None, logarithmic: bool) -> Any:
    """Values to draw: what is not finite is left out and, on a logarithmic axis, what is zero to rounding."""
    if array is None:
        return None
    values = np.ma.masked_invalid(array.values)
    return np.ma.masked_less_equal(values, 1e-14 * values.max() if values.count() else 0.0) if logarithmic else values
