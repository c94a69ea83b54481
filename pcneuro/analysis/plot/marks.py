"""What pictures of trials have in common: conditions, and lines at onsets and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcneuro.errors import unknown_name
from pcneuro.simulator.protocol.reading import DURATION, TRIAL

if TYPE_CHECKING:
    import matplotlib.axes
    import xarray

_MOST_ENDS = 4
"""So many different durations are marked."""


def labels_of(aligned: xarray.Dataset | xarray.DataArray, by: str | None) -> tuple[np.ndarray, str]:
    """The label of each trial, and what these are; nothing where all are one."""
    columns = [str(name) for name, each in aligned.coords.items() if each.dims == (TRIAL,) and name != TRIAL]
    if by is None and "condition" in columns:
        by = "condition"
    if by is None:
        return np.zeros(aligned.sizes[TRIAL], dtype=np.int64), ""
    if by not in columns:
        raise unknown_name("column of trials", by, columns)
    return aligned[by].values, by


def duration_marks(ax: matplotlib.axes.Axes, aligned: xarray.Dataset | xarray.DataArray) -> None:
    """Lines at the onset and, dashed, at the ends of trials."""
    ax.axvline(0.0, color="0.3", linewidth=0.8)
    ends = np.unique(aligned[DURATION].values) if DURATION in aligned.coords else np.zeros(0)
    for end in ends if len(ends) <= _MOST_ENDS else ():
        ax.axvline(float(end), color="0.3", linewidth=0.8, linestyle="--")
