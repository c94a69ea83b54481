"""Where rows come from: when, on what and with which versions a block of runs was done. No row depends on it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, final

from pcneuro.batch.identity import digest
from pcneuro.studies.surroundings import machine, versions

SEED = "seed"


@final
@dataclass(frozen=True)
class Provenance:
    """When a block of runs was begun, and of what."""

    content: str
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.perf_counter)

    def described(self, numbers: Sequence[int], values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """All of it as JSON has it, when the runs are done."""
        return {
            "started": self.begun.isoformat(timespec="seconds"),
            "seconds": time.perf_counter() - self.clock,
            "host": platform.node(),
            "pid": os.getpid(),
            "machine": machine(),
            "versions": versions(),
            "runs": [
                {"run": number, "hash": digest([self.content, each]), **({SEED: each[SEED]} if SEED in each else {})}
                for number, each in zip(numbers, values, strict=True)
            ],
        }
