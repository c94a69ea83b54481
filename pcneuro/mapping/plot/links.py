"""The mesh of a chip: how many packets go through each link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.mapping.plot.arguments import axes_of, data_of
from pcneuro.mapping.plot.floor import EDGE, EMPTY, Floor, boxes, colour_bar, fill, floor_size, frame

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MAP, PALEST = "YlOrRd", 0.3
"""The map of colours, and where on it no packets are: what is paler is not seen on white."""
STEPS = 256
TILE = 0.36
"""Share of its place that a tile takes."""
APART = 0.11
"""Distance of the two directions of a link from its middle, in tiles."""
THIN, THICK = 0.5, 3.5
"""Points of a link without packets, and of the busiest."""


def links(mapping: Any, ax: Axes | None = None) -> Axes:
    """Draw the tiles, and each link between neighbours in the colour and width of its packets in a sample.

    Of the two directions that on the right of its way is the one that leads there, as on a road. Returns the axes.

    Parameters
    ----------
    mapping
        From ``pcn.map_circuit`` or ``Mapping.read``.
    ax
        Axes of matplotlib; None for a new figure of pyplot.

    Raises ParameterError for what is no mapping, or no axes.
    """
    import matplotlib
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap, Normalize

    data = data_of(mapping)
    ax, floor = axes_of(ax, floor_size(data)), Floor.of(data)
    x, y = floor.tiles()
    margin = (1 - TILE) / 2
    used = _in_use(data, floor)
    tiles = boxes(x + margin, y + margin, TILE, TILE)
    fill(ax, tiles, [EDGE if each else EMPTY for each in used])
    frame(ax, floor)
    packets = data["link_packets"].values
    shown = packets > 0
    if not shown.any():
        ax.text(0.5, 1.02, "no packet leaves its tile", ha="center", transform=ax.transAxes, fontsize=8)
        return ax
    scale = Normalize(0.0, float(packets.max()))
    colours = ListedColormap(matplotlib.colormaps[MAP](np.linspace(PALEST, 1.0, STEPS)))
    widths = THIN + (THICK - THIN) * packets[shown] / packets.max()
    order = np.argsort(packets[shown], kind="stable")
    lines = LineCollection(
        list(_segments(data)[shown][order]),
        colors=colours(scale(packets[shown][order])),
        linewidths=list(widths[order]),
        capstyle="butt",
    )
    ax.add_collection(lines)
    colour_bar(ax, scale, colours, "packets of a sample through a link")
    return ax


def _in_use(data: xarray.Dataset, floor: Floor) -> np.ndarray:
    """Whether there are neurons on each tile."""
    x, y = floor.tiles()
    used = set(zip(data["x"].values.tolist(), data["y"].values.tolist(), strict=True))
    return np.array([each in used for each in zip(x.tolist(), y.tolist(), strict=True)])


def _segments(data: xarray.Dataset) -> np.ndarray:
    """(links, 2, 2): ends of each link, on the right of its way."""
    begin = np.stack([data["link_x"].values, data["link_y"].values], axis=-1) + 0.5
    end = np.stack([data["link_to_x"].values, data["link_to_y"].values], axis=-1) + 0.5
    way = end - begin
    length = np.maximum(np.abs(way).sum(axis=-1, keepdims=True), 1)
    way = way / length
    aside = np.stack([way[:, 1], -way[:, 0]], axis=-1) * APART
    return np.stack([begin + aside + way * TILE / 2, end + aside - way * TILE / 2], axis=1)
