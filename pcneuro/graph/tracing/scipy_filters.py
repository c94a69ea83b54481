"""SciPy's filters on traced arrays: linear along an axis, but for the coefficients of ``lfilter``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.graph.tracing.differences import one_axis
from pcneuro.graph.tracing.of_scipy import array_of, is_traced, of_scipy
from pcneuro.graph.tracing.scipy_signals import times_matrix
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.registry import refuse, stands_in


@of_scipy("scipy.signal")
def _hilbert(x: Any, N: Any = None, axis: Any = -1) -> Any:
    axis = one_axis("scipy.signal.hilbert", axis, x.shape)
    n = x.shape[axis] if N is None else N
    gain = np.zeros(n)
    gain[: n // 2 + 1] = 2.0
    # The waves that are their own conjugates.
    gain[0] = 1.0
    if n % 2 == 0:
        gain[n // 2] = 1.0
    shape = [n if i == axis else 1 for i in range(x.ndim)]
    return np.fft.ifft(np.fft.fft(x, n, axis) * gain.reshape(shape), axis=axis)


# Filters of constant coefficients

_ALONG_AN_AXIS = {
    "scipy.signal": {"lfilter": "x", "filtfilt": "x", "sosfilt": "x", "sosfiltfilt": "x", "savgol_filter": "x"},
    "scipy.ndimage": dict.fromkeys(("gaussian_filter1d", "uniform_filter1d", "convolve1d", "correlate1d"), "input"),
}
"""Module -> function -> the argument that is filtered along ``axis``."""


def _filter(module: str, name: str, filtered: str) -> Callable[..., Any]:
    shown = f"{module}.{name}"

    def make(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        args, kwargs = current(args), current(kwargs)
        if not is_traced([args, kwargs]):
            return original(*args, **kwargs)
        given = inspect.signature(original).bind(*args, **kwargs)
        given.apply_defaults()
        others = dict(given.arguments)
        x, axis = others.pop(filtered), others.pop("axis")
        x = array_of(x)
        if any(others.pop(key, None) is not None for key in ("zi", "output")):
            raise refuse(f"{shown} with zi= or output=", "leave it out")
        if is_traced(others):
            if name == "lfilter":
                return _recursion(np.atleast_1d(np.array(others["b"])), np.atleast_1d(np.array(others["a"])), x, axis)
            raise refuse(f"{shown} with traced arguments beside {filtered}", "write the sum over shifts as a loop")
        axis = one_axis(shown, axis, x.shape)

        def of(values: np.ndarray) -> Any:
            return np.asarray(current(original(**others, **{filtered: values, "axis": 0})))

        nothing = of(np.zeros((x.shape[axis], 1)))
        result = times_matrix(shown, lambda units: of(units) - nothing, x, None, axis)
        beyond = nothing.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        return result + beyond if np.any(nothing) else result

    return make


for _module, _functions in _ALONG_AN_AXIS.items():
    for _name, _filtered in _functions.items():
        stands_in(_module, _name)(_filter(_module, _name, _filtered))


@of_scipy("scipy.ndimage")
def _gaussian_filter(input: Any, sigma: Any, order: Any = 0, *, mode: Any = "reflect", **others: Any) -> Any:
    return _one_axis_after_the_other("gaussian_filter1d", input, sigma, order=order, mode=mode, **others)


@of_scipy("scipy.ndimage")
def _uniform_filter(input: Any, size: Any = 3, *, mode: Any = "reflect", **others: Any) -> Any:
    return _one_axis_after_the_other("uniform_filter1d", input, size, mode=mode, **others)


def _one_axis_after_the_other(name: str, x: Any, extent: Any, *, axes: Any = None, **others: Any) -> Any:
    """A filter of ``scipy.ndimage`` along every axis; what is a sequence has an entry for each."""
    axes = range(x.ndim) if axes is None else np.atleast_1d(axes)
    extents = [extent] * len(axes) if np.ndim(extent) == 0 else list(extent)
    function = getattr(importlib.import_module("scipy.ndimage"), name)
    for i, (axis, width) in enumerate(zip(axes, extents, strict=True)):
        here = {key: value[i] if isinstance(value, list | tuple) else value for key, value in others.items()}
        # SciPy leaves out what would change nothing.
        x = function(x, width, int(axis), **here) if width > _NO_WIDTH[name] else x
    return x


_NO_WIDTH = {"gaussian_filter1d": 1e-15, "uniform_filter1d": 1}
"""The extent of a filter that SciPy leaves out."""


def _recursion(b: Any, a: Any, x: Any, axis: Any) -> Any:
    """``lfilter`` step by step, in the transposed direct form: y = b0 x + z0, z(k-1) = bk x - ak y + zk."""
    order = max(len(b), len(a))
    forward, backward = ([*(c / a[0]), *[0.0] * (order - len(c))] for c in (b, a))
    held: list[Any] = [0.0] * order
    outputs = []
    for sample in np.moveaxis(x, one_axis("scipy.signal.lfilter", axis, np.shape(x)), 0):
        y = forward[0] * sample + held[0]
        held = [forward[k] * sample - backward[k] * y + held[k] for k in range(1, order)] + [0.0]
        outputs.append(y)
    return np.stack(outputs, axis)
