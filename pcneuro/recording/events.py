"""Recorded events: which of them a run keeps, and the log that an engine writes them to, in memory or on disk."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import OutputError, ParameterError, ShapeError, told, unknown_name
from pcneuro.files import place

if TYPE_CHECKING:
    import xarray

    from pcneuro.recording.event_file import EventFile

MEMORY = 64_000_000
"""Bytes of events that are kept in memory; beyond, all of them go to a temporary file."""
BLOCK = 262_144
"""Events that are written to a file in one go."""
SECONDS = 5.0
"""What is not yet written to a file, and so is lost where the process is killed, is at most about this old."""
KINDS = ("value", "error")
COLUMNS: dict[str, tuple[type, dict[str, str]]] = {
    "time": (np.float64, {"units": "ms", "long_name": "time of the event"}),
    "sample": (np.int32, {"long_name": "sample of the batch"}),
    "population": (np.int32, {"long_name": "population, an index of population_name"}),
    "unit": (np.int32, {"long_name": "neuron of the population, flattened"}),
    "change": (np.float64, {"units": "1", "long_name": "change of activity that was sent"}),
}
ORDER = ("time", "sample", "population", "unit")
"""What events are sorted by."""
BYTES = sum(np.dtype(dtype).itemsize for dtype, _ in COLUMNS.values())
"""Of one event, in memory and on disk."""


@dataclass(frozen=True)
class RecordEvents:
    """Keep the events of a run: ``result.events``.

    Parameters
    ----------
    vertices
        Names of vertices, inputs or outputs whose neurons' events are kept; None for all.
    kinds
        ``"value"``, ``"error"`` or both (None): which neurons of theirs.
    samples
        Indices of samples; None for all.
    path
        A netCDF file to write while the run goes on. None for memory and, from 64 MB on, a temporary file that is
        deleted with the events.
    overwrite
        Replace a file that is there, once the new one is complete.

    Raises
    ------
    ParameterError
        For what is no sequence of names, or of whole numbers, and for no kind at all.
    UnknownNameError
        For kinds that there are not.

    A run raises UnknownNameError for an unknown vertex, ShapeError for a sample outside its batch, and OutputError for
    a file that exists or cannot be written.
    """

    vertices: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    samples: Sequence[int] | None = None
    path: str | os.PathLike[str] | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        for what in ("vertices", "kinds"):
            given = getattr(self, what)
            if given is not None:
                names = isinstance(given, Sequence) and not isinstance(given, str)
                if not names or not given or not all(isinstance(name, str) for name in given):
                    raise ParameterError(
                        f"{what} of RecordEvents: {told(given)}; give a list of names, or None for all"
                    )
                object.__setattr__(self, what, tuple(given))
        for kind in self.kinds or ():
            if kind not in KINDS:
                raise unknown_name("kind of events to record", kind, KINDS)
        if not isinstance(self.overwrite, bool):
            raise ParameterError(f"overwrite of RecordEvents: {told(self.overwrite)}; give True or False")
        if self.samples is not None:
            object.__setattr__(self, "samples", _indices(self.samples))

    def resolve(self, circuit: Circuit, batch: int) -> Kept:
        """What that is of a circuit and a batch.

        Raises UnknownNameError for an unknown vertex, ParameterError where nothing is left, ShapeError for a sample
        outside the batch, and OutputError where the file exists (without ``overwrite``).
        """
        sizes = population_sizes(circuit)
        chosen = None if self.vertices is None else {_vertex(circuit, name) for name in self.vertices}
        kinds = KINDS if self.kinds is None else self.kinds
        recorded = np.array(
            [(chosen is None or v in chosen) and k in kinds for v, _, k in (name.rpartition(".") for name in sizes)],
            dtype=bool,
        )
        if not recorded.any():
            raise ParameterError(
                f"there are no {' or '.join(kinds)} neurons to record events of: inputs and latents without a prior "
                "have no errors"
            )
        samples = range(batch) if self.samples is None else self.samples
        if not all(-batch <= s < batch for s in samples):
            raise ShapeError(f"RecordEvents names a sample outside the batch of {batch}: {list(samples)}")
        target = None if self.path is None else place(self.path, overwrite=self.overwrite)
        return Kept(sizes, recorded, np.unique(np.array(samples, dtype=np.int32) % batch), target)

    def estimate(self, circuit: Circuit, batch: int = 1, steps: int | None = None) -> dict[str, int | None]:
        """Bytes that a run of so many steps in bins may need, or at exact times (None).

        A dict of ``bytes_an_event``, ``units`` (recorded neurons), ``samples``, ``steps`` and ``most_bytes``, which is
        None at exact times. Raises as a run does, and ParameterError for a batch or steps that are no whole numbers of
        at least 1 and 0.
        """
        for what, given, least in (("batch", batch, 1), ("steps", steps, 0)):
            whole = isinstance(given, Integral) and not isinstance(given, bool)
            if not (whole and given >= least) and not (what == "steps" and given is None):  # type: ignore[operator]
                raise ParameterError(f"{what} is {told(given)}; give a whole number of at least {least}")
        kept = self.resolve(circuit, batch)
        return estimate(kept.units, steps, len(kept.samples))


@dataclass(frozen=True, eq=False)
class Kept:
    """What RecordEvents are of a circuit and a batch.

    ``sizes`` has the neurons of every population, by name; ``recorded`` whether its events are kept (populations,);
    ``samples`` are those kept, in order; ``target`` is the file, if any.
    """

    sizes: dict[str, int]
    recorded: np.ndarray
    samples: np.ndarray
    target: Path | None

    @property
    def units(self) -> int:
        """Neurons whose events are kept."""
        return int(np.array([*self.sizes.values()])[self.recorded].sum())


def population_sizes(circuit: Circuit) -> dict[str, int]:
    """Neurons of every population by its name, in the order of ``circuit.nx``: the order they are numbered in."""
    found = {}
    for name in (*circuit.graph.inputs, *circuit.vertices):
        found[f"{name}.value"] = circuit.graph.nodes[name].size
        if name in circuit.vertices and circuit.has_prediction(name):
            found[f"{name}.error"] = circuit.graph.nodes[name].size
    return found


def _vertex(circuit: Circuit, name: str) -> str:
    known = [*circuit.graph.inputs, *circuit.vertices]
    if name not in known and name in circuit.graph.outputs:
        name = circuit.graph.outputs[name].name
    if name not in known:
        raise unknown_name("vertex to record events of", name, [*known, *circuit.graph.outputs])
    return name


def _indices(given: Any) -> tuple[int, ...]:
    """Indices as whole numbers. A mask is refused: its truth values would pass for 0 and 1."""
    try:
        if len(given) and not any(isinstance(i, bool | np.bool) for i in given):
            return tuple(operator.index(i) for i in given)
    except TypeError:
        pass
    raise ParameterError(f"samples of RecordEvents: {told(given)}; give indices such as [0, 1], or None for all")


def estimate(units: int, steps: int | None, samples: int) -> dict[str, int | None]:
    """``bytes_an_event``, ``units``, ``samples``, ``steps``; ``most_bytes`` of a run in bins: each unit once in each.

    At exact times (``steps`` None) there is no bound before the run, as many events as come, and it is None. Nor is
    there one under strict dynamics for error neurons that send along several axons, each of which counts.
    """
    most = None if steps is None else BYTES * units * steps * samples
    return {"bytes_an_event": BYTES, "units": units, "samples": samples, "steps": steps, "most_bytes": most}


def readable(number: float) -> str:
    """Bytes in words: ``"64 MB"``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB"


def told_estimate(found: dict[str, int | None]) -> str:
    """An estimate in words."""
    samples = f"{found['samples']:,} sample{'' if found['samples'] == 1 else 's'}"
    text, most = f"{found['bytes_an_event']} B an event of {found['units']:,} neurons in {samples}", found["most_bytes"]
    if most is None:
        return f"{text}; no more is known before"
    return f"{text}; in bins {readable(most)}, at one of each neuron in each"


class EventLog:
    """Takes the events of one run from an engine. It is no good for several threads at a time.

    Parameters
    ----------
    events, circuit, batch
        What to keep, and of what. Raises as ``RecordEvents.resolve`` does; nothing is written yet.
    begin
        Time at the begin of the run, in ms.

    Attributes
    ----------
    populations : dict
        Name of a population, as in ``circuit.nx`` -> its number.
    kept : bool (populations,)
        Whether a population's events are kept, so that an engine need not pass on others.
    samples : bool (batch,)
        Whether a sample's events are kept.
    """

    def __init__(self, events: RecordEvents, circuit: Circuit, batch: int, begin: float = 0.0) -> None:
        self._what, self._overwrite = events.resolve(circuit, batch), events.overwrite
        self.populations = {name: number for number, name in enumerate(self._what.sizes)}
        self.kept = self._what.recorded
        self.samples = np.isin(np.arange(batch), self._what.samples)
        self.begin = self.end = begin
        self.count = 0
        self._columns: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
        self._waiting = 0
        self._file: EventFile | None = None
        self._failure: OutputError | None = None
        self._written = time.monotonic()

    def __enter__(self) -> EventLog:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.close()
            return
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
        given = (times, np.full(len(chosen), sample), populations, units, changes)
        for (name, (dtype, _)), array in zip(COLUMNS.items(), given, strict=True):
            self._columns[name].append(np.array(array[chosen], dtype=dtype))
        self._waiting += number
        self.count += number
        if self._waiting >= (BLOCK if self._file is not None else max(1, MEMORY // BYTES)):
            try:
                self._spill()
            except OutputError as error:
                self._failure = error

    def flush(self, now: float) -> None:
        """Tell that all events until a time (ms) were appended. Raises OutputError where they could not be written."""
        self.end = now
        if self._failure is not None:
            raise self._failure
        if self._file is not None and time.monotonic() - self._written >= SECONDS:
            self._spill()

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
        found = {}
        for name, parts in self._columns.items():
            found[name] = np.concatenate(parts) if parts else np.zeros(0, dtype=COLUMNS[name][0])
            parts.clear()
        self._waiting = 0
        order = np.argsort(found["time"], kind="stable")
        times = found["time"][order]
        if not (times[1:] > times[:-1]).all():  # as in bins, where many are at the same time
            order = np.lexsort([found[name] for name in reversed(ORDER)])
        return {name: array[order] for name, array in found.items()}

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
        empty = self._empty()
        found = {name: ("event", array, empty[name].attrs) for name, array in self._taken().items()}
        for name, (_, array, _) in found.items():
            self._columns[name].append(array)
        return empty.drop_vars(list(found)).assign(found).assign_attrs(self._facts(complete=True))

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
        found = estimate(self._what.units, steps, len(self._what.samples))
        return {
            **found,
            "estimate": told_estimate(found),
            "events": self.count,
            "bytes": BYTES * self.count,
            "kept_in": kept_in,
        }


def log_of(events: RecordEvents | None, circuit: Circuit, batch: int, begin: float) -> EventLog | None:
    """A log for a run, where there is to be one. Raises ParameterError for what is no RecordEvents."""
    if events is None:
        return None
    if not isinstance(events, RecordEvents):
        raise ParameterError(f"events= is {told(events)}; give pcn.RecordEvents(), or None for no events")
    return EventLog(events, circuit, batch, begin)
