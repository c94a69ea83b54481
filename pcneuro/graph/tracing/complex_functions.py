"""NumPy's functions of complex arrays, in terms of those of their real and imaginary parts."""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.complex import (
    COMPLEX,
    REAL_RESULT,
    TracedComplex,
    answers_complex,
    as_complex,
    paired,
    parts,
    recorder_among,
)
from pcneuro.graph.tracing.differences import one_axis
from pcneuro.ops.base import AbstractTraced
from pcneuro.ops.registry import HANDLERS, refuse

# Functions that are linear in some of their arguments, by the places of these; the others are constants.

_LINEAR: dict[Callable[..., Any], Sequence[int]] = {
    **{getattr(np, name): (0,) for name in rules.STRUCTURAL},
    **dict.fromkeys((np.sum, np.mean, np.cumsum, np.diff, np.trace, np.diag, np.diagflat), (0,)),
    **dict.fromkeys((np.tril, np.triu, np.gradient, np.trapezoid, np.resize, sliding_window_view), (0,)),
    **dict.fromkeys((np.fft.fftshift, np.fft.ifftshift, np.pad, np.copy, np.linalg.diagonal), (0,)),
    **dict.fromkeys((np.linalg.trace, np.linalg.matrix_transpose, np.take, np.take_along_axis), (0,)),
    **dict.fromkeys((np.round, np.around, np.rint), (0,)),
    np.append: (0, 1),
    np.insert: (0, 2),
    np.where: (1, 2),
}
_LINEAR_IN_ALL = (np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_arrays)


def _part_of(tree: Any, k: int) -> Any:
    """The real (0) or the imaginary part (1) of a tree of arrays."""
    if isinstance(tree, list | tuple) and not isinstance(tree, AbstractTraced):
        kind = list if isinstance(tree, list) else tuple
        return kind(_part_of(part, k) for part in tree)
    part = parts(tree)[k]
    return np.zeros(np.shape(tree)) if part is None else part


def _by_parts(
    function: Callable[..., Any], places: Sequence[int] | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """The function of the real parts, and that of the imaginary parts."""
    places = range(len(args)) if places is None else places
    try:
        names = list(inspect.signature(function).parameters)
    except ValueError:
        names = []
    data = {names[i] for i in places if i < len(names)}
    recorder = recorder_among(args, list(kwargs.values()))
    results = []
    for k in range(2):
        chosen = [_part_of(a, k) if i in places else a for i, a in enumerate(args)]
        named = {name: _part_of(a, k) if name in data else a for name, a in kwargs.items()}
        if any(isinstance(a, TracedComplex) for a in rules.flattened((chosen, named))):
            raise refuse(f"np.{function.__name__} with complex values behind the first", "leave them out")
        results.append(function(*chosen, **named))
    if isinstance(results[0], list | tuple) and not isinstance(results[0], AbstractTraced):
        return type(results[0])(paired(recorder, *pair) for pair in zip(*results, strict=True))
    return paired(recorder, *results)


def _linear(function: Callable[..., Any], places: Sequence[int] | None) -> Callable[..., Any]:
    def handler(*args: Any, **kwargs: Any) -> Any:
        return _by_parts(function, places, args, kwargs)

    return handler


COMPLEX.update({function: _linear(function, places) for function, places in _LINEAR.items()})
COMPLEX.update({function: _linear(function, None) for function in _LINEAR_IN_ALL})

# Functions that look at no value are the same for complex arrays.


def _as_of_reals(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: HANDLERS[function](*args, **kwargs)


_SAME: tuple[Callable[..., Any], ...] = (
    *(np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj),
    *(np.zeros_like, np.ones_like, np.empty_like),
    *(np.array_equal, np.array_equiv, np.shares_memory, np.may_share_memory),
)
COMPLEX.update({function: _as_of_reals(function) for function in _SAME})


# Functions that are linear in each of their arguments


def _product(function: Callable[..., Any], *operands: Any) -> TracedComplex:
    """The function of every choice of parts of the operands, added up by powers of the imaginary unit."""
    recorder = recorder_among(operands)
    choices = [[(k, part) for k, part in enumerate(parts(a)) if part is not None] for a in operands]
    sums: list[Any] = [None, None]
    for chosen in itertools.product(*choices):
        power = sum(k for k, _ in chosen)
        value = function(*(part for _, part in chosen))
        # i to the power of 2 and 3 is negative.
        known = sums[power % 2]
        if power % 4 < 2:
            sums[power % 2] = value if known is None else known + value
        else:
            sums[power % 2] = -value if known is None else known - value
    return paired(recorder, *sums)


def _multilinear(function: Callable[..., Any], conjugated: int | None = None) -> Callable[..., Any]:
    """The handler of a function of two operands, of which NumPy conjugates one."""

    def handler(a: Any, b: Any, /, *args: Any, **kwargs: Any) -> TracedComplex:
        operands = [np.conj(x) if i == conjugated and parts(x)[1] is not None else x for i, x in enumerate((a, b))]
        return _product(lambda *chosen: function(*chosen, *args, **kwargs), *operands)

    return handler


_PRODUCTS: tuple[Callable[..., Any], ...] = (
    *(np.multiply, np.matmul, np.dot, np.inner, np.outer, np.tensordot, np.kron, np.convolve, np.cross, np.matvec),
    *(np.linalg.outer, np.linalg.matmul, np.linalg.tensordot, np.linalg.cross),
)
_CONJUGATED: dict[Callable[..., Any], int] = {
    **{np.vdot: 0, np.vecdot: 0, np.linalg.vecdot: 0, np.vecmat: 0},
    np.correlate: 1,
}
COMPLEX.update({function: _multilinear(function) for function in _PRODUCTS})
COMPLEX.update({function: _multilinear(function, place) for function, place in _CONJUGATED.items()})


@answers_complex(np.einsum)
def _einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> TracedComplex:
    if not isinstance(subscripts, str):
        raise refuse("this form of np.einsum with complex values", 'write np.einsum("ij,jk->ik", a, b)')
    return _product(functools.partial(np.einsum, subscripts), *operands)


# Arithmetic


@answers_complex(np.copyto)
def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    if not isinstance(dst, TracedComplex):
        raise refuse("np.copyto of complex values to real ones", REAL_RESULT)
    dst[...] = src if where is True else np.where(where, src, dst)


def _sum(function: Callable[..., Any], a: Any, b: Any) -> TracedComplex:
    (a_real, a_imag), (b_real, b_imag) = parts(a), parts(b)
    imag = a_imag if b_imag is None else function(0.0 if a_imag is None else a_imag, b_imag)
    return paired(recorder_among(a, b), function(a_real, b_real), imag).alike()


COMPLEX[np.add] = functools.partial(_sum, np.add)
COMPLEX[np.subtract] = functools.partial(_sum, np.subtract)


@answers_complex(np.positive)
def _positive(x: Any) -> Any:
    return x.alike()


@answers_complex(np.negative)
def _negative(x: Any) -> Any:
    return TracedComplex(-x.real, -x.imag)


@answers_complex(np.conjugate)
def _conjugate(x: Any) -> Any:
    return TracedComplex(x.real.alike(), -x.imag)


@answers_complex(np.reciprocal)
def _reciprocal(x: Any) -> Any:
    squared = np.square(x.real) + np.square(x.imag)
    return TracedComplex(x.real / squared, -x.imag / squared)


@answers_complex(np.divide)
def _divide(a: Any, b: Any) -> Any:
    imag = parts(b)[1]
    if isinstance(b, TracedComplex):
        return a * _reciprocal(b)
    return a * (1.0 / np.asarray(b)) if imag is not None else TracedComplex(a.real / b, a.imag / b)


@answers_complex(np.square)
def _square(x: Any) -> Any:
    return TracedComplex(np.square(x.real) - np.square(x.imag), 2.0 * x.real * x.imag)


def _general_power(base: Any, exponent: Any) -> Any:
    """exp(b log a); where a is zero, 1 if b is, and 0 if the real part of b is positive."""
    real, imag = parts(exponent)
    ends = np.equal(real, 0) & (True if imag is None else np.equal(imag, 0))
    zero = np.equal(np.real(base), 0) & np.equal(np.imag(base), 0) & (ends | np.greater(real, 0))
    return np.where(zero, np.where(ends, 1.0, 0.0), np.exp(exponent * np.log(np.where(zero, 1.0, base))))


_POWERS = 64
"""Largest whole exponent that is written as products."""


@answers_complex(np.power, np.float_power)
def _power(a: Any, b: Any) -> Any:
    exponent = None if isinstance(b, AbstractTraced) or np.ndim(b) else parts(b)
    if exponent is None or exponent[1] is not None or exponent[0] % 1 or abs(exponent[0]) > _POWERS:
        base: Any = as_complex(a.recorder, a) if isinstance(a, TracedArray | TracedComplex) else np.asarray(a, complex)
        return _general_power(base, b)
    n = int(exponent[0])
    if n == 1:
        return _positive(a)
    if n < 0:
        return _power(_reciprocal(a), -n)
    result: Any = None
    while n:
        if n % 2:
            result = a if result is None else result * a
        n //= 2
        a = _square(a) if n else a
    return paired(a.recorder, np.ones(a.shape), None) if result is None else result


# Functions of one complex number


@answers_complex(np.real)
def _real(val: Any) -> Any:
    return val.real


@answers_complex(np.imag)
def _imag(val: Any) -> Any:
    return val.imag


@answers_complex(np.absolute)
def _absolute(x: Any) -> Any:
    return np.hypot(x.real, x.imag)


@answers_complex(np.angle)
def _angle(z: Any, deg: Any = False) -> Any:
    angle = np.arctan2(z.imag, z.real)
    return angle * (180.0 / np.pi) if deg else angle


@answers_complex(np.exp)
def _exp(x: Any) -> Any:
    size = np.exp(x.real)
    return TracedComplex(size * np.cos(x.imag), size * np.sin(x.imag))


@answers_complex(np.log)
def _log(x: Any) -> Any:
    return TracedComplex(np.log(_absolute(x)), _angle(x))


@answers_complex(np.sqrt)
def _sqrt(x: Any) -> Any:
    root, half = np.sqrt(_absolute(x)), 0.5 * _angle(x)
    return TracedComplex(root * np.cos(half), root * np.sin(half))


@answers_complex(np.sin)
def _sin(x: Any) -> Any:
    return TracedComplex(np.sin(x.real) * np.cosh(x.imag), np.cos(x.real) * np.sinh(x.imag))


@answers_complex(np.cos)
def _cos(x: Any) -> Any:
    return TracedComplex(np.cos(x.real) * np.cosh(x.imag), -np.sin(x.real) * np.sinh(x.imag))


@answers_complex(np.sinh)
def _sinh(x: Any) -> Any:
    return TracedComplex(np.sinh(x.real) * np.cos(x.imag), np.cosh(x.real) * np.sin(x.imag))


@answers_complex(np.cosh)
def _cosh(x: Any) -> Any:
    return TracedComplex(np.cosh(x.real) * np.cos(x.imag), np.sinh(x.real) * np.sin(x.imag))


@answers_complex(np.log10)
def _log10(x: Any) -> Any:
    return _log(x) / np.log(10)


@answers_complex(np.log2)
def _log2(x: Any) -> Any:
    return _log(x) / np.log(2)


@answers_complex(np.tanh)
def _tanh(x: Any) -> Any:
    t, tan = np.tanh(x.real), np.tan(x.imag)
    below = 1.0 + np.square(t * tan)
    return TracedComplex(t * (1.0 + np.square(tan)) / below, tan * (1.0 - np.square(t)) / below)


@answers_complex(np.tan)
def _tan(x: Any) -> Any:
    turned = _tanh(TracedComplex(-x.imag, x.real))
    return TracedComplex(turned.imag, -turned.real)


# Questions and reductions that are not linear


@answers_complex(np.equal)
def _equal(a: Any, b: Any) -> Any:
    (a_real, a_imag), (b_real, b_imag) = ([0.0 if x is None else x for x in parts(value)] for value in (a, b))
    return np.equal(a_real, b_real) & np.equal(a_imag, b_imag)


@answers_complex(np.not_equal)
def _not_equal(a: Any, b: Any) -> Any:
    return ~_equal(a, b)


@answers_complex(np.cumprod)
def _cumprod(a: Any, axis: Any = None) -> Any:
    moved = np.ravel(a) if axis is None else np.moveaxis(a, one_axis("np.cumprod", axis, a.shape), 0)
    if not len(moved):
        return moved
    products = np.stack(list(itertools.accumulate(moved, operator.mul)))
    return products if axis is None else np.moveaxis(products, 0, axis)


@answers_complex(np.average)
def _average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: Any = False) -> Any:
    if any(isinstance(part, TracedComplex) for part in rules.flattened(weights)):
        raise refuse("np.average with complex weights", "write the weighted sums")
    return _by_parts(np.average, (0,), [a, axis, weights], {"keepdims": keepdims})


@answers_complex(np.prod)
def _prod(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    flat = np.ravel(a) if axis is None else np.moveaxis(a, one_axis("np.prod", axis, a.shape), 0)
    if not len(flat):
        return paired(a.recorder, np.ones(flat.shape[1:]), None)
    result = functools.reduce(operator.mul, flat)
    if keepdims:
        return np.reshape(result, (1,) * a.ndim) if axis is None else np.expand_dims(result, axis)
    return result


@answers_complex(np.var)
def _var(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    return sum(np.var(part, axis=axis, ddof=ddof, keepdims=keepdims) for part in (a.real, a.imag))


@answers_complex(np.std)
def _std(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: Any = False) -> Any:
    return np.sqrt(_var(a, axis, ddof=ddof, keepdims=keepdims))


@answers_complex(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    vectors = x.ndim == 1 if axis is None else np.ndim(axis) == 0 or len(axis) == 1
    if not vectors and ord not in (None, "fro"):
        raise refuse(f"np.linalg.norm of complex matrices with ord={ord!r}", REAL_RESULT)
    return np.linalg.norm(np.abs(x), ord, axis, keepdims)


@answers_complex(np.real_if_close)
def _real_if_close(a: Any, tol: Any = 100) -> Any:
    raise refuse("np.real_if_close, a decision on traced values,", "write np.real where the imaginary part is none")
