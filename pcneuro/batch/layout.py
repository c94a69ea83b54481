"""Layout of a batch's folder: what it is a batch of, and which runs are written together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SETTINGS = "batch.json"
"""What the batch is: study, space, content hash, block size. Written once, before the folder has its name."""
RUNS = "runs.zarr"
"""The rows: a zarr v3 group with the dimension ``run``."""
PROVENANCE = "provenance"
"""One JSON file a block: when, where, by which versions, how long. The rows do not depend on it."""
RETRY = "retry"
"""Statuses of blocks of which some runs are to be done again: of the others the rows stay."""
SCRATCH = "scratch"
"""Checkpoints of runs that are not done, in a folder each, which goes when the run is done."""

NEW, OLD = ".new", ".old"
"""Endings of the names of a folder that is being made, and of one that is being removed, beside its place."""


@dataclass(frozen=True)
class Layout:
    """``runs`` rows in blocks of ``block`` consecutive runs, each of which one process performs and writes at once.

    A block is a chunk of every array of the store, so that no chunk has two writers.
    """

    runs: int
    block: int

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.runs // self.block)

    def numbers(self, block: int) -> range:
        """The runs of a block."""
        return range(block * self.block, min((block + 1) * self.block, self.runs))

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"runs": self.runs, "block": self.block}

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> Layout:
        """The layout that was ``described``."""
        return cls(int(described["runs"]), int(described["block"]))
