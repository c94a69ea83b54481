"""What a traced array has that an ndarray has, too: its attributes and methods."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.types import is_narrow, typed
from pcneuro.graph.tracing.views import AbstractWritten
from pcneuro.ops.base import Shape, size
from pcneuro.ops.maps import Map
from pcneuro.ops.registry import HANDLERS, refuse, refuse_question


class AbstractShaped(ABC):
    """What follows from the shape, for traced arrays of real and of complex numbers."""

    shape: Any
    """Lengths of the axes of one sample."""

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
        this: Any = self
        return np.swapaxes(this, -1, -2)

    def copy(self, order: Any = "C") -> Any:
        """As the method of arrays."""
        return self.alike(order)

    @abstractmethod
    def transpose(self, *axes: Any) -> Any:
        """As np.transpose."""

    @abstractmethod
    def alike(self, order: str = "K") -> Any:
        """Another array with the same values, which is not written to with this one."""


class AbstractNdarray(AbstractWritten, AbstractShaped):
    """A traced array with the attributes and methods of NumPy's arrays."""

    @property
    def shape(self) -> Shape:
        """Lengths of the axes of one sample."""
        return self._shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        raise refuse("an in-place reshape (a.shape = ...)", "use a.reshape(...)")

    @property
    def real(self) -> Any:
        """The array itself."""
        return self

    @real.setter
    def real(self, value: Any) -> None:
        self[...] = value

    def conj(self) -> Any:
        """The array itself, as NumPy has it of real ones."""
        return self

    conjugate = conj

    @property
    def imag(self) -> Any:
        """Zeros."""
        return np.zeros(self._shape)

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """As np.reshape."""
        target = shape[0] if len(shape) == 1 else shape
        return HANDLERS[np.reshape](self, target, order=order)

    def transpose(self, *axes: Any) -> Any:
        """As np.transpose."""
        return HANDLERS[np.transpose](self, axes[0] if len(axes) == 1 else axes or None)

    def astype(self, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: Any = True, copy: Any = True) -> Any:
        """As the method of arrays: truth values and whole numbers are numbers that are such."""
        wanted = np.dtype(dtype)
        if not copy and wanted == self.dtype and order == "K":
            return self
        if wanted == np.complex128:
            return HANDLERS[np.complex128](self.recorder, self)
        if wanted.kind not in "fiub" or (wanted.kind == "f" and wanted.itemsize < np.dtype(np.float64).itemsize):
            raise refuse(f".astype({wanted})", "use float, int or bool: a traced array is one of float64")
        if wanted.kind == "b" and self.dtype.kind != "b":
            return self.apply(Map("not_equal"), self, 0.0)
        if is_narrow(wanted) and not np.can_cast(self.dtype, wanted):
            raise refuse(f".astype({wanted}), which wraps around,", "write .astype(int)")
        result = np.trunc(self) if wanted.kind in "iu" and self.dtype.kind == "f" else self.alike()
        return typed(result, np.dtype(np.float64) if wanted.kind == "f" else wanted)

    def flatten(self, order: Any = "C") -> Any:
        """As np.ravel, but for that it shares nothing."""
        return HANDLERS[np.ravel](self, order=order).alike("C")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"neither a traced array nor an ndarray has the attribute {name!r}")
        if name in rules.METHODS:
            return functools.partial(getattr(np, name), self)
        raise refuse_question(f"the array method or attribute .{name}", rules.instead_of(name))
