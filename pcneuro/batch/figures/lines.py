"""Lines: a number along one axis of a batch, with the 95 % band of its mean over seeds; a line for each other value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pcneuro.analysis.plot.names import COLOURS
from pcneuro.batch.figures.abstract import AbstractPicture
from pcneuro.batch.figures.panels import LINE, NAMES, NOT_DONE, legend, note_if_empty, numbered, panels, ticks
from pcneuro.batch.figures.points import Axis, Points
from pcneuro.batch.figures.scales import colours_of
from pcneuro.batch.row import RowStatus
from pcneuro.studies.figures.style import FEW, sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 2.5
AXES = 2
MARKED = 40
"""Up to so many values along an axis have a mark each."""
SHADE = 0.15
EDGE = 0.5
"""Width of the edges of bands."""
MARKS = {RowStatus.FAILED: "x", RowStatus.DIVERGED: "^", RowStatus.UNSETTLED: "s"}


@final
class Lines(AbstractPicture):
    """A line for each of a few values of the second axis, if there is one."""

    kind: ClassVar[str] = "lines"

    @classmethod
    def fits(cls, points: Points) -> bool:
        return len(points.axes) == 1 or (
            len(points.axes) == AXES and points.is_grid and len(points.axes[_others(points)].values) <= FEW
        )

    @classmethod
    def draw(cls, points: Points) -> Figure:
        figure, axes = panels(points, HEIGHT)
        along = 0 if len(points.axes) == 1 else 1 - _others(points)
        axis = points.axes[along]
        other = None if len(points.axes) == 1 else points.axes[1 - along]
        labels = [""] if other is None else other.labels
        hues = _hues(other, len(labels))
        for row, ax in enumerate(axes):
            floor = _floor(points, row)
            for line, hue in enumerate(hues):
                here = np.ones(len(points.index), bool) if other is None else points.index[:, 1 - along] == line
                _line(ax, points, row, here, along, hue, floor)
            _scale(ax, points, row, axis)
            if floor is not None:
                ax.set_ylim(bottom=floor)
            _failed(ax, points, along)
        handles: list[Any] = [
            Line2D([], [], color=hue, label=label or "(none)")
            for hue, label in zip(hues, labels, strict=True)
            if other is not None
        ]
        if points.replicated:
            handles.append(Patch(color="0.5", alpha=2 * SHADE, linewidth=0, label="95 % interval of the mean"))
        handles += [
            Line2D([], [], color=LINE, linestyle="", marker=mark, markersize=4, label=NAMES[status])
            for status, mark in MARKS.items()
            if (points.outcome == status).any()
        ]
        legend(figure, handles, None if other is None else other.key)
        return figure


def _others(points: Points) -> int:
    """The axis whose values are lines: the one that has no numbers, or fewer values."""
    return min(range(AXES), key=lambda k: (points.axes[k].numeric, len(points.axes[k].values), -k))


def _hues(other: Axis | None, count: int) -> list[Any]:
    return sequence(count) if other is not None and other.numeric else list(COLOURS[:count])


def _positions(axis: Axis) -> np.ndarray:
    return axis.values.astype(float) if axis.numeric else np.arange(len(axis.values), dtype=float)


def _floor(points: Points, row: int) -> float | None:
    """The foot of a logarithmic axis, to which bands reach that have no lower end there; None of other axes."""
    if colours_of(points.mean[row]).axis_scale["value"] != "log":
        return None
    shown = np.concatenate([points.mean[row], points.mean[row] - points.half[row]])
    return float(shown[np.isfinite(shown) & (shown > 0)].min()) / 2


def _line(ax: Axes, points: Points, row: int, here: np.ndarray, along: int, hue: Any, floor: float | None) -> None:
    axis = points.axes[along]
    order = np.argsort(points.index[here, along])
    x = _positions(axis)[points.index[here, along]][order]
    mean, half = points.mean[row, here][order], points.half[row, here][order]
    mean = np.where(np.isfinite(mean), mean, np.nan)
    if axis.numeric and len(x) > 1:
        alone = np.isfinite(mean) & np.isnan(np.concatenate([[np.nan], mean[:-1]]))
        alone &= np.isnan(np.concatenate([mean[1:], [np.nan]]))
        ax.plot(x, mean, color=hue, marker="o" if len(x) <= MARKED else "", markersize=3)
        ax.plot(x[alone], mean[alone], color=hue, linestyle="", marker="o", markersize=3)
        if np.isfinite(half).any():
            low, high = mean - half, mean + half
            foot = low if floor is None else np.where(low <= 0, floor, low)
            ax.fill_between(x, foot, high, color=hue, alpha=SHADE, linewidth=0)
            # Where bands lie over each other, their edges tell whose they are.
            for edge in (high, low if floor is None else np.where(low <= 0, np.nan, low)):
                ax.plot(x, edge, color=hue, linewidth=EDGE)
    else:
        band = half if np.isfinite(half).any() else None
        ax.errorbar(x, mean, band, color=hue, linestyle="", marker="o", markersize=4, capsize=3)


def _scale(ax: Axes, points: Points, row: int, axis: Axis) -> None:
    ax.set_xlabel(axis.key)
    if not axis.numeric:
        positions = np.arange(len(axis.values))
        ticks(ax, axis, "x", positions)
        ax.set_xlim(-0.5, len(positions) - 0.5)
    else:
        numbered(ax, axis, "x")
    note_if_empty(ax, points.mean[row])
    ax.set_yscale(**colours_of(points.mean[row]).axis_scale)


def _failed(ax: Axes, points: Points, along: int) -> None:
    """Marks at the foot of a panel where a point has no number, and why."""
    positions = _positions(points.axes[along])
    for status, mark in MARKS.items():
        x = np.unique(positions[points.index[points.outcome == status, along]])
        if len(x) and status != NOT_DONE:
            ax.plot(
                x, np.full(len(x), 0.02), transform=ax.get_xaxis_transform(), color=LINE, linestyle="", marker=mark,
                markersize=4, clip_on=False, zorder=3,
            )  # fmt: skip
