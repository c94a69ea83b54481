"""Arrays that a traced function makes for itself, by ``np.zeros`` and the like: plain, until traced values are written.

From then on such an array, and whatever shares its memory, stands for a traced array. Its memory is filled with NaN, or
with what is no index: only functions read it that do not ask NumPy's protocols, and the graph takes no NaN.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.complex import TracedComplex, as_complex
from pcneuro.graph.tracing.flat import Flat
from pcneuro.graph.tracing.layout import axes_of, is_writable, laid_out
from pcneuro.graph.tracing.writing import AbstractOwn, current
from pcneuro.ops.registry import refuse

NO_INDEX = np.iinfo(np.int64).min
"""What memory of whole numbers is filled with: no array has such an index."""


class OwnArray(AbstractOwn):
    """A plain array of numbers, real or complex, that the function may write traced values to."""

    traced: TracedArray | TracedComplex | None

    def __array_finalize__(self, other: Any) -> None:
        self.traced = None

    def _owner(self) -> OwnArray:
        """The array of this kind whose memory it shares."""
        owner = self
        while isinstance(owner.base, OwnArray):
            owner = owner.base
        return owner

    def now(self) -> Any:
        """What it is at present: a plain array, or a traced one."""
        owner = object.__getattribute__(self, "_owner")()
        if owner.traced is None:
            return self.view(np.ndarray)
        if owner is self:
            return owner.traced
        array = owner.traced
        if self.dtype != owner.dtype:
            array = self._part(owner)
        return _shared(array, self._units(owner))

    def _units(self, owner: OwnArray) -> np.ndarray:
        """The owner's units that it shares, strided as it is."""
        memory = laid_out(owner.shape, axes_of(owner)).ravel("K")[_offset(self, owner) // owner.itemsize :]
        strides = [stride // owner.itemsize * memory.itemsize for stride in self.strides]
        return as_strided(memory, self.shape, strides, writeable=self.flags.writeable)

    def _part(self, owner: OwnArray) -> TracedArray:
        """The real or the imaginary part of a complex owner, which it is a view of."""
        traced = owner.traced
        if not isinstance(traced, TracedComplex) or any(stride % owner.itemsize for stride in self.strides):
            raise refuse(f"an array of {owner.dtype} seen as one of {self.dtype}", "keep to .real and .imag")
        return traced.imag if _offset(self, owner) % owner.itemsize else traced.real

    def become(self, recorder: Any) -> Any:
        """The traced array that it stands for from now on."""
        owner = self._owner()
        if owner.traced is None:
            values = np.array(owner, subok=False)
            unset = np.isnan(values)
            if values.dtype.kind == "c":
                traced = as_complex(recorder, values)
            else:
                traced = recorder.lift(np.where(unset, 0, values) if unset.any() else values)
                traced = traced.leave_out(unset) if unset.any() else traced
            owner.view(np.ndarray)[...] = NO_INDEX if values.dtype.kind == "i" else np.nan
            owner.traced = traced
            for part in (traced.real, traced.imag) if isinstance(traced, TracedComplex) else (traced,):
                part.axes, part.is_number = axes_of(owner), False
        return self.now()

    def __getattribute__(self, name: str) -> Any:
        get = super().__getattribute__
        if not name.startswith("_") and name not in _KEPT and get("_owner")().traced is not None:
            return getattr(get("now")(), name)
        return get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("shape", "strides", "dtype") and self._owner().traced is not None:
            raise refuse(
                f"an in-place change (a.{name} = ...) of an array that has been written to", "use a.reshape(...)"
            )
        super().__setattr__(name, value)

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        """As np.put."""
        np.put(self, indices, values, mode=mode)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method == "at":
            return self._at(ufunc, *inputs)
        call = getattr(ufunc, method)
        if out is None:
            return own(call(*current(inputs), **current(kwargs)))
        given = current((*inputs, *out, kwargs.get("where")))
        traced = [a for a in given if isinstance(a, TracedArray | TracedComplex)]
        for array in out:
            if traced and isinstance(array, OwnArray):
                array.become(traced[0].recorder)
        result = call(*current(inputs), out=current(out), **current(kwargs))
        return result if traced or len(out) > 1 else out[0]

    def _at(self, ufunc: np.ufunc, array: Any, *others: Any) -> None:
        values = current(others)
        traced = [a for a in (current(array), *values) if isinstance(a, TracedArray | TracedComplex)]
        if traced and isinstance(array, OwnArray):
            array.become(traced[0].recorder)
        ufunc.at(current(array), *values)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        written = args[0] if function in WRITERS else kwargs.get("out")
        if isinstance(written, OwnArray):
            traced = [a for a in rules.flattened(current((args, kwargs))) if isinstance(a, TracedArray | TracedComplex)]
            if traced:
                written.become(traced[0].recorder)
        now = current((args, kwargs))
        if not any(isinstance(a, TracedArray | TracedComplex) for a in rules.flattened(now)):
            owners = [a._owner() for a in rules.flattened((args, kwargs)) if isinstance(a, OwnArray)]
            return _like(function(*now[0], **now[1]), owners)
        # Complex ones know what to do with real ones.
        arrays = [a for a in rules.flattened(now) if isinstance(a, TracedArray | TracedComplex)]
        first = next((a for a in arrays if isinstance(a, TracedComplex)), arrays[0])
        return first.__array_function__(function, types, *now)

    def __setitem__(self, key: Any, value: Any) -> None:
        key, value = current(key), current(value)
        traced = [a for a in rules.flattened((key, value)) if isinstance(a, TracedArray | TracedComplex)]
        array = self.become(traced[0].recorder) if traced else self.now()
        if isinstance(value, list | tuple) and traced:
            value = np.stack(np.broadcast_arrays(*value))
        array[key] = value

    def __getitem__(self, key: Any) -> Any:
        array = self.now()
        key = current(key)
        if isinstance(array, TracedArray | TracedComplex):
            return array[key]
        traced = [a for a in rules.flattened(key) if isinstance(a, TracedArray | TracedComplex)]
        return traced[0].recorder.lift(array)[key] if traced else super().__getitem__(key)

    @property
    def flat(self) -> Any:
        """All units in the order of C, to be read and written."""
        return Flat(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[:] = current(value)

    @property
    def real(self) -> Any:
        """As of arrays."""
        return np.ndarray.real.__get__(self)  # type: ignore[attr-defined]

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self) -> Any:
        """As of arrays."""
        return np.ndarray.imag.__get__(self)  # type: ignore[attr-defined]

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        self.imag[...] = value

    def fill(self, value: Any) -> None:
        """As the method of arrays."""
        self[...] = value

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.now())

    def __float__(self) -> float:
        return float(self.now())

    def __int__(self) -> int:
        return int(self.now())

    def __index__(self) -> int:
        return operator.index(self.now())

    def __repr__(self) -> str:
        return repr(self.now())

    __str__ = __repr__

    def __deepcopy__(self, memo: Any) -> Any:
        return own(self.now().copy())

    def __copy__(self) -> Any:
        return own(self.now().copy())


_WRITTEN = (np.float64, np.complex128, np.int64)
WRITERS = (np.copyto, np.fill_diagonal, np.putmask, np.put, np.place, np.put_along_axis)
"""Functions that write to their first argument."""
_KEPT = frozenset(
    (
        "now",
        "become",
        "fill",
        "put",
        "traced",
        "base",
        "shape",
        "ndim",
        "size",
        "strides",
        "flags",
        "itemsize",
        "dtype",
        "view",
    )
)
"""Attributes that are those of the memory, whatever it stands for."""


def _offset(array: np.ndarray, owner: np.ndarray) -> int:
    """How many bytes an array begins behind the one whose memory it shares."""
    return int(array.__array_interface__["data"][0] - owner.__array_interface__["data"][0])


def _shared(array: Any, units: np.ndarray) -> Any:
    if isinstance(array, TracedComplex):
        return TracedComplex(_shared(array.real, units), _shared(array.imag, units))
    return array.recorder.gather("index", units, [array]).sharing(array, units)


def _like(result: Any, owners: Sequence[OwnArray]) -> Any:
    """What NumPy made of plain arrays: what shares memory with an array of this kind is one, too."""
    if type(result) in (list, tuple):
        return type(result)(_like(part, owners) for part in result)
    if type(result) is np.ndarray:
        for owner in owners:
            plain = owner.view(np.ndarray)
            if result.dtype == plain.dtype and np.may_share_memory(result, plain):
                offset = _offset(result, plain)
                view = np.ndarray.__new__(OwnArray, result.shape, result.dtype, owner, offset, result.strides)
                view.flags.writeable = is_writable(result)
                return view
    return own(result)


def own(result: Any) -> Any:
    """A new plain array of numbers as one that may be written to; all else as it is."""
    if type(result) is np.ndarray and result.dtype in _WRITTEN and result.flags.owndata and _is_dense(result):
        return result.view(OwnArray)
    return result


def _is_dense(array: np.ndarray) -> bool:
    """Whether its memory has its numbers, in the order of some axes, and nothing else."""
    axes = axes_of(array)
    return array.flags.c_contiguous or (axes is not None and array.transpose(axes).flags.c_contiguous)
