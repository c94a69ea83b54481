"""The floor of a chip: tiles as squares on a mesh, the cores of a tile as fields within, and what of it is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

TILE = 0.86
"""Share of a tile's width that its cores take; the rest is the gap between tiles."""
CORE = 0.94
"""Share of a core's field that is coloured."""
MOST_TILES = 256
"""A chip of up to so many tiles is drawn whole; of a larger one the tiles in use, and those around them."""
SMALLEST, LARGEST, SHORTEST = 0.05, 0.62, 1.5
"""Inches of a tile; and of the whole picture at least."""
WIDTH, BESIDE, BELOW = 7.2, 1.6, 1.2
"""Inches: the most that a picture is wide, and what stands beside and below the chip."""
MOST_NUMBERS = 12
"""So many columns or rows have their number written at most."""
EMPTY, EDGE = "#8883", "#8888"
"""Colours of fields without neurons, and of edges: half transparent, for light pages and dark ones."""


@dataclass(frozen=True)
class Floor:
    """Which tiles are drawn, from ``left`` and ``bottom`` on, and where their cores are."""

    left: int
    bottom: int
    columns: int
    rows: int
    cores_a_tile: int
    whole: bool
    """Whether it is all of the chip."""

    @classmethod
    def of(cls, data: xarray.Dataset) -> Floor:
        """What is drawn of the chip of a mapping."""
        width, height, cores = (int(data.attrs[name]) for name in ("mesh_width", "mesh_height", "cores_a_tile"))
        if width * height <= MOST_TILES:
            return cls(0, 0, width, height, cores, True)
        x, y = data["x"].values, data["y"].values
        left, bottom = max(int(x.min()) - 1, 0), max(int(y.min()) - 1, 0)
        right, top = min(int(x.max()) + 2, width), min(int(y.max()) + 2, height)
        return cls(left, bottom, right - left, top - bottom, cores, False)

    @property
    def across(self) -> int:
        """Fields of a tile from left to right."""
        return math.ceil(math.sqrt(self.cores_a_tile))

    @property
    def down(self) -> int:
        """Fields of a tile from top to bottom."""
        return -(-self.cores_a_tile // self.across)

    def inches(self, legend: float) -> tuple[float, float]:
        """Width and height of a picture of it, with so many inches of a legend below."""
        tile = min(LARGEST, max(SMALLEST, (WIDTH - BESIDE) / self.columns))
        wide, high = tile * self.columns + BESIDE, tile * self.rows + BELOW
        return max(wide, 2 * SHORTEST + BESIDE), max(high, SHORTEST + BELOW) + legend

    def field(self) -> tuple[float, float]:
        """Width and height of a core."""
        return CORE * TILE / self.across, CORE * TILE / self.down

    def corners(self, x: np.ndarray, y: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower left corners of the cores at a ``place`` within tiles; y points up, to the north."""
        margin, gap = (1 - TILE) / 2, (1 - CORE) / 2
        across, down = place % self.across, place // self.across
        return (
            x + margin + (across + gap) * TILE / self.across,
            y + margin + (self.down - 1 - down + gap) * TILE / self.down,
        )

    def tiles(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of all tiles that are drawn."""
        x, y = np.meshgrid(self.left + np.arange(self.columns), self.bottom + np.arange(self.rows))
        return x.ravel(), y.ravel()

    def all_fields(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower left corners of all cores that are drawn."""
        x, y = self.tiles()
        place = np.arange(self.cores_a_tile)
        return self.corners(np.repeat(x, place.size), np.repeat(y, place.size), np.tile(place, x.size))


def boxes(left: np.ndarray, bottom: np.ndarray, wide: Any, high: Any) -> np.ndarray:
    """Rectangles as corners, (n, 4, 2)."""
    right, top = left + wide, bottom + high
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    return np.stack([np.stack(np.broadcast_arrays(*each), axis=-1) for each in corners], axis=1)


def fill(ax: Axes, rectangles: np.ndarray, colours: Any, **look: Any) -> Any:
    """Draw rectangles."""
    from matplotlib.collections import PolyCollection

    return ax.add_collection(PolyCollection(list(rectangles), facecolors=colours, **{"linewidths": 0.0} | look))


def floor_size(data: xarray.Dataset, legend: float = 0.0) -> tuple[float, float]:
    """Inches of a picture of the chip, with so many of a legend below."""
    return Floor.of(data).inches(legend)


def canvas(data: xarray.Dataset, ax: Axes) -> Floor:
    """Have all cores on axes as empty fields."""
    floor = Floor.of(data)
    fill(ax, boxes(*floor.all_fields(), *floor.field()), EMPTY)
    frame(ax, floor)
    return floor


def frame(ax: Axes, floor: Floor) -> None:
    """Limits of the axes, and numbers of columns and rows; small squares in all directions."""
    ax.set_xlim(floor.left, floor.left + floor.columns)
    ax.set_ylim(floor.bottom, floor.bottom + floor.rows)
    ax.set_aspect("equal")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(*_numbers(floor.left, floor.columns))
    ax.set_yticks(*_numbers(floor.bottom, floor.rows))
    ax.tick_params(length=0, labelsize=7)
    part = "" if floor.whole else " (those in use)"
    ax.set_xlabel(f"column of tiles, from west to east{part}", fontsize=8)
    ax.set_ylabel("row of tiles", fontsize=8)


def _numbers(first: int, count: int) -> tuple[list[float], Sequence[str]]:
    """Places and texts of the numbers of tiles that are written."""
    every = max(1, -(-count // MOST_NUMBERS))
    shown = range(first, first + count, every)
    return [number + 0.5 for number in shown], [str(number) for number in shown]


def colour_bar(ax: Axes, scale: Any, colours: Any, label: str) -> None:
    """Beside axes, which colours of a map stand for which numbers of a scale."""
    from matplotlib.cm import ScalarMappable

    bar = ax.figure.colorbar(ScalarMappable(scale, colours), ax=ax, shrink=0.8, aspect=14)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)  # type: ignore[operator]


def inches_a_tile(ax: Axes) -> float:
    """How wide and high a tile is drawn, as squares leave it of the room that the axes have."""
    inches = ax.figure.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    box = ax.get_position()
    across, down = (abs(float(np.diff(limits)[0])) for limits in (ax.get_xlim(), ax.get_ylim()))
    return min(box.width * inches[0] / across, box.height * inches[1] / down)


def places(data: xarray.Dataset, floor: Floor) -> tuple[np.ndarray, np.ndarray]:
    """Lower left corners of the cores that have neurons."""
    return floor.corners(data["x"].values, data["y"].values, data["slot"].values % floor.cores_a_tile)
