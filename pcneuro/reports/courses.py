"""Time courses that one can zoom: lines over time of what was recorded, thinned where there are too many points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.reports.data import block, rounded

if TYPE_CHECKING:
    import xarray

MOST_POINTS = 1000
"""Of a line. Of a longer one each of half as many stretches is told by its smallest and its largest value."""
MOST_LINES = 8
MOST_COURSES = 12
TIMES = ("time", "recorded")
AXES = (*TIMES, "epoch", "step", "iteration")
"""Beginnings of the names of dimensions along which something goes on."""
FIRST = ("batch", "sample", "trial", "run")
"""Dimensions of which the first is shown."""
CAPTION = (
    "Drag over a part to see more of it, double-click to see all; by keys: + and - zoom, arrows move, 0 shows all. Of "
    f"several samples it is the first, and of many units the first {MOST_LINES}. Lines of more than {MOST_POINTS:,} "
    "points are thinned: of each stretch the smallest and the largest value stay."
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
        """Courses of all records that go on along something; of many units the first ones, and of samples the first."""
        for name, array in records.data_vars.items():
            axis = next((dim for dim in array.dims if str(dim).startswith(AXES)), None)
            if axis is None or array.dtype.kind not in "fiub" or array.sizes[axis] < 2 or not array.size:
                continue
            values = array.isel({dim: 0 for dim in array.dims if dim in FIRST})
            others = [dim for dim in values.dims if dim != axis]
            units = math.prod(values.sizes[dim] for dim in others)
            lines: dict[str, np.ndarray] = {}
            for number, index in enumerate(islice(np.ndindex(*(values.sizes[dim] for dim in others)), MOST_LINES)):
                unit = dict(zip(others, map(int, index), strict=True))
                own = ", ".join(_named(values, dim, k) for dim, k in unit.items() if values.sizes[dim] > 1) or str(name)
                lines[own if own not in lines else f"{own} ({number})"] = np.asarray(values.isel(unit).values, float)
            yield cls(f"{name}{f', {label}' if label else ''}", _axis(array, axis), _places(array, axis), lines, units)


def _named(values: xarray.DataArray, dim: Any, number: int) -> str:
    """What stands at a place of a dimension: the text of its coordinate, or the dimension with its number there."""
    if dim not in values.coords:
        return f"{dim} {number}"
    at = values[dim].values[number]
    return str(at) if values[dim].dtype.kind in "OUST" else f"{dim} {at}"


def _axis(array: xarray.DataArray, axis: Any) -> str:
    """What an axis is, with its unit: times are in ms."""
    kind = next(each for each in AXES if str(axis).startswith(each))
    if kind not in TIMES:
        return kind
    unit = array[axis].attrs.get("units", "") if axis in array.coords else ""
    return f"time ({unit or 'ms'})"


def _places(array: xarray.DataArray, axis: Any) -> np.ndarray:
    return np.asarray(array[axis].values, float) if axis in array.coords else np.arange(float(array.sizes[axis]))


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
        data = _data(course)
        ends = "; ".join(
            f"{name} from {line[0]:.4g} to {line[-1]:.4g}" for name, line in list(course.lines.items())[:MOST_LINES]
        )
        label = f"{course.title} over {course.axis}: {ends}"
        made.append(
            f'<figure class="plot"><h3>{escape(course.title + more)}</h3>'
            f'<div class="course" data-of="{identity}" role="img" tabindex="0" aria-label="{escape(label)}"></div>'
            f"{block(identity, data)}</figure>"
        )
    rest = len(courses) - MOST_COURSES
    left = f"<p>{rest:,} more are in the file of records.</p>" if rest > 0 else ""
    return f'<h2>Time courses</h2><p class="quiet">{escape(CAPTION)}</p>{"".join(made)}{left}'


def _data(course: Course) -> dict[str, Any]:
    """Tables of lines on one axis each, which uPlot joins: a line that is thinned has points of its own."""
    if len(course.at) <= MOST_POINTS:
        tables = [[rounded(course.at), *map(rounded, course.lines.values())]]
    else:
        tables = [list(map(rounded, thinned(course.at, line))) for line in course.lines.values()]
    return {"axis": course.axis, "names": list(course.lines), "tables": tables}
