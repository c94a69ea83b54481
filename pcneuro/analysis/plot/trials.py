"""Trials of a protocol as a picture: mean and standard error by condition, over the time from the onset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcneuro.analysis.plot.bands import bands
from pcneuro.analysis.plot.marks import duration_marks, labels_of
from pcneuro.analysis.plot.names import COLOURS
from pcneuro.circuit.abstract_property import ERROR
from pcneuro.errors import ParameterError, check_object, told, unknown_name
from pcneuro.quantities import whole
from pcneuro.recording.probe import PARAMETER
from pcneuro.simulator.protocol.aligned import groups, mean_and_error
from pcneuro.simulator.protocol.reading import TRIAL

if TYPE_CHECKING:
    import matplotlib.axes
    import xarray

_SIZE = 5.4, 3.2  # inches
_BAND = 0.25
"""Opacity of a standard error."""
_BESIDE = 1.0, 1.0
"""The upper left corner of the legend, in the axes' own units."""


def trials(
    aligned: xarray.Dataset,
    variable: str | None = None,
    *,
    by: str | None = None,
    unit: int | None = None,
    ax: matplotlib.axes.Axes | None = None,
) -> matplotlib.axes.Axes:
    """Draw the mean over the trials of each condition, with its standard error as a band.

    Lines stand at the onset and, dashed, at the ends of trials; grey bands where trials are perturbed.

    Parameters
    ----------
    aligned
        From ``Protocol.aligned``.
    variable
        Which of its variables, such as ``"h1.error"``; the first where it is left out.
    by
        Column of trials whose values are told apart: ``"condition"`` where there is one, else all trials are one.
    unit
        Index along the units; None for the mean over them, of errors over their absolute values, as those of both signs
        would cancel. Samples are averaged.
    ax
        Axes to draw into; those of a new figure of pyplot where there are none.

    Returns
    -------
    The axes. Raises UnknownNameError for variables and columns that there are not, ParameterError for what is not
    aligned, no axes, and a unit that there is not.
    """
    import xarray
    from matplotlib.axes import Axes

    check_object("aligned", aligned, xarray.Dataset)
    names = [str(name) for name, array in aligned.data_vars.items() if array.dims[:1] == (TRIAL,)]
    if not names:
        raise ParameterError("aligned has no variables by trial: give what protocol.aligned(result) returned")
    variable = names[0] if variable is None else variable
    if variable not in names:
        raise unknown_name("variable of trials", variable, names)
    if ax is not None and not isinstance(ax, Axes):
        raise ParameterError(f"ax is {told(ax)}; give axes of matplotlib, or None for a new figure")
    labels, legend = labels_of(aligned, by)
    lines, what = _lines(aligned[variable], unit)
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(figsize=_SIZE, layout="constrained").add_subplot()
    time = aligned[aligned[variable].dims[1]].values
    for number, (label, rows) in enumerate(groups(labels).items()):
        colour, chosen = COLOURS[number % len(COLOURS)], lines[rows]
        average, error = mean_and_error(chosen)
        name = f"{label} ({len(rows)})" if legend else f"{len(rows)} trials"
        ax.plot(time, average, color=colour, label=name, linewidth=1.5)
        if len(rows) > 1:
            ax.fill_between(time, average - error, average + error, color=colour, alpha=_BAND, linewidth=0)
    duration_marks(ax, aligned)
    bands(ax, aligned.attrs)
    ax.set_xlabel("time from the onset (ms)")
    ax.set_ylabel(what)
    # Beside the axes: the lines are all over them.
    ax.legend(
        title=legend or None, loc="upper left", bbox_to_anchor=_BESIDE, fontsize=8, title_fontsize=8, frameon=False
    )
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def _lines(array: xarray.DataArray, unit: int | None) -> tuple[np.ndarray, str]:
    """A line for each trial, (trials, times), of one unit, or the mean of all; and what it is."""
    what, variable = str(array.name).replace(".", " "), str(array.name).rpartition(".")[2]
    # Entries of a parameter may have several axes; all else has one of units, behind that of samples.
    own = 2 if variable == PARAMETER else max(array.ndim - 1, 2)
    values = array.values.reshape(*array.shape[:2], -1, int(np.prod(array.shape[own:])))
    units = values.shape[-1]
    if unit is not None:
        unit = whole("unit", unit, 0, units - 1)
        return values[..., unit].mean(axis=-1), f"{what}, unit {unit}"
    if units > 1:
        if variable == ERROR:
            values, what = np.abs(values), f"|{what}|"
        what = f"{what}\n(mean of {units} {'entries' if variable == PARAMETER else 'units'})"
    return values.mean(axis=(-2, -1)), what
