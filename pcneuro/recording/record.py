"""Records: which population's activity a run keeps over time, and the dataset that comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.layers import place_of
from pcneuro.circuit.structure import HALVES, ErrorHalf
from pcneuro.errors import CapacityError, ParameterError, ShapeError, told, unknown_name
from pcneuro.quantities import index_tuple, milliseconds
from pcneuro.recording.probe import PARAMETER, POPULATION_OF, VARIABLES, Probe

if TYPE_CHECKING:
    import xarray


MOST_BYTES = 8e9
"""What a run may record of a parameter."""


@dataclass(frozen=True)
class Record:
    """Keep a variable of a vertex over time.

    Parameters
    ----------
    vertex
        Name of a vertex (or of an output); of a parameter, or ``"<vertex>.variance"`` of learned variances.
    variable
        ``"value"``, ``"error"``, ``"prediction"`` or ``"feedback"`` (what the children's errors send back); of
        error neurons in pairs, ``"error_on"`` or ``"error_off"``, their rates; of parameters ``"parameter"``.
    every
        Interval in ms, a multiple of dt; None for every step. Both ends of a run are recorded.
    units, samples
        Indices of the units (of the flattened vertex or parameter) and of the samples to keep; None for all.

    Raises
    ------
    ParameterError
        For a name that is no text, an interval that is no number, and indices that are no sequence of whole numbers.

    Examples
    --------
    >>> result = pcn.Simulator(circuit).run(100.0, **data, record=[pcn.Record("h", "error", every=10.0)])
    >>> dict(result.records.sizes)["time"]
    11
    """

    vertex: str
    variable: str = "value"
    every: float | None = None
    units: Sequence[int] | None = None
    samples: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for what, text in (("vertex", self.vertex), ("variable", self.variable)):
            if not isinstance(text, str):
                raise ParameterError(f"{what} of a Record is {told(text)}; give a name")
        if self.every is not None:
            object.__setattr__(self, "every", milliseconds(f"every of the record of {self.vertex!r}", self.every))
        for what in ("units", "samples"):
            if getattr(self, what) is not None:
                chosen = index_tuple(f"{what} of the record of {self.vertex!r}", getattr(self, what))
                object.__setattr__(self, what, chosen)

    def resolve(self, circuit: Circuit, batch: int, dt: float) -> Probe:
        """The record in steps. Raises for an unknown vertex or variable, an interval or an index that does not fit."""
        if self.variable == PARAMETER:
            return self._of_parameter(circuit, dt)
        output = circuit.graph.outputs.get(self.vertex)
        vertex = output.name if output is not None and self.vertex not in circuit.vertices else self.vertex
        if vertex not in circuit.vertices:
            raise unknown_name(
                "vertex to record", self.vertex, dict.fromkeys([*circuit.vertices, *circuit.graph.outputs])
            )
        if self.variable not in (*VARIABLES, *HALVES):
            raise unknown_name("variable to record", self.variable, (*VARIABLES, *HALVES, PARAMETER))
        if self.variable in ("error", "prediction", *HALVES) and not circuit.has_prediction(vertex):
            raise ParameterError(f"vertex {vertex!r} is a latent without a prior: it has no {self.variable} to record")
        what = f"record of {self.vertex!r} every"
        steps = 1 if self.every is None else interval_in_steps(what, self.every, dt)
        for what, indices, count in (
            ("unit", self.units, circuit.graph.nodes[vertex].size),
            ("sample", self.samples, batch),
        ):
            if indices is not None and not all(-count <= i < count for i in indices):
                raise ShapeError(f"record of {self.vertex!r} names a {what} outside its {count}: {list(indices)}")
        size = circuit.graph.nodes[vertex].size
        kind = POPULATION_OF.get(self.variable, self.variable)
        place = () if circuit.scheme is None else place_of(circuit.nx, vertex, kind)
        if self.variable not in HALVES:
            return Probe(vertex, self.variable, steps, size, place=place)
        if vertex not in circuit.baselines:
            raise ParameterError(
                f"record of {self.name}: error neurons of {vertex!r} have rates of either sign; split them, as by "
                "pcn.passes.SplitErrors()"
            )
        half = ErrorHalf(HALVES[self.variable], circuit.baselines[vertex])
        return Probe(vertex, "error", steps, size, half=half, place=place)

    def _of_parameter(self, circuit: Circuit, dt: float) -> Probe:
        values = circuit.learned
        if self.vertex not in values:
            raise unknown_name("parameter to record", self.vertex, values)
        size = values[self.vertex].size
        if self.samples is not None:
            raise ParameterError(
                f"record of the parameter {self.vertex!r} has samples=, and all samples share it: leave that out"
            )
        if self.units is not None and not all(-size <= i < size for i in self.units):
            raise ShapeError(f"record of {self.vertex!r} names an entry outside its {size}: {list(self.units)}")
        steps = 1 if self.every is None else interval_in_steps(f"record of {self.vertex!r} every", self.every, dt)
        return Probe(self.vertex, self.variable, steps, size, values[self.vertex].shape)

    @property
    def name(self) -> str:
        """Name of the variable in the dataset."""
        return f"{self.vertex}.{self.variable}"

    def choose(self, rows: np.ndarray, probe: Probe) -> np.ndarray:
        """The kept part of what a probe has read, rows (times, batch, units)."""
        if self.samples is not None:
            rows = rows[:, np.asarray(self.samples, dtype=np.int64)]
        if self.units is not None:
            rows = rows[:, :, np.asarray(self.units, dtype=np.int64)]
        return rows if probe.half is None else probe.half.rate(rows)


def check_room(records: Sequence[Record], probes: Sequence[Probe], steps: int, itemsize: int) -> None:
    """Raise CapacityError where what so many steps record of a parameter would not find room in memory."""
    for record, probe in zip(records, probes, strict=True):
        kept = probe.size if record.units is None else len(record.units)
        needed = itemsize * kept * (steps // probe.every + 1)
        if probe.of_parameter and needed > MOST_BYTES:
            raise CapacityError(
                f"the record of {record.name} would take {needed / 1e9:.3g} GB, of at most {MOST_BYTES / 1e9:g}: give "
                "every= a longer interval, units=[...], or use stream()"
            )


def interval_in_steps(what: str, interval: float, dt: float) -> int:
    """The steps of an interval, both in ms. Raises ParameterError that says ``what`` it is for what is no multiple."""
    ratio = interval / dt
    steps = round(ratio) if np.isfinite(ratio) else 0
    if steps < 1 or abs(ratio - steps) > 1e-6 * max(steps, 1):
        near = max(steps, 1) * dt
        raise ParameterError(f"{what} {interval:g} ms: give a multiple of dt = {dt:g} ms, such as {near:g}")
    return steps


def listed(records: Any) -> list[Record]:
    """Records as a list, also where only one is given.

    Raises ParameterError for what is no Record, and for two of the same name, of which a dataset could keep one only.
    """
    if not isinstance(records, Record | Iterable) or isinstance(records, str):
        records = [records]
    checked = [records] if isinstance(records, Record) else list(records)
    for record in checked:
        if not isinstance(record, Record):
            raise ParameterError(f"record= has {told(record)}; give Record objects, such as pcn.Record('h1', 'error')")
    names = [record.name for record in checked]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"{name} is recorded twice: give one Record with all its units and samples")
    return checked


@cache
def _empty(dt: float) -> xarray.Dataset:
    import xarray

    return xarray.Dataset(attrs={"dt": dt, "dt_units": "ms"})


def dataset(
    records: Sequence[Record],
    probes: Sequence[Probe],
    rows: Sequence[np.ndarray],
    first: int,
    dt: float,
    batch: int,
    labels: np.ndarray | None = None,
) -> xarray.Dataset:
    """Recorded rows as a dataset; a variable has the dimensions of time (ms), samples and units, in this order.

    Units are ``<vertex>_unit``, whatever else is recorded, so that all variables of a population align; ``batch`` is
    that of all populations. Times are ``time``, and where records differ in their intervals ``time_5ms`` and so on, one
    for each interval. Where one population is recorded with several choices of units, ``<vertex>_unit`` is all of them
    and each choice is called by the first record that makes it, ``<vertex>_unit_<variable>``; so are several choices of
    samples, ``batch_<vertex>_<variable>``. A parameter has the dimensions ``<parameter>_axis0`` and so on, or
    ``<parameter>_entry`` where only some are kept. Samples have their numbers as coordinates, or the ``labels`` that
    they were given with.
    """
    import xarray

    if not records:
        return _empty(dt).copy()
    intervals = {probe.every for probe in probes}
    of_neurons = [(r, probe) for r, probe in zip(records, probes, strict=True) if not probe.of_parameter]
    samples = iter(_selections([(r, "batch", r.samples, batch) for r, _ in of_neurons]))
    units = iter(_selections([(r, f"{probe.vertex}_unit", r.units, probe.size) for r, probe in of_neurons]))
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for record, probe, array in zip(records, probes, rows, strict=True):
        time = "time" if len(intervals) == 1 else f"time_{probe.every * dt:.12g}ms"
        times = (probe.first(first) + probe.every * np.arange(len(array))) * dt
        coordinates[time] = (time, times, {"units": "ms", "long_name": "time"})
        if probe.of_parameter:
            dimensions, entries = _parameter(record, probe, array)
            variables[record.name] = ((time, *dimensions), entries, {"units": "1", "long_name": record.vertex})
            continue
        sample, unit = next(samples), next(units)
        for selection, known, meaning in ((sample, labels, "sample"), (unit, None, "unit of the vertex, flattened")):
            indices = np.array(selection.indices, dtype=np.int64)
            called = indices if known is None else known[indices]
            coordinates[selection.dimension] = (selection.dimension, called, {"long_name": meaning})
        attributes = {"units": "1", "long_name": f"{record.variable} of {record.vertex}", "vertex": record.vertex}
        attributes |= dict(probe.place)
        variables[record.name] = ((time, sample.dimension, unit.dimension), array, attributes)
    return xarray.Dataset(variables, coordinates, {"dt": dt, "dt_units": "ms"})


def _parameter(record: Record, probe: Probe, array: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Dimensions and values of a recorded parameter: its axes, or those entries that were chosen."""
    if record.units is not None:
        return (f"{probe.vertex}_entry",), array[:, 0]
    names = tuple(f"{probe.vertex}_axis{k}" for k in range(len(probe.shape)))
    return names, array.reshape(len(array), *probe.shape)


@dataclass(frozen=True)
class Selection:
    """What a record keeps along one dimension: its name, and indices."""

    dimension: str
    indices: tuple[int, ...]


def _selections(wanted: Sequence[tuple[Record, str, Sequence[int] | None, int]]) -> list[Selection]:
    """For each record, of a dimension, the indices that it chooses (None: all) and how many there are.

    Records with the same indices along a dimension share it; one with others has a dimension of its own.
    """
    # Counted from the end they are the same units and samples, whose labels have to align.
    kept = [
        tuple(range(count)) if chosen is None else tuple(i % count for i in chosen) for _, _, chosen, count in wanted
    ]
    choices: dict[str, set[tuple[int, ...]]] = {}
    for (_, dimension, _, _), indices in zip(wanted, kept, strict=True):
        choices.setdefault(dimension, set()).add(indices)
    named = {}
    for (_, dimension, chosen, _), indices in zip(wanted, kept, strict=True):
        if chosen is None or len(choices[dimension]) == 1:
            named[dimension, indices] = dimension
    for (record, dimension, _, _), indices in zip(wanted, kept, strict=True):
        if (dimension, indices) not in named:
            # An output may be recorded under two names: that of its vertex is in the dimension.
            short, long = f"{dimension}_{record.variable}", f"{dimension}_{record.vertex}_{record.variable}"
            taken = dimension == "batch" or short in named.values()
            named[dimension, indices] = long if taken else short
    return [
        Selection(named[dimension, indices], indices)
        for (_, dimension, _, _), indices in zip(wanted, kept, strict=True)
    ]
