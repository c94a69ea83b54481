"""The wavefront of a run as a picture: populations against time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.plot.names import COLOURS, short
from pcneuro.analysis.wavefront import Front, Wavefront
from pcneuro.errors import ParameterError, told

if TYPE_CHECKING:
    import matplotlib.axes

WIDTH, LEAST_HEIGHT, MOST_HEIGHT, ROW = 7.2, 2.6, 7.5, 0.2  # inches
MOST_NAMES = 40
"""So many populations are named, and have marks and lines; of more, some are named, and marks become dots."""
SOME_NAMES = 20
MARKS = ("^", "s", "o", "D", "v", "P")
_GREY = "0.55"


def wavefront(report: Wavefront, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
    """Draw when errors came to each population: first arrival, times to shares of the final gradient, lower bound.

    Populations stand below each other, what is clamped at the top and what is most projections away from it at the
    bottom; time runs to the right. The shaded region is where no error can be yet, by distance and delays.

    Parameters
    ----------
    report
        From ``pcn.wavefront``.
    ax
        Axes to draw into; those of a new figure of pyplot, as high as it needs to be, where there are none.

    Returns
    -------
    The axes. ``pcn.plot.wavefront(report).figure.savefig("wavefront.png")`` writes a file, as pyplot does. Raises
    ParameterError for what is no report, and no axes.

    Examples
    --------
    >>> ax = pcn.plot.wavefront(pcn.wavefront(pcn.Simulator(circuit), 200.0, **data))
    >>> ax.get_xlabel()
    'time (ms)'
    """
    from matplotlib.axes import Axes

    if not isinstance(report, Wavefront):
        raise ParameterError(f"report is {told(report)}; give what pcn.wavefront returned")
    if ax is not None and not isinstance(ax, Axes):
        raise ParameterError(f"ax is {told(ax)}; give axes of matplotlib, or None for a new figure")
    rows = sorted(report.rows, key=_distance)
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(figsize=size_of(report), layout="constrained").add_subplot()
    _bound(ax, rows)
    many = len(rows) > MOST_NAMES
    if not many:
        _spans(ax, rows)
        _silent(ax, rows)
    _times(ax, rows, [row.arrival for row in rows], "first arrival", "black", "|", many)
    for number, share in enumerate(report.shares):
        times = [row.times[number] for row in rows]
        look = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        _times(ax, rows, times, f"{100 * share:g} % of the final gradient", *look, many)
    _axes(ax, rows, report)
    return ax


def size_of(report: Wavefront) -> tuple[float, float]:
    """Width and height of a figure, in inches, in which all of a report can be read."""
    return WIDTH, min(max(LEAST_HEIGHT, 1.1 + ROW * len(report.rows)), MOST_HEIGHT)


def _distance(row: Front) -> tuple[bool, int, float, float]:
    """What is near to where errors begin comes first, and what they never reach last."""
    return not row.path, row.hops, row.bound, row.arrival


def _times(
    ax: matplotlib.axes.Axes, rows: list[Front], times: list[float], label: str, colour: str, mark: str, many: bool
) -> None:
    """One time of each population: marks, or dots where there are many."""
    x = np.ma.masked_invalid(np.array(times, dtype=np.float64))
    look: dict[str, Any] = {"marker": mark, "markersize": 9 if mark == "|" else 5}
    if many:
        look = {"marker": ".", "markersize": 5 if len(rows) < 4 * MOST_NAMES else 3}
    look["markeredgewidth"] = 1.8 if mark == "|" and not many else 0.0
    ax.plot(x, np.arange(len(rows)), color=colour, label=label, linestyle="none", zorder=3, **look)


def _spans(ax: matplotlib.axes.Axes, rows: list[Front]) -> None:
    """A thin line for each population, from the arrival to the last of its times."""
    for place, row in enumerate(rows):
        times = [time for time in (row.arrival, *row.times) if math.isfinite(time)]
        if times:
            ax.plot([min(times), max(times)], [place, place], color="0.75", linewidth=1.0, zorder=1)


def _silent(ax: matplotlib.axes.Axes, rows: list[Front]) -> None:
    """Say so where no error came."""
    for place, row in enumerate(rows):
        if not math.isfinite(row.arrival):
            ax.annotate("no error", (0.0, place), (3, 0), textcoords="offset points", color=_GREY, size=7, va="center")


def _bound(ax: matplotlib.axes.Axes, rows: list[Front]) -> None:
    """The lower bound as a step line, and all before it shaded."""
    reached = [row.bound for row in rows if math.isfinite(row.bound)]
    if not reached:
        return
    x = np.repeat(reached, 2)
    y = np.repeat(np.arange(len(reached)), 2) + np.tile([-0.5, 0.5], len(reached))
    ax.fill_betweenx(y, 0.0, x, color="0.9", linewidth=0, zorder=0)
    ax.plot(x, y, color=_GREY, linewidth=1.2, zorder=2, label="lower bound: distance and delays")


def _axes(ax: matplotlib.axes.Axes, rows: list[Front], report: Wavefront) -> None:
    times = [time for row in rows for time in (row.arrival, row.bound, *row.times) if math.isfinite(time)]
    end = max(times, default=report.time) or report.time or 1.0
    ax.set_xlim(-0.02 * end, 1.03 * end)
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    count = len(rows) if len(rows) <= MOST_NAMES else SOME_NAMES
    shown = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int)) if rows else np.zeros(0, dtype=int)
    ax.set_yticks(shown, [short(rows[i].vertex) for i in shown])
    ax.tick_params(axis="y", length=0 if len(rows) <= MOST_NAMES else 3)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.set_xlabel("time (ms)")
    # Above the axes, where there is no data.
    columns = 2 if len(report.shares) < 4 else 3
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False, fontsize="small")
