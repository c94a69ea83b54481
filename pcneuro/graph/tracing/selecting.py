"""What a condition selects of a traced array, as ``x[x > 0]``: how many units that is depends on the data.

A selection keeps the shape. It has the values of the whole array and the condition; functions are computed everywhere,
and count where the condition holds: when they are written back under the same condition, as by ``a[m] = 2 * a[m]``,
or brought together, as by ``x[m].sum()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any, NoReturn, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.types import typed
from pcneuro.graph.tracing.writing import TracedOther, current
from pcneuro.ops.base import AbstractTraced
from pcneuro.ops.registry import at_line, refuse, refuse_question

KEEP_THE_SHAPE = "keep the shape, by np.where(mask, x, 0) or mask * x"
_MOST = 200
"""Operations behind two conditions that are compared."""


def selects(key: Any) -> bool:
    """Whether an index has a traced condition as one of its parts."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, AbstractTraced | Selection) and dtype_of_mask(part).kind == "b" for part in parts)


def dtype_of_mask(part: Any) -> np.dtype:
    """The type of a traced array, or of a selection."""
    return np.dtype(part.dtype)


def _parted(key: Any, shape: tuple[int, ...]) -> tuple[Any, Any, int]:
    """An index with slices in place of its condition, the condition, and how many axes stand before it then.

    Raises the refusal of what else such an index may have.
    """
    parts = key if isinstance(key, tuple) else (key,)
    at = [k for k, part in enumerate(parts) if isinstance(part, AbstractTraced)]
    mask: Any = parts[at[0]]
    others = tuple(part for k, part in enumerate(parts) if k not in at)
    if len(at) > 1 or not rules.is_basic(others) or not mask.ndim:
        raise refuse(
            "indexing by a mask that depends on the data together with arrays of indices, as would the shape of the "
            "result,",
            KEEP_THE_SHAPE,
        )
    before, after = parts[: at[0]], parts[at[0] + 1 :]
    used = mask.ndim + sum(part is not None and part is not ... for part in others)
    skipped = len(shape) - used
    if skipped < 0:
        raise ShapeError(f"too many indices for an array of shape {shape}{at_line()}")
    lead = sum(skipped if part is ... else part is None or isinstance(part, slice) for part in before)
    numbers = [isinstance(part, int | np.integer) for part in parts]
    if lead and any(numbers):
        # NumPy puts the units that are selected first where slices stand between an index and the condition.
        inside = [k for k, is_index in enumerate(numbers) if is_index or k == at[0]]
        if any(not numbers[k] and k != at[0] for k in range(inside[0], inside[-1])):
            raise refuse("a mask that depends on the data and an index, with slices between them,", "write a[i][mask]")
    return (*before, *[slice(None)] * mask.ndim, *after), mask, lead


def _check(mask: Any, shape: tuple[int, ...], lead: int) -> None:
    found = shape[lead : lead + mask.ndim]
    if found != mask.shape:
        raise ShapeError(f"a mask of shape {mask.shape} does not fit the axes {found} of an array{at_line()}")


def selected(array: Any, key: Any) -> Any:
    """``array[key]`` for a key with a traced condition."""
    basic, mask, lead = _parted(key, array.shape)
    values = array[basic]
    _check(mask, values.shape, lead)
    return Selection(values.alike(), mask.alike(), lead)


def write_selected(array: Any, key: Any, value: Any) -> None:
    """``array[key] = value`` for a key with a traced condition."""
    basic, mask, lead = _parted(key, array.shape)
    present = array[basic]
    _check(mask, present.shape, lead)
    place = Selection(present, mask, lead)
    array.write(array.units_at(basic), np.where(place.wide_mask, place.fitting(value), present))


@final
class Selection(TracedOther, NDArrayOperatorsMixin):
    """Units of an array at which a condition holds: an axis of unknown length, in place of the condition's axes.

    ``lead`` axes stand before it.
    """

    __hash__ = object.__hash__

    def __init__(self, values: Any, mask: Any, lead: int) -> None:
        self.values, self.mask, self.lead = values, mask, lead

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What functions that ask by isinstance are told."""
        return np.ndarray

    @property
    def ndim(self) -> int:
        """Number of axes, of which one has an unknown length."""
        return int(self.values.ndim - self.mask.ndim + 1)

    @property
    def dtype(self) -> np.dtype:
        """The type of its numbers in NumPy."""
        return np.dtype(self.values.dtype)

    @property
    def trailing(self) -> int:
        """Number of axes behind the one of unknown length."""
        return int(self.values.ndim - self.mask.ndim - self.lead)

    @property
    def wide_mask(self) -> Any:
        """The condition, as it broadcasts to the values."""
        return np.reshape(self.mask, self.mask.shape + (1,) * self.trailing) if self.trailing else self.mask

    # Elementwise functions

    def fitting(self, value: Any) -> Any:
        """An operand as it broadcasts to the values; a selection by the same condition, or what fits any number."""
        value = current(value)
        if type(value) is Selection:
            if value.trailing != self.trailing or not _same(self.mask, value.mask):
                raise refuse(
                    "an operation on arrays selected by different masks", "select all of them by one mask, or np.where"
                )
            return value.values
        if not isinstance(value, AbstractTraced | np.ndarray):
            value = np.array(value) if isinstance(value, list | tuple) else value
        shape = np.shape(value)
        if len(shape) <= self.trailing:
            return value
        at = len(shape) - self.trailing - 1
        if shape[at] != 1:
            raise refuse(
                f"an array of shape {shape} beside one selected by a mask that depends on the data",
                "select of both, a[m] = b[m], or np.where(m, a, b)",
            )
        return np.reshape(value, shape[:at] + (1,) * self.mask.ndim + shape[at + 1 :])

    def _like(self, result: Any) -> Any:
        """A selection of what has been computed everywhere."""
        if isinstance(result, tuple | list):
            return type(result)(map(self._like, result))
        shape = np.shape(result)
        lead = len(shape) - self.mask.ndim - self.trailing
        if lead < 0 or shape[lead : lead + self.mask.ndim] != self.mask.shape:
            result = np.broadcast_to(result, np.broadcast_shapes(shape, self.values.shape))
            lead = np.ndim(result) - self.mask.ndim - self.trailing
        return Selection(self.mask.recorder.lift(result) if isinstance(result, np.ndarray) else result, self.mask, lead)

    def _widest(self, operands: Sequence[Any]) -> Selection:
        """The operand that others are to fit."""
        chosen = [a for a in rules.flattened(operands) if type(a) is Selection]
        return max(chosen, key=lambda a: a.trailing)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and not kwargs and out is None:
            return _dot(*inputs)
        if method == "reduce" and len(inputs) == 1 and ufunc in _REDUCING and inputs[0] is self and out is None:
            return self.__array_function__(_REDUCING[ufunc], (), inputs, {"axis": 0, **kwargs})
        if method != "__call__" or ufunc.signature is not None or kwargs.keys() - {"dtype"}:
            raise _refusal(f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method}")
        first = self._widest((inputs, out or ()))
        result = first._like(ufunc(*(first.fitting(a) for a in inputs), **kwargs))
        if out is None:
            return result
        if len(out) != 1 or type(out[0]) is not Selection:
            raise _refusal(f"np.{ufunc.__name__} with out=")
        return out[0].assign(result)

    def assign(self, result: Any) -> Selection:
        """This selection with other values, in place."""
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise refuse(f"a write of {result.dtype} into an array of {self.dtype}", "make the array one of floats")
        self.values = result.values if result.dtype == self.dtype else result.values.astype(self.dtype)
        return self

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        args, kwargs = current(args), current(kwargs)
        if function in _ELEMENTWISE:
            first = self._widest((args, kwargs))

            def fitted(value: Any) -> Any:
                if isinstance(value, list | tuple) and any(type(a) is Selection for a in rules.flattened(value)):
                    return type(value)(map(fitted, value))
                return value if value is None or isinstance(value, str) else first.fitting(value)

            return first._like(function(*map(fitted, args), **{name: fitted(a) for name, a in kwargs.items()}))
        if function in _REDUCTIONS and args and args[0] is self:
            return self._reduced(function, *args[1:], **kwargs)
        if function in _DOTS and len(args) == 2 and not kwargs:
            return _dot(*args)
        if function is _NORM and len(args) == 1 and not kwargs:
            return np.sqrt(np.sum(np.square(self.filled(0))))
        raise _refusal(f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}")

    # What is brought together

    def _reduced(self, function: Callable[..., Any], axis: Any = None, **options: Any) -> Any:
        if options.pop("keepdims", False) or options.pop("dtype", None) is not None or options.keys() - {"ddof"}:
            raise _refusal(f"np.{function.__name__} with {', '.join(options) or 'keepdims or dtype'}=")
        if isinstance(axis, tuple) or (axis is not None and not -self.ndim <= axis < self.ndim):
            raise _refusal(f"np.{function.__name__} over the axes {axis}")
        if axis is not None and axis % self.ndim != self.lead:
            behind = axis % self.ndim > self.lead
            along = axis % self.ndim + (self.mask.ndim - 1 if behind else 0)
            return Selection(function(self.values, axis=along, **options), self.mask, self.lead - (not behind))
        axes = None if axis is None else tuple(range(self.lead, self.lead + self.mask.ndim))
        return _REDUCTIONS[function](self, axes, **options)

    def filled(self, value: Any) -> Any:
        """The values, and another one where the condition does not hold."""
        return np.where(self.wide_mask, self.values, value)

    def astype(self, *args: Any, **kwargs: Any) -> Any:
        """As the method of arrays."""
        return self._like(self.values.astype(*args, **kwargs))

    def copy(self, order: Any = "C") -> Selection:
        """As the method of arrays."""
        return Selection(self.values, self.mask, self.lead)

    __copy__ = copy

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"an array selected by a traced mask has no attribute {name!r}")
        function = _METHODS.get(name)
        if function is not None:
            return lambda *args, **kwargs: self.__array_function__(function, (), (self, *args), kwargs)
        raise _refusal(f".{name}")

    # Parts

    def __getitem__(self, key: Any) -> Any:
        key = current(key)
        if type(key) is Selection and key.dtype.kind == "b" and not self.lead and key.values.ndim == self.mask.ndim:
            return Selection(self.values, np.logical_and(self.mask, self.fitting_mask(key)), 0)
        parts = key if isinstance(key, tuple) else (key,)
        if not self.lead and rules.is_basic(parts[1:]) and isinstance(parts[0], slice) and parts[0] == slice(None):
            if None in parts:
                raise _refusal("a new axis")
            return Selection(self.values[(slice(None),) * self.mask.ndim + parts[1:]], self.mask, 0)
        raise _refusal("an index")

    def fitting_mask(self, key: Selection) -> Any:
        """The values of a condition on what is selected by the same one. Raises the refusal of another."""
        if not _same(self.mask, key.mask):
            self.fitting(key)
        return key.values

    def __setitem__(self, key: Any, value: Any) -> None:
        key = current(key)
        if type(key) is not Selection or key.dtype.kind != "b" or key.values.ndim != self.values.ndim:
            raise _refusal("a write to a place")
        self.assign(self._like(np.where(self.fitting_mask(key), self[key].fitting(value), self.values)))

    def __iter__(self) -> Iterator[Any]:
        raise _refusal("a loop over the units")

    def __len__(self) -> int:
        raise refuse_question("the number of units at which a traced mask holds", "write np.sum(mask)")

    def _no_number(self, *args: Any) -> NoReturn:
        raise _refusal("a decision, or a plain number,")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = _no_number

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise refuse_question("turning an array selected by a traced mask into a plain one", KEEP_THE_SHAPE)

    def __repr__(self) -> str:
        return f"<selection of {self.values!r}>"


def _refusal(what: str) -> Exception:
    return refuse(
        f"{what} of an array selected by a mask that depends on the data, as would its length,", KEEP_THE_SHAPE
    )


def _same(one: Any, other: Any) -> bool:
    """Whether two traced arrays are computed by the same operations from the same arrays."""
    entries, pairs, count = one.recorder.entries, [(one.number, other.number)], 0
    while pairs:
        first, second = pairs.pop()
        count += 1
        if first == second:
            continue
        (source, operands, shape, _), (another, others, its_shape, _) = entries[first], entries[second]
        same = type(source) is type(another) and shape == its_shape and len(operands) == len(others)
        if not same or count > _MOST or not (operands or hasattr(source, "value")):
            return False
        if not all(np.array_equal(getattr(source, f.name), getattr(another, f.name)) for f in fields(source)):
            return False
        pairs += zip(operands, others, strict=True)
    return True


# Functions of all that is selected


def _count(chosen: Selection, axes: Any) -> Any:
    """How many numbers are brought together to one."""
    others = chosen.values.size // chosen.mask.size if axes is None else 1
    return np.sum(chosen.mask) * others


def _mean(chosen: Selection, axes: Any) -> Any:
    return np.sum(chosen.filled(0), axis=axes) / _count(chosen, axes)


def _var(chosen: Selection, axes: Any, ddof: Any = 0) -> Any:
    mean = np.sum(chosen.filled(0), axis=axes, keepdims=True) / _count(chosen, axes)
    squares = np.where(chosen.wide_mask, (chosen.values - mean) ** 2, 0.0)
    return np.sum(squares, axis=axes) / (_count(chosen, axes) - ddof)


def _extreme(function: Callable[..., Any], none: float) -> Callable[..., Any]:
    def reduced(chosen: Selection, axes: Any) -> Any:
        if chosen.dtype.kind == "b":
            raise _refusal(f"np.{function.__name__} of truth values")
        return typed(function(chosen.filled(none), axis=axes), chosen.dtype)

    return reduced


def _dot(a: Any, b: Any) -> Any:
    if not all(type(x) is Selection and x.ndim == 1 for x in (a, b)):
        raise _refusal("a product of matrices")
    return np.sum(np.multiply(a, b))


_REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: lambda chosen, axes: np.sum(chosen.filled(0), axis=axes),
    np.prod: lambda chosen, axes: np.prod(chosen.filled(1), axis=axes),
    np.any: lambda chosen, axes: np.any(np.logical_and(chosen.wide_mask, chosen.values), axis=axes),
    np.all: lambda chosen, axes: np.all(np.logical_or(np.logical_not(chosen.wide_mask), chosen.values), axis=axes),
    np.count_nonzero: lambda chosen, axes: np.sum(np.logical_and(chosen.wide_mask, chosen.values), axis=axes),
    np.mean: _mean,
    np.var: _var,
    np.std: lambda chosen, axes, ddof=0: np.sqrt(_var(chosen, axes, ddof)),
    np.max: _extreme(np.max, -np.inf),
    np.min: _extreme(np.min, np.inf),
}
_REDUCING = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
"""Ufunc -> what its ``reduce`` is."""
_ELEMENTWISE = frozenset(
    (
        *(np.where, np.clip, np.round, np.around, np.nan_to_num, np.sinc, np.fix, np.select, np.isclose, np.copy),
        *(np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.isposinf, np.isneginf, np.real),
    )
)
"""Functions of NumPy that are no ufuncs, and make one number of one number of each operand."""
_DOTS, _NORM = (np.dot, np.vdot, np.inner), np.linalg.norm
_METHODS = {function.__name__: function for function in (*_REDUCTIONS, *_ELEMENTWISE, np.dot)}
"""NumPy's own functions, also while a function is traced, by the names of the methods that are them."""
