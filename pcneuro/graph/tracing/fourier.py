"""np.fft of traced arrays: discrete Fourier transforms as linear maps on real and imaginary parts.

X[k] = scale * sum_j x[j] exp(sign * 2 pi i j k / n)

A short transform is one product with a constant matrix of cosines and one of sines. A longer one of n = a * b points is
a transform of a points for each of b, a rotation of what comes out, and one of b points for each of a (Cooley and
Tukey, Math. Comp. 19, 1965): so many products fewer, and constants of that size. One whose length is a large prime has
its matrix whole, up to a limit.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError, shown
from pcneuro.graph.tracing.array import Recorder, TracedArray
from pcneuro.graph.tracing.complex import (
    COMPLEX,
    Parts,
    TracedComplex,
    paired,
    parts,
    recorder_among,
)
from pcneuro.graph.tracing.differences import along, one_axis
from pcneuro.graph.tracing.functions import structural
from pcneuro.ops.registry import HANDLERS, answers, at_line, refuse

_SHORT = 128
"""Points of a transform that is one product with a matrix."""
_LONGEST_PRIME = 4096
"""Points of the largest such product, where the length has no factors to make two transforms of."""

_SCALES = {None: (0.0, 1.0), "backward": (0.0, 1.0), "ortho": (0.5, 0.5), "forward": (1.0, 0.0)}
"""norm -> the powers of 1/n that a transform is multiplied by, and the inverse one."""
_OF_INVERSE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}
"""The norm under which a transform has the scale that the inverse one has under this."""


def _waves(rows: int, columns: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of 2 pi j k / n for rows j and columns k, exact where they are 0 and 1."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % n
    # Each in the eighth of a turn that is next to it, so that no multiple of pi is rounded.
    eighths = np.rint(8 * turns / n).astype(np.int64)
    rest = 2.0 * np.pi * (8 * turns - eighths * n) / (8 * n)
    cosine, sine = np.cos(rest), np.sin(rest)
    half = np.sqrt(0.5)
    c = np.array([1.0, half, 0.0, -half, -1.0, -half, 0.0, half])[eighths % 8]
    s = np.array([0.0, half, 1.0, half, 0.0, -half, -1.0, -half])[eighths % 8]
    return c * cosine - s * sine, s * cosine + c * sine


def _wave(recorder: Recorder, which: int, rows: int, columns: int, n: int, scale: float) -> TracedArray:
    """The matrix of cosines (0) or of sines (1) times ``scale``."""
    key = ("wave", which, rows, columns, n, scale)
    return recorder.once(key, lambda: scale * _waves(rows, columns, n)[which])


def _divisor(n: int) -> int:
    """The largest divisor that is not above the square root."""
    return next(a for a in range(math.isqrt(n), 0, -1) if n % a == 0)


def _transform_last(recorder: Recorder, x: Parts, sign: int, scale: float) -> Parts:
    """The transform along the last axis."""
    n = x[0].shape[-1]
    first = _divisor(n)
    if n <= _SHORT or first == 1:
        if n > _LONGEST_PRIME:
            raise refuse(
                f"a Fourier transform of {n} points, a prime number,",
                f"give n=, a length with small factors, as {2 ** n.bit_length()} (the input is padded with zeros)",
            )
        waves = [_wave(recorder, which, n, n, n, scale) for which in range(2)]
        return _rotated(np.matmul, x, waves, sign)
    second = n // first
    lead = x[0].shape[:-1]
    # x[second * j + l] with l before j, so that the first transform is along the last axis.
    split = [None if p is None else np.swapaxes(np.reshape(p, (*lead, first, second)), -1, -2) for p in x]
    inner = _transform_last(recorder, (split[0], split[1]), sign, scale)
    turned = _rotated(np.multiply, inner, [_wave(recorder, which, second, first, n, 1.0) for which in range(2)], sign)
    outer = _transform_last(recorder, (np.swapaxes(turned[0], -1, -2), np.swapaxes(turned[1], -1, -2)), sign, 1.0)
    # Now k, l stand where k + first * l is to be.
    return np.reshape(np.swapaxes(outer[0], -1, -2), (*lead, n)), np.reshape(np.swapaxes(outer[1], -1, -2), (*lead, n))


def _rotated(product: Any, x: Parts, waves: list[TracedArray], sign: int) -> Parts:
    """Products with cosines + sign i sines."""
    (real, imag), (cosines, sines) = x, waves
    turned: Any = product(real, sines)
    if imag is None:
        # Zero is no -0, which would turn the phase of a negative number about.
        return product(real, cosines), turned if sign > 0 else np.subtract(0.0, turned)
    cross, along_imag = product(imag, sines), product(imag, cosines)
    if sign > 0:
        return product(real, cosines) - cross, along_imag + turned
    return product(real, cosines) + cross, along_imag - turned


# One axis


def _length(name: str, n: Any) -> int:
    try:
        length = operator.index(n)
    except TypeError:
        length = 0
    if length < 1:
        raise ShapeError(f"{name} of {shown(n)} points{at_line()}: give one at least")
    return length


def _scale(name: str, norm: Any, n: int, inverse: bool) -> float:
    if norm not in _SCALES:
        raise refuse(f"{name} with norm={shown(norm)}", "give backward, ortho or forward")
    return float(n) ** -_SCALES[norm][inverse]


def _fitted(x: Parts, axis: int, n: int) -> Parts:
    """Cut off or filled with zeros to ``n`` points along an axis, which becomes the last."""

    def fit(part: Any) -> Any:
        if part is None:
            return None
        part = np.moveaxis(part[along(axis, slice(0, n))], axis, -1)
        missing = n - part.shape[-1]
        return np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, missing)]) if missing else part

    return fit(x[0]), fit(x[1])


def _no_out(name: str, out: Any) -> None:
    if out is not None:
        raise refuse(f"{name} with out=", f"use what {name} returns")


def _complex(name: str, a: Any, n: Any, axis: Any, norm: Any, out: Any, inverse: bool) -> TracedComplex:
    """A transform of complex values to complex values along one axis."""
    _no_out(name, out)
    axis = one_axis(name, axis, a.shape)
    n = _length(name, a.shape[axis] if n is None else n)
    recorder = recorder_among(a)
    fitted = _fitted(parts(a), axis, n)
    result = _transform_last(recorder, fitted, 1 if inverse else -1, _scale(name, norm, n, inverse))
    return paired(recorder, *(np.moveaxis(part, -1, axis) for part in result))


def _fft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> TracedComplex:
    return _complex("np.fft.fft", a, n, axis, norm, out, False)


def _ifft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> TracedComplex:
    return _complex("np.fft.ifft", a, n, axis, norm, out, True)


@answers(np.fft.rfft)
def _rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> TracedComplex:
    axis = one_axis("np.fft.rfft", axis, a.shape)
    n = _length("np.fft.rfft", a.shape[axis] if n is None else n)
    kept = n // 2 + 1
    if n > _SHORT:
        return _complex("np.fft.rfft", a, n, axis, norm, out, False)[along(axis, slice(0, kept))]
    _no_out("np.fft.rfft", out)
    scale = _scale("np.fft.rfft", norm, n, False)
    waves = [_wave(a.recorder, which, n, kept, n, scale) for which in range(2)]
    result = _rotated(np.matmul, _fitted((a, None), axis, n), waves, -1)
    return paired(a.recorder, *(np.moveaxis(part, -1, axis) for part in result))


def _irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The inverse of the spectrum that real values have: the conjugate of each wave stands at its other end."""
    name = "np.fft.irfft"
    _no_out(name, out)
    axis = one_axis(name, axis, a.shape)
    n = _length(name, 2 * (a.shape[axis] - 1) if n is None else n)
    real, imag = _fitted(parts(a), axis, n // 2 + 1)
    mirrored = slice((n - 1) // 2, 0, -1)
    # NumPy takes the first number, and for even n the last one, for real.
    whole = np.concatenate([real, real[..., mirrored]], axis=-1)
    turned = None
    if imag is not None and n > 2:
        inner = imag[..., 1 : (n + 1) // 2]
        ends = np.zeros((*imag.shape[:-1], 1))
        turned = np.concatenate([ends, inner, *([ends] if n % 2 == 0 else []), -inner[..., ::-1]], axis=-1)
    result = _transform_last(recorder_among(a), (whole, turned), 1, _scale(name, norm, n, True))
    return np.moveaxis(result[0], -1, axis)


def _hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    axis = one_axis("np.fft.hfft", axis, a.shape)
    n = 2 * (a.shape[axis] - 1) if n is None else n
    return _irfft(np.conj(a), n, axis, _OF_INVERSE.get(norm, norm), out)


@answers(np.fft.ihfft)
def _ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    return np.conj(_rfft(a, n, axis, _OF_INVERSE.get(norm, norm), out))


# Several axes


def _axes(name: str, a: Any, s: Any, axes: Any) -> list[tuple[int, Any]]:
    """Each axis that is transformed, and how many points it is to have; None for as many as there are."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    lengths = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    if len(lengths) != len(axes):
        raise ShapeError(f"{name} over axes {shown(tuple(axes))} with s={shown(tuple(s))}{at_line()}")
    return [(one_axis(name, axis, a.shape), n) for axis, n in zip(axes, lengths, strict=True)]


_PLANE = (-2, -1)


def _several(name: str, a: Any, s: Any, axes: Any, norm: Any, out: Any, inverse: bool) -> Any:
    for axis, n in reversed(_axes(name, a, s, axes)):
        a = _complex(name, a, n, axis, norm, out, inverse)
    return a


def _fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return _several("np.fft.fftn", a, s, axes, norm, out, False)


def _ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return _several("np.fft.ifftn", a, s, axes, norm, out, True)


def _fft2(a: Any, s: Any = None, axes: Any = _PLANE, norm: Any = None, out: Any = None) -> Any:
    return _several("np.fft.fft2", a, s, axes, norm, out, False)


def _ifft2(a: Any, s: Any = None, axes: Any = _PLANE, norm: Any = None, out: Any = None) -> Any:
    return _several("np.fft.ifft2", a, s, axes, norm, out, True)


@answers(np.fft.rfftn)
def _rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    *others, (axis, n) = _axes("np.fft.rfftn", a, s, axes)
    result: Any = _rfft(a, n, axis, norm, out)
    for other, length in reversed(others):
        result = _complex("np.fft.rfftn", result, length, other, norm, out, False)
    return result


@answers(np.fft.rfft2)
def _rfft2(a: Any, s: Any = None, axes: Any = _PLANE, norm: Any = None, out: Any = None) -> Any:
    return _rfftn(a, s, axes, norm, out)


def _irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    *others, (axis, n) = _axes("np.fft.irfftn", a, s, axes)
    for other, length in others:
        a = _complex("np.fft.irfftn", a, length, other, norm, out, True)
    return _irfft(a, n, axis, norm, out)


def _irfft2(a: Any, s: Any = None, axes: Any = _PLANE, norm: Any = None, out: Any = None) -> Any:
    return _irfftn(a, s, axes, norm, out)


for _name, _handler in (
    ("fft", _fft),
    ("ifft", _ifft),
    ("irfft", _irfft),
    ("hfft", _hfft),
    ("fftn", _fftn),
    ("ifftn", _ifftn),
    ("fft2", _fft2),
    ("ifft2", _ifft2),
    ("irfftn", _irfftn),
    ("irfft2", _irfft2),
):
    COMPLEX[getattr(np.fft, _name)] = HANDLERS[getattr(np.fft, _name)] = _handler
for _shift in (np.fft.fftshift, np.fft.ifftshift):
    HANDLERS[_shift] = functools.partial(structural, _shift)
