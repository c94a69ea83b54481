"""The log of a run's events, which an engine writes to: kept in memory, or streamed to a file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import OutputError, ParameterError, told
from pcneuro.recording.events import BYTES, COLUMNS, ORDER, RecordEvents, estimate, estimate_text

if TYPE_CHECKING:
    import xarray

    from pcneuro.recording.event_file import EventFile

MEMORY = 64_000_000
"""Bytes of events that are kept in memory; beyond, all of them go to a temporary file."""
BLOCK = 262_144
"""Events that are written to a file in one go."""
SECONDS = 5.0
"""What is not yet written to a file, and so is lost where the process is killed, is at most about this old."""


class EventLog:
    """Takes the events of one run from an engine. It is no good for several threads at a time.

    Parameters
    ----------
    events, circuit, batch
        What to keep, and of what. Raises as ``RecordEvents.resolve`` does; nothing is written yet.
    begin
        Time at the begin of the run, in ms.
    parted
        Whether events are handed over as they come, by ``part``, and so kept no longer.

    Attributes
    ----------
    populations : dict
        Name of a population, as in ``circuit.nx`` -> its number.
    kept : bool (populations,)
        Whether a population's events are kept, so that an engine need not pass on others.
    samples : bool (batch,)
        Whether a sample's events are kept.
    """

    def __init__(
        self, events: RecordEvents, circuit: Circuit, batch: int, begin: float = 0.0, *, parted: bool = False
    ) -> None:
        self._what, self._overwrite = events.resolve(circuit, batch), events.overwrite
        self.populations = {name: number for number, name in enumerate(self._what.sizes)}
        self.kept = self._what.recorded
        self.samples = np.isin(np.arange(batch), self._what.samples)
        self.begin = self.end = begin
        self.count = 0
        self._parted, self._handed = parted, begin
        self._columns: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
        self._waiting = 0
        self._file: EventFile | None = None
        self._failure: OutputError | None = None
        self._written = time.monotonic()

    def __enter__(self) -> EventLog:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._leave_for(error)
            return
        try:
            self.close()
        except BaseException as failure:
            self._leave_for(failure)
            raise

    def _leave_for(self, error: BaseException) -> None:
        left = self.leave()
        if left is not None:
            error.add_note(f"the events until {self.end:g} ms are in {left}")

    def open(self) -> None:
        """Make the file, where there is to be one. Raises OutputError where that cannot be done."""
        if self._what.target is not None and self._file is None:
            self._spill()

    def append(
        self, sample: int, times: np.ndarray, populations: np.ndarray, units: np.ndarray, changes: np.ndarray
    ) -> None:
        """Take events of one sample: times (ms), numbers of populations, flattened units, changes; all of shape (n,).

        What is given is copied. Raises nothing where it cannot be written: ``flush`` does, when the engine is between
        two steps.
        """
        if not self.samples[sample] or self._failure is not None:
            return
        chosen = self.kept[populations]
        number = int(np.count_nonzero(chosen))
        if number == 0:
            return
        arrays = (times, np.full(len(chosen), sample), populations, units, changes)
        for (name, (dtype, _)), array in zip(COLUMNS.items(), arrays, strict=True):
            self._columns[name].append(np.array(array[chosen], dtype=dtype))
        self._waiting += number
        self.count += number
        if not self._parted and self._waiting >= (BLOCK if self._file is not None else max(1, MEMORY // BYTES)):
            try:
                self._spill()
            except OutputError as error:
                self._failure = error

    def flush(self, now: float) -> None:
        """Tell that all events until a time (ms) were appended. Raises OutputError where they could not be written."""
        self.end = now
        if self._failure is not None:
            raise self._failure
        if not self._parted and self._file is not None and time.monotonic() - self._written >= SECONDS:
            self._spill()

    def part(self) -> xarray.Dataset:
        """The events since the last part, as ``dataset`` has them, which are kept no longer than in a file, if any.

        Raises OutputError where they cannot be written there.
        """
        columns, begin, self._handed = self._taken(), self._handed, self.end
        if self._file is not None:
            self._file.append(columns)
            self._file.note(self._facts(complete=False))
        facts = {"begin": begin, "end": self.end, "order": ", ".join(ORDER), "complete": 1}
        return self._filled(columns).assign_attrs(facts)

    def _spill(self) -> None:
        """Write what waits to the file, which is made where there is none."""
        from pcneuro.recording.event_file import EventFile

        if self._file is None:
            self._file = EventFile(self._empty(), self._what.target, overwrite=self._overwrite)
        self._file.append(self._taken())
        self._file.note(self._facts(complete=False))
        self._written = time.monotonic()

    def _taken(self) -> dict[str, np.ndarray]:
        """What waits, in order; then nothing waits any more."""
        columns = {}
        for name, parts in self._columns.items():
            columns[name] = np.concatenate(parts) if parts else np.zeros(0, dtype=COLUMNS[name][0])
            parts.clear()
        self._waiting = 0
        order = np.argsort(columns["time"], kind="stable")
        times = columns["time"][order]
        if not (times[1:] > times[:-1]).all():  # as in bins, where many are at the same time
            order = np.lexsort([columns[name] for name in reversed(ORDER)])
        return {name: array[order] for name, array in columns.items()}

    def close(self) -> None:
        """Write the rest, and bring the file to its place. Raises OutputError where that cannot be done."""
        if self._failure is not None:
            raise self._failure
        if self._file is not None:
            self._file.append(self._taken())
            self._file.note(self._facts(complete=True))
            self._file.complete()

    def leave(self) -> Path | None:
        """Write the rest, and leave the file beside its place, where it can be read; the path, if there is one."""
        if self._file is None:
            return None
        try:
            if self._failure is None:
                self._spill()
        except OutputError:
            pass  # there is an error already that this one follows from
        return self._file.leave()

    def dataset(self) -> xarray.Dataset:
        """The events, with the dimension ``event``; after ``close``.

        ``time`` (ms), ``sample``, ``population`` (an index of ``population_name``), ``unit`` (flattened), ``change``.
        In memory they are in the order of time, sample, population, unit; those of a file are read when they are asked
        for, and are in this order within each block that was written. ``population_size`` has the neurons of each
        population, ``population_recorded`` whether its events were kept, ``recorded_sample`` the samples.
        """
        if self._file is not None:
            return self._file.dataset().assign_attrs(self._facts(complete=True))
        columns = self._taken()
        for name, array in columns.items():
            self._columns[name].append(array)
        return self._filled(columns).assign_attrs(self._facts(complete=True))

    def _filled(self, columns: Mapping[str, np.ndarray]) -> xarray.Dataset:
        """A dataset of these events."""
        empty = self._empty()
        variables = {name: ("event", array, empty[name].attrs) for name, array in columns.items()}
        return empty.drop_vars(list(variables)).assign(variables)

    def _empty(self) -> xarray.Dataset:
        import xarray

        what = self._what
        sizes = np.array([*what.sizes.values()], dtype=np.int64)
        variables: dict[str, Any] = {
            name: ("event", np.zeros(0, dtype=dtype), attributes) for name, (dtype, attributes) in COLUMNS.items()
        }
        variables["population_size"] = ("population_name", sizes, {"long_name": "neurons"})
        variables["population_recorded"] = ("population_name", what.recorded, {"long_name": "events were kept"})
        coordinates = {
            "population_name": ("population_name", np.array([*what.sizes]), {"long_name": "population"}),
            "recorded_sample": ("recorded_sample", what.samples, {"long_name": "samples whose events were kept"}),
        }
        return xarray.Dataset(variables, coordinates, self._facts(complete=False))

    def _facts(self, complete: bool) -> dict[str, Any]:
        """Attributes of the dataset: the run's begin and end in ms, and what order events are in."""
        sorted_ = self._file is None or self._file.blocks <= 1
        order = f"{', '.join(ORDER)}{'' if sorted_ else '; within blocks'}"
        return {"begin": self.begin, "end": self.end, "order": order, "complete": int(complete)}

    def describe(self, steps: int | None) -> dict[str, Any]:
        """Facts for ``result.stats``: the estimate for a run of so many steps (None at exact times), and what came."""
        kept_in = "memory" if self._file is None else str(self._what.target or "a temporary file")
        room = estimate(self._what.units, steps, len(self._what.samples))
        return {
            **room,
            "estimate": estimate_text(room),
            "events": self.count,
            "bytes": BYTES * self.count,
            "kept_in": kept_in,
        }


def log_of(events: RecordEvents | None, circuit: Circuit, batch: int, begin: float, *, parted: bool) -> EventLog | None:
    """A log for a run, where there is to be one. Raises ParameterError for what is no RecordEvents."""
    if events is None:
        return None
    if not isinstance(events, RecordEvents):
        raise ParameterError(f"events= is {told(events)}; give pcn.RecordEvents(), or None for no events")
    return EventLog(events, circuit, batch, begin, parted=parted)
