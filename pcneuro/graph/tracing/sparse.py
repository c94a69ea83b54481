"""A sparse parameter while a function is traced: it can be multiplied with, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import TraceError
from pcneuro.graph.graph import Pattern
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.writing import TracedOther
from pcneuro.ops.base import Shape, apply
from pcneuro.ops.registry import refuse
from pcneuro.ops.sparse import SparseProduct


class TracedSparse(TracedOther):
    """Stands for a sparse matrix: ``x @ W``, ``x @ W.T`` and ``W @ x`` (for x of one axis) run over its synapses."""

    def __init__(self, weights: TracedArray, pattern: Pattern, transposed: bool = False) -> None:
        self.weights, self.pattern, self.transposed = weights, pattern, transposed

    @property
    def shape(self) -> Shape:
        """Shape of the matrix."""
        shape = (self.pattern.starts.size - 1, self.pattern.width)
        return shape[::-1] if self.transposed else shape

    @property
    def T(self) -> TracedSparse:
        """The transposed matrix, over the same synapses."""
        return TracedSparse(self.weights, self.pattern, not self.transposed)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> TracedArray:
        if ufunc is not np.matmul or method != "__call__" or kwargs:
            return self._refuse()
        return self.__rmatmul__(inputs[0]) if inputs[1] is self else self.__matmul__(inputs[1])

    def __rmatmul__(self, x: Any) -> TracedArray:
        pattern = self.pattern
        operator = SparseProduct(pattern.starts, pattern.columns, pattern.width, self.transposed)
        return apply(operator, x, self.weights)

    def __matmul__(self, x: Any) -> TracedArray:
        if np.ndim(x) != 1:
            raise refuse(f"a sparse parameter times an array of {np.ndim(x)} axes", "write x @ W with the units last")
        return self.T.__rmatmul__(x)

    def _refuse(self, *args: Any) -> Any:
        raise refuse("anything but a product with a sparse parameter", "write x @ W, x @ W.T or W @ x")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = _refuse
    __neg__ = __getitem__ = __len__ = __iter__ = __bool__ = __float__ = __array__ = __lt__ = __gt__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TraceError(str(refuse(f".{name} of a sparse parameter", "write x @ W, x @ W.T or W @ x")))
