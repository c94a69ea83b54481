"""How long steps take, and which core they wait for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import scipy.sparse

from pcneuro.mapping.chips.chip import Chip
from pcneuro.mapping.chips.prices import Price
from pcneuro.mapping.costs.ranges import Range
from pcneuro.mapping.counting import Destinations
from pcneuro.mapping.schema import BOUNDS
from pcneuro.mapping.traffic import Traffic

GENERATION = ("neuron_access", "neuron_update", "spike", "message_out")
PROCESSING = ("message_in", "synapse")
"""Operations whose times a step is made of: what neurons of a core do, and what its packets take."""

NUMBERS_AT_ONCE = 1 << 20
"""Steps are taken so many at once that there are about so many numbers, one a step and core."""


@final
@dataclass(frozen=True)
class Latency:
    """Times in ns, None where a price that they need is not known (``unpriced``), and the core that limits them.

    A step is over when the slowest core is done: with the neurons that it has, or with the packets that it gets, which
    is done at the same time (the model ``simple`` of SANA-FE, Boyle et al. 2025). Neither ways on the mesh nor
    the agreement of all cores that a step is over are in it.
    """

    step: Range | None
    """The mean of all steps of a sample."""
    sample: Range | None
    """All steps of a sample."""
    longest: Range | None
    """The longest step; None of means."""
    core: int
    """The core that limits steps for the longest time (at the high prices); -1 where times are not known."""
    share: float
    """Of the time of a sample, how much this core limits; NaN where times are not known."""
    processing: bool
    """Whether it does so rather by the packets that it gets than by its neurons."""
    of_means: bool
    """Whether there was no raster, so that times are those of a step with mean numbers of events: a lower bound."""
    unpriced: tuple[str, ...]


def latency_of(at: Destinations, chip: Chip, traffic: Traffic) -> Latency:
    """The time of steps with the events of a raster (of the first sample), or with mean numbers of events."""
    unpriced = tuple(what for what in (*GENERATION, *PROCESSING) if chip.time(what) is None)
    of_means = traffic.raster is None
    steps = traffic.steps
    if traffic.raster is not None and not math.isnan(steps):
        steps = max(float(math.ceil(steps)), float(traffic.raster[0].max(initial=-1)) + 1)
    if unpriced or math.isnan(steps) or steps <= 0 or not at.cores:
        return Latency(None, None, None, -1, math.nan, False, of_means, unpriced)
    sums, longest, limited = np.zeros(2), np.zeros(2), np.zeros((2, at.cores))
    for repeats, done in _steps(at, chip, traffic, steps):
        for k, bound in enumerate(BOUNDS):
            generation, processing = (_times(done, part, chip, bound) for part in (GENERATION, PROCESSING))
            slowest = np.maximum(generation, processing)
            time = slowest.max(axis=1)
            sums[k] += repeats * time.sum()
            longest[k] = max(longest[k], time.max(initial=0.0))
        cores, rows = slowest.argmax(axis=1), np.arange(time.size)
        waits = (processing > generation)[rows, cores]
        np.add.at(limited, (waits.astype(np.int64), cores), repeats * time)
    core = int(limited.sum(axis=0).argmax())
    share = limited[:, core].sum() / sums[1] if sums[1] else math.nan
    mean, whole, most = (Range(float(a), float(b)) for a, b in (sums / steps, sums, longest))
    most_known = None if of_means else most
    return Latency(mean, whole, most_known, core, float(share), bool(limited[1, core] > limited[0, core]), of_means, ())


def _times(done: dict[str, np.ndarray], operations: tuple[str, ...], chip: Chip, bound: str) -> np.ndarray:
    """(steps, cores) ns: what a core takes for these operations, at the low or at the high prices."""
    return sum((done[what] * getattr(_time(chip, what), bound) for what in operations), np.zeros(done["spike"].shape))


def _time(chip: Chip, operation: str) -> Price:
    price = chip.time(operation)
    assert price is not None, "all are there: it was looked before"
    return price


def _steps(
    at: Destinations, chip: Chip, traffic: Traffic, steps: float
) -> Iterator[tuple[float, dict[str, np.ndarray]]]:
    """How often, and operation -> how many of it each core does, (steps, cores) float64, of some steps at once."""
    axons, cores, an_event = at.axons, at.cores, chip.packets_an_event
    shape = (axons.neuron.size, cores)
    held = at.compartments.astype(np.float64)
    source = at.core[axons.neuron]
    fires = scipy.sparse.csr_matrix((np.ones(source.size), (np.arange(source.size), source)), shape=shape)
    out = scipy.sparse.csr_matrix((np.diff(at.begin) * float(an_event), (np.arange(source.size), source)), shape=shape)
    arriving = np.full(at.destination.size, float(an_event))
    into = scipy.sparse.csr_matrix((arriving, at.destination, at.begin), shape=shape)
    ends = scipy.sparse.csr_matrix((at.synapses.astype(np.float64), at.destination, at.begin), shape=shape)
    for repeats, events in _events(traffic, steps, cores):
        fired = (events @ fires).toarray()
        yield (
            repeats,
            {
                "neuron_access": np.broadcast_to(held, fired.shape),
                "neuron_update": fired,
                "spike": fired,
                "message_out": (events @ out).toarray(),
                "message_in": (events @ into).toarray(),
                "synapse": (events @ ends).toarray(),
            },
        )


def _events(traffic: Traffic, steps: float, cores: int) -> Iterator[tuple[float, scipy.sparse.csr_matrix]]:
    """How often, and events of each axon, (steps, axons): some steps of a raster at once, or one of means."""
    axons = traffic.sends.size
    if traffic.raster is None:
        yield steps, scipy.sparse.csr_matrix(traffic.sends[None] / steps)
        return
    step, axon = traffic.raster
    at_once = max(1, NUMBERS_AT_ONCE // cores)
    for first in range(0, int(steps), at_once):
        size = min(at_once, int(steps) - first)
        begin, end = np.searchsorted(step, (first, first + size))
        place = (step[begin:end] - first, axon[begin:end])
        yield 1.0, scipy.sparse.csr_matrix((np.ones(end - begin), place), shape=(size, axons))
