"""NumPy's polynomials, highest power first, and convolutions of traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.array import TracedArray, plain_constant
from pcneuro.graph.tracing.types import product_typed
from pcneuro.ops.convolution import Convolution
from pcneuro.ops.registry import answers, at_line, refuse

_MODES = ("full", "same", "valid")


def _vector(name: str, x: Any) -> Any:
    """An array of one axis; a number is one of length 1."""
    x = np.atleast_1d(x if isinstance(x, TracedArray) else plain_constant(f"an argument of {name}", x))
    if x.ndim > 1 or not x.size:
        raise ShapeError(f"{name} of an array of shape {x.shape}: give one axis, of one element at least{at_line()}")
    return x


@answers(np.convolve)
def _convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    a, v = _vector("np.convolve", a), _vector("np.convolve", v)
    return product_typed(_slid("np.convolve", a, v[::-1], mode), a, v)


@answers(np.correlate)
def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    a, v = _vector("np.correlate", a), _vector("np.correlate", v)
    return product_typed(_slid("np.correlate", a, v, mode), a, v)


def _slid(name: str, a: Any, v: Any, mode: Any) -> Any:
    """out[n] = sum_k a[n + k] v[k]; the shorter of the two slides along the longer one."""
    if mode not in _MODES:
        raise refuse(f"{name} with mode={mode!r}", f"give {', '.join(_MODES[:-1])} or {_MODES[-1]}")
    if a.size < v.size:
        # In NumPy the middle of np.convolve is counted from the other end than that of np.correlate.
        same = "same" if name == "np.correlate" else "same from the end"
        return _slid_along(v, a, same if mode == "same" else mode)[::-1]
    return _slid_along(a, v, mode)


def _slid_along(a: Any, v: Any, mode: str) -> Any:
    padding = 0 if mode == "valid" else v.size - 1
    source = a if isinstance(a, TracedArray) else v
    if padding and not all(isinstance(x, TracedArray) or np.isfinite(x).all() for x in (a, v)):
        return _cut(_overlaps(a, v), a, v, mode)
    slid = source.apply(Convolution((1,), (padding,), (1,), 1), np.reshape(a, (1, -1)), np.reshape(v, (1, 1, -1)))[0]
    return _cut(slid, a, v, mode)


def _overlaps(a: Any, v: Any) -> Any:
    """Products of what overlaps, without the zeros beyond, which are not nothing times infinity."""
    shifts = range(1 - v.size, a.size)
    pairs = [(a[max(n, 0) : n + v.size], v[max(-n, 0) : min(v.size, a.size - n)]) for n in shifts]
    return np.stack([np.dot(of_a, of_v) for of_a, of_v in pairs])


def _cut(slid: Any, a: Any, v: Any, mode: str) -> Any:
    if mode.startswith("same"):
        before = v.size - 1 - v.size // 2 if mode == "same" else v.size // 2
        slid = slid[before : before + a.size]
    return slid


@answers(np.vander)
def _vander(x: Any, N: Any = None, increasing: Any = False) -> Any:
    if x.ndim != 1:
        raise ShapeError(f"np.vander of an array of shape {x.shape}: give one axis{at_line()}")
    powers: list[Any] = [np.ones(x.shape)]
    for _ in range(1, x.size if N is None else N):
        powers.append(powers[-1] * x)
    columns = powers[: x.size if N is None else N]
    if not columns:
        return np.ones((x.size, 0))
    return np.stack(columns if increasing else columns[::-1], axis=1)


@answers(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    if isinstance(x, np.poly1d):
        raise refuse("np.polyval of one polynomial at another", "give numbers or arrays as x")
    if np.ndim(p) > 1:
        raise ShapeError(f"np.polyval with coefficients of shape {np.shape(p)}: give one axis{at_line()}")
    x = x if isinstance(x, TracedArray) else plain_constant("the places of np.polyval", x)
    coefficients = list(np.atleast_1d(np.asarray(p) if not isinstance(p, TracedArray) else p))
    if not coefficients:
        return np.zeros(x.shape)
    total = np.broadcast_to(coefficients[0], x.shape)
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


def _aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """The coefficients of two polynomials, with zeros before those of the shorter one."""
    one, other = _vector("np.polyadd", a1), _vector("np.polyadd", a2)
    n = max(one.size, other.size)
    return np.pad(one, (n - one.size, 0)), np.pad(other, (n - other.size, 0))


@answers(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Any:
    one, other = _aligned(a1, a2)
    return one + other


@answers(np.polysub)
def _polysub(a1: Any, a2: Any) -> Any:
    one, other = _aligned(a1, a2)
    return one - other


@answers(np.polymul)
def _polymul(a1: Any, a2: Any) -> Any:
    one, other = _vector("np.polymul", a1), _vector("np.polymul", a2)
    # NumPy drops leading zeros of constants; those of traced values stay.
    one, other = (x if isinstance(x, TracedArray) else np.trim_zeros(x, "f") for x in (one, other))
    return np.convolve(one if one.size else [0.0], other if other.size else [0.0])


@answers(np.polyder)
def _polyder(p: Any, m: Any = 1) -> Any:
    for _ in range(m):
        p = p[:-1] * np.arange(p.size - 1, 0, -1)
    return p


@answers(np.polyint)
def _polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    constants = np.zeros(m) if k is None else np.atleast_1d(k)
    if constants.size == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if constants.size < m:
        raise ShapeError(f"np.polyint of order {m} with {constants.size} constants{at_line()}")
    for i in range(m):
        p = np.concatenate([p / np.arange(np.size(p), 0, -1), constants[i : i + 1]])
    return p


@answers(np.poly)
def _poly(seq_of_zeros: Any) -> Any:
    if np.ndim(seq_of_zeros) != 1:
        raise refuse("np.poly of a matrix", "give its zeros: np.poly of one axis")
    total: Any = np.ones(1)
    for zero in seq_of_zeros:
        total = np.concatenate([total, [0.0]]) - np.concatenate([[0.0], zero * total])
    return total


@answers(np.polyfit)
def _polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: Any = False, w: Any = None, cov: Any = False) -> Any:
    traced = [name for name, value in (("x", x), ("w", w)) if isinstance(value, TracedArray)]
    if traced or full or cov:
        named = [*(f"a traced {name}" for name in traced), *(["full="] if full else []), *(["cov="] if cov else [])]
        raise refuse(f"np.polyfit with {' and '.join(named)}", "solve the normal equations with np.linalg.solve")
    # The coefficients are linear in y: those of each unit vector are the columns of a matrix.
    matrix = np.polyfit(x, np.eye(np.size(x)), deg, rcond=rcond, w=w)
    return matrix @ y
