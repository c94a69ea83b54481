"""TimedArray: values that change with time, one after the other, from memory or read piece by piece from a disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError, told
from pcneuro.files import ArrayFile
from pcneuro.quantities import flag, in_ms, milliseconds, plain_array

TIME, BATCH = "time", "batch"
"""Dimensions of labelled arrays: that of time, and that of samples."""
_UNITS = {"ms": 1.0, "s": 1000.0, "us": 0.001, "min": 60_000.0, "h": 3_600_000.0}
"""What the attribute ``units`` of labelled times may be, in ms."""
_EVEN = 1e-6
"""Share of an interval by which labelled times may be off it."""


@dataclass(frozen=True, eq=False)
class TimedArray:
    r"""Values over time, for inputs, targets, clamps, currents and precisions: ``values[floor(t / dt)]`` at time t.

    Brian2's class of this name means the same. A change takes place at the begin of a step; within a step, and in each
    of its stages, the value of its begin holds.

    Parameters
    ----------
    values
        Of shape (times, \*shape), or (times, batch, \*shape) where samples differ: an array, a memory map
        (``np.load(path, mmap_mode="r")``), a zarr or HDF5 array, or an ``xarray.DataArray`` with a dimension ``time``.
        No copy of all is made: it is read as time goes on, so that it may be larger than memory, and must not be
        changed meanwhile.
    dt
        How long each value holds in ms, or a quantity of time: a multiple of the integrator's. Of labelled arrays whose
        ``time`` has coordinates in even steps, those are taken where it is left out.
    periodic
        Begin again at the end, instead of keeping the last value (of which a run that goes on longer warns).

    Raises ParameterError for times that are not positive or not even, ShapeError for values without an axis of time,
    DataError for what are no real numbers, or, of arrays in memory, not finite.

    Examples
    --------
    >>> flashes = pcn.TimedArray([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], dt=50.0, periodic=True)  # ms
    >>> pcn.Simulator(circuit).run(200.0, inputs={"x": flashes}).time
    200.0
    """

    values: Any
    dt: Any = None
    periodic: bool = False
    shape: tuple[int, ...] = field(init=False)
    """(times, ...), the axis of time first."""
    _axes: tuple[str, ...] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values, axes = self.values, None
        if isinstance(getattr(values, "dims", None), tuple) and hasattr(values, "transpose"):
            axes = _time_first(values.dims)
            values = values.transpose(*axes)
            if self.dt is None:
                object.__setattr__(self, "dt", _interval(values))
        elif isinstance(values, np.memmap):
            # Pages of a map would stay in memory, and one whose file is cut ends the process.
            values = ArrayFile.of_map(values) or values
        elif isinstance(values, np.ndarray) or not all(hasattr(values, a) for a in ("shape", "dtype", "__getitem__")):
            values = plain_array("values of a TimedArray", values)
        if np.dtype(values.dtype).kind not in "fiub":
            raise DataError(f"values of a TimedArray have dtype {values.dtype}; real numbers are needed")
        shape = tuple(int(n) for n in values.shape)
        if not shape or not shape[0]:
            raise ShapeError(
                f"values of a TimedArray have shape {shape}; needed is (times, ...), with one time at least"
            )
        if self.dt is None:
            raise ParameterError("a TimedArray needs dt=, how long each of its values holds in ms")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "dt", milliseconds("dt of a TimedArray", self.dt))
        object.__setattr__(self, "periodic", flag("periodic", self.periodic))
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "_axes", axes)

    @property
    def times(self) -> int:
        """How many values there are."""
        return self.shape[0]

    @property
    def duration(self) -> float:
        """How long all of them take, in ms."""
        return self.times * float(self.dt)

    def read(self, first: int, count: int) -> np.ndarray:
        """Values number ``first`` to ``first + count``, as they are: (count, ...). Beyond the end it goes on."""
        if self.periodic:
            first %= self.times
        else:
            first = min(first, self.times - 1)
        parts = []
        while count > 0:
            part = self._read(first, count)
            parts.append(part)
            count -= len(part)
            first = 0 if self.periodic else self.times - 1
            if not len(part):
                raise DataError(f"a TimedArray of {self.times} times has no more than {first} of them now")
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Where values of one time are needed it is none. Raises DataError."""
        raise DataError(
            f"{self!r} changes with time, and an array of one time is needed here: give that; a TimedArray is for the "
            "inputs, targets, clamps and currents of Simulator.run"
        )

    def _read(self, first: int, count: int) -> np.ndarray:
        try:
            part = np.asarray(self.values[first : first + count])
        except Exception as error:  # libraries of arrays on disks raise what they like
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())
            raise DataError(
                f"values of a TimedArray cannot be read at {first * float(self.dt):g} ms: {reason}"
            ) from None
        if part.shape[1:] != self.shape[1:] or not part.ndim or len(part) > count:
            raise DataError(
                f"values of a TimedArray are said to have shape {self.shape}, and {count} from {first} on have "
                f"{part.shape}: give an array whose slices are of its shape"
            )
        return part

    def __repr__(self) -> str:
        again = ", periodic=True" if self.periodic else ""
        return f"TimedArray(shape {self.shape}, dt={self.dt:g} ms{again})"


def _time_first(dims: tuple[Any, ...]) -> tuple[Any, ...]:
    if TIME not in dims:
        raise ShapeError(f"values of a TimedArray have the dimensions {dims}; call that of time {TIME!r}")
    front = [name for name in (TIME, BATCH) if name in dims]
    return (*front, *(name for name in dims if name not in front))


def _ms_of(unit: Any) -> float:
    """How many ms a unit of labels is. Raises ParameterError for one that is not known."""
    length = _UNITS.get(str(unit))
    if length is None:
        raise ParameterError(
            f"time of a TimedArray has units {told(unit)}; known are {', '.join(_UNITS)}: give labels in ms, or dt="
        )
    return length


def _interval(values: Any) -> float | None:
    """The even step of labelled times in ms; None where there are no labels."""
    if TIME not in values.coords:
        return None
    what, labels = "time of a TimedArray", values.coords[TIME]
    times = plain_array(what, in_ms(what, np.asarray(labels.values))).astype(np.float64)
    if len(times) == 1:
        return None
    if labels.dtype.kind != "m":
        times = times * _ms_of(labels.attrs.get("units", "ms"))
    steps = np.diff(times)
    dt = float(times[-1] - times[0]) / len(steps)
    if abs(float(times[0])) > _EVEN * abs(dt):
        raise ParameterError(
            f"time of a TimedArray begins at {times[0]:g} ms: it is counted from the begin of the simulation; take "
            f"{times[0]:g} from it, or give dt="
        )
    if not dt > 0 or (np.abs(steps - dt) > _EVEN * dt).any():
        raise ParameterError(
            f"time of a TimedArray goes on by {told(float(steps.min()))} to {told(float(steps.max()))} ms; give values "
            "in even steps, such as by .interp(time=...)"
        )
    return dt
