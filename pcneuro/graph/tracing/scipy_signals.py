"""SciPy's transforms, convolutions and integrals of samples, on traced arrays."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.array import TracedArray, plain_constant
from pcneuro.graph.tracing.complex import TracedComplex, recorder_among
from pcneuro.graph.tracing.differences import along, one_axis
from pcneuro.graph.tracing.of_scipy import of_scipy
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.base import Shape
from pcneuro.ops.convolution import Convolution
from pcneuro.ops.registry import at_line, refuse

_PLANE = (-2, -1)
_LONGEST = 4096
"""Points of a transform or filter that is one product with a matrix."""

# Fourier transforms: those of np.fft


def _along_an_axis(name: str) -> Any:
    def transform(x: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
        return getattr(np.fft, name)(x, n, axis, norm)

    transform.__name__ = name
    return transform


def _over_axes(name: str, every: Any) -> Any:
    def transform(x: Any, s: Any = None, axes: Any = every, norm: Any = None) -> Any:
        return getattr(np.fft, name)(x, s, axes, norm)

    transform.__name__ = name
    return transform


for _name in "fft ifft rfft irfft hfft ihfft".split():
    of_scipy("scipy.fft")(_along_an_axis(_name))
for _name in "fft2 ifft2 rfft2 irfft2".split():
    of_scipy("scipy.fft")(_over_axes(_name, _PLANE))
for _name in "fftn ifftn rfftn irfftn".split():
    of_scipy("scipy.fft")(_over_axes(_name, None))

# Cosine and sine transforms


def times_matrix(name: str, matrix_of: Any, x: Any, n: Any, axis: Any) -> Any:
    """A linear map along an axis: its columns are what it makes of unit vectors."""
    axis = one_axis(name, axis, x.shape)
    n = x.shape[axis] if n is None else n
    if n > _LONGEST:
        raise refuse(f"{name} of {n} points", f"give n= up to {_LONGEST}")
    x = np.moveaxis(x[along(axis, slice(0, n))], axis, -1)
    missing = n - x.shape[-1]
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)]) if missing else x
    matrix = recorder_among(x).lift(np.asarray(matrix_of(current(np.eye(n)))).T)
    return np.moveaxis(np.matmul(x, matrix), -1, axis)


def _trigonometric(name: str) -> Any:
    def transform(
        x: Any, type: Any = 2, n: Any = None, axis: Any = -1, norm: Any = None, *, orthogonalize: Any = None
    ) -> Any:
        def matrix_of(units: np.ndarray) -> Any:
            function = getattr(importlib.import_module("scipy.fft"), name)
            return function(units, type, axis=0, norm=norm, orthogonalize=orthogonalize)

        return times_matrix(f"scipy.fft.{name}", matrix_of, x, n, axis)

    transform.__name__ = name
    return transform


def _trigonometric_over_axes(name: str) -> Any:
    single = _trigonometric(name[:-1])

    def transform(
        x: Any, type: Any = 2, s: Any = None, axes: Any = None, norm: Any = None, *, orthogonalize: Any = None
    ) -> Any:
        if axes is None:
            axes = range(x.ndim) if s is None else range(-len(s), 0)
        lengths = [None] * len(axes) if s is None else s
        for axis, n in zip(axes, lengths, strict=True):
            x = single(x, type, n, axis, norm, orthogonalize=orthogonalize)
        return x

    transform.__name__ = name
    return transform


for _name in "dct idct dst idst".split():
    of_scipy("scipy.fft")(_trigonometric(_name))
    of_scipy("scipy.fft")(_trigonometric_over_axes(f"{_name}n"))

# Convolutions

_MODES = ("full", "same", "valid")
_BOUNDARIES: dict[Any, Any] = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}
"""What is beyond the edge: SciPy's name for it, and that of np.pad."""


def _convolved(name: str, a: Any, b: Any, mode: Any) -> Any:
    """The convolution over one axis or two; ``same`` is the middle of it, of the first array's shape."""
    a, b = (x if isinstance(x, TracedArray | TracedComplex) else plain_constant(name, x) for x in (a, b))
    if a.ndim != b.ndim or a.ndim not in (1, 2):
        raise refuse(f"{name} of shapes {a.shape} and {b.shape}", "give arrays of one axis, or of two")
    if mode not in _MODES:
        raise refuse(f"{name} with mode={mode!r}", f"give {', '.join(_MODES[:-1])} or {_MODES[-1]}")
    if not all(m <= n for m, n in zip(b.shape, a.shape, strict=True)):
        if mode == "valid" and not all(m >= n for m, n in zip(b.shape, a.shape, strict=True)):
            shapes = f"{a.shape} and {b.shape}"
            raise ShapeError(f"{name} of shapes {shapes}, neither within the other, has no valid part{at_line()}")
        return _middle(_full(b, a, mode), a.shape, mode)
    return _middle(_full(a, b, mode), a.shape, mode)


def _full(a: Any, b: Any, mode: str) -> Any:
    """Every place where the two overlap, or, for ``valid``, those where the second lies within the first."""
    flipped = b[(slice(None, None, -1),) * b.ndim]
    if a.ndim == 1:
        return np.convolve(a, b, "valid" if mode == "valid" else "full")
    padding = (0, 0) if mode == "valid" else tuple(m - 1 for m in b.shape)
    source = a if isinstance(a, TracedArray | TracedComplex) else b
    operator = Convolution((1, 1), padding, (1, 1), 1)
    return source.apply(operator, a[None], flipped[None, None])[0]


def _middle(full: Any, shape: Shape, mode: str) -> Any:
    if mode != "same":
        return full
    starts = [(n - m) // 2 for n, m in zip(full.shape, shape, strict=True)]
    return full[tuple(slice(s, s + m) for s, m in zip(starts, shape, strict=True))]


@of_scipy("scipy.signal")
def _convolve(in1: Any, in2: Any, mode: Any = "full") -> Any:
    return _convolved("scipy.signal.convolve", in1, in2, mode)


@of_scipy("scipy.signal")
def _fftconvolve(in1: Any, in2: Any, mode: Any = "full") -> Any:
    return _convolved("scipy.signal.fftconvolve", in1, in2, mode)


@of_scipy("scipy.signal")
def _convolve2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
    return _over_a_plane("scipy.signal.convolve2d", in1, in2, mode, boundary, fillvalue)


def _over_a_plane(name: str, in1: Any, in2: Any, mode: Any, boundary: Any, fillvalue: Any) -> Any:
    """The convolution of two arrays of two axes, with what stands beyond the edges of the first."""
    if mode == "valid" or (boundary == "fill" and not isinstance(fillvalue, TracedArray) and fillvalue == 0):
        return _convolved(name, in1, in2, mode)
    if boundary not in _BOUNDARIES or mode not in _MODES or np.ndim(in1) != 2 or np.ndim(in2) != 2:
        what = f"{name} of shapes {np.shape(in1)} and {np.shape(in2)} with mode={mode!r} and boundary={boundary!r}"
        raise refuse(
            what, f"give arrays of two axes, a mode of {', '.join(_MODES)}, and one of {', '.join(_BOUNDARIES)}"
        )
    beyond: dict[str, Any] = {"constant_values": fillvalue} if boundary == "fill" else {}
    padded = np.pad(in1, [(m - 1, m - 1) for m in np.shape(in2)], _BOUNDARIES[boundary], **beyond)
    return _middle(_convolved(name, padded, in2, "valid"), np.shape(in1), mode)


@of_scipy("scipy.signal")
def _correlate2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
    flipped = np.conj(in2)[(slice(None, None, -1),) * np.ndim(in2)]
    whole = "full" if mode == "same" else mode
    result = _over_a_plane("scipy.signal.correlate2d", in1, flipped, whole, boundary, fillvalue)
    if mode != "same":
        return result
    # The middle is counted from the other end than that of a convolution.
    starts = [m // 2 for m in np.shape(in2)]
    return result[tuple(slice(s, s + n) for s, n in zip(starts, np.shape(in1), strict=True))]


@of_scipy("scipy.signal")
def _correlate(in1: Any, in2: Any, mode: Any = "full") -> Any:
    flipped = np.conj(in2)[(slice(None, None, -1),) * np.ndim(in2)]
    return _convolved("scipy.signal.correlate", in1, flipped, mode)


# Integrals


@of_scipy("scipy.integrate")
def _cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1, initial: Any = None) -> Any:
    axis = one_axis("scipy.integrate.cumulative_trapezoid", axis, np.shape(y))
    widths = dx
    if x is not None:
        widths = np.diff(x, axis=-1 if np.ndim(x) == 1 else axis)
        if np.ndim(x) == 1:
            widths = np.reshape(widths, [-1 if i == axis else 1 for i in range(np.ndim(y))])
    y = y if isinstance(y, TracedArray) else plain_constant("the values of cumulative_trapezoid", y)
    parts = widths * (y[along(axis, slice(1, None))] + y[along(axis, slice(None, -1))]) * 0.5
    sums = np.cumsum(parts, axis=axis)
    if initial is None:
        return sums
    first = np.full((*sums.shape[:axis], 1, *sums.shape[axis + 1 :]), initial)
    return np.concatenate([first, sums], axis=axis)
