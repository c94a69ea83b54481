"""What is printed of many runs, where a table with a row for each would tell nobody anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any

import numpy as np

from pcneuro.studies.task import FinishedRun, TextTable

MOST_TOLD = 12
"""So many runs are told of one by one."""
MOST_NUMBERS = 16
"""Of so many numbers the range is told."""


def tables_of(runs: Sequence[FinishedRun]) -> list[TextTable]:
    """Tables of the runs: those of their task, or of many how they ended, and over which range their numbers are."""
    if len(runs) <= MOST_TOLD:
        return type(runs[0].task).tables(runs)
    first = {status: run.label for run in reversed(runs) for status in [str(run.outcome.status)]}
    counts = Counter(str(run.outcome.status) for run in runs)
    ended = [[status, str(count), first[status]] for status, count in counts.items()]
    tables = [TextTable(f"{len(runs):,} runs", ["status", "runs", "the first"], ended)]
    found: dict[str, list[tuple[float, str]]] = {}
    for run in runs:
        for name, value in flat_numbers(run.outcome.numbers):
            found.setdefault(name, []).append((value, run.label))
    main = [name for name in found if any(fnmatchcase(name, pattern) for pattern in type(runs[0].task).main)] or [
        *found
    ]
    rows = [_range(name, found[name]) for name in main[:MOST_NUMBERS]]
    if rows:
        rest = len(found) - len(rows)
        title = f"Their numbers; {rest} more, and those of each run, are in summary.json" if rest else "Their numbers"
        tables.append(TextTable(title, ["", "smallest", "where", "median", "largest", "where", "runs"], rows))
    return tables


def _range(name: str, numbers: Sequence[tuple[float, str]]) -> list[str]:
    """A row: the smallest and the largest number with the swept values that it is at, the median, and of how many."""
    finite = sorted((pair for pair in numbers if np.isfinite(pair[0])), key=lambda pair: pair[0])
    if not finite:
        return [name, "-", "", "-", "-", "", "0"]
    (least, at_least), (most, at_most) = finite[0], finite[-1]
    median = np.median([value for value, _ in finite])
    return [name, f"{least:.6g}", at_least, f"{median:.6g}", f"{most:.6g}", at_most, str(len(finite))]


def flat_numbers(numbers: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of nested tables under dotted names. What is no number (texts, lists) is left out."""
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            yield from flat_numbers(value, f"{prefix}{name}.")
        elif isinstance(value, Real | np.bool_):
            yield f"{prefix}{name}", float(value)
