"""Where lowering puts what it makes: instructions, their arguments, index tables, and room in both buffers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pcneuro.kernels.dispatch import opcode
from pcneuro.ops.base import AbstractLowering, Slot

Code = list[tuple[int, int]]
"""Instructions: opcode, position of the arguments."""
VIRTUAL = 2**60
"""Laned temporaries have row numbers from here on until rows are allocated for them; no other argument is as large."""


class Lowering(AbstractLowering):
    """Collects instructions, their arguments, index tables and room in both buffers.

    ``position`` is that of the first argument: where those of an earlier lowering end.
    """

    def __init__(self, position: int = 0) -> None:
        self.ints: list[np.ndarray] = []
        self.position = position
        self.tables: dict[tuple[int, bytes], int] = {}
        self.stored: dict[int, tuple[np.ndarray, int]] = {}
        self.rows = {True: 0, False: 0}
        """Rows reserved in both buffers, temporaries in the laned one not counted."""
        self.temporaries: list[Slot] = []
        """The laned ones, in the order of their rows."""
        self.arguments: dict[int, np.ndarray] = {}
        """Those of each instruction, by position."""
        self.values: dict[float, int] = {}
        self.arrays: dict[int, np.ndarray] = {}
        self.code: Code = []
        self.owner: tuple[str, tuple[Slot, ...]] | None = None
        """The node that instructions are emitted for, and where its operands stand."""
        self.origin: dict[int, tuple[str, tuple[Slot, ...]]] = {}

    def emit(self, kernel: str, *arguments: int) -> None:
        if self.owner is not None:
            self.origin[self.position] = self.owner
        self.arguments[self.position] = np.array(arguments, dtype=np.int64)
        self.code.append((opcode(kernel), self._append(self.arguments[self.position])))

    def table(self, values: np.ndarray) -> int:
        flat = np.ascontiguousarray(values, dtype=np.int64).ravel()
        key = (flat.size, flat.tobytes())
        if key not in self.tables:
            self.tables[key] = self._append(flat)
        return self.tables[key]

    def packed(self, values: np.ndarray) -> int:
        if id(values) not in self.stored:
            pairs = np.zeros((values.size + 1) // 2, dtype=np.int64)
            pairs.view(np.int32)[: values.size] = values
            # Kept, so that no other array takes its identity.
            self.stored[id(values)] = values, self._append(pairs)
        return self.stored[id(values)][1]

    def _append(self, values: np.ndarray) -> int:
        self.ints.append(values)
        self.position += values.size
        return self.position - values.size

    def constant(self, value: float) -> int:
        if value not in self.values:
            self.values[value] = self.temporary(1, False).row
            self.arrays[self.values[value]] = np.array([value])
        return self.values[value]

    def reserve(self, units: int, laned: bool) -> Slot:
        """A slot that is nothing else's at any time."""
        self.rows[laned] += units
        return Slot(self.rows[laned] - units, units, laned)

    def temporary(self, units: int, laned: bool) -> Slot:
        if not laned:
            return self.reserve(units, False)
        last = self.temporaries[-1] if self.temporaries else Slot(VIRTUAL, 0, True)
        self.temporaries.append(Slot(last.row + max(last.units, 1), units, True))
        return self.temporaries[-1]

    def taken(self) -> Code:
        """The instructions since the last call."""
        code, self.code, self.owner = self.code, [], None
        return code


def as_array(*lists: Iterable[tuple[int, int]] | Sequence[tuple[int, int]]) -> np.ndarray:
    """Instruction lists, one after the other, as an int64 array of shape (instructions, 2)."""
    joined = [pair for part in lists for pair in part]
    return np.array(joined, dtype=np.int64).reshape(-1, 2)
