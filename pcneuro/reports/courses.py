"""Time courses that one can zoom: lines over time of what was recorded, thinned where there are too many points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.reports.data import block, rounded

if TYPE_CHECKING:
    import xarray

MOST_POINTS = 1000
"""Of a line. Of a longer one each of half as many stretches is told by its smallest and its largest value."""
MOST_LINES = 8
MOST_COURSES = 12
AXES = ("time", "epoch", "step", "iteration")
"""Beginnings of the names of dimensions along which something goes on."""
CAPTION = (
    "Drag over a part to see more of it, double-click to see all. Of several samples it is the first, and of many "
    f"units the first {MOST_LINES}. Lines of more than {MOST_POINTS:,} points are thinned: of each stretch the "
    "smallest and the largest value stay."
)


@dataclass(frozen=True)
class Course:
    """Lines over one axis: a title, the axis with its unit, values of the axis, and the lines by name."""

    title: str
    axis: str
    at: np.ndarray
    lines: dict[str, np.ndarray]
    units: int

    @classmethod
    def of(cls, records: xarray.Dataset, label: str = "") -> Iterator[Course]:
        """Courses of all records that go on along something; of many units the first ones."""
        for name, array in records.data_vars.items():
            axis = next((dim for dim in array.dims if str(dim).startswith(AXES)), None)
            if axis is None or array.dtype.kind not in "fiub" or array.sizes[axis] < 2 or not array.size:
                continue
            at = np.asarray(array[axis].values, dtype=float) if axis in array.coords else np.arange(array.sizes[axis])
            values = array.transpose(axis, ...)
            for dim in array.dims:
                if str(dim) in ("batch", "sample", "trial", "run"):
                    values = values.isel({dim: 0})
            flat = np.asarray(values.values, dtype=float).reshape(len(at), -1)
            shown = min(flat.shape[1], MOST_LINES)
            unit = str(array[axis].attrs.get("units", "")) if axis in array.coords else ""
            kind = next(each for each in AXES if str(axis).startswith(each))
            where = f"{kind} ({unit or 'ms'})" if kind == "time" else kind
            single = flat.shape[1] == 1
            names = [str(name)] if single else _names(values, axis)[:shown]
            lines = {own: flat[:, k] for k, own in enumerate(names)}
            yield cls(f"{name}{f', {label}' if label else ''}", where, at, lines, flat.shape[1])


def _names(values: xarray.DataArray, axis: Any) -> list[str]:
    """Names of the lines of an array: those of its coordinates where these are texts, else numbers of units."""
    others = [dim for dim in values.dims if dim != axis]
    if len(others) == 1 and others[0] in values.coords and values[others[0]].dtype.kind in "OUST":
        return [str(each) for each in values[others[0]].values]
    return [f"unit {k}" for k in range(MOST_LINES)]


def thinned(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line of few points: of each stretch of a long one its smallest and largest value, in their order."""
    if len(at) <= MOST_POINTS:
        return at, values
    kept = []
    for part in np.array_split(np.arange(len(at)), MOST_POINTS // 2):
        here = values[part]
        if np.isfinite(here).any():
            kept += sorted({part[np.nanargmin(here)], part[np.nanargmax(here)]})
        else:
            kept.append(part[0])
    return at[kept], values[kept]


def courses_part(courses: Sequence[Course]) -> str:
    """The courses as parts of a page, for uPlot; each with a table of its ends, which screen readers read."""
    if not courses:
        return ""
    made = []
    numbers = count()
    for course in courses[:MOST_COURSES]:
        identity = f"course-{next(numbers)}"
        more = "" if course.units <= MOST_LINES else f", {MOST_LINES} of {course.units:,} units"
        data = _table(course)
        ends = "; ".join(
            f"{name} from {line[0]:.4g} to {line[-1]:.4g}" for name, line in list(course.lines.items())[:MOST_LINES]
        )
        label = f"{course.title} over {course.axis}: {ends}"
        made.append(
            f'<figure class="plot"><h3>{escape(course.title + more)}</h3>'
            f'<div class="course" data-of="{identity}" role="img" aria-label="{escape(label)}"></div>'
            f"{block(identity, data)}</figure>"
        )
    rest = len(courses) - MOST_COURSES
    left = f"<p>{rest:,} more are in the file of records.</p>" if rest > 0 else ""
    return f'<h2>Time courses</h2><p class="quiet">{escape(CAPTION)}</p>{"".join(made)}{left}'


def _table(course: Course) -> dict[str, Any]:
    """Lines on one axis: thinned ones have points of their own, and nothing at those of others."""
    thin = {name: thinned(course.at, line) for name, line in course.lines.items()}
    at = np.unique(np.concatenate([each[0] for each in thin.values()]))
    columns = []
    for own, values in thin.values():
        column = np.full(len(at), np.nan)
        column[np.searchsorted(at, own)] = values
        columns.append(rounded(column))
    return {"axis": course.axis, "names": list(thin), "at": rounded(at), "lines": columns}
