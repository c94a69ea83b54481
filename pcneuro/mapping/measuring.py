"""What a mapping is measured by: all numbers of its dataset, of neurons on cores and cores in slots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.mapping.axons import Axons
from pcneuro.mapping.chips import Chip
from pcneuro.mapping.costs import Energy, Latency, Links, Range, counts_of, energy_of, latency_of, links_of
from pcneuro.mapping.counting import Destinations
from pcneuro.mapping.schema import BOUNDS, PLASTICITY
from pcneuro.mapping.traffic import Traffic

STEPS = {"east": (1, 0), "west": (-1, 0), "north": (0, 1), "south": (0, -1)}
"""Columns and rows from tile to tile, by direction."""


@final
@dataclass(frozen=True)
class Measured:
    """All numbers of ``schema.ENTRIES`` but those of other orders, and operations that have no price, or no time."""

    values: Mapping[str, Any]
    unpriced: tuple[str, ...]
    untimed: tuple[str, ...]


def measured(at: Destinations, slot: np.ndarray, chip: Chip, traffic: Traffic) -> Measured:
    """Measure a mapping: where neurons are, ``slot`` (cores,) int64 of each core, and how often axons send."""
    counted = counts_of(at, slot, chip, traffic)
    energy, latency = energy_of(counted, chip), latency_of(at, chip, traffic)
    links = links_of(at, slot, chip, traffic.sends)
    sample = counted.sample
    values = {
        **_neurons(at.axons, at.core),
        **_cores(at, slot, chip, traffic),
        **_links(links),
        **_delays(at),
        **_energies(energy),
        **_times(latency),
        "events": sample.sent,
        "synops": sample.synapses,
        "packets": sample.off_core,
        "packets_within": sample.packets - sample.off_core,
        "plasticity_packets": counted.plasticity.off_core,
        "hops_east_west": sample.hops_east_west,
        "hops_north_south": sample.hops_north_south,
        "longest": sum(links.longest),
        "steps": traffic.steps,
    }
    return Measured(values, energy.unpriced, latency.unpriced)


def remarks_on(chip: Chip, axons: Axons, traffic: Traffic, untimed: Collection[str]) -> list[str]:
    """What has to be known beside the numbers, in words; ``untimed`` are operations whose time is not known."""
    notes = []
    if not chip.messages.graded:
        notes.append(f"events on {chip.name} are binary: graded events are priced as if they were")
    elif chip.packets_an_event > 1:
        notes.append(f"an event on {chip.name}, with its payload, is {chip.packets_an_event} packets")
    if untimed:
        notes.append(f"there are no times, for want of a published one of {', '.join(untimed)}".replace("_", " "))
    elif not traffic.steps > 0:
        notes.append("there are no times: this run has no steps; run in bins of dt for these")
    elif traffic.raster is None:
        notes.append(
            "times are of steps with mean numbers of events, a lower bound: for those of each step record events of a "
            "run or, where dendrites send along several branches, count them by pcn.mapping.traffic_in_steps"
        )
    elif traffic.samples > 1:
        notes.append("times are those of the first sample, counts are means")
    if axons.origin is not None and axons.origin.pairs:
        notes.append(
            "error neurons in pairs, of rates from 0 up, are mapped as one neuron of either sign, whose events are "
            f"those of the run: of {', '.join(axons.origin.pairs)}"
        )
    if axons.delay is not None:
        notes.append(_remark_on_delays(chip, traffic))
    return notes


def _remark_on_delays(chip: Chip, traffic: Traffic) -> str:
    """What is known of the delays that a chip can hold; ``check_feasible`` has held them against its limit."""
    most = chip.core.delay_steps
    kept = "conduction delays are kept, and what memory a chip needs for them is not counted"
    if most is None:
        return f"{kept}; by how many steps a synapse of {chip.name} can delay is not known"
    if traffic.dt is None:
        return f"{kept}; a synapse of {chip.name} delays by {most:,} steps at most: not checked, as dt is not known"
    return f"{kept}; a synapse of {chip.name} delays by {most:,} steps at most, {most * traffic.dt:g} ms"


def _neurons(axons: Axons, core: np.ndarray) -> dict[str, Any]:
    sizes = np.array(axons.sizes, dtype=np.int64)
    begin = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return {
        "population": axons.population,
        "unit": np.arange(axons.neurons) - begin,
        "core_of": core,
        "population_size": sizes,
        "population_name": axons.populations,
    }


def _cores(at: Destinations, slot: np.ndarray, chip: Chip, traffic: Traffic) -> dict[str, Any]:
    """What cores hold, and what goes through them."""
    axons, cores, mesh = at.axons, at.cores, chip.mesh
    used = chip.limits.used(at)
    source, destination, packets = at.traffic(traffic.sends * chip.packets_an_event)
    return {
        "slot": slot,
        "x": mesh.x[slot],
        "y": mesh.y[slot],
        "limit": list(used),
        "held": np.array(list(used.values())).reshape(len(used), cores),
        "most": [getattr(chip.limits, name) for name in used],
        "core_events": np.bincount(at.core[axons.neuron], traffic.sends, cores),
        "core_packets_out": np.bincount(source, packets, cores),
        "core_packets_in": np.bincount(destination, packets, cores),
        "core_synops": np.bincount(at.destination, traffic.sends[at.axon] * at.synapses, cores),
    }


def _delays(at: Destinations) -> dict[str, Any]:
    """Ranges of delays by pairs of populations and of cores, of synapses that have any."""
    axons = at.axons
    delay = np.zeros(0) if axons.delay is None else axons.delay.astype(np.float64)
    there = np.flatnonzero(delay > 0)
    sender = axons.neuron[np.searchsorted(axons.first, there, side="right") - 1]
    target = axons.target[there]
    populations, cores = len(axons.populations), max(at.cores, 1)
    of_populations = axons.population[sender].astype(np.int64) * populations + axons.population[target]
    of_cores = at.core[sender] * cores + at.core[target]
    # Pairs of both kinds that there are: numbers of all that could be would not fit into int64.
    pair, by_pair = np.unique(of_populations, return_inverse=True)
    ways, by_way = np.unique(of_cores, return_inverse=True)
    keys, row = np.unique(by_pair * ways.size + by_way, return_inverse=True)
    low, high = np.full(keys.size, np.inf), np.zeros(keys.size)
    np.minimum.at(low, row, delay[there])
    np.maximum.at(high, row, delay[there])
    pair, ways = (numbers[place] for numbers, place in zip((pair, ways), divmod(keys, max(ways.size, 1)), strict=True))
    return {
        "delay_from": pair // populations,
        "delay_to": pair % populations,
        "delay_from_core": ways // cores,
        "delay_to_core": ways % cores,
        "delay": np.column_stack([low, high]),
    }


def _links(links: Links) -> dict[str, Any]:
    """Every link: where it begins and ends, and its packets."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("x", "y", "to_x", "to_y", "packets")}
    for direction, (right, up) in STEPS.items():
        loads = getattr(links, direction)
        y, x = (place.ravel() for place in np.indices(loads.shape))
        x, y = x + (right < 0), y + (up < 0)
        for name, values in (("x", x), ("y", y), ("to_x", x + right), ("to_y", y + up), ("packets", loads.ravel())):
            columns[name].append(values)
    return {f"link_{name}": np.concatenate(parts) for name, parts in columns.items()}


def _energies(energy: Energy) -> dict[str, Any]:
    gradient = np.array([_bounds(part) for part in energy.parts.values()])
    sample = np.array([[0.0, 0.0] if name == PLASTICITY else _bounds(part) for name, part in energy.parts.items()])
    return {"part": list(energy.parts), "bound": BOUNDS, "energy": sample, "energy_gradient": gradient}


def _times(latency: Latency) -> Mapping[str, Any]:
    return {
        "time": _bounds(latency.sample),
        "step_time": _bounds(latency.step),
        "longest_step": _bounds(latency.longest),
        "limiting_core": latency.core,
        "limiting_share": latency.share,
        "limiting_packets": latency.processing,
    }


def _bounds(of: Range | None) -> list[float]:
    return [np.nan, np.nan] if of is None else [of.low, of.high]
