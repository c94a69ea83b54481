"""What stands in for functions that make arrays, while a function is traced.

``np.array`` and ``np.zeros`` ask nobody what they are to make of a traced array. While a trace is at work they are
replaced, in NumPy itself and in the modules of users who have imported them by name, by functions that do. Other
threads, and whatever is called outside of the trace, get the original ones. Numba's compiler waits meanwhile: it takes
functions by what they are.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.complex import TracedComplex
from pcneuro.graph.tracing.own import own
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.registry import HANDLERS, SETTING_ASIDE, STAND_INS, at_line, refuse, stands_in

_tracing: ContextVar[bool] = ContextVar("_tracing", default=False)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def _traced(*values: Any) -> bool:
    return any(isinstance(a, TracedArray | TracedComplex) for a in rules.flattened(current(values)))


@functools.cache
def _replaced(original: Callable[..., Any], make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return make(original, *args, **kwargs) if _tracing.get() else original(*args, **kwargs)

    return stand_in


@contextmanager
def standing_in(function: Callable[..., Any]) -> Iterator[None]:
    """Have all stand-ins at their places while ``function`` is traced."""
    with global_compiler_lock:
        places: list[tuple[dict[str, Any] | type, str, Any]] = []
        stand_ins = {}
        for (module, path), make in STAND_INS.items():
            if module in sys.modules:
                *owners, name = path.split(".")
                owner = functools.reduce(getattr, owners, sys.modules[module])
                original = getattr(owner, name)
                stand_ins[id(original)] = original, _replaced(original, make)
                places.append((owner if isinstance(owner, type) else vars(owner), name, original))
        places += _elsewhere(function, stand_ins)

        def put(in_place: bool) -> None:
            for place, name, original in places:
                _put(place, name, stand_ins[id(original)][1] if in_place else original)
            _tracing.set(in_place)

        token, aside = _tracing.set(True), SETTING_ASIDE.set(put)
        try:
            put(True)
            yield
        finally:
            put(False)
            SETTING_ASIDE.reset(aside)
            _tracing.reset(token)


def _put(place: dict[str, Any] | type, name: str, value: Any) -> None:
    if isinstance(place, type):
        setattr(place, name, value)
    else:
        place[name] = value


def _elsewhere(function: Callable[..., Any], stand_ins: dict[int, Any]) -> list[tuple[dict[str, Any] | type, str, Any]]:
    """Where users have such functions under names of their own."""
    namespaces = {id(space): space for space in (getattr(inner, "__globals__", {}) for inner in _inner(function))}
    for name in sys.modules.keys() - _seen:
        _seen.add(name)
        if _is_users(name, getattr(sys.modules.get(name), "__file__", None)):
            _of_users.append(name)
    for name in _of_users:
        space = getattr(sys.modules.get(name), "__dict__", {})
        namespaces[id(space)] = space
    return [
        (space, name, value)
        for space in namespaces.values()
        for name, value in list(space.items())
        if id(value) in stand_ins and stand_ins[id(value)][0] is value
    ]


_seen: set[str] = set()
_of_users: list[str] = []
"""Modules that have been looked at, and those of them that are of users."""


def _is_users(module: str, path: str | None) -> bool:
    """Whether a module is of a user's own: of no library, and not of this package."""
    package = module.partition(".")[0]
    known = package in sys.stdlib_module_names or package in ("numpy", "scipy", "pcneuro")
    return not known and (path is None or not path.startswith(_LIBRARIES))


def _inner(function: Any) -> Iterator[Any]:
    """A function, and those that it is made of by ``functools.partial`` and decorators."""
    while function is not None:
        yield getattr(function, "__func__", function)
        yield vars(type(function)).get("__call__")
        function = getattr(function, "func", None) or getattr(function, "__wrapped__", None)


# Functions that make arrays


def _made(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Make an array of numbers, which may be written to."""
    if _traced(args, kwargs):
        if original in HANDLERS:
            return HANDLERS[original](*current(args), **current(kwargs))
        raise refuse(
            f"np.{original.__name__} of a traced value", "give constants: shapes and bounds cannot depend on data"
        )
    made = original(*args, **kwargs)
    return own(made if not isinstance(made, np.ndarray) or made.flags.owndata else made.copy())


for _name in "zeros ones eye identity arange linspace logspace geomspace tri fromiter".split():
    stands_in("numpy", _name)(_made)


@stands_in("numpy", "empty")
def _empty(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Zeros: what is in an empty array is not for reading, but the graph would keep it."""
    result = _made(original, *args, **kwargs)
    if isinstance(result, np.ndarray) and result.dtype.kind in "fiub":
        result[...] = 0
    return result


@stands_in("numpy", "full")
def _full(original: Callable[..., Any], shape: Any, fill_value: Any, dtype: Any = None, *args: Any, **kw: Any) -> Any:
    if _traced(fill_value):
        return np.array(np.broadcast_to(np.array(current(fill_value), dtype), shape))
    return _made(original, shape, fill_value, dtype, *args, **kw)


@stands_in("numpy", "zeros_like")
@stands_in("numpy", "ones_like")
@stands_in("numpy", "empty_like")
@stands_in("numpy", "full_like")
@stands_in("numpy", "copy")
def _like(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if _traced(args[1:], kwargs):
        array, *rest = args
        return HANDLERS[original](
            array if _traced(array) else np.asarray(current(array)), *current(rest), **current(kwargs)
        )
    result = original(*current(args), **current(kwargs))
    if original.__name__ == "empty_like" and isinstance(result, np.ndarray) and result.dtype.kind in "fiub":
        result[...] = 0
    return own(result)


def _joined(what: str, value: Any) -> Any:
    """Lists of arrays and numbers, some of them traced, as one array."""
    if not isinstance(value, list | tuple):
        return value
    parts = [_joined(what, part) for part in value]
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ShapeError(f"{what} of parts of different shapes {', '.join(map(str, sorted(shapes)))}{at_line()}")
    return np.stack(parts) if _traced(parts) else np.array(parts)


@stands_in("numpy", "array")
def _array(
    original: Callable[..., Any],
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: Any = False,
    ndmin: Any = 0,
    **others: Any,
) -> Any:
    if not _traced(object):
        # What is read from a file, or is a view of another array, belongs to somebody else.
        made = original(current(object), dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, **others)
        return own(made) if made is not object else object
    result = _ordered(_joined("np.array", current(object)), order, copy=copy is True)
    if dtype is not None and np.dtype(dtype) != result.dtype:
        result = result.astype(dtype)
    return result.reshape((1,) * (ndmin - result.ndim) + result.shape) if result.ndim < ndmin else result


# What makes the arrays of np.r_ and np.c_.
stands_in("numpy.lib._index_tricks_impl", "array")(_array)


@stands_in("numpy", "nditer")
def _nditer(original: Callable[..., Any], op: Any, *args: Any, **kwargs: Any) -> Any:
    if _traced(op, args, kwargs):
        raise refuse("np.nditer of a traced array", "go through np.ravel(a), or np.ndindex(a.shape)")
    return original(current(op), *args, **kwargs)


@stands_in("numpy.random", "shuffle")
def _shuffle(original: Callable[..., Any], x: Any) -> None:
    if _traced(x):
        raise refuse("np.random.shuffle of a traced array", "draw order outside of the function, and write x[order]")
    original(current(x))


@stands_in("numpy", "ndenumerate")
def _ndenumerate(original: Callable[..., Any], arr: Any) -> Iterator[Any]:
    """Indices and numbers, as they are when they are asked for."""
    array: Any = arr if isinstance(arr, TracedArray | np.ndarray) else np.asarray(arr)
    return ((index, array[index]) for index in np.ndindex(array.shape))


def _ordered(array: Any, order: str | None, *, copy: bool = False) -> Any:
    """A traced array in an order of memory: itself, where it is in that order and no copy is asked for."""
    flags = array.memory.flags
    fits = {"C": flags.c_contiguous, "F": flags.f_contiguous}.get(order or "K", True)
    if copy or not fits or not array.ndim:
        array = array.alike(order or "K")
    for part in (array.real, array.imag) if isinstance(array, TracedComplex) else (array,):
        part.is_number = False
    return array


_ORDERS = {"ascontiguousarray": "C", "asfortranarray": "F"}


def _as_array(original: Callable[..., Any], a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    if _traced(a):
        given = (args[0] if args else kwargs.get("order", kwargs.get("requirements"))) or "K"
        order = _ORDERS.get(original.__name__, next((o for o in "CF" if o in "".join(given).upper()), "K"))
        return _array(original, a, dtype, copy=bool(kwargs.get("copy")), order=order)
    made = original(current(a), dtype, *args, **kwargs)
    return (
        own(made)
        if not isinstance(a, np.ndarray)
        else a
        if np.shares_memory(made, a) and made.dtype == a.dtype
        else own(made)
    )


for _name in "asarray asanyarray ascontiguousarray asfortranarray asarray_chkfinite require".split():
    stands_in("numpy", _name)(_as_array)


def _array_of(value: Any) -> Any:
    return np.array(value) if isinstance(value, list | tuple) and _traced(value) else value


def _of_array(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of arrays, one of which may be a list of traced ones."""
    return original(*map(_array_of, args), **{name: _array_of(value) for name, value in kwargs.items()})


for _name in (
    "sum mean prod max min amax amin ptp std var median average quantile percentile any all sort argsort argmax argmin "
    "cumsum cumprod diff dot inner outer vdot cross kron trapezoid clip flip roll repeat tile "
    "convolve correlate interp gradient ediff1d diag diagflat tril triu trace insert append resize meshgrid pad where "
    "vander polyval polyadd polysub polymul polyder polyint poly polyfit apply_along_axis apply_over_axes"
).split():
    stands_in("numpy", _name)(_of_array)
for _name in "norm solve inv det slogdet cholesky eigh eigvalsh svd svdvals pinv lstsq matrix_power".split():
    stands_in("numpy.linalg", _name)(_of_array)
for _name in (
    "fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn fftshift ifftshift"
).split():
    stands_in("numpy.fft", _name)(_of_array)


def _of_arrays(original: Callable[..., Any], arrays: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of several arrays, some of which may be lists of traced ones."""
    parts = [_array_of(part) for part in arrays] if isinstance(arrays, list | tuple) else arrays
    return original(parts, *args, **kwargs)


for _name in "concatenate stack hstack vstack dstack column_stack".split():
    stands_in("numpy", _name)(_of_arrays)


@stands_in("numpy", "vectorize.__call__")
def _vectorize(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of single numbers, called for each of them."""
    if not _traced(args, kwargs):
        return original(self, *args, **kwargs)
    if self.signature is not None or self.excluded or kwargs:
        raise refuse(
            "np.vectorize with signature, excluded or named arguments", "call the function in a loop, and np.stack"
        )
    arrays = np.broadcast_arrays(*(current(a) for a in args))
    shape = np.shape(arrays[0])
    results = [self.pyfunc(*(a[index] for a in arrays)) for index in np.ndindex(shape)]
    if results and isinstance(results[0], tuple):
        parts = [list(part) for part in zip(*results, strict=True)]
        return tuple(_typed(part, self.otypes, k).reshape(shape) for k, part in enumerate(parts))
    return _typed(results, self.otypes, 0).reshape(shape)


def _typed(results: list[Any], types: str | None, k: int) -> Any:
    """Results of np.vectorize in the type that was asked for, or in that of the first one."""
    array = np.array(results)
    dtype = np.dtype(types[k]) if types else np.result_type(results[0]) if results else array.dtype
    return array if array.dtype == dtype else array.astype(dtype)
