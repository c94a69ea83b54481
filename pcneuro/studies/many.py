"""What is printed of many runs, where a table with a row for each would tell nobody anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from pcneuro.studies.task import FinishedRun, TextTable

MOST_TOLD = 48
"""So many runs are told of one by one."""


def tables_of(runs: Sequence[FinishedRun]) -> list[TextTable]:
    """Tables of the runs: those of their task, or of many how they ended, and over which range their numbers are."""
    if len(runs) <= MOST_TOLD:
        return type(runs[0].task).tables(runs)
    counts = Counter(str(run.outcome.status) for run in runs)
    found: dict[str, list[float]] = {}
    for run in runs:
        for name, value in flat_numbers(run.outcome.numbers):
            found.setdefault(name, []).append(value)
    rows = []
    for name, numbers in found.items():
        finite = np.array(numbers)[np.isfinite(numbers)]
        ends = np.quantile(finite, (0.0, 0.5, 1.0)) if len(finite) else np.full(3, np.nan)
        rows.append([name, *(f"{end:.6g}" for end in ends), str(len(finite))])
    return [
        TextTable(f"{len(runs):,} runs", ["status", "runs"], [[what, str(count)] for what, count in counts.items()]),
        TextTable("Their numbers", ["", "smallest", "median", "largest", "runs"], rows),
    ]


def flat_numbers(numbers: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of nested tables under dotted names. What is no number (texts, lists) is left out."""
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            yield from flat_numbers(value, f"{prefix}{name}.")
        elif isinstance(value, Real | np.bool_):
            yield f"{prefix}{name}", float(value)
