"""Experiment: what a function of a user's own has found by simulation, for files and figures of a simulation file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Experiment:
    """What came of an experiment.

    Parameters
    ----------
    numbers
        Name -> number, text, list or dict of them, for ``summary.json`` and the table that is printed.
    records
        Arrays for ``records.nc``.
    draw
        Makes the figures: file name without suffix -> matplotlib figure.

    Examples
    --------
    >>> import xarray
    >>> pcn.Experiment({"errors": 3}, xarray.Dataset()).numbers["errors"]
    3
    """

    numbers: Mapping[str, Any]
    records: xarray.Dataset
    draw: Callable[[], Mapping[str, Figure]] = field(default=dict, repr=False)
