"""Complex arrays inside a traced function: pairs of traced arrays, for NumPy's protocols one array of complex numbers.

They come from transforms (``np.fft``) and from products of traced arrays with complex constants, and end in ``.real``,
``.imag`` or ``np.abs``: outputs and vertices of a circuit are real.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import Recorder, TracedArray, plain_constant
from pcneuro.graph.tracing.attributes import AbstractShaped
from pcneuro.graph.tracing.flat import Flat
from pcneuro.graph.tracing.writing import TracedOther, current
from pcneuro.ops.base import AbstractOperator, AbstractTraced, Shape
from pcneuro.ops.registry import answers, refuse

COMPLEX: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy function -> what it does where an argument is complex; filled by ``answers_complex``."""

REAL_RESULT = "complex values inside a function are seen by .real, .imag and np.abs"

_ORDERS = frozenset(
    "less less_equal greater greater_equal max min sort argmax argmin maximum minimum isnan isinf isfinite".split()
)
"""Functions that ask which number is larger, or what is finite."""


def answers_complex(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as what NumPy functions do to complex arrays."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        COMPLEX.update(dict.fromkeys(functions, handler))
        return handler

    return register


class TracedComplex(AbstractShaped, TracedOther, AbstractTraced, NDArrayOperatorsMixin):
    """Stands for a complex array of one sample: its real and its imaginary part, traced arrays of one shape."""

    __hash__ = object.__hash__

    def __init__(self, real: TracedArray, imag: TracedArray) -> None:
        self._real, self._imag = real, imag
        self.dtype = np.dtype(np.complex128)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What functions that ask by isinstance are told: an array or, without axes, one of NumPy's numbers."""
        return np.ndarray if self.shape else np.complex128

    @property
    def recorder(self) -> Recorder:
        """What writes down the operations on it."""
        return self.real.recorder

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None and not (len(out) == 1 and isinstance(out[0], TracedComplex)):
            name = f"np.{ufunc.__name__}"
            raise refuse(f"{name} of complex values with out=", f"use what {name} returns")
        result = _answer(ufunc, method, current(inputs), current(kwargs))
        if out is None or out[0].real.is_number:
            return result
        out[0][...] = result
        return out[0]

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return _answer(function, "__call__", current(args), current(kwargs))

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise refuse("turning a complex traced array into a plain one", "build arrays with np.stack and np.concatenate")

    def _no_number(self, *args: Any) -> Any:
        raise refuse("a decision on a complex traced value, or a plain number made of one,", REAL_RESULT)

    __bool__ = __float__ = __int__ = __index__ = __complex__ = _no_number

    def __setitem__(self, key: Any, value: Any) -> None:
        real, imag = parts(current(value))
        self.real[key] = real
        self.imag[key] = 0.0 if imag is None else imag

    def apply(self, operator: AbstractOperator, *operands: Any) -> Any:
        raise refuse(f"{operator.label} of complex values", REAL_RESULT)

    def __getitem__(self, key: Any) -> TracedComplex:
        return TracedComplex(self.real[key], self.imag[key])

    def __len__(self) -> int:
        return len(self.real)

    def __iter__(self) -> Iterator[TracedComplex]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<complex traced array {self.real.number}, {self.imag.number} of shape {self.shape}>"

    __str__ = __repr__

    @property
    def real(self) -> TracedArray:
        """The real part, which is written to as that of an array."""
        return self._real

    @real.setter
    def real(self, value: Any) -> None:
        self._real[...] = value

    @property
    def imag(self) -> TracedArray:
        """The imaginary part, which is written to as that of an array."""
        return self._imag

    @imag.setter
    def imag(self, value: Any) -> None:
        self._imag[...] = value

    @property
    def shape(self) -> Shape:
        """Lengths of the axes of one sample."""
        return self.real.shape

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """As np.reshape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[call-overload]

    def fill(self, value: Any) -> None:
        """As the method of arrays."""
        self[...] = value

    def alike(self, order: str = "K") -> TracedComplex:
        """Another array with the same values, which is not written to with this one."""
        return TracedComplex(self.real.alike(order), self.imag.alike(order))

    def conj(self) -> Any:
        """As np.conj."""
        this: Any = self
        return np.conj(this)

    conjugate = conj

    @property
    def memory(self) -> np.ndarray:
        """Units of the owner, in an array that lies in memory as this one does in NumPy."""
        return self.real.memory

    @property
    def in_c_order(self) -> bool:
        """Whether its units follow each other in NumPy's memory."""
        return self.real.in_c_order

    @property
    def flat(self) -> Flat:
        """All units in the order of C, to be read and written."""
        return Flat(self)

    def __deepcopy__(self, memo: Any) -> TracedComplex:
        return self.alike()

    def __copy__(self) -> TracedComplex:
        return self.alike()

    def transpose(self, *axes: Any) -> Any:
        """As np.transpose."""
        return TracedComplex(self.real.transpose(*axes), self.imag.transpose(*axes))

    def flatten(self, order: Any = "C") -> Any:
        """As np.ravel."""
        return TracedComplex(self.real.flatten(order), self.imag.flatten(order))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> TracedComplex:
        """A copy, for complex numbers in double precision."""
        if np.dtype(dtype) != self.dtype:
            raise refuse(f"complex values as {np.dtype(dtype)}", REAL_RESULT)
        return self.alike()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"neither a complex traced array nor an ndarray has the attribute {name!r}")
        if name in rules.METHODS:
            return functools.partial(getattr(np, name), self)
        raise refuse(f"the array method or attribute .{name} of complex values", REAL_RESULT)


@answers(complex)
def _answer(function: Any, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What a function or a ufunc's method makes of arguments of which some are complex, traced or constants."""
    module = getattr(function, "__module__", None) or "numpy"
    name = function.__name__
    shown = f"{module.replace('numpy', 'np', 1)}.{name}"
    if method == "reduce" and function in (np.add, np.multiply):
        whole = np.sum if function is np.add else np.prod
        return whole(*args, **{"axis": 0} | kwargs)
    if method == "outer" and not kwargs:
        return function(np.reshape(args[0], np.shape(args[0]) + (1,) * np.ndim(args[1])), args[1])
    if method != "__call__":
        raise refuse(f"{shown}.{method} of complex values", REAL_RESULT)
    if function not in COMPLEX:
        order = name in _ORDERS
        raise refuse(f"{shown} of complex values", "they have no order here; " * order + REAL_RESULT)
    handler = COMPLEX[function]
    try:
        inspect.signature(handler).bind(*args, **kwargs)
    except TypeError as error:
        raise refuse(f"{shown} of complex values with these arguments ({error})", "leave them out") from None
    return handler(*args, **kwargs)


@answers(np.complex128)
def as_complex(recorder: Recorder, value: Any) -> TracedComplex:
    """A traced array, complex or not, or a constant as a complex array of a trace."""
    return value if isinstance(value, TracedComplex) else paired(recorder, *parts(value)).alike()


Parts = tuple[Any, Any]
"""Real and imaginary part, traced or plain; None for the imaginary part of what is real."""


def parts(value: Any) -> Parts:
    """The real and the imaginary part of an argument of NumPy."""
    if isinstance(value, TracedComplex):
        return value.real, value.imag
    if isinstance(value, TracedArray):
        return value, None
    if isinstance(value, list | tuple) and any(isinstance(part, AbstractTraced) for part in rules.flattened(value)):
        return parts(np.array(value))
    array = plain_constant("a constant", value)
    return (array.real, array.imag) if array.dtype.kind == "c" else (array, None)


def paired(recorder: Recorder, real: Any, imag: Any) -> TracedComplex:
    """A complex array of two parts, of which one may be constant; None for zeros."""
    shape = np.broadcast_shapes(*(np.shape(part) for part in (real, imag) if part is not None))
    filled = (np.zeros(shape) if part is None else part for part in (real, imag))
    spread = (part if np.shape(part) == shape else np.broadcast_to(part, shape) for part in filled)
    return TracedComplex(*(recorder.lift(part) for part in spread))


def recorder_among(*values: Any) -> Recorder:
    """The recorder of the first traced array among values, complex or not, in lists and tuples, too."""
    return next(a.recorder for a in rules.flattened(values) if isinstance(a, TracedArray | TracedComplex))


@answers(np.real)
def _real(val: Any) -> Any:
    return val


@answers(np.imag)
def _imag(val: Any) -> Any:
    return np.zeros(val.shape)


@answers(np.angle)
def _angle_of_real(z: Any, deg: Any = False) -> Any:
    """Zero, and pi for what is negative."""
    angle = np.arctan2(np.zeros(z.shape), z)
    return angle * (180.0 / np.pi) if deg else angle
