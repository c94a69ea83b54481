"""Instructions to try lists of them with: copies of rows, lookups that may fail, and Hebbian sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pcneuro.kernels import dispatch
from pcneuro.kernels.arguments import Operators
from pcneuro.ops.base import OPERATORS

assert OPERATORS, "operators put their kernels into the table when they are imported"


class Instructions:
    """Instructions, and the arguments that they take."""

    def __init__(self) -> None:
        self.code: list[list[int]] = []
        self.ints: list[int] = []

    def add(self, name: str, arguments: Sequence[int]) -> int:
        """Add an instruction; returns its number."""
        self.code.append([dispatch.opcode(name), len(self.ints)])
        self.ints += [int(n) for n in arguments]
        return len(self.code) - 1

    def scaled(self, out: int, source: int, rows: int, scale: int) -> int:
        """Rows from ``out`` on become those from ``source`` on, times the number at ``scale`` of what is shared."""
        same = dispatch.IDENTITY
        return self.add("combine", [out, same, rows, 0, source, same, 0, 0, same, 2, scale, rows])

    def hebb(self, out: int, a: int, b: int, m: int, n: int) -> int:
        """shared[out + i n + j] += sum over samples of row a + i times row b + j."""
        first = len(self.ints) + 17
        one, rows, columns, outs = first, first + 1, first + 1 + m, first + 1 + m + n
        tables = [0, *range(m), *range(n), *range(0, m * n, n)]
        work = m * n
        sizes = [work, out, a, b, 1, m, n, 1]
        return self.add("hebb", [*sizes, one, outs, columns, one, rows, one, one, one, columns, *tables])

    def array(self) -> np.ndarray:
        return np.array(self.code, dtype=np.int64).reshape(-1, 2)

    def operators(self, dtype: np.dtype) -> Operators:
        return Operators(dispatch.table(np.dtype(dtype), self.array()), np.array(self.ints, dtype=np.int64))
