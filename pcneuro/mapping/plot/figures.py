"""All pictures of a mapping as figures that are not pyplot's: for reports and for folders of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pcneuro.mapping.plot.arguments import data_of
from pcneuro.mapping.plot.energy import SIZE, energy
from pcneuro.mapping.plot.floor import floor_size
from pcneuro.mapping.plot.links import links
from pcneuro.mapping.plot.load import load
from pcneuro.mapping.plot.populations import populations, populations_size

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PICTURES: Mapping[str, tuple[Callable[..., Axes], Callable[[xarray.Dataset], tuple[float, float]]]] = {
    "populations": (populations, populations_size),
    "load": (load, floor_size),
    "links": (links, floor_size),
    "energy": (energy, lambda data: SIZE),
}


def figures(mapping: Any) -> dict[str, Figure]:
    """Name -> figure. Raises ParameterError for what is no mapping."""
    from matplotlib.figure import Figure

    data = data_of(mapping)
    made = {}
    for name, (draw, size) in _PICTURES.items():
        made[name] = Figure(figsize=size(data), layout="constrained")
        draw(mapping, made[name].add_subplot())
    return made
