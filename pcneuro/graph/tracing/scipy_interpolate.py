"""Interpolation of scipy.interpolate between constant knots and at constant places, linear in traced values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from pcneuro.graph.tracing.array import plain_constant
from pcneuro.graph.tracing.differences import one_axis
from pcneuro.graph.tracing.of_scipy import array_of, is_traced
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.registry import refuse, stands_in


@final
class _Interpolant:
    """What SciPy's interpolation makes of traced values: a constant matrix times these at every call."""

    def __init__(self, name: str, of_values: Callable[[np.ndarray], Any], values: Any, axis: int) -> None:
        self.name, self.of_values, self.values, self.axis = name, of_values, values, axis

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if is_traced([x, *args, *kwargs.values()]):
            raise refuse(f"{self.name} at traced places", "np.interp takes traced places")
        places = plain_constant(f"the places of {self.name}", x)
        n = self.values.shape[self.axis]
        # What stands there without any values, such as a fill value, and what each of them adds
        base = self.of_values(np.zeros(n))(places.ravel(), *args, **kwargs)
        matrix = self.of_values(np.eye(n))(places.ravel(), *args, **kwargs) - np.expand_dims(base, -1)
        result = np.moveaxis(np.tensordot(matrix, self.values, (1, self.axis)), 0, -1) + base
        result = np.reshape(result, (*result.shape[:-1], *places.shape))
        count, others = places.ndim, self.values.ndim - 1
        return np.moveaxis(result, range(others, others + count), range(self.axis, self.axis + count))


def _between_knots(name: str, axis: int) -> Callable[..., Any]:
    def make(original: Callable[..., Any], x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        x, y = array_of(current(x)), array_of(current(y))
        if not is_traced([x, y, *args, *kwargs.values()]):
            return original(x, y, *args, **kwargs)
        if is_traced([x, *args, *kwargs.values()]):
            raise refuse(f"{name} with knots that are traced", "give constants; the values may be traced")
        if args:
            raise refuse(f"{name} with further arguments by place", "give them by name")
        along = one_axis(name, kwargs.pop("axis", axis), y.shape)
        return _Interpolant(name, lambda values: original(x, values, axis=0, **kwargs), y, along)

    return make


stands_in("scipy.interpolate", "CubicSpline")(_between_knots("scipy.interpolate.CubicSpline", 0))
stands_in("scipy.interpolate", "interp1d")(_between_knots("scipy.interpolate.interp1d", -1))
