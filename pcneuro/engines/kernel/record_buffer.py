"""Where the compiled loop puts what it records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcneuro.kernels.arguments import RECORD_COLUMNS, Records
from pcneuro.ops.base import Slot
from pcneuro.recording.probe import Probe


@dataclass(frozen=True)
class RecordBuffer:
    """Room for the recordings of ``steps`` steps from step ``number``, a row of ``buf`` a block of samples.

    ``slots`` has for each probe the rows, one or two, whose sum is recorded.
    """

    probes: Sequence[Probe]
    slots: Sequence[tuple[Slot, ...]]
    number: int
    lanes: int
    offsets: np.ndarray
    buf: np.ndarray

    @classmethod
    def of(
        cls,
        probes: Sequence[Probe],
        slots: Sequence[tuple[Slot, ...]],
        number: int,
        steps: int,
        shape: tuple[int, int],
        dtype: np.dtype,
    ) -> RecordBuffer:
        """An empty one, for ``shape`` = (blocks, lanes)."""
        blocks, lanes = shape
        sizes = [t.count(number, steps) * s[0].units * lanes for t, s in zip(probes, slots, strict=True)]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return cls(probes, slots, number, lanes, offsets, np.zeros((blocks, max(int(offsets[-1]), 1)), dtype=dtype))

    def of_block(self, block: int) -> Records:
        """What the loop writes to for one block."""
        rows = []
        for probe, slots, offset in zip(self.probes, self.slots, self.offsets, strict=False):
            added = slots[1].row if len(slots) > 1 else -1
            rows.append([slots[0].row, slots[0].units, probe.every, offset, added])
        return Records(np.array(rows, dtype=np.int64).reshape(-1, RECORD_COLUMNS), self.buf[block])

    def of_all(self) -> Records:
        """What a loop writes to that steps all blocks together: a row a block."""
        tables = [self.of_block(block).table for block in range(len(self.buf))]
        return Records(np.stack(tables), self.buf)

    def recorded(self, steps: int, batch: int) -> list[np.ndarray]:
        """By probe what was recorded in the first ``steps`` steps: (times, batch, units)."""
        recorded = []
        for k, (probe, slots) in enumerate(zip(self.probes, self.slots, strict=True)):
            units, part = slots[0].units, self.buf[:, self.offsets[k] : self.offsets[k + 1]]
            raw = part.reshape(len(part), -1, units, self.lanes)[:, : probe.count(self.number, steps)]
            rows = raw.transpose(1, 0, 3, 2).reshape(raw.shape[1], len(part) * self.lanes, units)
            recorded.append(rows[:, :batch])
        return recorded
