"""When trials are: the order that they come in, their onsets and ends in ms, and in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import CapacityError, DataError, ParameterError, warn
from pcneuro.quantities import NOT_NEGATIVE, in_ms, milliseconds
from pcneuro.simulator.protocol.reading import (
    BLOCK,
    DELAY,
    DURATION,
    END,
    MOST_TRIALS,
    ONSET,
    REPEAT,
    SCHEDULED,
    TRIAL,
)
from pcneuro.simulator.timing import check_length, on_grid

if TYPE_CHECKING:
    import pandas

_DECIMALS = 9
"""Of ms, to which sums of decimal numbers are rounded."""
SECONDS = 20.0
"""Durations that are all shorter than so many ms, and no multiples of dt, are likely to be in seconds."""
FOLLOWED = 0.5
"""Share of a time constant in which neurons begin to follow."""


@dataclass(frozen=True)
class Interval:
    """Time between trials in ms: ``low`` where the two are the same, else a multiple of ``grid`` drawn from low on."""

    low: float
    high: float
    grid: float

    @classmethod
    def of(cls, value: Any, grid: float) -> Interval:
        """From a number, or (low, high). Raises ParameterError."""
        given = in_ms("interval", value)
        pair = isinstance(given, tuple | list) and len(given) == 2
        low, high = (milliseconds("interval", each, NOT_NEGATIVE) for each in (given if pair else (given, given)))
        if high < low:
            raise ParameterError(f"interval is from {low:g} to {high:g} ms: give the shorter one first")
        return cls(low, high, grid)

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """So many of them."""
        choices = int(np.floor((self.high - self.low) / self.grid * (1 + 1e-12))) + 1
        return self.low + self.grid * generator.integers(0, choices, count)


def scheduled(
    frame: pandas.DataFrame, interval: Interval | None, repeats: int, shuffle: bool, seed: int
) -> pandas.DataFrame:
    """The trials in their order, with ``onset``, ``end`` (ms), ``duration`` and ``repeat``; the index is ``trial``.

    Raises DataError or ParameterError for times that do not go together, CapacityError for too many trials.
    """
    if len(frame) * repeats > MOST_TRIALS:
        raise CapacityError(f"{repeats} repeats of {len(frame)} trials are more than {MOST_TRIALS}: give fewer")
    for_order, for_intervals = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    if ONSET in frame:
        _check_onsets(frame, interval, repeats, shuffle)
        order, number = np.argsort(frame[ONSET].to_numpy(), kind="stable"), np.zeros(len(frame), dtype=np.int64)
        trials = frame.iloc[order].reset_index(drop=True)
        onset = trials[ONSET].to_numpy()
    else:
        if DELAY in frame and interval is not None:
            raise ParameterError("interval= with a column 'delay', which says the same: give one of the two")
        orders = [_order(frame, shuffle, for_order) for _ in range(repeats)]
        order, number = np.concatenate(orders), np.repeat(np.arange(repeats), len(frame))
        trials = frame.iloc[order].reset_index(drop=True)
        drawn = (interval or Interval(0.0, 0.0, 1.0)).draw(len(trials), for_intervals)
        delay = trials[DELAY].to_numpy() if DELAY in frame else drawn
        duration = trials[DURATION].to_numpy()
        onset = np.round(np.cumsum(delay) + np.cumsum(duration) - duration, _DECIMALS)
    end = np.round(onset + trials[DURATION].to_numpy(), _DECIMALS)
    _check_overlaps(onset, end, order)
    others = {name: trials[name] for name in trials.columns if name not in SCHEDULED}
    block = {BLOCK: trials[BLOCK]} if BLOCK in trials else {}
    columns = {ONSET: onset, END: end, DURATION: trials[DURATION], **block, REPEAT: number, **others}
    made: pandas.DataFrame = trials.assign(**columns)[list(columns)]
    made.index.name = TRIAL
    return made


def _check_onsets(frame: pandas.DataFrame, interval: Interval | None, repeats: int, shuffle: bool) -> None:
    """Raise for what does not go with given onsets."""
    if DELAY in frame:
        raise DataError(
            "the table of a Protocol has both 'onset' and 'delay': give onsets (ms from the begin), or delays (ms from "
            "the end of the trial before)"
        )
    for what, given in (("interval=", interval is not None), ("repeats=", repeats > 1), ("shuffle=True", shuffle)):
        if given:
            raise ParameterError(
                f"{what} with a column 'onset', which says when each trial is: leave that out, or give 'delay'"
            )


def _order(frame: pandas.DataFrame, shuffle: bool, generator: np.random.Generator) -> np.ndarray:
    """Rows in their order, those of each block shuffled."""
    rows = np.arange(len(frame))
    if BLOCK not in frame:
        return generator.permutation(rows) if shuffle else rows
    labels = [repr(label) for label in frame[BLOCK]]
    begins = [k for k in range(len(rows)) if k == 0 or labels[k] != labels[k - 1]]
    if len(begins) > len(set(labels)):
        again = next(k for k in begins[1:] if labels[k] in labels[: k - 1])
        raise DataError(f"block {labels[again]} begins again at trial {again}: put the rows of a block together")
    blocks = np.split(rows, begins[1:])
    return np.concatenate([generator.permutation(block) if shuffle else block for block in blocks])


def _check_overlaps(onset: np.ndarray, end: np.ndarray, rows: np.ndarray) -> None:
    for k in np.flatnonzero(onset[1:] < end[:-1]):
        raise DataError(
            f"trial {rows[k]} ({onset[k]:g} to {end[k]:g} ms) and trial {rows[k + 1]} ({onset[k + 1]:g} to "
            f"{end[k + 1]:g} ms) overlap: trials come one after the other"
        )


def in_steps(trials: pandas.DataFrame, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """First step of each trial, and the first behind it. Raises ParameterError for times that are off the grid."""
    check_length(float(trials[END].max()), dt)
    hint = ""
    if trials[DURATION].max() < max(SECONDS, dt):
        hint = "; durations look like seconds: times are in ms, multiply them by 1000"
    steps: list[np.ndarray] = []
    for what in (ONSET, END):
        times = trials[what].to_numpy()
        near, off = on_grid(times, dt)
        near = np.maximum(near, steps[0] + 1) if steps else near
        for k in np.flatnonzero(off):
            raise ParameterError(
                f"{what} of trial {k} is at {times[k]:g} ms, off the grid of dt = {dt:g} ms: the nearest that works is "
                f"{near[k] * dt:g} ms{hint}"
            )
        steps.append(near)
    return steps[0], steps[1]


def warn_of_seconds(trials: pandas.DataFrame, fastest: float) -> None:
    """Warn where no neuron, with this least of time constants (ms), can follow any trial."""
    longest = trials[DURATION].max()
    if longest < FOLLOWED * fastest:
        warn(
            f"no trial takes longer than {longest:g} ms, while the fastest neurons have a time constant of {fastest:g} "
            "ms: durations look like seconds; times are in ms, multiply them by 1000"
        )
