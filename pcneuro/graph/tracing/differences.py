"""NumPy's differences, integrals and interpolation of traced arrays, as sums of slices."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError, shown
from pcneuro.graph.tracing.array import TracedArray, plain_constant
from pcneuro.ops.axes import axes_of
from pcneuro.ops.base import Shape
from pcneuro.ops.registry import answers, at_line, refuse


def one_axis(name: str, axis: Any, shape: Shape) -> int:
    """The axis of an array of that shape that is meant. Raises ShapeError, with the line, where there is none."""
    try:
        (result,) = axes_of(name, axis, shape)
    except (ShapeError, ValueError):
        raise ShapeError(f"{name} over axis {shown(axis)} of an array of shape {shape}{at_line()}") from None
    return result


def along(axis: int, key: Any) -> tuple[Any, ...]:
    """Index of an array by ``key`` along one axis."""
    return (*(slice(None),) * axis, key)


def _given(value: Any) -> bool:
    return value is not None and value is not np._NoValue


@answers(np.diff)
def _diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    if n == 0:
        return a
    if n < 0:
        raise ShapeError(f"np.diff of order {n}: give one that is not negative{at_line()}")
    shape = np.shape(a)
    axis = one_axis("np.diff", axis, shape)
    single = (*shape[:axis], 1, *shape[axis + 1 :])
    parts = [np.broadcast_to(x, single) if np.ndim(x) == 0 else x for x in (prepend, a, append) if _given(x)]
    if len(parts) > 1:
        a = np.concatenate(parts, axis=axis)
    for _ in range(n):
        later, earlier = a[along(axis, slice(1, None))], a[along(axis, slice(None, -1))]
        a = later != earlier if a.dtype == bool else later - earlier
    return a


@answers(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(ary)
    parts = [np.ravel(x) for x in (to_begin, flat[1:] - flat[:-1], to_end) if x is not None]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@answers(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    y = y if isinstance(y, TracedArray) else plain_constant("the values of np.trapezoid", y)
    axis = one_axis("np.trapezoid", axis, y.shape)
    widths = dx
    if x is not None:
        x = x if isinstance(x, TracedArray) else plain_constant("the places of np.trapezoid", x)
        widths = np.diff(x, axis=axis if x.ndim > 1 else 0)
        if x.ndim == 1:
            widths = np.reshape(widths, [-1 if i == axis else 1 for i in range(y.ndim)])
    heights = (y[along(axis, slice(1, None))] + y[along(axis, slice(None, -1))]) * 0.5
    return np.sum(widths * heights, axis=axis)


# Gradient


@answers(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    f = f if isinstance(f, TracedArray) else plain_constant("the values of np.gradient", f)
    listed = range(f.ndim) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
    axes = [one_axis("np.gradient", a, f.shape) for a in listed]
    if edge_order not in (1, 2):
        raise ShapeError(f"np.gradient with edge_order={edge_order!r}: give 1 or 2{at_line()}")
    spacings = [1.0] * len(axes) if not varargs else list(varargs)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        spacings = [varargs[0]] * len(axes)
    if len(spacings) != len(axes):
        raise ShapeError(f"np.gradient over {len(axes)} axes with {len(varargs)} spacings{at_line()}")
    results = [_slope(f, _steps(f, a, given), a, edge_order) for a, given in zip(axes, spacings, strict=True)]
    return results[0] if len(axes) == 1 else tuple(results)


def _steps(f: Any, axis: int, spacing: Any) -> Any:
    """The distances from each place along an axis to the next: one number, or so many that they broadcast."""
    n = f.shape[axis]
    if np.ndim(spacing) == 0:
        return spacing
    places = spacing if isinstance(spacing, TracedArray) else plain_constant("the places of np.gradient", spacing)
    if places.shape != (n,):
        raise ShapeError(
            f"np.gradient over axis {axis} of an array of shape {f.shape} with places of shape {places.shape}: give a "
            f"number, or one place for each of {n}{at_line()}"
        )
    steps = np.diff(places)
    if not isinstance(steps, TracedArray) and steps.size and (steps == steps[0]).all():
        return steps[0]
    return np.reshape(steps, [-1 if i == axis else 1 for i in range(f.ndim)])


def _slope(f: Any, steps: Any, axis: int, edge_order: int) -> Any:
    """Differences of second order inside, of ``edge_order`` at both ends."""
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ShapeError(
            f"np.gradient over axis {axis} of an array of shape {f.shape}: it needs {edge_order + 1} elements there"
            f"{at_line()}"
        )

    def at(x: Any, *bounds: int | None) -> Any:
        return x[along(axis, slice(*bounds))] if np.ndim(x) else x

    inside = []
    if n > 2 and np.ndim(steps) == 0:
        inside = [(at(f, 2, None) - at(f, None, -2)) / (2.0 * steps)]
    elif n > 2:
        before, after = at(steps, None, -1), at(steps, 1, None)
        left = at(f, 1, -1) - at(f, None, -2)
        right = at(f, 2, None) - at(f, 1, -1)
        inside = [(after / before * left + before / after * right) / (before + after)]
    first, last = at(steps, None, 1), at(steps, -1, None)
    begin = (at(f, 1, 2) - at(f, None, 1)) / first
    end = (at(f, -1, None) - at(f, -2, -1)) / last
    if edge_order == 2:
        second, before_last = at(steps, 1, 2), at(steps, -2, -1)
        next_slope = (at(f, 2, 3) - at(f, 1, 2)) / second
        begin = begin + (begin - next_slope) * first / (first + second)
        slope_before = (at(f, -2, -1) - at(f, -3, -2)) / before_last
        end = end + (end - slope_before) * last / (last + before_last)
    return np.concatenate([begin, *inside, end], axis=axis)


# Interpolation


@answers(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    if isinstance(xp, TracedArray) or isinstance(period, TracedArray):
        raise refuse("np.interp with traced knots", "give constants as xp and period; x and fp may be traced")
    knots = plain_constant("the knots of np.interp", xp).astype(np.float64)
    values: Any = fp if isinstance(fp, TracedArray) else plain_constant("the values of np.interp", fp)
    if knots.ndim != 1 or values.shape != knots.shape or not knots.size:
        raise ShapeError(
            f"np.interp with knots of shape {knots.shape} and values of shape {values.shape}: give as many of both, "
            f"on one axis{at_line()}"
        )
    if period is not None:
        # NumPy does not look at left and right then.
        left = right = None
        period = abs(period)
        x, knots = np.remainder(x, period), np.remainder(knots, period)
        order = np.argsort(knots)
        knots = np.concatenate([knots[order[-1:]] - period, knots[order], knots[order[:1]] + period])
        values = values[np.concatenate([order[-1:], order, order[:1]])]
    if (np.diff(knots) <= 0).any():
        raise refuse("np.interp between knots that do not increase", "sort xp, and leave out what stands there twice")
    if isinstance(x, TracedArray):
        return _interp_at_traced(x, knots, values, left, right)
    return _interp_at_constants(plain_constant("the places of np.interp", x), knots, values, left, right)


def _interp_at_traced(x: TracedArray, knots: np.ndarray, values: Any, left: Any, right: Any) -> Any:
    """The first value, and of each rise between two knots the part that lies before x."""
    finite = values if isinstance(values, TracedArray) else np.where(np.isfinite(values), values, 0.0)
    parts = np.clip((np.expand_dims(x, -1) - knots[:-1]) / np.diff(knots), 0.0, 1.0)
    result = finite[0] + (parts @ np.diff(finite) if knots.size > 1 else 0.0 * x)
    if not isinstance(values, TracedArray):
        result = _beside_what_is_not_finite(x, knots, values, result)
    if left is not None:
        result = np.where(x < knots[0], left, result)
    return result if right is None else np.where(x > knots[-1], right, result)


def _beside_what_is_not_finite(x: TracedArray, knots: np.ndarray, values: np.ndarray, result: Any) -> Any:
    """Infinite all the way between two knots of which one is, and as the first and the last value is beyond those."""
    odd = ~np.isfinite(values)
    for k in np.flatnonzero(odd[:-1] | odd[1:]):
        result = np.where((x > knots[k]) & (x < knots[k + 1]), values[k] + values[k + 1], result)
    for k in np.flatnonzero(odd):
        at = x <= knots[k] if k == 0 else x >= knots[k] if k == knots.size - 1 else x == knots[k]
        result = np.where(at, values[k], result)
    return result


def _interp_at_constants(x: np.ndarray, knots: np.ndarray, values: TracedArray, left: Any, right: Any) -> Any:
    """A mean of the two values beside x, which is linear in them."""
    if knots.size == 1:
        result = np.broadcast_to(values[0], x.shape)
    else:
        before = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, knots.size - 2)
        part = np.clip((x - knots[before]) / (knots[before + 1] - knots[before]), 0.0, 1.0)
        behind = before + 1
        # At a knot the one beside it counts for nothing, even if it is infinite.
        before, behind = np.where(part == 1.0, behind, before), np.where(part == 0.0, before, behind)
        part = np.where(before == behind, 0.5, part)
        result = values[before] * (1.0 - part) + values[behind] * part
    if left is not None:
        result = np.where(x < knots[0], left, result)
    return result if right is None else np.where(x > knots[-1], right, result)
