"""What trials give to each input or vertex: banks of stimuli, and their course over time, made as it is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError, told, unknown_name
from pcneuro.graph.graph import check_finite
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import plain_array
from pcneuro.simulator.timing import OFF_GRID

if TYPE_CHECKING:
    import pandas

REST = -1
"""In the place of the number of a stimulus: what there is between trials."""


def _number(cell: Any) -> float | None:
    """The number that a cell is, also as text, as a column has it that something else is in, too; None of others."""
    if isinstance(cell, bool | np.bool):
        return None
    try:
        return float(cell) if isinstance(cell, str | Number) else None  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return np.inf if cell > 0 else -np.inf


class AbstractBank(ABC):
    """The stimuli that cells of a column stand for, by number."""

    @abstractmethod
    def number(self, what: str, cell: Any) -> int:
        """The number of the stimulus of a cell that is not empty. Raises for what is none; ``what`` is its place."""

    @abstractmethod
    def get(self, number: int) -> Any:
        """A stimulus: an array, or a ``TimedArray`` that begins with the trial."""


class Numbers(AbstractBank):
    """Cells are numbers themselves, which all units have."""

    def __init__(self) -> None:
        self.found: dict[float, int] = {}
        self.values: list[float] = []

    def number(self, what: str, cell: Any) -> int:
        value = _number(cell)
        if value is None:
            raise DataError(
                f"{what} is {told(cell)}, and values= has nothing for its column: give a number, or stimuli there, an "
                "array or dict"
            )
        if not np.isfinite(value):
            raise DataError(f"{what} is {value:g}; give a finite number, or leave it empty for what there is at rest")
        if value not in self.found:
            self.found[value] = len(self.values)
            self.values.append(value)
        return self.found[value]

    def get(self, number: int) -> np.ndarray:
        return np.asarray(self.values[number])


class Indexed(AbstractBank):
    """Cells are indices into an array of stimuli, which may be on a disk."""

    def __init__(self, name: str, array: Any) -> None:
        if not (hasattr(array, "shape") and hasattr(array, "dtype") and hasattr(array, "__getitem__")):
            array = plain_array(f"values of {name!r}", array)
        if not len(array.shape) or not array.shape[0] or np.dtype(array.dtype).kind not in "fiub":
            raise ShapeError(
                f"values of {name!r} have shape {tuple(array.shape)} and dtype {array.dtype}; give an array of numbers "
                "whose first axis is that of stimuli, or a dict from names to stimuli"
            )
        if isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
            array = plain_array(f"values of {name!r}", array)
            check_finite(f"values of {name!r}", array)
        self.array, self.count = array, int(array.shape[0])

    def number(self, what: str, cell: Any) -> int:
        value = _number(cell)
        if value is None or not 0 <= value < self.count or value != int(value):
            raise DataError(f"{what} is {told(cell)}; give the index of one of its {self.count} values, from 0 on")
        return int(value)

    def get(self, number: int) -> np.ndarray:
        return np.asarray(self.array[number])


class Named(AbstractBank):
    """Cells are names of stimuli."""

    def __init__(self, name: str, stimuli: Mapping[Any, Any]) -> None:
        self.names = {str(key): number for number, key in enumerate(stimuli)}
        self.stimuli = []
        for key, value in stimuli.items():
            if not isinstance(value, TimedArray):
                value = plain_array(f"stimulus {key!r} of {name!r}", value)
                check_finite(f"stimulus {key!r} of {name!r}", value)
            self.stimuli.append(value)

    def number(self, what: str, cell: Any) -> int:
        if str(cell) not in self.names:
            raise unknown_name(f"stimulus in {what},", str(cell), self.names)
        return self.names[str(cell)]

    def get(self, number: int) -> Any:
        return self.stimuli[number]


def bank_of(name: str, values: Any) -> AbstractBank:
    """The bank of a column from what was given for it in ``values``, None where there is nothing."""
    if values is None:
        return Numbers()
    if isinstance(values, TimedArray):
        raise ParameterError(f"values of {name!r} are a TimedArray; give a dict, such as {{'movie': TimedArray(...)}}")
    return Named(name, values) if isinstance(values, Mapping) else Indexed(name, values)


@dataclass(frozen=True, eq=False)
class Column:
    """The stimuli of one column: a bank, and the number of each trial's, ``REST`` where its cell is empty."""

    name: str
    bank: AbstractBank
    picked: np.ndarray

    @classmethod
    def of(cls, name: str, series: pandas.Series, values: Any) -> Column:
        """Raises DataError, UnknownNameError or ShapeError for cells and values that are no stimuli."""
        bank, missing = bank_of(name, values), series.isna().to_numpy()
        cells = series.to_list()
        picked = [
            REST if empty else bank.number(f"column {name!r} of trial {k}", cell)
            for k, (cell, empty) in enumerate(zip(cells, missing, strict=True))
        ]
        return cls(name, bank, np.array(picked, dtype=np.int64))

    @classmethod
    def empty(cls, name: str, trials: int) -> Column:
        """One of nothing but rest."""
        return cls(name, Numbers(), np.full(trials, REST))

    def used(self) -> list[int]:
        """Numbers of the stimuli that trials have."""
        return [int(number) for number in np.unique(self.picked) if number != REST]


def intervals(column: Column, dt: float) -> np.ndarray:
    """The steps that values of its moving stimuli hold for. Raises ParameterError for what are no multiples of dt."""
    steps = []
    for timed in map(column.bank.get, column.used()):
        if isinstance(timed, TimedArray):
            every = float(timed.dt) / dt
            if abs(every - round(every)) > OFF_GRID or every < 1:
                raise ParameterError(
                    f"a stimulus of {column.name!r} is a TimedArray with dt = {float(timed.dt):g} ms, no multiple of "
                    f"the integrator's {dt:g} ms: give {max(1, round(every)) * dt:g} ms"
                )
            steps.append(round(every))
    return np.array(steps, dtype=np.int64)


def fitted(what: str, value: Any, shape: tuple[int, ...], batch: int | None = None) -> np.ndarray:
    """A stimulus as an array of one sample's shape, or with the batch in front. Raises ShapeError."""
    array = plain_array(what, value).astype(np.float64)
    batched = array.ndim == len(shape) + 1 and array.shape[1:] == shape
    if array.shape == shape or array.ndim == 0:
        return np.broadcast_to(array, shape if batch is None else (batch, *shape))
    if batched and (batch is None or len(array) == batch):
        return array
    raise ShapeError(
        f"{what} has shape {array.shape}; needed is {shape}, or (batch, {', '.join(map(str, shape))})"
        if batch is None or not batched
        else f"{what} is of a batch of {len(array)}, and others of one of {batch}: give one"
    )


class Course:
    """What a vertex or input is given over time, as an array (times, \\*shape) or (times, batch, \\*shape).

    A value for each ``every`` steps, from the begin of the simulation to one behind its end, which is that at rest.
    Slices of the first axis are made when they are asked for, trial by trial.
    """

    def __init__(
        self,
        column: Column,
        first: np.ndarray,
        behind: np.ndarray,
        rest: Any,
        shape: tuple[int, ...],
        dt: float,
        times: int,
    ) -> None:
        """Trials are from ``first`` to before ``behind``, of ``times`` intervals of ``dt`` ms."""
        self.column, self.first, self.behind, self.dt = column, first, behind, dt
        self._sample = shape
        entries = {number: column.bank.get(number) for number in column.used()} if _small(column.bank) else {}
        self._moving = {n: entry for n, entry in entries.items() if isinstance(entry, TimedArray)}
        self._still = {n: entry for n, entry in entries.items() if n not in self._moving}
        sizes = {
            len(a)
            for a in [rest, *self._still.values(), *_one_of(column.bank)]
            if np.ndim(a) == len(shape) + 1 and np.shape(a)[1:] == shape
        } | {t.shape[1] for t in self._moving.values() if len(t.shape) == len(shape) + 2}
        if len(sizes) > 1:
            raise ShapeError(f"stimuli of {column.name!r} are of batches of {sorted(sizes)} samples: give one")
        self._batch = next(iter(sizes), None)
        self._rest = fitted(f"rest of {column.name!r}", rest, shape, self._batch)
        self._still = {n: self._fitted(a) for n, a in self._still.items()}
        for timed in self._moving.values():
            self._check(timed)
        for one in _one_of(column.bank):
            self._fitted(one)
        self.shape = (times, *self._rest.shape)
        self.dtype = np.dtype(np.float64)

    def _fitted(self, value: Any) -> np.ndarray:
        return fitted(f"a stimulus of {self.column.name!r}", value, self._sample, self._batch)

    def _check(self, timed: TimedArray) -> None:
        got = timed.shape[1:]
        if got not in (self._sample, (self._batch, *self._sample)):
            raise ShapeError(
                f"a stimulus of {self.column.name!r} is a TimedArray of shape {timed.shape}; needed is "
                f"(times, {', '.join(map(str, self._sample))})"
            )

    def known(self) -> list[np.ndarray]:
        """The arrays that are in memory anyway: at rest, and of stimuli that stay as they are in a trial."""
        return [self._rest, *self._still.values()]

    def __getitem__(self, key: slice) -> np.ndarray:
        start, stop, _ = key.indices(self.shape[0])
        out = np.empty((max(stop - start, 0), *self.shape[1:]))
        out[...] = self._rest
        trials = slice(np.searchsorted(self.behind, start, "right"), np.searchsorted(self.first, stop))
        for k in range(trials.start, trials.stop):
            number = int(self.column.picked[k])
            if number != REST:
                begin, end = max(start, int(self.first[k])), min(stop, int(self.behind[k]))
                out[begin - start : end - start] = self._part(number, begin - int(self.first[k]), end - begin)
        return out

    def _part(self, number: int, begin: int, count: int) -> np.ndarray:
        """So many values of a stimulus from ``begin`` of its trial on, or one that holds."""
        if number not in self._moving:
            still = self._still.get(number)
            return self._fitted(self.column.bank.get(number)) if still is None else still
        timed = self._moving[number]
        every = round(float(timed.dt) / self.dt)
        at = (begin + np.arange(count)) // every
        values = timed.read(int(at[0]), int(at[-1] - at[0]) + 1)[at - at[0]].astype(np.float64)
        alone = self._batch is not None and values.ndim == len(self._sample) + 1
        return values[:, None] if alone else values


def _small(bank: AbstractBank) -> bool:
    """Whether what trials use of a bank is in memory as it is."""
    return not isinstance(bank, Indexed)


def _one_of(bank: AbstractBank) -> list[np.ndarray]:
    """One stimulus of an array of them, which all have its shape."""
    return [bank.get(0)] if isinstance(bank, Indexed) else []
