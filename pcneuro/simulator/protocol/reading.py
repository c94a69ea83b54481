"""Tables of trials as users have them: data frames, columns, rows, CSV files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import CapacityError, DataError, told
from pcneuro.files.tables import TableKind
from pcneuro.quantities import in_ms

if TYPE_CHECKING:
    import pandas

ONSET, DELAY, DURATION, BLOCK = "onset", "delay", "duration", "block"
TRIAL, END, REPEAT = "trial", "end", "repeat"
TIMES = (ONSET, DELAY, DURATION)
SCHEDULED = (*TIMES, BLOCK, TRIAL, END, REPEAT)
"""Columns that say when a trial is and which; all others are stimuli and labels."""
_OURS = (TRIAL, END, REPEAT, "time", "batch")
"""Names of what a protocol makes of a table."""
_TRIALS = TableKind("trials", "a Protocol", "keep stimuli in an array (values=), and their numbers in the table")
MOST_TRIALS = 1_000_000
LONGEST_MS = 1e15
"""Longer than any simulation, and short enough for sums of so many to be rounded."""


def read_table(table: Any) -> pandas.DataFrame:
    """A table as a data frame of its own, with times in ms.

    Raises DataError for what is none, CapacityError for one that is too large.
    """
    import pandas

    if isinstance(table, str | os.PathLike):
        frame = _TRIALS.read_csv(Path(table))
    elif isinstance(table, pandas.DataFrame):
        frame = table.reset_index(drop=True)
    elif isinstance(table, Mapping) or (isinstance(table, Sequence) and all(isinstance(r, Mapping) for r in table)):
        try:
            one = isinstance(table, Mapping) and all(np.isscalar(cell) for cell in table.values())
            frame = pandas.DataFrame([table] if one else table)
        except ValueError as error:
            raise DataError(f"the table of a Protocol has columns that do not fit together: {error}") from None
    else:
        raise DataError(
            f"the table of a Protocol is {told(table)}; give a data frame of pandas, a dict of columns, a list of "
            "dicts (one a trial), or the path of a CSV file"
        )
    _check_columns(frame)
    for column in (name for name in TIMES if name in frame):
        frame[column] = _times(column, frame[column])
    return frame


def _check_columns(frame: pandas.DataFrame) -> None:
    names = list(frame.columns)
    _TRIALS.check_count(names)
    for name in names:
        if not isinstance(name, str) or not name:
            raise DataError(f"the table of a Protocol has a column {told(name)}; give each a name")
        if names.count(name) > 1:
            raise DataError(f"the table of a Protocol has two columns {name!r}: give each a name of its own")
        if name in _OURS:
            raise DataError(f"the table of a Protocol has a column {name!r}, which a protocol makes itself: rename it")
    if DURATION not in names:
        raise DataError(
            f"the table of a Protocol has no column {DURATION!r}, how long each trial takes in ms; its columns are "
            f"{', '.join(map(repr, names[:12])) or 'none'}"
        )
    if not len(frame):
        raise DataError("the table of a Protocol has no trials: give one row at least")
    if len(frame) > MOST_TRIALS:
        raise CapacityError(f"the table of a Protocol has {len(frame)} trials; {MOST_TRIALS} is the most")


def _times(column: str, series: Any) -> np.ndarray:
    """A column of times in ms, which are finite numbers, not negative, and durations positive."""
    given = series.to_numpy() if series.dtype != object else list(series)
    given = in_ms(f"column {column!r}", given)
    for row, each in enumerate(given):
        if not _is_number(each):
            raise DataError(f"{column} of trial {row} is {told(each)}; give a number of ms")
    times = np.array([np.nan if each is None else each for each in given], dtype=np.float64)
    for row in np.flatnonzero(~np.isfinite(times)):
        missing = "missing" if np.isnan(times[row]) else "infinite"
        raise DataError(f"{column} of trial {row} is {missing}; give a number of ms")
    for row in np.flatnonzero(times > LONGEST_MS):
        raise DataError(f"{column} of trial {row} is {times[row]:g} ms; {LONGEST_MS:.0e} is the most")
    for row in np.flatnonzero(times <= 0 if column == DURATION else times < 0):
        wanted = "a positive time" if column == DURATION else "a time that is not negative"
        raise DataError(f"{column} of trial {row} is {times[row]:g} ms; give {wanted}, in ms")
    return times


def _is_number(value: Any) -> bool:
    """Whether a cell is a number, also as text, or is empty."""
    if value is None:
        return True
    if isinstance(value, complex):
        return False  # of which float() would take a part, where it is NumPy's
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return isinstance(value, str | Number) and not isinstance(value, bool | np.bool)
