"""What pictures of mappings are given: the mapping, and axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcneuro.errors import ParameterError, told
from pcneuro.mapping.abstract_mapping import AbstractMapping

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def data_of(mapping: Any) -> xarray.Dataset:
    """The dataset of a mapping. Raises ParameterError for anything else."""
    if not isinstance(mapping, AbstractMapping):
        raise ParameterError(f"mapping is {told(mapping)}; give what pcn.map_circuit returned")
    return mapping.data


def axes_of(ax: Any, size: tuple[float, float]) -> Axes:
    """Axes: those that are given, or new ones of pyplot, of so many inches. Raises ParameterError for anything else."""
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot

        return pyplot.figure(figsize=size, layout="constrained").add_subplot()
    if not isinstance(ax, Axes):
        raise ParameterError(f"ax is {told(ax)}; give axes of matplotlib, or None for a new figure")
    return ax
