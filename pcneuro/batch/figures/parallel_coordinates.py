"""Parallel coordinates: a number over three or more axes of a batch, a line through the values of each point."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import AutoLocator, Locator, LogLocator

from pcneuro.analysis.plot.names import short
from pcneuro.batch.figures.abstract import AbstractPicture
from pcneuro.batch.figures.panels import LINE, MOST_TICKS, NAMES, legend, note_if_empty, panels
from pcneuro.batch.figures.points import Axis, Points
from pcneuro.batch.figures.scales import colours_of
from pcneuro.batch.row import RowStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 2.9
FEWEST_AXES = 3
MOST_LINES = 2000
"""Of more points so many are drawn, evenly spread over all."""
DENSE = 200.0
"""Lines from which on they are paler, the more there are."""
PALEST = 0.15
DASHES: dict[RowStatus, Literal["--", ":", "-."]] = {
    RowStatus.FAILED: "--",
    RowStatus.DIVERGED: ":",
    RowStatus.UNSETTLED: "-.",
}
MARGIN = 0.04
SPREAD = 0.3
"""Of the way between neighbouring values of an axis, that the points of one value take."""


@final
class ParallelCoordinates(AbstractPicture):
    """An upright axis for each key, the number as the last; lines coloured by the number."""

    kind: ClassVar[str] = "parallel_coordinates"

    @classmethod
    def fits(cls, points: Points) -> bool:
        return len(points.axes) >= FEWEST_AXES

    @classmethod
    def draw(cls, points: Points) -> Figure:
        figure, axes = panels(points, HEIGHT, 1)
        figure.set_figwidth(max(figure.get_figwidth(), 1.3 * (len(points.axes) + 1)))
        for row, ax in enumerate(axes):
            _panel(ax, points, row)
        handles = [
            Line2D([], [], color=LINE, linestyle=dashes, linewidth=0.8, label=NAMES[status])
            for status, dashes in DASHES.items()
            if (points.outcome == status).any()
        ]
        if len(points.index) > MOST_LINES:
            text = f"{MOST_LINES:,} of {len(points.index):,} points"
            handles.append(Line2D([], [], linestyle="", label=text))
        legend(figure, handles)
        return figure


def _panel(ax: Axes, points: Points, row: int) -> None:
    chosen = np.arange(len(points.index))
    if len(chosen) > MOST_LINES:
        chosen = np.linspace(0, len(chosen) - 1, MOST_LINES).astype(int)
    values, index, outcome = points.mean[row, chosen], points.index[chosen], points.outcome[chosen]
    colours = colours_of(points.mean[row])
    heights = np.stack(
        [_heights(axis)[index[:, k]] + _apart(axis, index[:, k], values) for k, axis in enumerate(points.axes)], axis=1
    )
    for status, dashes in DASHES.items():
        here = outcome == status
        lines = _lines(heights[here])
        ax.add_collection(
            LineCollection(lines, colors=LINE, linestyles=dashes, linewidths=0.6, alpha=_alpha(here.sum()))
        )
    there = np.isfinite(values)
    order = np.flatnonzero(there)[np.argsort(values[there])]
    whole = np.column_stack([heights[order], _share(values[order], colours.norm)])
    drawn = LineCollection(_lines(whole), norm=colours.norm, cmap=colours.map, linewidths=0.9, alpha=_alpha(len(order)))
    drawn.set_array(values[order])
    ax.add_collection(drawn)
    count = len(points.axes)
    for k, axis in enumerate(points.axes):
        _upright(ax, k, *_marks(axis))
    ax.set_xlim(-0.25, count + 0.1)
    ax.set_ylim(min(-MARGIN, heights.min(initial=0.0)), max(1 + MARGIN, heights.max(initial=1.0)))
    note_if_empty(ax, values)
    ax.set_xticks(range(count + 1), [*(_wrapped(axis.key) for axis in points.axes), _wrapped(points.numbers[row])])
    ax.set_yticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="x", length=0)
    ax.axvline(count, color="0.3", linewidth=0.8)
    bar = ax.figure.colorbar(ScalarMappable(colours.norm, colours.map), ax=ax, pad=0.01)
    # The bar's ends are those of the last axis, of which it is the scale.
    bar.ax.set_zorder(0)


def _alpha(lines: int) -> float:
    return float(np.clip(DENSE / max(lines, 1), PALEST, 1.0))


def _lines(heights: np.ndarray) -> Any:
    """(lines, axes, 2) of heights on axes."""
    places = np.broadcast_to(np.arange(heights.shape[1], dtype=float), heights.shape)
    return np.stack([places, heights], axis=-1)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text.replace("_", " ").replace(".", ". "), 16)).replace(". ", ".")


def _norm(axis: Axis) -> Normalize:
    kind = LogNorm if axis.log else Normalize
    return kind(float(axis.values[0]), float(axis.values[-1]))


def _share(values: np.ndarray, norm: Normalize) -> np.ndarray:
    return np.asarray(norm(values), dtype=float)


def _heights(axis: Axis) -> np.ndarray:
    """Where the values of an axis are, from 0 to 1."""
    if axis.numeric:
        return _share(axis.values.astype(float), _norm(axis))
    return np.linspace(0.0, 1.0, len(axis.values))


def _apart(axis: Axis, codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How far points of the same value stand apart, in the order of their numbers: those behind would not be seen."""
    count = len(axis.values)
    if count > MOST_TICKS:
        return np.zeros(len(codes))
    room = SPREAD * float(np.diff(_heights(axis)).min())
    shift = np.zeros(len(codes))
    for code in range(count):
        here = np.flatnonzero((codes == code) & np.isfinite(values))
        order = here[np.argsort(values[here], kind="stable")]
        shift[order] = np.linspace(-room / 2, room / 2, len(order)) if len(order) > 1 else 0.0
    return shift


def _marks(axis: Axis) -> tuple[np.ndarray, list[str]]:
    """Heights of an axis that are labelled, and the labels."""
    if len(axis.values) <= MOST_TICKS // 2 or not axis.numeric:
        chosen = np.unique(np.linspace(0, len(axis.values) - 1, min(MOST_TICKS, len(axis.values))).round().astype(int))
        return _heights(axis)[chosen], [axis.labels[k] for k in chosen]
    locator: Locator = LogLocator(numticks=5) if axis.log else AutoLocator()
    low, high = float(axis.values[0]), float(axis.values[-1])
    places = [place for place in locator.tick_values(low, high) if low <= place <= high]
    return _share(np.array(places), _norm(axis)), [f"{place:.4g}" for place in places]


def _upright(ax: Axes, k: int, heights: np.ndarray, labels: list[str]) -> None:
    ax.axvline(k, color="0.3", linewidth=0.8)
    for height, label in zip(heights, labels, strict=True):
        ax.annotate(
            short(label) or "(none)", (k, height), (-3, 0), textcoords="offset points",
            ha="right", va="center", fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )  # fmt: skip
