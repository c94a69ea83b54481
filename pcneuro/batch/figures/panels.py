"""Panels, marks and axes that all figures of batches have in common."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from pcneuro.analysis.plot.names import short
from pcneuro.batch.figures.points import Axis, Points
from pcneuro.batch.row import RowStatus
from pcneuro.studies.figures.style import FEW, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 2
MOST_TICKS = 12
"""So many values of an axis are labelled one by one."""
LONG_LABELS = 6
"""Letters of labels that no longer stand side by side."""
ROW = 38
"""Letters of all labels of a level axis that stand side by side."""
TITLE = 30
"""Letters of a line of a panel's title: with more, it is wider than a panel beside long labels."""
UPRIGHT = 28
"""Letters of a line along an upright axis."""
BESIDE = 16
"""Letters of a line of a label beside an upright axis: longer ones leave the panel no room."""
NOT_DONE = 0
HATCHES = {RowStatus.FAILED: "////", RowStatus.DIVERGED: "xxxx", RowStatus.UNSETTLED: "....", NOT_DONE: ""}
NAMES = {RowStatus.FAILED: "failed", RowStatus.DIVERGED: "diverged", RowStatus.UNSETTLED: "did not settle"}
NAMES[NOT_DONE] = "not yet done"  # type: ignore[index]
EMPTY, LINE = "white", "0.45"
NONE = "0.85"
"""Colour of runs that are done, and have no such number."""


def panels(points: Points, height: float, columns: int = COLUMNS) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each number, with its name."""
    count = len(points.numbers)
    columns = min(columns, count)
    rows = -(-count // columns)
    width = WIDTH if columns > 1 else min(WIDTH, 5.4)
    figure = Figure(figsize=(width, height * rows + 0.4))
    every = list(figure.subplots(rows, columns, squeeze=False).flat)
    for left in every[count:]:
        left.remove()
    axes = every[:count]
    for ax, name in zip(axes, points.numbers, strict=True):
        ax.set_title("\n".join(textwrap.wrap(name.replace("_", " "), TITLE * COLUMNS // columns)[-3:]))
    if points.left_out:
        figure.supxlabel(
            f"{count} of {count + points.left_out} numbers; --number chooses others", fontsize=7, color=LINE
        )
    return figure, axes


def status_handles(points: Points, no_value: np.ndarray) -> list[Any]:
    """What a legend says of points without a number: why they have none."""
    found = [int(each) for each in np.unique(points.outcome) if each != RowStatus.DONE]
    handles = [
        Patch(facecolor=EMPTY, edgecolor=LINE, hatch=HATCHES[RowStatus(each) if each else NOT_DONE],  # type: ignore[index]
              label=NAMES[RowStatus(each) if each else NOT_DONE], linewidth=0.5)  # type: ignore[index]
        for each in found
    ]  # fmt: skip
    if no_value.any():
        handles.append(Patch(facecolor=NONE, edgecolor=LINE, label="has no such number", linewidth=0.5))
    return handles


def legend(figure: Figure, handles: Sequence[Any], title: str | None = None) -> None:
    """One legend below all panels."""
    columns = int(figure.get_figwidth())
    if handles:
        figure.legend(handles=handles, title=title, loc="outside lower center", ncols=min(len(handles), columns))


def upright_label(ax: Axes, key: str) -> None:
    """Name the upright axis of a panel, in as many lines as its height needs."""
    ax.set_ylabel("\n".join(textwrap.wrap(key, UPRIGHT)))


def ticks(ax: Axes, axis: Axis, which: str, positions: np.ndarray) -> None:
    """Label the values of an axis at their positions; of many some."""
    chosen = np.unique(np.linspace(0, len(positions) - 1, min(MOST_TICKS, len(positions))).round().astype(int))
    labels = [short(axis.labels[k]) or "(none)" for k in chosen]
    if which == "y":
        labels = ["\n".join(textwrap.wrap(label, BESIDE)) for label in labels]
    along = ax.xaxis if which == "x" else ax.yaxis
    along.set_ticks(positions[chosen], labels)
    along.set_ticks([], minor=True)
    if which == "x" and (max(map(len, labels)) > LONG_LABELS or sum(map(len, labels)) > ROW):
        ax.tick_params(axis="x", labelrotation=40)
        for label in ax.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")


def numbered(ax: Axes, axis: Axis, which: str) -> None:
    """Give an axis of a panel the scale of its numbers: logarithmic where they are spread so, whole ones as such."""
    values = axis.values.astype(float)
    along = ax.xaxis if which == "x" else ax.yaxis
    if axis.log:
        (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    elif len(values) <= FEW:
        ticks(ax, axis, which, values)
    elif axis.values.dtype.kind in "iu":
        along.set_major_locator(MaxNLocator(integer=True))


def note_if_empty(ax: Axes, values: np.ndarray) -> None:
    """Say so where no point has a finite number."""
    if not np.isfinite(values).any():
        ax.text(0.5, 0.5, "no finite number", transform=ax.transAxes, ha="center", va="center", color=LINE)
