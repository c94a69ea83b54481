"""How figures look, and those that several tasks share. No pyplot: nothing outside a figure is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcneuro.analysis.plot.colours import COLOURS

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

    from pcneuro.circuit.circuit import Circuit

DPI = 200
SEQUENCE = "viridis"
"""Map for what has an order; even in lightness, and told apart with any colour vision."""
FEW = 6
"""Up to so many lines have a legend; more of them a colour bar."""
MOST_UNITS = 24
"""So many units of a population are drawn."""
MOST_VERTICES = 24
"""Circuits of up to so many vertices are drawn."""
MOST_PANELS = 12
"""So many runs of a sweep are drawn, the first ones."""
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "legend.fontsize": 8,
    "legend.frameon": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.5,
    "figure.constrained_layout.use": True,
    "savefig.dpi": DPI,
    "savefig.bbox": "tight",
}
WIDTH = 7.2
"""Inches: two columns of a journal."""


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures; to be held while they are made and saved."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        yield


def sequence(count: int) -> list[Any]:
    """``count`` colours in order, the palest left out."""
    return list(matplotlib.colormaps[SEQUENCE](np.linspace(0.0, 0.9, max(count, 1))))


def panel_letters(axes: Sequence[Axes]) -> None:
    """a, b, c, ... at the upper left corners, for captions to refer to."""
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
        ax.set_title(letter, loc="left", fontweight="bold")


def relaxation_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Errors over time as lines, with the closed form dashed over them; below, the same as a map over the populations.

    A panel is a title and a dataset that ``Relaxation.dataset`` made.
    """
    panels = panels[:MOST_PANELS]
    columns = len(panels)
    mapped = any(records.sizes["vertex"] > 1 and "expected_norm" in records for _, records in panels)
    figure = Figure(figsize=(max(WIDTH, 2.6 * columns) if mapped or columns > 1 else WIDTH / 2, 5.2 if mapped else 2.8))
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
    panel_letters(list(axes.flat))
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
    """A line for each population, the last one first; with many of them the first, middle and last are named."""
    time = records["time"].values
    order = np.arange(len(values))[::-1]
    many = len(values) > FEW
    colours = sequence(len(values)) if many else COLOURS
    named = {0, len(values) // 2, len(values) - 1} if many else set(range(len(values)))
    for number, row in enumerate(order):
        label = str(records["vertex"].values[row]) if number in named else None
        ax.plot(time, values[row], color=colours[number], label=label)
    if expected is not None:
        for number in sorted(named):
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
            away = np.ma.masked_invalid(records["divergence"].sel(parameter=name).values)
            steps = records["iteration"].values
            look = {"color": colours[label], "linestyle": strokes.get(dynamics, "-")}
            linear.plot(steps, away, **look)
            logarithmic.plot(steps, np.ma.masked_less_equal(away, 0.0), **look)
        logarithmic.set_yscale("log")
        for value in sorted(tolerances):
            logarithmic.axhline(value, color="0.4", linewidth=0.8, linestyle=":")
        for ax in (linear, logarithmic):
            ax.set_xscale("symlog", linthresh=1.0)
            ax.set_xlim(left=0)
            ax.set_xlabel("iteration")
            ax.set_ylabel(f"|dL/d{name} $-$ backprop|")
    _keys(figure, axes, colours, strokes if len(kinds) > 1 else {})
    panel_letters(list(axes.flat))
    return figure


def _keys(figure: Figure, axes: np.ndarray, colours: dict[str, Any], strokes: dict[str, Any]) -> None:
    """One legend beside all panels: colours, then strokes."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, label=label) for label, colour in colours.items() if label]
    handles += [Line2D([], [], color="0.3", linestyle=stroke, label=kind) for kind, stroke in strokes.items()]
    handles.append(Line2D([], [], color="0.4", linewidth=0.8, linestyle=":", label="tolerance"))
    figure.legend(handles=handles, loc="outside right upper")


def errors_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Norm of the errors over time, and how far they are from equilibrium; a row for each run of a sweep."""
    panels = panels[:MOST_PANELS]
    figure = Figure(figsize=(WIDTH, 2.8 * len(panels)))
    axes = figure.subplots(len(panels), 2, squeeze=False)
    for (norm, distance), (title, records) in zip(axes, panels, strict=True):
        for ax, kind in ((norm, "error_norm"), (distance, "distance_norm")):
            expected = records.get(f"expected_{kind.replace('error_', '')}")
            relaxation_lines(ax, records, _positive(records[kind], ax is distance), _positive(expected, ax is distance))
            ax.set_xlim(records["time"].values[0], records["time"].values[-1] + 1e-9)
        norm.set_title(title)
        norm.set_ylabel("norm of the error")
        distance.set_ylabel("distance from equilibrium")
        distance.set_yscale("log")
        distance.get_legend().remove()
    panel_letters(list(axes.flat))
    return figure


def _positive(array: xarray.DataArray | None, logarithmic: bool) -> Any:
    """Values to draw: what is not finite is left out and, on a logarithmic axis, what is zero to rounding."""
    if array is None:
        return None
    values = np.ma.masked_invalid(array.values)
    return np.ma.masked_less_equal(values, 1e-14 * values.max() if values.count() else 0.0) if logarithmic else values


def learning_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Losses, test accuracy where there is one, and distance of gradients by epoch; a row for each run of a sweep.

    A line is the mean over seeds for one source of gradients, a band its standard error.
    """
    panels = panels[:MOST_PANELS]
    judged = any(bool(np.isfinite(records["test_accuracy"]).any()) for _, records in panels)
    figure = Figure(figsize=(WIDTH, 2.5 * len(panels)))
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
    panel_letters(list(axes.flat))
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
        away = np.ma.masked_invalid(records["relative_error"].sel(parameter=name).values).mean(axis=0)
        away = np.ma.masked_less_equal(away, 0)
        ax.plot(records["epoch"].values, away, color=colour, linewidth=1, label=None if many else name)
    ax.set_yscale("log")
    ax.set_ylabel("gradient error (relative)")
    if many:
        ax.set_title("a line for each parameter", fontsize=8)
    elif names:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.0, labelspacing=0.3)


def values_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Parameters that are single numbers by epoch, and their true values: a column each, a row for each run."""
    panels = panels[:MOST_PANELS]
    names = [str(name) for name in panels[0][1]["scalar"].values]
    figure = Figure(figsize=(max(WIDTH, 2.4 * len(names)), 2.6 * len(panels)))
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
    panel_letters(list(axes.flat))
    return figure


def records_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Recorded activity of the first sample over time: a row for each record, a column for each run."""
    panels = panels[:MOST_PANELS]
    names = list(dict.fromkeys(name for _, records in panels for name in records.data_vars))
    figure = Figure(figsize=(max(WIDTH, 2.6 * len(panels)), max(2.2 * len(names), 2.6)))
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
            ax.set_xlabel("time (ms)")
            ax.set_ylabel(str(name).replace(".", " ") if column == 0 else "")
        axes[0, column].set_title(title)
    panel_letters(list(axes.flat))
    return figure


def readable_circuit(circuit: Circuit) -> dict[str, Figure]:
    """The circuit's drawing by its name; none of a circuit that is too large for one to be read."""
    return {"circuit": circuit_figure(circuit)} if len(circuit.vertices) <= MOST_VERTICES else {}


def circuit_figure(circuit: Circuit) -> Figure:
    """The circuit's own drawing."""
    figure = Figure(figsize=(WIDTH, 4.0))
    figure.set_layout_engine("none")
    circuit.draw(figure.add_axes((0.0, 0.0, 1.0, 1.0)))
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
        above.set_title(f"{variable}s", loc="left")
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
    axis = records[name].dims[0]
    own, other = (records[key].transpose(..., axis) for key in (name, f"{name}.{against}"))
    flat = [array.values.reshape(-1, array.shape[-1]) for array in (own, other)]
    time, away = records[axis].values, np.linalg.norm(flat[0] - flat[1], axis=0)
    above.plot(time, np.linalg.norm(flat[0], axis=0), color=colour, linewidth=3.0, alpha=0.4)
    above.plot(time, np.linalg.norm(flat[1], axis=0), color=colour, linestyle="--", linewidth=1.0)
    below.plot(time, np.where(away > 0, away, np.nan), color=colour, marker=".", markersize=3)
    return bool((away > 0).any())
