"""Recorded events: which of them a run keeps, what is known of each, and what room they may need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.errors import ParameterError, ShapeError, check_object, unknown_name
from pcneuro.files import place
from pcneuro.quantities import flag, index_tuple, name_tuple, whole

if TYPE_CHECKING:
    pass

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

    Examples
    --------
    >>> engine = pcn.EventDriven()
    >>> result = pcn.Simulator(circuit, engine=engine).run(100.0, **data, events=pcn.RecordEvents(vertices=["h"]))
    >>> sorted(pcn.events_per_neuron(result.events))
    ['h.error', 'h.value']
    """

    vertices: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    samples: Sequence[int] | None = None
    path: str | os.PathLike[str] | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        for what in ("vertices", "kinds"):
            chosen = getattr(self, what)
            if chosen is not None:
                object.__setattr__(self, what, name_tuple(f"{what} of RecordEvents", chosen))
                if not getattr(self, what):
                    raise ParameterError(f"{what} of RecordEvents are none: give a list of names, or None for all")
        for kind in self.kinds or ():
            if kind not in KINDS:
                raise unknown_name("kind of events to record", kind, KINDS)
        object.__setattr__(self, "overwrite", flag("overwrite of RecordEvents", self.overwrite))
        if self.samples is not None:
            chosen = index_tuple("samples of RecordEvents", self.samples)
            if not chosen:
                raise ParameterError("samples of RecordEvents are none: give indices such as [0, 1], or None for all")
            object.__setattr__(self, "samples", chosen)

    def resolve(self, circuit: Circuit, batch: int) -> EventSelection:
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
        return EventSelection(sizes, recorded, np.unique(np.array(samples, dtype=np.int32) % batch), target)

    def estimate(self, circuit: Circuit, batch: int = 1, steps: int | None = None) -> dict[str, int | None]:
        """Bytes that a run of so many steps in bins may need, or at exact times (None).

        A dict of ``bytes_an_event``, ``units`` (recorded neurons), ``samples``, ``steps`` and ``most_bytes``, which is
        None at exact times. Raises as a run does, and ParameterError for a batch or steps that are no whole numbers of
        at least 1 and 0.
        """
        check_object("circuit", circuit, Circuit)
        batch, steps = whole("batch", batch, 1), None if steps is None else whole("steps", steps)
        kept = self.resolve(circuit, batch)
        return estimate(kept.units, steps, len(kept.samples))


@dataclass(frozen=True, eq=False)
class EventSelection:
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


def population_sizes(circuit: AbstractCircuit) -> dict[str, int]:
    """Neurons of every population by its name, in the order of ``circuit.nx``: the order they are numbered in."""
    sizes = {}
    for name in (*circuit.graph.inputs, *circuit.vertices):
        sizes[f"{name}.value"] = circuit.graph.nodes[name].size
        if name in circuit.vertices and circuit.has_prediction(name):
            sizes[f"{name}.error"] = circuit.graph.nodes[name].size
    return sizes


def _vertex(circuit: Circuit, name: str) -> str:
    known = [*circuit.graph.inputs, *circuit.vertices]
    if name not in known and name in circuit.graph.outputs:
        name = circuit.graph.outputs[name].name
    if name not in known:
        raise unknown_name("vertex to record events of", name, dict.fromkeys([*known, *circuit.graph.outputs]))
    return name


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


def estimate_text(room: dict[str, int | None]) -> str:
    """An estimate in words."""
    samples = f"{room['samples']:,} sample{'' if room['samples'] == 1 else 's'}"
    text, most = f"{room['bytes_an_event']} B an event of {room['units']:,} neurons in {samples}", room["most_bytes"]
    if most is None:
        return f"{text}; no more is known before"
    return f"{text}; in bins {readable(most)}, at one of each neuron in each"
