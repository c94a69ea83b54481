"""Names of lines at their ends, in place of a legend that nobody can match with so many colours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

SIZE = 6.5
"""Of the names, in points."""
APART = 1.2
"""Their distance, in sizes."""
REACH = 12.0
"""Points from the axes to the names."""


def label_lines(axes: Sequence[Axes], names: Collection[str]) -> set[str]:
    """Name lines of these labels at their right ends, beside the last panel of each row; the names that are there.

    Of more lines than have room some are named, evenly spread from the first to the last.
    """
    done: set[str] = set()
    for ax in _last_of_rows(axes):
        lines = {str(line.get_label()): line for line in ax.lines if line.get_label() in names}
        ends = {name: end for name, line in lines.items() if (end := _end(ax, line)) is not None}
        if not ends:
            continue
        most = max(int(ax.get_window_extent().height * 72 / ax.figure.dpi / (SIZE * APART)), 2)
        order = list(ends)
        chosen = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
        _draw(ax, {order[k]: (ends[order[k]], lines[order[k]].get_color()) for k in chosen})
        done |= set(ends)
    return done


def spread(wanted: np.ndarray, distance: float) -> np.ndarray:
    """Places in order that are ``distance`` apart, and as near to the wanted ones as that lets them (least squares)."""
    order = np.argsort(wanted, kind="stable")
    # With the distances taken away the order must only not fall: pools of adjacent violators.
    pools: list[list[float]] = []
    for number, place in enumerate(wanted[order]):
        pools.append([float(place) - number * distance, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools.pop(-2), pools.pop()
            pools.append([(a * n + b * m) / (n + m), n + m])
    placed = np.empty(len(wanted))
    placed[order] = np.repeat([p for p, _ in pools], [int(n) for _, n in pools]) + np.arange(len(wanted)) * distance
    return placed


def _last_of_rows(axes: Sequence[Axes]) -> list[Axes]:
    """Of panels side by side the last with lines."""
    last: dict[Any, Axes] = {}
    for ax in axes:
        if ax.get_visible() and ax.lines:
            spec = ax.get_subplotspec()
            last[ax if spec is None else (spec.get_gridspec(), spec.rowspan.start)] = ax
    return list(last.values())


def _end(ax: Axes, line: Line2D) -> float | None:
    """How high a line ends within the axes, in their shares; None of what is not seen."""
    points = np.ma.filled(np.ma.asarray(line.get_xydata(), dtype=float), np.nan)
    shown = ax.transAxes.inverted().transform(line.get_transform().transform(points[np.isfinite(points).all(axis=1)]))
    shown = shown[(shown >= -1e-6).all(axis=1) & (shown <= 1 + 1e-6).all(axis=1)]
    return float(shown[np.argmax(shown[:, 0]), 1]) if len(shown) else None


def _draw(ax: Axes, ends: dict[str, tuple[float, Any]]) -> None:
    height = ax.get_window_extent().height * 72 / ax.figure.dpi
    wanted = np.array([end for end, _ in ends.values()])
    places = spread(wanted * height, SIZE * APART)
    # All of them beside the axes, where there is room for all.
    places += max(-places.min(), 0.0) - max(places.max() - height, 0.0)
    for (name, (end, colour)), place in zip(ends.items(), places, strict=True):
        ax.annotate(
            name.replace("\n", " "), (1.0, end), (REACH, place - end * height), xycoords="axes fraction",
            textcoords="offset points", va="center", fontsize=SIZE, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
