"""The traced array: it answers NumPy's protocols and Python's operators, and a recorder writes down what was asked."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pcneuro.errors import DataError, GraphError, ShapeError, TraceError
from pcneuro.graph.graph import Constant, Leaf, check_name
from pcneuro.graph.tracing import rules
from pcneuro.ops.base import AbstractOperator, AbstractTraced, Shape, size, unit_indices
from pcneuro.ops.gather import Take
from pcneuro.ops.maps import FUNCTIONS, Map
from pcneuro.ops.registry import HANDLERS, at_line, refuse, where
from pcneuro.quantities import plain


def plain_constant(what: str, value: Any) -> np.ndarray:
    """A number or array of the function, as an array. Raises DataError, with the line, for units and masks over it."""
    try:
        return np.asarray(plain(what, value))
    except DataError as error:
        raise DataError(f"{error}{at_line()}") from None


class Recorder:
    """The graph while it is being made: entries by number, and the names they have been given."""

    def __init__(self) -> None:
        self.entries: list[tuple[AbstractOperator | Leaf, tuple[int, ...], Shape, str]] = []
        self.names: dict[int, str] = {}
        self.marked: set[int] = set()
        self.taken: dict[str, str] = {}
        """Name -> what has it, in words."""
        self.reshapes: dict[int, TracedArray] = {}
        """Number of an array that has the units of another in their order -> that one."""

    def add(
        self, source: AbstractOperator | Leaf, operands: tuple[int, ...], shape: Shape, dtype: Any = None
    ) -> TracedArray:
        """Write down a leaf, or an operator on entries."""
        self.entries.append((source, operands, shape, where()))
        if dtype is None:
            dtype = source.dtype if isinstance(source, AbstractOperator) else np.float64
        return TracedArray(self, len(self.entries) - 1, shape, dtype)

    def lift(self, value: Any) -> TracedArray:
        """A traced array as it is; a number or array as a constant."""
        if isinstance(value, TracedArray):
            if value.recorder is not self:
                raise refuse("an array of another trace", "use arrays of this call of the function only")
            return value
        if isinstance(value, np.matrix):
            raise refuse("a np.matrix, whose * and ** are products of matrices,", "write np.asarray(M), and @")
        array = plain_constant("a constant", value)
        if array.dtype.kind not in "fiub":
            raise refuse(f"a constant of dtype {array.dtype}", "use real numbers")
        constant = array.astype(np.float64)
        if np.isnan(constant).any():
            raise DataError(f"a constant has {np.isnan(constant).sum()} of {constant.size} values NaN{at_line()}")
        constant.flags.writeable = False
        return self.add(Constant(constant), (), constant.shape, array.dtype if array.dtype.kind in "iub" else None)

    def apply(self, operator: AbstractOperator, *operands: Any) -> TracedArray:
        """Write down an operator on traced arrays, numbers and plain arrays."""
        traced = [self.lift(a) for a in operands]
        try:
            shape = operator.shape(*(a.shape for a in traced))
        except ShapeError as error:
            raise ShapeError(f"{error}{at_line()}") from None
        if not size(shape) or not all(a.size for a in traced):
            # Nothing, and a sum over nothing, depend on no leaf.
            return self.lift(operator.forward(*(np.zeros((1, *a.shape)) for a in traced))[0])
        return self.add(operator, tuple(a.number for a in traced), shape)

    def gather(self, name: str, indices: np.ndarray, operands: Sequence[Any]) -> TracedArray:
        """Write down that units are copied to other places; nothing where every unit stays at its own."""
        if len(operands) == 1 and np.array_equal(indices, unit_indices(np.shape(operands[0]))):
            return self.lift(operands[0])
        if len(operands) == 1 and indices.size and np.array_equal(indices.ravel(), np.arange(np.size(operands[0]))):
            return self._reshaped(name, indices, self.lift(operands[0]))
        if indices.size == 0:
            return self.lift(np.zeros(indices.shape))
        # What has no units shifts no unit's number.
        traced = [self.lift(a) for a in operands if np.size(a)]
        result = self.apply(Take(name, indices), *traced)
        result.dtype = np.result_type(*(a.dtype for a in traced))
        return result

    def _reshaped(self, name: str, indices: np.ndarray, array: TracedArray) -> TracedArray:
        """All units of an array in their order, in another shape: one node, however often it was reshaped before."""
        # A vertex keeps its neurons: it is read itself.
        source = array if array.number in self.names else self.reshapes.get(array.number, array)
        if source.shape == indices.shape:
            return source
        result = self.apply(Take(name, indices), source)
        result.dtype = source.dtype
        self.reshapes[result.number] = source
        return result

    def copy(self, array: TracedArray) -> TracedArray:
        """Write down a node that has the values of another."""
        if not array.size:
            raise refuse("an output or vertex without units", "return and mark arrays that have some")
        return self.apply(Take("copy", unit_indices(array.shape)), array)

    def name(self, array: TracedArray, name: str) -> None:
        """Give an array that has none a name. Raises GraphError for a name that is taken, or is no name."""
        try:
            check_name(name)
        except GraphError as error:
            raise GraphError(f"{error}{at_line()}") from None
        if name in self.taken:
            raise GraphError(f"the vertex name {name!r} is used twice: for {self.taken[name]}, and{at_line()}")
        self.names[array.number] = name
        line = where()
        self.taken[name] = f"the vertex of {line}" if line else f"the leaf {name!r}"

    def is_computed(self, array: TracedArray) -> bool:
        """Whether an array is the result of an operator, and no leaf."""
        return isinstance(self.entries[array.number][0], AbstractOperator)

    def mark(self, array: TracedArray, name: str) -> TracedArray:
        """Make an array a vertex; what is a leaf or a vertex already is copied to a new one."""
        if not self.is_computed(array) or array.number in self.names:
            array = self.copy(array)
        self.name(array, name)
        self.marked.add(array.number)
        return array


class TracedOther:
    """Something traced that is no array; NumPy functions of it are its own affair."""


class TracedArray(AbstractTraced, NDArrayOperatorsMixin):
    """Stands for an array of one sample while a function is traced. It has a shape and no values."""

    __hash__ = object.__hash__

    def __init__(self, recorder: Recorder, number: int, shape: Shape, dtype: Any = np.float64) -> None:
        self.recorder, self.number = recorder, number
        self._shape, self.dtype = tuple(shape), np.dtype(dtype)

    @property
    def itemsize(self) -> int:
        """Bytes of a number, as NumPy has it."""
        return self.dtype.itemsize

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What functions that ask by isinstance are told: an array or, without axes, one of NumPy's numbers."""
        return np.ndarray if self._shape else self.dtype.type

    # What NumPy asks for

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(a, TracedOther) for a in inputs):
            return NotImplemented
        name = ufunc.__name__
        if method == "at":
            raise refuse(f"np.{name}.at", "add a product with a constant matrix of zeros and ones")
        if kwargs.pop("out", None) is not None:
            raise refuse(f"an in-place {name}", "write a = a + b instead of a += b, and leave out out=")
        known = getattr(np, name, None) is ufunc
        shown = f"np.{name}" if known else f"the ufunc {name}"
        if method == "reduce" and ufunc in (np.add, np.multiply):
            whole = np.sum if ufunc is np.add else np.prod
            return whole(*inputs, **{"axis": 0} | kwargs)
        if method == "outer" and len(inputs) == 2 and not kwargs:
            return ufunc(np.reshape(inputs[0], np.shape(inputs[0]) + (1,) * np.ndim(inputs[1])), inputs[1])
        if method != "__call__":
            raise refuse(f"{shown}.{method}", rules.instead_of_method(shown, method))
        if kwargs:
            raise refuse(f"{shown} with {', '.join(kwargs)}=", f"call {shown} plainly")
        if ufunc in HANDLERS:
            return HANDLERS[ufunc](*inputs)
        name = rules.UFUNC_ALIASES.get(name, name)
        if known and name == "positive":
            return inputs[0]
        if known and name in rules.COMPARISONS:
            raise refuse(f"the comparison {shown}", rules.NO_COMPARISON)
        if not known or name not in FUNCTIONS:
            raise refuse(shown, rules.instead_of(name))
        if name == "power" and not isinstance(inputs[1], TracedArray) and np.ndim(inputs[1]) == 0 and inputs[1] == 2:
            return self.apply(Map("square"), inputs[0])
        return self.apply(Map(name), *inputs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        shown = f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"
        if function not in HANDLERS:
            raise refuse(shown, rules.instead_of(function.__name__))
        handler = HANDLERS[function]
        try:
            inspect.signature(handler).bind(*args, **kwargs)
        except TypeError as error:
            raise refuse(f"{shown} with these arguments ({error})", "leave out what is not supported") from None
        return handler(*args, **kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise refuse(
            "turning a traced array into a plain one (np.array, np.asarray, or a write into a plain array)",
            "leave it out, build arrays with np.stack or np.concatenate, and keep to functions of numpy and pcn.ops",
        )

    # What Python asks for

    def __bool__(self) -> bool:
        raise refuse(
            "a decision (if, while, and, or) on a traced value",
            "use np.where on a constant mask, np.maximum, or pcn.ops.relu",
        )

    def _no_number(self, *args: Any) -> Any:
        raise refuse(
            "a plain number made of a traced value",
            "use np. functions instead of math., no float(), int() or round(), constants as sizes and indices, and "
            "np.stack instead of writing into an array",
        )

    __float__ = __int__ = __index__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = _no_number

    def __setitem__(self, key: Any, value: Any) -> None:
        raise refuse("an in-place write (a[...] = b)", "build the array with np.concatenate, np.stack or np.where")

    def __getitem__(self, key: Any) -> TracedArray:
        if any(isinstance(part, AbstractTraced) for part in rules.flattened(key)):
            raise refuse("indexing by a traced value", "index with constants, or multiply by a one-hot input")
        try:
            indices = np.asarray(unit_indices(self.shape)[key])
        except IndexError as error:
            raise ShapeError(f"index {key!r} into shape {self.shape}: {error}{at_line()}") from None
        return self.recorder.gather("index", indices, [self])

    def __len__(self) -> int:
        if not self.shape:
            # Functions ask, and catch NumPy's error.
            raise TraceError(f"len() of an array without axes{at_line()}: give it an axis with np.expand_dims")
        return self.shape[0]

    def __iter__(self) -> Iterator[TracedArray]:
        return (self[i] for i in range(len(self)))

    def __deepcopy__(self, memo: Any) -> TracedArray:
        """The array itself: nothing writes to it."""
        return self

    def __repr__(self) -> str:
        # The number tells arrays apart where a function keeps results by the text of what they are computed from.
        return f"<traced array {self.number} of shape {self.shape}>"

    def __format__(self, specification: str) -> str:
        if specification:
            raise refuse(f"formatting a traced value as {specification!r}", "print it as it is: it has a shape only")
        return repr(self)

    # What an ndarray has

    def apply(self, operator: AbstractOperator, *operands: Any) -> TracedArray:
        return self.recorder.apply(operator, *operands)

    @property
    def shape(self) -> Shape:
        """Lengths of the axes of one sample."""
        return self._shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        raise refuse("an in-place reshape (a.shape = ...)", "use a.reshape(...)")

    @property
    def ndim(self) -> int:
        """Number of axes of one sample."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of units of one sample."""
        return size(self.shape)

    @property
    def T(self) -> Any:
        """The array with its axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> Any:
        """The array with its last two axes exchanged."""
        return self.swapaxes(-1, -2)

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """As np.reshape."""
        target = shape[0] if len(shape) == 1 else shape
        return HANDLERS[np.reshape](self, target, order=order)

    def transpose(self, *axes: Any) -> Any:
        """As np.transpose."""
        return HANDLERS[np.transpose](self, axes[0] if len(axes) == 1 else axes or None)

    def flatten(self, order: Any = "C") -> Any:
        """As np.ravel."""
        return HANDLERS[np.ravel](self, order=order)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"neither a traced array nor an ndarray has the attribute {name!r}")
        if name in rules.METHODS:
            return functools.partial(getattr(np, name), self)
        raise refuse(f"the array method or attribute .{name}", rules.instead_of(name))


def recorder_of(*values: Any) -> Recorder:
    """The recorder of the first traced array among values, in lists and tuples, too."""
    return next(a.recorder for a in rules.flattened(values) if isinstance(a, TracedArray))
