"""Event statistics: counts by neuron, and the time until populations come to rest, read in blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, check_object, told
from pcneuro.quantities import Range, milliseconds, number
from pcneuro.recording.activity import parts_of
from pcneuro.recording.events import population_sizes

if TYPE_CHECKING:
    import xarray

BLOCK = 1_048_576
"""Events that are in memory at a time."""
PARTS = 4096
"""Spans of time that events are counted in, to find those that a time is looked for among."""


def events_per_unit(events: xarray.Dataset, circuit: Circuit) -> dict[str, np.ndarray]:
    """How many events each neuron sent, by population, of shape (sample, \\*shape).

    Of recorded events (``result.events``), in the samples and populations that were recorded, or of
    ``result.activity``. Raises ParameterError for what is neither, or of another circuit.

    Examples
    --------
    >>> result = pcn.Simulator(circuit, engine=pcn.EventDriven()).run(200.0, **data, events=pcn.RecordEvents())
    >>> pcn.events_per_unit(result.events, circuit)["h.error"].shape
    (1, 5)
    """
    check_object("circuit", circuit, Circuit)
    counts, sizes = _counted(events), population_sizes(circuit)
    if "event" in events.sizes:
        named = {name: int(size) for name, size in zip(*_populations(events), strict=True)}
    else:
        named = {**sizes, **{name: part.shape[1] for name, part in counts.items()}}
    if named != sizes:
        raise ParameterError("these events are of another circuit: it has other populations, or of other sizes")
    shapes = {name: circuit.graph.nodes[name.rpartition(".")[0]].shape for name in counts}
    return {name: part.reshape(len(part), *shapes[name]) for name, part in counts.items()}


def events_per_neuron(events: xarray.Dataset, until: float | None = None) -> dict[str, float]:
    """Events of a neuron in a sample, on average, by population: until a time (ms, inclusive), or of all.

    Of recorded events, or of ``result.activity``, which has no times.

    Examples
    --------
    >>> result = pcn.Simulator(circuit, engine=pcn.EventDriven()).run(200.0, **data, events=pcn.RecordEvents())
    >>> sorted(pcn.events_per_neuron(result.events, until=100.0))
    ['h.error', 'h.value', 'out.error', 'out.value', 'x.value']
    """
    if until is not None:
        until = milliseconds("until", until, Range("a number, or None for all events", lambda x: not math.isnan(x)))
    return {name: float(part.sum()) / max(part.size, len(part), 1) for name, part in _counted(events, until).items()}


def _counted(events: xarray.Dataset, until: float | None = None) -> dict[str, np.ndarray]:
    """Population -> events by neuron, (sample, units): what ``result.activity`` has, or counted of recorded ones."""
    if "neuron" in getattr(events, "sizes", ()) and "events" in events.variables and until is None:
        return parts_of(events)
    checked(events)
    samples, (names, sizes) = events["recorded_sample"].values, _populations(events)
    first = np.concatenate([[0], np.cumsum(sizes)])
    counts = np.zeros((len(samples), first[-1]), dtype=np.int64)
    for block in blocks(events, "time", "sample", "population", "unit"):
        row = np.searchsorted(samples, block["sample"])
        place = row * first[-1] + first[block["population"]] + block["unit"]
        early = place if until is None else place[block["time"] <= until]
        counts += np.bincount(early, minlength=counts.size).reshape(counts.shape)
    recorded = events["population_recorded"].values
    return {name: counts[:, first[p] : first[p + 1]] for p, name in enumerate(names) if recorded[p]}


def time_of_share(events: xarray.Dataset, share: float = 0.99) -> dict[str, float]:
    """Time (ms) by which a share of a population's events had come, in all samples, by recorded population.

    The time of event number ceil(share * n) of its n; NaN where there are none. Raises ParameterError for a share
    outside 0 < share <= 1.

    Examples
    --------
    >>> result = pcn.Simulator(circuit, engine=pcn.EventDriven()).run(200.0, **data, events=pcn.RecordEvents())
    >>> sorted(pcn.time_of_share(result.events, share=0.9))
    ['h.error', 'h.value', 'out.error', 'out.value', 'x.value']
    """
    checked(events)
    share = number("share", share, Range("a number above 0, up to 1", lambda x: 0.0 < x <= 1.0))
    low, high, size = math.inf, -math.inf, len(events["population_name"])
    for block in blocks(events, "time"):
        low, high = min(low, block["time"].min()), max(high, block["time"].max())
    if low > high:
        return _by_name(events, np.full(size, np.nan))
    counts = np.zeros((size, PARTS), dtype=np.int64)
    for block in blocks(events, "time", "population"):
        place = block["population"] * np.int64(PARTS) + _part(block["time"], low, high)
        counts += np.bincount(place, minlength=counts.size).reshape(counts.shape)
    total = counts.sum(axis=1)
    wanted = np.maximum(np.ceil(share * total - 1e-9).astype(np.int64), 1)
    until = np.cumsum(counts, axis=1)
    part = np.argmax(until >= wanted[:, None], axis=1)
    near: list[list[np.ndarray]] = [[] for _ in range(size)]
    for block in blocks(events, "time", "population"):
        chosen = _part(block["time"], low, high) == part[block["population"]]
        times, populations = block["time"][chosen], block["population"][chosen]
        for p in np.unique(populations):
            near[p].append(times[populations == p])
    reached = np.full(size, np.nan)
    for p in np.flatnonzero(total):
        before = until[p, part[p]] - counts[p, part[p]]
        reached[p] = np.sort(np.concatenate(near[p]))[wanted[p] - before - 1]
    return _by_name(events, reached)


def _part(times: np.ndarray, low: float, high: float) -> np.ndarray:
    """Which of PARTS spans of time each is in; in the order of time, whatever is rounded."""
    width = (high - low) or 1.0
    return np.minimum((times - low) / width * PARTS, PARTS - 1).astype(np.int64)


def blocks(events: xarray.Dataset, *columns: str) -> Iterator[dict[str, np.ndarray]]:
    """These columns of events, so many at a time that memory does not matter."""
    for begin in range(0, events.sizes["event"], BLOCK):
        part = events[list(columns)].isel(event=slice(begin, begin + BLOCK))
        yield {name: part[name].values for name in columns}


def checked(events: Any) -> None:
    """Raise ParameterError for what is no dataset of recorded events."""
    if "population_recorded" not in getattr(events, "variables", ()) or "event" not in events.sizes:
        hint = "; record them by run(..., events=pcn.RecordEvents())" if events is None else ""
        raise ParameterError(f"{told(events)} holds no recorded events: give result.events{hint}")


def _populations(events: xarray.Dataset) -> tuple[list[str], np.ndarray]:
    return [str(name) for name in events["population_name"].values], events["population_size"].values


def _by_name(events: xarray.Dataset, values: np.ndarray) -> dict[str, float]:
    names, _ = _populations(events)
    recorded = events["population_recorded"].values
    return {n: float(v) for n, v, kept in zip(names, values, recorded, strict=True) if kept}
