"""Where rows come from: when, on what and with which versions a block of runs was done. No row depends on it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, final

from pcneuro.studies.surroundings import machine, versions

SEED = "seed"


def hash_of(content: str, values: Mapping[str, Any]) -> str:
    """Hash of all that a run depends on: what the study is (its hash), and the values of the run."""
    return hashlib.sha256(json.dumps([content, dict(values)], sort_keys=True, default=str).encode()).hexdigest()


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
                {"run": number, "hash": hash_of(self.content, each), **({SEED: each[SEED]} if SEED in each else {})}
                for number, each in zip(numbers, values, strict=True)
            ],
        }
