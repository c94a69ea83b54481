"""The traced array: it answers NumPy's protocols and Python's operators, and a recorder writes down what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pcneuro.errors import DataError, GraphError, ShapeError, TraceError
from pcneuro.graph.graph import Constant, Leaf, check_name
from pcneuro.graph.leaves import Given
from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.attributes import AbstractNdarray
from pcneuro.graph.tracing.layout import KEEPING, axes_of, lay_as, lay_elementwise
from pcneuro.graph.tracing.picking import picked
from pcneuro.graph.tracing.selecting import selected, selects
from pcneuro.graph.tracing.types import OF_TRUTH, as_numbers, is_complex, result_dtype, result_typed
from pcneuro.graph.tracing.writing import AbstractOwn, TracedOther, current
from pcneuro.ops.base import AbstractOperator, AbstractTraced, Shape, size, unit_indices
from pcneuro.ops.gather import Take
from pcneuro.ops.maps import FUNCTIONS, Map
from pcneuro.ops.registry import HANDLERS, UFUNC_METHODS, answered, at_line, handler_of, refuse, refuse_question, where
from pcneuro.quantities import plain

_NO_NAN = "the graph takes none: choose by np.where(mask, x, 0), and count by np.sum(mask)"
_BITS = 63
"""Of NumPy's whole numbers; those of Python may be larger."""


def plain_constant(what: str, value: Any) -> np.ndarray:
    """A number or array of the function, as an array. Raises DataError, with the line, for units and masks over it."""
    try:
        value = float(value) if type(value) is int and value.bit_length() > _BITS else value
        return np.asarray(plain(what, value)).view(np.ndarray)
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
        self.shared: dict[Any, TracedArray] = {}
        """Constants that functions have in common, by what they are."""
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
        value = current(value)
        if isinstance(value, list | tuple) and any(isinstance(part, TracedArray) for part in rules.flattened(value)):
            # While a function is traced np.array is a function of ours.
            value = np.array(value)
        if isinstance(value, TracedArray):
            if value.recorder is not self:
                raise refuse("an array of another trace", "use arrays of this call of the function only")
            return value
        if isinstance(value, np.matrix):
            raise refuse("a np.matrix, whose * and ** are products of matrices,", "write np.asarray(M), and @")
        if isinstance(value, Given):
            raise refuse(f"a pcn.{type(value).__name__} that is no argument", "make it one, and give it to pcn.trace")
        array = plain_constant("a constant", value)
        if array.dtype.kind not in "fiub":
            raise refuse(f"a constant of dtype {array.dtype}", "use real numbers")
        constant = array.astype(np.float64)
        if np.isnan(constant).any():
            raise DataError(
                f"a constant has {np.isnan(constant).sum()} of {constant.size} values NaN{at_line()}; {_NO_NAN}"
            )
        constant.flags.writeable = False
        return self.add(Constant(constant), (), constant.shape, array.dtype if array.dtype.kind in "iub" else None)

    def once(self, what: Any, make: Callable[[], np.ndarray]) -> TracedArray:
        """A constant that is written down once, however often it is needed."""
        if what not in self.shared:
            self.shared[what] = self.lift(make())
        return self.shared[what]

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
        result = self._gathered(name, indices, operands)
        result.axes = axes_of(indices)
        return result

    def _gathered(self, name: str, indices: np.ndarray, operands: Sequence[Any]) -> TracedArray:
        if indices.size == 0:
            return self.lift(np.zeros(indices.shape))
        if len(operands) == 1 and isinstance(operands[0], TracedArray):
            # Only what is read of an array that is written to is brought together.
            indices, operands = operands[0].written(indices)
        if len(operands) == 1 and np.array_equal(indices, unit_indices(np.shape(operands[0]))):
            return self.lift(operands[0]).alike()
        if len(operands) == 1 and np.array_equal(indices.ravel(), np.arange(np.size(operands[0]))):
            return self._reshaped(name, indices, self.lift(operands[0]))
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
            return source.alike()
        result = self.apply(Take(name, indices), source)
        result.dtype = source.dtype
        self.reshapes[result.number] = source.alike()
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
        line = where()
        if name in self.taken:
            text = f"the vertex name {name!r} is used twice: for {self.taken[name]}, and{at_line()}"
            if line and self.taken[name] == f"the vertex of {line}":
                # The same line: a loop, or a function that is called more than once.
                text += (
                    f"; in a loop over time, give each time its own, as f'{name}{{t}}', or trace one time step with a "
                    f"leaf before=pcn.Recurrent({name!r}, shape)"
                )
            elif self.taken[name] == f"the leaf {name!r}":
                text += f"; call the argument something else, such as {name}_before where it is a pcn.Recurrent"
            raise GraphError(text)
        self.names[array.number] = name
        self.taken[name] = f"the vertex of {line}" if line else f"the leaf {name!r}"

    def reserve(self, name: str) -> None:
        """Keep a name for a tree of leaves, which is no vertex."""
        if name in self.taken:
            raise GraphError(f"the name {name!r} is used twice: for {self.taken[name]}, and for a tree of leaves")
        self.taken[name] = f"the tree of leaves {name!r}"

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


class TracedArray(AbstractNdarray, NDArrayOperatorsMixin):
    """Stands for an array of one sample while a function is traced. It has a shape and no values."""

    __hash__ = object.__hash__

    def __init__(self, recorder: Recorder, number: int, shape: Shape, dtype: Any = np.float64) -> None:
        self.recorder, self._number = recorder, number
        self._shape, self.dtype = tuple(shape), np.dtype(dtype)
        super().__init__()

    @property
    def itemsize(self) -> int:
        """Bytes of a number, as NumPy has it."""
        return self.dtype.itemsize

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What functions that ask by isinstance are told: an array or, without axes, one of NumPy's numbers."""
        return np.ndarray if self._shape else self.dtype.type

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(a, TracedOther) for a in (*inputs, *(kwargs.get("out") or ()))):
            return NotImplemented
        name, out = ufunc.__name__, kwargs.pop("out", None)
        for array in out or ():
            if isinstance(array, AbstractOwn):
                array.become(self.recorder)
        out, inputs, kwargs = current(out), current(inputs), current(kwargs)
        if method == "at":
            if not isinstance(inputs[0], TracedArray):
                raise refuse(f"np.{name}.at on an array from outside", "begin with np.array(a) in the function")
            return inputs[0].write_at(ufunc, *inputs[1:])
        mask = kwargs.pop("where", True) if method == "__call__" else True
        if mask is not True and out is None:
            raise refuse(f"np.{name} with where= and without out=", "give out=, whose values there are elsewhere")
        if out is not None:
            result = getattr(ufunc, method)(*inputs, **kwargs)
            return self.write_out(out, result if mask is True else np.where(mask, result, out[0]))
        if any(map(is_complex, inputs)):
            return HANDLERS[complex](ufunc, method, inputs, kwargs)
        if kwargs and method == "__call__":
            inputs, kwargs = as_numbers(ufunc, inputs, kwargs)
        if method in UFUNC_METHODS:
            return UFUNC_METHODS[method](ufunc, *inputs, **kwargs)
        if method == "outer" and len(inputs) == 2 and not kwargs:
            return ufunc(np.reshape(inputs[0], np.shape(inputs[0]) + (1,) * np.ndim(inputs[1])), inputs[1])
        if method != "__call__":
            raise refuse(f"np.{name}.{method}", f"call np.{name} plainly")
        dtype = result_dtype(ufunc, inputs)
        result = self._called(OF_TRUTH.get(ufunc, ufunc) if dtype.kind == "b" else ufunc, inputs, kwargs)
        result = result_typed(ufunc, result, inputs, dtype)
        return lay_elementwise(result, inputs) if getattr(ufunc, "signature", None) is None else result

    def _called(self, ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        known = getattr(np, name := ufunc.__name__, None) is ufunc
        shown = f"np.{name}" if known else f"the ufunc {name}"
        handler = handler_of(ufunc)
        if handler is not None:
            return answered(shown, handler, inputs, kwargs)
        if kwargs:
            raise refuse(f"{shown} with {', '.join(kwargs)}=", f"call {shown} plainly")
        name = rules.UFUNC_ALIASES.get(name, name)
        if known and name == "positive":
            return inputs[0].alike()
        if not known or name not in FUNCTIONS:
            raise refuse(shown, rules.instead_of(name))
        if name == "power" and not isinstance(inputs[1], TracedArray) and np.ndim(inputs[1]) == 0 and inputs[1] == 2:
            return self.apply(Map("square"), inputs[0])
        return self.apply(Map(name), *inputs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        shown = f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"
        if any(issubclass(each, TracedOther) for each in types):
            return NotImplemented
        out = kwargs.get("out")
        if isinstance(out, AbstractOwn):
            out = out.become(self.recorder)
        args, kwargs = current(args), current(kwargs)
        if isinstance(out, TracedArray):
            result = function(*args, **{name: value for name, value in kwargs.items() if name != "out"})
            if np.shape(result) != out.shape:
                raise ShapeError(f"{shown} of shape {np.shape(result)} with out= of shape {out.shape}{at_line()}")
            return self.write_out((out,), result)
        if any(map(is_complex, rules.flattened((args, kwargs)))):
            return HANDLERS[complex](function, "__call__", args, kwargs)
        if function not in HANDLERS:
            raise refuse(shown, rules.instead_of(function.__name__))
        result = answered(shown, HANDLERS[function], args, kwargs)
        return lay_as(function, result, args, kwargs) if function in KEEPING else result

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise refuse_question(
            "turning a traced array into a plain one (np.array, np.asarray, or a write into a plain array)",
            "leave it out, and keep to functions of numpy and pcn.ops; a[i] of an array from outside is np.take(a, i)",
        )

    def __bool__(self) -> bool:
        raise refuse_question(
            f"a decision (if, while, and, or) on {self._told()}",
            "choose by np.where, combine conditions by & and |, repeat a fixed number of times, and leave out assert",
        )

    def _told(self) -> str:
        """What it is, for messages: an argument, a vertex, or what was computed, and where."""
        source, _, _, line = self.recorder.entries[self.number]
        name = self.recorder.names.get(self.number)
        if name is not None:
            return f"the traced {'argument' if isinstance(source, Leaf) else 'vertex'} {name!r}"
        if isinstance(source, Leaf):
            return "a traced value"
        return f"the traced result of {source.label}{f' of {line}' if line and line != where() else ''}"

    def _no_number(self, *args: Any) -> Any:
        raise refuse_question(
            f"a plain number made of {self._told()}",
            "use np. functions instead of math., no float() or int(), constants as sizes and indices; write "
            "to arrays of floats that the function has made, as by np.array(a)",
        )

    __float__ = __int__ = __index__ = __complex__ = _no_number

    def __round__(self, ndigits: Any = None) -> Any:
        return np.round(self, ndigits or 0)

    def __trunc__(self) -> Any:
        return np.trunc(self)

    def __floor__(self) -> Any:
        return np.floor(self)

    def __ceil__(self) -> Any:
        return np.ceil(self)

    def __getitem__(self, key: Any) -> Any:
        key = current(key)
        if selects(key):
            return selected(self, key)
        if any(isinstance(part, AbstractTraced) for part in rules.flattened(key)):
            return picked(self, key)
        indices = self.units_at(key)
        result = self.recorder.gather("index", indices, [self])
        strided = indices if self.axes is None and self._units is None else np.asarray(self.memory[key])
        if rules.is_basic(key) and (indices.ndim or ... in (key if isinstance(key, tuple) else (key,))):
            return result.sharing(self, strided)
        result.axes = axes_of(strided)
        return result

    def __len__(self) -> int:
        if not self.shape:
            # Functions ask, and catch NumPy's error.
            raise TraceError(f"len() of an array without axes{at_line()}: give it an axis with np.expand_dims")
        return self.shape[0]

    def __iter__(self) -> Iterator[TracedArray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        # The number tells arrays apart where a function keeps results by the text of what they are computed from.
        return f"<traced array {self.number} of shape {self.shape}>"

    def __format__(self, specification: str) -> str:
        if specification:
            raise refuse(f"formatting a traced value as {specification!r}", "print it as it is: it has a shape only")
        return repr(self)

    def apply(self, operator: AbstractOperator, *operands: Any) -> TracedArray:
        return self.recorder.apply(operator, *operands)


def recorder_of(*values: Any) -> Recorder:
    """The recorder of the first traced array among values, in lists and tuples, too."""
    return next(a.recorder for a in rules.flattened(values) if isinstance(a, TracedArray))
