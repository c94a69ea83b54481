"""Heat map: a number over two axes of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import matplotlib
import numpy as np
from matplotlib.colors import to_rgba

from pcneuro.batch.figures.abstract import AbstractPicture
from pcneuro.batch.figures.panels import (
    EMPTY,
    HATCHES,
    LINE,
    NONE,
    NOT_DONE,
    legend,
    note_if_empty,
    numbered,
    panels,
    status_handles,
    ticks,
    upright_label,
)
from pcneuro.batch.figures.points import Axis, Points
from pcneuro.batch.figures.scales import colours_of
from pcneuro.batch.row import RowStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 2.9
AXES = 2
SIZE = 600.0
"""Area of all marks of points that are no cells together, in square points, per inch of a panel."""


@final
class HeatMap(AbstractPicture):
    """Colours by two axes: cells of a grid, else a mark for each point. Points without a number are hatched."""

    kind: ClassVar[str] = "heat_map"

    @classmethod
    def fits(cls, points: Points) -> bool:
        return len(points.axes) == AXES

    @classmethod
    def draw(cls, points: Points) -> Figure:
        figure, axes = panels(points, HEIGHT)
        missing = np.zeros(len(points.index), dtype=bool)
        # The axis with more values lies flat.
        across, up = sorted(range(AXES), key=lambda k: (-len(points.axes[k].values), k))
        for row, ax in enumerate(axes):
            values = np.where(np.isfinite(points.mean[row]), points.mean[row], np.nan)
            missing |= np.isnan(values) & (points.outcome == RowStatus.DONE)
            (_cells if points.is_grid else _marks)(ax, points, values, across, up)
            note_if_empty(ax, values)
            ax.set_xlabel(points.axes[across].key)
            upright_label(ax, points.axes[up].key)
        legend(figure, status_handles(points, missing))
        return figure


def _cells(ax: Axes, points: Points, values: np.ndarray, across: int, up: int) -> None:
    shape = len(points.axes[up].values), len(points.axes[across].values)
    place = points.index[:, up], points.index[:, across]
    table, outcome = np.full(shape, np.nan), np.full(shape, RowStatus.DONE)
    table[place], outcome[place] = values, points.outcome
    absent = np.ones(shape, dtype=bool)
    absent[place] = False
    colours = colours_of(values)
    x, y = (_edges(points.axes[k]) for k in (across, up))
    ax.pcolormesh(x, y, np.where(absent | np.isfinite(table), np.nan, 1.0), cmap=_plain(NONE), rasterized=True)
    mesh = ax.pcolormesh(x, y, np.ma.masked_invalid(table), norm=colours.norm, cmap=colours.map, rasterized=True)
    for status, hatch in HATCHES.items():
        here = (outcome == status) & ~absent
        if here.any():
            ax.pcolormesh(x, y, np.where(here, 1.0, np.nan), cmap=_plain(EMPTY), rasterized=True)
            if hatch:
                ax.contourf(
                    *_hatched(x, y, here), levels=[0.5, 1.5], colors="none", hatches=[hatch]
                ).set(edgecolor=LINE, linewidth=0.0)  # fmt: skip
    for axis, which, edges in ((points.axes[across], "x", x), (points.axes[up], "y", y)):
        _axis(ax, axis, which, edges)
    ax.figure.colorbar(mesh, ax=ax, pad=0.02)


def _plain(colour: str) -> matplotlib.colors.Colormap:
    return matplotlib.colors.ListedColormap([to_rgba(colour)])


def _hatched(x: np.ndarray, y: np.ndarray, here: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells as a surface whose part above 1/2 they are: each corner twice, a little within its cell."""
    sides = []
    for edges in (x, y):
        inner = np.diff(edges) * 1e-6
        sides.append(np.stack([edges[:-1] + inner, edges[1:] - inner], axis=1).ravel())
    surface = np.repeat(np.repeat(here.astype(float), 2, axis=0), 2, axis=1)
    return sides[0], sides[1], surface


def _scaled(axis: Axis) -> bool:
    """Whether an axis has a scale of numbers; else its values stand side by side."""
    return axis.spaced and bool(np.isfinite(axis.values).all())


def _edges(axis: Axis) -> np.ndarray:
    """Edges of cells around the values of an axis."""
    if not _scaled(axis):
        return np.arange(len(axis.values) + 1) - 0.5
    values = np.log(axis.values) if axis.log else axis.values.astype(float)
    middle = (values[1:] + values[:-1]) / 2
    edges = np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])
    return np.exp(edges) if axis.log else edges


def _axis(ax: Axes, axis: Axis, which: str, edges: np.ndarray) -> None:
    if _scaled(axis):
        numbered(ax, axis, which)
    else:
        ticks(ax, axis, which, np.arange(len(axis.values)))
    (ax.set_xlim if which == "x" else ax.set_ylim)(edges[0], edges[-1])


def _marks(ax: Axes, points: Points, values: np.ndarray, across: int, up: int) -> None:
    x, y = (_positions(points.axes[k])[points.index[:, k]] for k in (across, up))
    size = max(2.0, min(40.0, SIZE * HEIGHT / len(values) * 4))
    finite = np.isfinite(values)
    colours = colours_of(values)
    none = ~finite & (points.outcome == RowStatus.DONE)
    ax.scatter(x[none], y[none], s=size, color=NONE, edgecolors=LINE, linewidths=0.3)
    for status, hatch in HATCHES.items():
        here = points.outcome == status
        if here.any() and status != NOT_DONE:
            ax.scatter(x[here], y[here], s=size, facecolors=EMPTY, edgecolors=LINE, linewidths=0.5, hatch=2 * hatch)
    drawn = ax.scatter(x[finite], y[finite], c=values[finite], s=size, norm=colours.norm, cmap=colours.map)
    for k, which in ((across, "x"), (up, "y")):
        axis = points.axes[k]
        if axis.numeric:
            numbered(ax, axis, which)
        else:
            ticks(ax, axis, which, np.arange(len(axis.values)))
    ax.figure.colorbar(drawn, ax=ax, pad=0.02)


def _positions(axis: Axis) -> np.ndarray:
    return axis.values.astype(float) if axis.numeric else np.arange(len(axis.values), dtype=float)
