"""Where rows come from: when, on what and with which versions a block of runs was done. No row depends on it."""

from __future__ import annotations

import os
import platform
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, final

from pcneuro.batch.identity import digest
from pcneuro.studies.surroundings import machine, versions

SEED = "seed"
WARNINGS = "warnings"


@final
@dataclass(frozen=True)
class Provenance:
    """When a block of runs was begun, and of what."""

    content: str
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.perf_counter)

    def described(
        self, numbers: Sequence[int], values: Sequence[Mapping[str, Any]], warned: Sequence[str] = ()
    ) -> dict[str, Any]:
        """All of it as JSON has it, when the runs are done."""
        return {
            "started": self.begun.isoformat(timespec="seconds"),
            "seconds": time.perf_counter() - self.clock,
            "host": platform.node(),
            "pid": os.getpid(),
            "machine": machine(),
            "versions": versions(),
            WARNINGS: list(warned),
            "runs": [
                {"run": number, "hash": digest([self.content, each]), **({SEED: each[SEED]} if SEED in each else {})}
                for number, each in zip(numbers, values, strict=True)
            ],
        }


@contextmanager
def noting_warnings() -> Iterator[list[str]]:
    """What is warned of meanwhile, each text once, in a list: thousands of runs would warn of the same.

    Filters hold, so that what is ignored is not noted, and what is an error is one.
    """
    noted: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield noted
        finally:
            noted.extend(dict.fromkeys(str(each.message) for each in caught))
