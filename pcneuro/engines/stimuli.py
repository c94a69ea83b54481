"""Stimuli: what is given to a vertex or input over time, in steps of a simulation, read piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError, warn
from pcneuro.graph.graph import cast, check_finite, real_array
from pcneuro.model.timed import TimedArray

_ROUNDING = 1e-9
"""Share of an interval by which it may be off a multiple of dt."""
PART = 1_000_000
"""Numbers that are looked at in one go."""
CHECKED_BYTES = 64_000_000
"""Of values that are in memory, so many are looked at before a run."""


@dataclass(frozen=True, eq=False)
class Stimulus:
    """A ``TimedArray`` as one input, clamp or current of a circuit: ``every`` so many steps it goes on by one value.

    ``what`` it is for messages; ``shape`` is that of one sample; ``dtype`` that of the numbers that it is read as;
    ``wrong`` says what is wrong with an array (batch, \\*shape), if anything is.
    """

    what: str
    timed: TimedArray
    every: int
    shape: tuple[int, ...]
    dtype: Any
    wrong: Callable[[np.ndarray], str | None] | None = None
    parts: tuple[Stimulus, ...] | None = None
    """Those whose end is told of, where it is made of others."""

    @property
    def samples(self) -> int:
        """Samples, or 1 where all have the same."""
        return self.timed.shape[1] if len(self.timed.shape) > len(self.shape) + 1 else 1

    @property
    def per_sample(self) -> bool:
        """Whether it has a batch axis."""
        return len(self.timed.shape) > len(self.shape) + 1

    @property
    def last(self) -> int | None:
        """The number of the last value, which holds from then on; None where it begins again."""
        return None if self.timed.periodic else self.timed.times - 1

    def position(self, step: int) -> int:
        """How many values have gone by at the begin of a step: the number of its value, but for repetitions."""
        gone = step // self.every
        return gone if self.last is None else min(gone, self.last)

    def next_change(self, step: int) -> int | None:
        """The first step behind this one at whose begin there may be another value; None where there is none."""
        if self.last is not None and self.position(step) == self.last:
            return None
        return (step // self.every + 1) * self.every

    def read(self, first: int, count: int) -> np.ndarray:
        """Values of these positions, (count, batch or 1, \\*shape). Raises DataError for what cannot be simulated."""
        array = real_array(self.what, self.timed.read(first, count))
        try:
            check_finite(self.what, array)
        except DataError as error:
            at = int(np.argwhere(~np.isfinite(array))[0][0]) + first
            raise DataError(f"{error}, of the value at {at * float(self.timed.dt):g} ms") from None
        array = array.reshape(count, self.samples, *self.shape)
        wrong = None if self.wrong is None else self.wrong(array.reshape(-1, *self.shape))
        if wrong:
            raise DataError(f"{self.what}, from {first * float(self.timed.dt):g} ms on: {wrong}")
        return cast(self.what, array, self.dtype)

    def at(self, step: int, batch: int) -> np.ndarray:
        """What it is in a step, (batch, \\*shape)."""
        return self.spread(self.read(self.position(step), 1)[0], batch)

    def spread(self, value: np.ndarray, batch: int) -> np.ndarray:
        r"""A value, (batch or 1, \*shape), for every sample."""
        return np.ascontiguousarray(np.broadcast_to(value, (batch, *self.shape)))

    def check(self) -> None:
        """Raise DataError for what is wrong with values that are in memory; those on a disk are looked at as read."""
        values = self.timed.values
        if isinstance(values, np.ndarray) and not isinstance(values, np.memmap) and values.nbytes <= CHECKED_BYTES:
            # In parts, as each is converted.
            part = max(1, PART // max(1, values[0].size))
            for first in range(0, self.timed.times, part):
                self.read(first, min(part, self.timed.times - first))

    def warned(self, step: int, before: Stimulus | None) -> bool:
        """Whether a run up to this step, on what was given ``before``, has warned of its end."""
        return before is not None and before.timed is self.timed and self._behind(step)

    def _behind(self, step: int) -> bool:
        """Whether the step before this one is behind the last value."""
        return self.last is not None and (step - 1) // self.every > self.last

    def warn_of_end(self, end: int, dt: float) -> None:
        """Warn where a run up to step ``end`` goes on behind the last value."""
        if self.parts is not None:
            for part in self.parts:
                part.warn_of_end(end, dt)
        elif self._behind(end):
            warn(
                f"{self.what}: its TimedArray ends at {self.timed.duration:g} ms, and the run at {end * dt:g} ms: the "
                "last value holds from there on; give more, or periodic=True"
            )


def stimulus(
    what: str,
    timed: TimedArray,
    shape: tuple[int, ...],
    dt: float,
    dtype: Any,
    wrong: Callable[[np.ndarray], str | None] | None = None,
) -> Stimulus:
    """A ``TimedArray`` in steps of ``dt`` ms.

    Raises ParameterError for an interval that is no multiple of them, ShapeError for values that do not fit, and what
    ``Stimulus.check`` does.
    """
    interval = float(timed.dt)
    every = max(1, round(interval / dt))
    if abs(every * dt - interval) > _ROUNDING * interval:
        raise ParameterError(
            f"{what}: dt of its TimedArray is {interval:g} ms, no multiple of the integrator's {dt:g} ms: give "
            f"{every * dt:g} ms, or an integrator with dt = {interval / max(1, -int(-interval // dt)):g} ms"
        )
    got = timed.shape[1:]
    batched = len(got) == len(shape) + 1 and got[1:] == shape
    if got != shape and not batched:
        axes = ", ".join(map(str, shape))
        raise ShapeError(
            f"{what}: its TimedArray has shape {timed.shape}; needed is (times, {axes}), or (times, batch, {axes})"
            if shape
            else f"{what}: its TimedArray has shape {timed.shape}; needed is (times,), or (times, batch)"
        )
    if batched and not got[0]:
        raise ShapeError(f"{what}: its TimedArray is of an empty batch, of shape {timed.shape}")
    made = Stimulus(what, timed, every, shape, dtype, wrong)
    made.check()
    return made
