"""A potential, or its density, over layers and time: a picture for each condition, all with one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcneuro.analysis.lfp import AREA, DEPTH, LAYER, time_of
from pcneuro.analysis.plot.bands import bars
from pcneuro.analysis.plot.marks import duration_marks, labels_of
from pcneuro.errors import ParameterError, check_object, told, unknown_name
from pcneuro.quantities import FINITE, milliseconds
from pcneuro.simulator.protocol.aligned import groups
from pcneuro.simulator.protocol.reading import TRIAL

if TYPE_CHECKING:
    import matplotlib.axes
    import xarray

_WIDTH, _HEIGHT, _BESIDE = 2.3, 2.4, 1.1
"""Of a panel, and of what is beside the panels, in inches."""
_MOST_PANELS = 12


def layers(
    potential: xarray.DataArray, area: str | None = None, *, by: str | None = None, onset: float | None = None
) -> list[matplotlib.axes.Axes]:
    """Draw layers from the pia down, as rows, over time; colours have one scale, which has zero in its middle.

    Of trials it is the mean of each condition, with lines at the onset and, dashed, at the ends of trials; grey bars
    above are where something is perturbed. Layers without a depth are left out, samples are averaged.

    Parameters
    ----------
    potential
        From ``pcn.lfp`` or ``pcn.csd``.
    area
        Which area; the sum over all where it is left out.
    by
        Column of trials whose values are told apart: ``"condition"`` where there is one, else all trials are one.
    onset
        Where a stimulus begins in what is no trial, in ms.

    Returns
    -------
    The axes, one a condition, in a new figure of pyplot. Raises UnknownNameError for areas and columns that there are
    not, ParameterError for what has no layers or no time, and for more conditions than are legible.

    Examples
    --------
    >>> cortex = pcn.passes.apply(circuit, pcn.passes.Laminar(pcn.passes.Scheme.named("bastos_2012")))
    >>> records = pcn.laminar_records(cortex, every=5.0)
    >>> result = pcn.Simulator(cortex).run(100.0, **data, record=records)
    >>> potential = pcn.lfp(pcn.laminar_currents(result.records, cortex))
    >>> type(pcn.plot.layers(potential)).__name__
    'list'
    """
    import xarray
    from matplotlib import pyplot

    check_object("potential", potential, xarray.DataArray)
    if not {LAYER, AREA} <= set(potential.dims) or DEPTH not in potential.coords:
        raise ParameterError("potential has no dimensions 'area' and 'layer': give what pcn.lfp or pcn.csd returned")
    start = None if onset is None else milliseconds("onset", onset, FINITE)
    chosen = _of_area(potential, area)
    panels, times = _panels(chosen, by)
    if len(panels) > _MOST_PANELS:
        raise ParameterError(f"{len(panels)} conditions are more than the {_MOST_PANELS} that are legible: choose by=")
    names = [str(name) for name in chosen[LAYER].values]
    scale = max((float(np.nanmax(np.abs(p), initial=0.0)) for p in panels.values()), default=0.0) or 1.0
    size = _WIDTH * len(panels) + _BESIDE, _HEIGHT
    figure = pyplot.figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0])
    for ax, (label, values) in zip(axes, panels.items(), strict=True):
        rows = np.arange(len(names))
        mesh = ax.pcolormesh(times, rows, values, vmin=-scale, vmax=scale, cmap="RdBu_r", shading="nearest")
        ax.set(xlabel="time from the onset (ms)" if TRIAL in potential.dims else "time (ms)", title=label)
        if TRIAL in potential.dims:
            duration_marks(ax, potential)
        elif start is not None:
            ax.axvline(start, color="0.3", linewidth=0.8)
        bars(ax, potential.attrs)
    axes[0].set(ylim=(len(names) - 0.5, -0.5), yticks=range(len(names)), yticklabels=names)
    unit = potential.attrs.get("units", "a.u.")  # that of the circuit's activities is none
    figure.colorbar(mesh, ax=axes, label=f"{str(potential.name or '').upper()} ({unit})".lstrip())
    return axes


def _of_area(potential: xarray.DataArray, area: str | None) -> xarray.DataArray:
    inside = potential.isel({LAYER: np.flatnonzero(np.isfinite(potential[DEPTH].values))})
    if area is None:
        return inside.sum(AREA, skipna=False)
    known = [str(name) for name in potential[AREA].values]
    if not isinstance(area, str) or area not in known:
        raise unknown_name("area", area if isinstance(area, str) else told(area), known)
    return inside.sel({AREA: area})


def _panels(chosen: xarray.DataArray, by: str | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Label of each panel -> (layers, times); and the times."""
    time = time_of(chosen)
    kept = (TRIAL, LAYER, time) if TRIAL in chosen.dims else (LAYER, time)
    others = [name for name in chosen.dims if name not in kept]
    ordered = chosen.mean(others).transpose(*kept)
    if TRIAL not in chosen.dims:
        return {"": ordered.values}, chosen[time].values
    labels, _ = labels_of(chosen, by)
    means = {f"{n} ({len(rows)})": ordered.values[rows].mean(axis=0) for n, rows in groups(labels).items()}
    return means, chosen[time].values
