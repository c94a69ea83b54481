"""Writing to traced arrays, through views of them, too: what a traced array adds to its protocols for that."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.flat import Flat
from pcneuro.graph.tracing.layout import Axes, axes_of, is_writable, laid_out
from pcneuro.graph.tracing.selecting import selects, write_selected
from pcneuro.graph.tracing.writing import Contents, current
from pcneuro.ops.base import AbstractTraced, Shape, unit_indices
from pcneuro.ops.registry import at_line, refuse


class AbstractWritten(AbstractTraced):
    """A traced array that functions may write to: its entry in the graph is that of what it holds now.

    A view shares its units with the array that it is of. Its own entry is looked up again once that one is written to.
    """

    recorder: Any
    """What it is written down in: a ``Recorder``."""
    dtype: np.dtype
    _shape: Shape
    _number: int

    def __init__(self) -> None:
        self._contents: Contents | None = None
        self._seen = 0
        self._whole: Any = None
        self._units: np.ndarray | None = None
        self._writable = True
        self.axes: Axes = None
        """Its axes as NumPy has them in memory, the slowest first; None for the order of C. A view has strides."""
        self.is_number = not self._shape
        """Whether it is one of NumPy's numbers, and no array: ``a += b`` makes another one."""

    def _made(self, number: int, shape: Shape) -> Any:
        """An array of this kind of another entry."""
        return type(self)(self.recorder, number, shape, self.dtype)  # type: ignore[call-arg]

    @property
    def _owner(self) -> Any:
        """The array whose units it shares; itself where it is no view."""
        return self if self._whole is None else self._whole

    @property
    def number(self) -> int:
        """The entry that has its values, as they are now."""
        contents = self._owner._contents
        if contents is not None and contents.version != self._seen:
            indices, operands = self.written(unit_indices(self._shape))
            self._number = self.recorder.gather("written", indices, operands)._number
            self._seen = contents.version
        return self._number

    def written(self, units: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        """Where units of this array are in others that have not been written to; itself where it has not been."""
        contents = self._owner._contents
        if contents is None or contents.version == self._seen:
            return units, [self]
        indices, arrays = contents.read(units if self._units is None else self._units.ravel()[units])
        return indices, [self._made(number, shape) for number, shape in arrays]

    @property
    def is_owner(self) -> bool:
        """Whether it is no view."""
        return self._whole is None

    @property
    def memory(self) -> np.ndarray:
        """Units of the owner, in an array that lies in memory as this one does in NumPy."""
        return laid_out(self._shape, self.axes) if self._units is None else self._units

    @property
    def in_c_order(self) -> bool:
        """Whether its units follow each other in NumPy's memory."""
        return self.axes is None if self._units is None else self._units.flags.c_contiguous

    def alike(self, order: str = "K") -> Any:
        """Another array with the same values, which is not written to with this one."""
        result = self._made(self.number, self._shape)
        if not self.in_c_order or order == "F":
            result.axes = axes_of(np.empty_like(self.memory, order=order))  # type: ignore[call-overload]
        return result

    def __copy__(self) -> Any:
        return self.alike()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.alike()

    def sharing(self, whole: Any, units: np.ndarray) -> Any:
        """This array as a view of another: ``units`` of that one's owner, strided as the view is in NumPy."""
        owner = whole._owner
        if owner.is_number:
            # NumPy makes arrays of its numbers, which share nothing with them.
            self.axes = axes_of(units)
            return self
        self._whole, self._units, self.axes, self.is_number = owner, units, None, False
        self._writable = is_writable(units) and whole._writable
        self._seen = 0 if owner._contents is None else owner._contents.version
        return self

    def write(self, units: np.ndarray, value: Any) -> None:
        """Have ``units`` of this array the values of another, from now on."""
        value = self.recorder.lift(value)
        if not self._writable:
            raise refuse(
                "a write to a view that is read-only in NumPy, as of np.diagonal or np.broadcast_to,",
                "write to a copy, np.array(a)",
            )
        if value.dtype.kind == "f" and self.dtype.kind != "f":
            raise refuse(f"a write of numbers into an array of {self.dtype}", "make the array one of floats")
        whole = self._owner
        if whole._contents is None:
            whole._contents = Contents(whole._shape, [(whole._number, whole._shape)])
        own = units if self._units is None else self._units.ravel()[units]
        # NumPy leaves out leading axes of length 1.
        shape = value.shape
        while len(shape) > units.ndim and shape[0] == 1:
            shape = shape[1:]
        try:
            whole._contents.write(own, value.number, shape)
        except ValueError:
            raise ShapeError(f"an array of shape {value.shape} does not fit into {units.shape}{at_line()}") from None

    def leave_out(self, unset: np.ndarray) -> Any:
        """This array, whose ``unset`` units stand for nothing until they are written to."""
        self._contents = Contents(self._shape, [(self._number, self._shape)], version=1, unset=unset.ravel())
        return self

    @abstractmethod
    def __getitem__(self, key: Any) -> Any:
        """Units of it, as NumPy chooses them."""

    def __setitem__(self, key: Any, value: Any) -> None:
        key = current(key)
        if selects(key):
            write_selected(self, key, value)
            return
        if any(isinstance(part, AbstractTraced) for part in rules.flattened(key)):
            raise refuse("a write to a place that depends on the data", "use np.where on a condition of the same shape")
        self.write(self.units_at(key), value)

    def units_at(self, key: Any) -> np.ndarray:
        """Numbers of the units at an index."""
        try:
            return np.asarray(laid_out(self._shape, None)[key])
        except IndexError as error:
            raise ShapeError(f"index {key!r} into shape {self._shape}: {error}{at_line()}") from None

    @property
    def flat(self) -> Flat:
        """All units in the order of C, to be read and written."""
        return Flat(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[:] = value

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers, as NumPy has it."""
        return int(np.prod(self._shape, dtype=np.int64)) * self.dtype.itemsize

    def item(self, *place: Any) -> Any:
        """The one number of an array, or that at a place; in order, or by an index for each axis."""
        (at,) = place if len(place) == 1 else (place,)
        if place:
            return self[at] if isinstance(at, tuple) else self.flat[at]
        if np.prod(self._shape, dtype=np.int64) != 1:
            raise ShapeError(f".item() of an array of shape {self._shape}{at_line()}: it takes one number")
        return self.flat[0]

    def tolist(self) -> Any:
        """Lists of its numbers, which stay traced."""
        each: Any = self
        return [part.tolist() for part in each] if self._shape else self.alike()

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """As np.compress."""
        values: Any = self
        return np.compress(condition, values, axis, out)

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        """As np.put."""
        array: Any = self
        np.put(array, indices, values, mode)

    def view(self, *types: Any, **options: Any) -> Any:
        """The array itself, seen once more; of no other type."""
        given = [each for each in (*types, *options.values()) if each is not np.ndarray and each != self.dtype]
        if given:
            raise refuse(".view() of another type", rules.instead_of("view"))
        return self[...]

    def sort(self, *args: Any, **kwargs: Any) -> None:
        """As np.sort, in place."""
        values: Any = self
        self[...] = np.sort(values, *args, **kwargs)

    def partition(self, *args: Any, **kwargs: Any) -> None:
        """As np.partition, in place."""
        values: Any = self
        self[...] = np.partition(values, *args, **kwargs)

    def fill(self, value: Any) -> None:
        """As the method of arrays."""
        self[...] = value

    def write_at(self, ufunc: np.ufunc, indices: Any, *operands: Any) -> None:
        """As ``ufunc.at``: the first occurrences of all places at once, then the second ones, and so on."""
        if any(isinstance(part, AbstractTraced) for part in rules.flattened(indices)):
            raise refuse(f"np.{ufunc.__name__}.at places that depend on the data", "give constant indices")
        units = self.units_at(indices)
        values = [np.ravel(np.broadcast_to(operand, units.shape)) for operand in operands]
        order = np.argsort(units, axis=None, kind="stable")
        ordered = units.ravel()[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: ordered.size])
        turn = np.arange(ordered.size) - np.repeat(first, np.diff(np.r_[first, ordered.size]))
        this: Any = self
        for k in range(int(turn.max(initial=-1)) + 1):
            flat = np.ravel(this)
            places, taken = ordered[turn == k], order[turn == k]
            self.write(places, ufunc(flat[places], *(value[taken] for value in values)))

    @staticmethod
    def write_out(out: tuple[Any, ...], result: Any) -> Any:
        """What a ufunc returns that was given ``out``: arrays that it has written to."""
        if len(out) != 1 or not isinstance(out[0], AbstractWritten):
            raise refuse(
                "out= of another array, or of several,",
                "use what the function returns, or begin with np.array(a), np.zeros or np.empty in the function",
            )
        (array,) = out
        if array.is_number:
            return result
        array[...] = result
        return array
