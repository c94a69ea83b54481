"""Figures of learning: losses, accuracies and distances of gradients by epoch, and parameters with a true value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from pcneuro.analysis.plot.names import COLOURS
from pcneuro.studies.figures.style import FEW, WIDTH, first_panels, sequence

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def learning_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Losses, test accuracy where there is one, and distance of gradients by epoch; a row for each run of a sweep.

    A line is the mean over seeds for one source of gradients, a band its standard error.
    """
    panels, left_out = first_panels(panels)
    judged = any(bool(np.isfinite(records["test_accuracy"]).any()) for _, records in panels)
    figure = Figure(figsize=(WIDTH, 2.5 * len(panels)))
    figure.supxlabel(left_out, fontsize=8)
    axes = figure.subplots(len(panels), 3, squeeze=False)
    for (first, second, third), (title, records) in zip(axes, panels, strict=True):
        each = "time step" if records.attrs["rows"] > 1 else "sample"
        first.set_title(title)
        _curve(first, records, "train_loss", 1 / records.attrs["rows"], f"training loss a {each}")
        if judged:
            _curve(second, records, "test_accuracy", 100, "test accuracy (%)")
        else:
            _curve(second, records, "test_loss", 1 / records.attrs["rows"], f"test loss a {each}")
        first.legend(loc="upper right")
        _distances(third, records)
        for ax in (first, second, third):
            ax.set_xlabel("epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _curve(ax: Axes, records: xarray.Dataset, column: str, scale: float, label: str) -> None:
    """Mean and standard error over seeds, a line for each source."""
    epochs = records["epoch"].values
    for number, source in enumerate(records["source"].values):
        # The second lies on the first, as a rule: so the first is wide and pale.
        look: dict[str, Any] = (
            {"color": COLOURS[5], "linewidth": 4, "solid_capstyle": "round"}
            if number == 0
            else {"color": "black", "linewidth": 1, "marker": "o", "markersize": 2.5}
        )
        chosen = scale * np.ma.masked_invalid(records[column].isel(source=number).transpose("seed", "epoch").values)
        mean = chosen.mean(axis=0)
        ax.plot(epochs, mean, label=str(source), **look)
        if len(chosen) > 1:
            error = chosen.std(axis=0, ddof=1) / np.sqrt(chosen.count(axis=0))
            ax.fill_between(epochs, mean - error, mean + error, color=look["color"], alpha=0.25, linewidth=0)
    ax.set_ylabel(label)


def _distances(ax: Axes, records: xarray.Dataset) -> None:
    """Relative distance of every parameter's gradient from backprop's; the mean over seeds."""
    names = [str(name) for name in records["parameter"].values]
    many = len(names) > 2 * FEW
    for name, colour in zip(names, sequence(len(names)), strict=True):
        errors = np.ma.masked_invalid(records["relative_error"].sel(parameter=name).values).mean(axis=0)
        errors = np.ma.masked_less_equal(errors, 0)
        ax.plot(records["epoch"].values, errors, color=colour, linewidth=1, label=None if many else name)
    ax.set_yscale("log")
    ax.set_ylabel("gradient error (relative)")
    if many:
        ax.set_title("a line for each parameter", fontsize=8)
    elif names:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.0, labelspacing=0.3)


def values_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Parameters that are single numbers by epoch, and their true values: a column each, a row for each run."""
    panels, left_out = first_panels(panels)
    names = [str(name) for name in panels[0][1]["scalar"].values]
    figure = Figure(figsize=(max(WIDTH, 2.4 * len(names)), 2.6 * len(panels)))
    figure.supxlabel(left_out, fontsize=8)
    axes = figure.subplots(len(panels), len(names), squeeze=False)
    for row, (title, records) in zip(axes, panels, strict=True):
        for ax, name in zip(row, names, strict=True):
            chosen = records.sel(scalar=name)
            for seed in range(records.sizes["seed"]):
                for number, source in enumerate(records["source"].values):
                    values = np.ma.masked_invalid(chosen["value"].isel(seed=seed, source=number).values)
                    colour, width = (COLOURS[5], 3) if number == 0 else ("black", 1)
                    label = None if seed else str(source)
                    ax.plot(records["epoch"].values, values, label=label, color=colour, linewidth=width)
            if np.isfinite(chosen["truth"]):
                ax.axhline(float(chosen["truth"]), color=COLOURS[1], linewidth=1, linestyle="--", label="true value")
            ax.set_xlabel("epoch")
            ax.set_ylabel(name)
            ax.xaxis.get_major_locator().set_params(integer=True)
        row[0].set_title(title)
        row[-1].legend(loc="best")
    return figure
