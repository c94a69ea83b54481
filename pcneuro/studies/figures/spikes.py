"""Figures of spikes: rasters, decoded errors against graded ones, and how their difference falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pcneuro.studies.figures.style import COLOURS, FEW, WIDTH, first_panels, sequence

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_ROWS = 8
"""Errors of so many units have a raster."""
SHOWN = 300.0
"""ms of a raster."""


def has_spikes(records: xarray.Dataset) -> bool:
    """Whether there are any spikes among records."""
    return bool(_spiking(records))


def _spiking(records: xarray.Dataset) -> list[str]:
    ending = ".spike_time"
    return [str(name).removesuffix(ending) for name in records.data_vars if str(name).endswith(ending)]


def raster_figure(records: xarray.Dataset) -> Figure:
    """Spikes of the ON and OFF neurons of the first sample's first units, of the first population that has some."""
    vertex = next((name for name in _spiking(records) if records.sizes[f"{name}.spike"]), _spiking(records)[0])
    time, sample, unit, neuron, sign = (
        records[f"{vertex}.spike_{name}"].values for name in ("time", "sample", "unit", "neuron", "sign")
    )
    graded = records[f"{vertex}.graded"].values[0]
    units = np.sort(np.argsort(-np.abs(graded), kind="stable")[:MOST_ROWS])
    figure = Figure(figsize=(WIDTH, 0.7 + 0.62 * len(units)))
    axes = figure.subplots(len(units), 1, sharex=True, squeeze=False)[:, 0]
    most = int(neuron.max(initial=0)) + 1
    for ax, chosen in zip(axes, units, strict=True):
        shown = (sample == 0) & (unit == chosen) & (time <= SHOWN)
        for value, colour in ((1, COLOURS[1]), (-1, COLOURS[0])):
            of = shown & (sign == value)
            ax.scatter(time[of], neuron[of], s=9, marker="|", color=colour, linewidths=0.7, rasterized=True)
        ax.set_ylim(-0.5, most - 0.5)
        ax.set_yticks([])
        ax.set_ylabel(f"unit {chosen}\n{graded[chosen]:+.2g}", rotation=0, ha="right", va="center")
        ax.spines["left"].set_visible(False)
    axes[-1].set_xlabel("time (ms)")
    axes[-1].set_xlim(0, min(SHOWN, float(time.max(initial=1.0))))
    axes[0].set_title(
        f"{vertex}: {most} pairs of neurons a unit, ON red and OFF blue; beside it, its error in the graded circuit",
        loc="left",
    )
    return figure


def decoded_figure(records: xarray.Dataset) -> Figure:
    """Decoded errors of all units against those of graded neurons, a colour a population."""
    names = [str(n).removesuffix(".decoded") for n in records.data_vars if str(n).endswith(".decoded")]
    figure = Figure(figsize=(WIDTH / 2 + 1.0, WIDTH / 2))
    ax = figure.subplots()
    colours: Sequence[Any] = COLOURS if len(names) <= len(COLOURS) else sequence(len(names))
    ends: list[float] = []
    for name, colour in zip(names, colours, strict=False):
        graded, decoded = (records[f"{name}.{kind}"].values.ravel() for kind in ("graded", "decoded"))
        ax.scatter(graded, decoded, s=8, color=colour, alpha=0.6, linewidths=0, label=name)
        ends += [float(graded.min(initial=0.0)), float(graded.max(initial=0.0))]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    ax.plot([low, high], [low, high], color="0.3", linewidth=0.8, zorder=0)
    ax.set_xlabel("error, graded neurons")
    ax.set_ylabel("error, decoded from spikes")
    columns = 1 if len(names) <= 2 * FEW else 2
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=columns, fontsize=8 if columns == 1 else 6)
    return figure


def accuracy_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Relative error of decoded errors and gradients by neurons and by simulated time, and learning where there is any.

    A row for each run of a sweep.
    """
    panels, left_out = first_panels(panels)
    learned = any("spikes_test_accuracy" in records for _, records in panels)
    timed = any("error_by_duration" in records for _, records in panels)
    columns = 1 + timed + learned
    figure = Figure(figsize=(WIDTH if columns > 1 else WIDTH / 2, 2.6 * len(panels) + 0.3))
    figure.supxlabel(left_out, fontsize=8)
    axes = figure.subplots(len(panels), columns, squeeze=False)
    for row, (title, records) in zip(axes, panels, strict=True):
        _falling(row[0], records, "units", "units", "pairs of neurons an error", {-1.0: "1 / x", -0.5: "1 / sqrt(x)"})
        row[0].set_title(title, loc="center")
        if timed:
            _falling(row[1], records, "duration", "window_by_duration", "decoded over (ms)", {-1.0: "1 / x"})
        if learned:
            _learning(row[-1], records)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8 if len(labels) <= 2 * FEW else 6)
    return figure


def _falling(ax: Axes, records: xarray.Dataset, axis: str, place: str, label: str, slopes: Mapping[float, str]) -> None:
    """Errors and the worst gradient against ``place``, and straight lines of these ``slopes``."""
    if f"error_by_{axis}" not in records:
        ax.set_axis_off()
        return
    x, errors = records[place].values, 100 * records[f"error_by_{axis}"].transpose("vertex", axis).values
    names = [str(name) for name in records["vertex"].values]
    colours: Sequence[Any] = COLOURS if len(names) < len(COLOURS) else sequence(len(names))
    look: dict[str, Any] = {"marker": "o", "markersize": 3}
    for name, row, colour in zip(names, errors, colours, strict=False):
        ax.plot(x, np.where(row > 0, row, np.nan), color=colour, linewidth=1, label=f"errors of {name}", **look)
    ax.plot(x, 100 * records[f"worst_gradient_by_{axis}"].values, color="black", label="worst gradient", **look)
    start = 100 * records[f"worst_gradient_by_{axis}"].values[0] * 1.5
    for (slope, name), stroke in zip(slopes.items(), (":", "-."), strict=False):
        if len(x) > 1:
            ax.plot(x, start * (x / x[0]) ** slope, color="0.5", linewidth=0.8, linestyle=stroke, label=name)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(x, [f"{value:g}" for value in x])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(label)
    ax.set_ylabel("relative error (%)")


def _learning(ax: Axes, records: xarray.Dataset) -> None:
    for name, colour, width in (("rates", COLOURS[5], 3.0), ("spikes", "black", 1.0)):
        if f"{name}_test_accuracy" in records:
            values = 100 * records[f"{name}_test_accuracy"].values
            ax.plot(
                records["epoch"].values, values, color=colour, linewidth=width, marker="o", markersize=3, label=name
            )
    ax.set_xlabel("epoch")
    ax.set_ylabel("test accuracy (%)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower right")
