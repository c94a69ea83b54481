"""Records: which population's activity a run keeps over time, and the dataset that comes of it."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, ShapeError, told, unknown_name
from pcneuro.recording.probe import VARIABLES, Probe

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Record:
    """Keep a variable of a vertex over time.

    Parameters
    ----------
    vertex
        Name of a vertex (or of an output).
    variable
        ``"value"``, ``"error"``, ``"prediction"`` or ``"feedback"`` (what the children's errors send back).
    every
        Interval in ms, a multiple of dt; None for every step. Both ends of a run are recorded.
    units, samples
        Indices of the units (of the flattened vertex) and of the samples to keep; None for all.

    Raises
    ------
    ParameterError
        For a name that is no text, an interval that is no number, and indices that are no sequence of whole numbers.
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
        if self.every is not None and not isinstance(self.every, Real):
            raise ParameterError(
                f"record of {self.vertex!r} every {told(self.every)}: give a number of ms, or None for every step"
            )
        if self.every is not None:
            object.__setattr__(self, "every", float(self.every))
        for what in ("units", "samples"):
            object.__setattr__(self, what, _indices(f"{what} of the record of {self.vertex!r}", getattr(self, what)))

    def resolve(self, circuit: Circuit, batch: int, dt: float) -> Probe:
        """The record in steps. Raises for an unknown vertex or variable, an interval or an index that does not fit."""
        output = circuit.graph.outputs.get(self.vertex)
        vertex = output.name if output is not None and self.vertex not in circuit.vertices else self.vertex
        if vertex not in circuit.vertices:
            raise unknown_name("vertex to record", self.vertex, [*circuit.vertices, *circuit.graph.outputs])
        if self.variable not in VARIABLES:
            raise unknown_name("variable to record", self.variable, VARIABLES)
        if self.variable in ("error", "prediction") and not circuit.has_prediction(vertex):
            raise ParameterError(f"vertex {vertex!r} is a latent without a prior: it has no {self.variable} to record")
        what = f"record of {self.vertex!r} every"
        steps = 1 if self.every is None else interval_in_steps(what, self.every, dt)
        for what, indices, count in (
            ("unit", self.units, circuit.graph.nodes[vertex].size),
            ("sample", self.samples, batch),
        ):
            if indices is not None and not all(-count <= i < count for i in indices):
                raise ShapeError(f"record of {self.vertex!r} names a {what} outside its {count}: {list(indices)}")
        return Probe(vertex, self.variable, steps)

    @property
    def name(self) -> str:
        """Name of the variable in the dataset."""
        return f"{self.vertex}.{self.variable}"

    def choose(self, rows: np.ndarray) -> np.ndarray:
        """The kept part of rows (times, batch, units)."""
        if self.samples is not None:
            rows = rows[:, np.asarray(self.samples, dtype=np.int64)]
        if self.units is not None:
            rows = rows[:, :, np.asarray(self.units, dtype=np.int64)]
        return rows


def interval_in_steps(what: str, interval: float, dt: float) -> int:
    """The steps of an interval, both in ms. Raises ParameterError that says ``what`` it is for what is no multiple."""
    ratio = interval / dt
    steps = round(ratio) if np.isfinite(ratio) else 0
    if steps < 1 or abs(ratio - steps) > 1e-6 * max(steps, 1):
        near = max(steps, 1) * dt
        raise ParameterError(f"{what} {interval:g} ms: give a multiple of dt = {dt:g} ms, such as {near:g}")
    return steps


def _indices(what: str, indices: Any) -> tuple[int, ...] | None:
    """Indices as whole numbers, None staying None. A mask is refused: its truth values would pass for 0 and 1."""
    if indices is None:
        return None
    try:
        if isinstance(indices, Sequence | np.ndarray) and not any(isinstance(i, bool | np.bool) for i in indices):
            return tuple(operator.index(i) for i in indices)
    except TypeError:
        pass
    raise ParameterError(
        f"{what}: {told(indices)} is no sequence of whole numbers; give indices such as [0, 1], or None for all"
    )


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
    records: Sequence[Record], probes: Sequence[Probe], rows: Sequence[np.ndarray], first: int, dt: float, batch: int
) -> xarray.Dataset:
    """Recorded rows as a dataset with the dimensions time (ms), batch and unit.

    Where records differ in their intervals, samples or numbers of units, the dimensions that differ are called
    ``time_<vertex>_<variable>`` and so on.
    """
    import xarray

    if not records:
        return _empty(dt).copy()
    sizes = [array.shape[2] for array in rows]

    def dimension(name: str, record: Record, keys: Sequence[object], key: object) -> str:
        return name if all(k == key for k in keys) else f"{name}_{record.vertex}_{record.variable}"

    kept = [(tuple(range(n)) if r.units is None else tuple(r.units)) for r, n in zip(records, sizes, strict=True)]
    chosen = [(tuple(range(batch)) if r.samples is None else tuple(r.samples)) for r in records]
    every = [probe.every for probe in probes]
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for record, probe, array, units, samples in zip(records, probes, rows, kept, chosen, strict=True):
        names = (
            dimension("time", record, every, probe.every),
            dimension("batch", record, chosen, samples),
            dimension("unit", record, kept, units),
        )
        begin = -(-first // probe.every) * probe.every
        times = (begin + probe.every * np.arange(len(array))) * dt
        coordinates[names[0]] = (names[0], times, {"units": "ms", "long_name": "time"})
        coordinates[names[1]] = (names[1], np.array(samples, dtype=np.int64), {"long_name": "sample"})
        coordinates[names[2]] = (
            names[2],
            np.array(units, dtype=np.int64),
            {"long_name": "unit of the vertex, flattened"},
        )
        attributes = {"units": "1", "long_name": f"{record.variable} of {record.vertex}", "vertex": record.vertex}
        variables[record.name] = (names, array, attributes)
    return xarray.Dataset(variables, coordinates, {"dt": dt, "dt_units": "ms"})
