"""A mapping held against SANA-FE: the same network on the same cores, with the same events, counted by both."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import DataError, PcneuroWarning, check_object
from pcneuro.export import sanafe
from pcneuro.mapping.assumed import AssumedRate
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.chips import Chip
from pcneuro.mapping.costs import counts_of, energy_of, latency_of
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.mapping import traffic_for
from pcneuro.mapping.of_circuit import axons_of
from pcneuro.mapping.result import Mapping
from pcneuro.mapping.schema import BOUNDS
from pcneuro.mapping.traffic import Traffic
from pcneuro.simulator.result import Result

TOLERANCE = 1e-12
"""Largest relative error of energies and times that counts as agreement; counts are equal."""


@final
@dataclass(frozen=True)
class Row:
    """One quantity as pcneuro has it, and as SANA-FE does."""

    quantity: str
    ours: float
    sanafe: float
    whole: bool
    """Whether it is a count."""

    @property
    def error(self) -> float:
        """How far apart the two are, as a share of SANA-FE's."""
        away = abs(self.ours - self.sanafe)
        return away / abs(self.sanafe) if self.sanafe else float(np.inf if away else 0.0)


@final
@dataclass(frozen=True)
class Held:
    """What ``hold_against_sanafe`` returns; prints as a table."""

    rows: tuple[Row, ...]
    tolerance: float = TOLERANCE

    @property
    def worst(self) -> float:
        """The largest relative error of all."""
        return max(row.error for row in self.rows)

    @property
    def agrees(self) -> bool:
        """Whether counts are equal, and energies and times within the tolerance."""
        return all(row.error <= (0.0 if row.whole else self.tolerance) for row in self.rows)

    def table(self) -> list[list[str]]:
        """Rows of text: quantity, both numbers, relative error."""
        return [[row.quantity, f"{row.ours:.17g}", f"{row.sanafe:.17g}", f"{row.error:.2g}"] for row in self.rows]

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "does not agree"
        rows = [["", "pcneuro", "SANA-FE", "relative error"], *self.table()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([f"SANA-FE {verdict}: {self.worst:.3g} at most", *lines])


def hold_against_sanafe(
    mapping: Mapping, circuit: Circuit, activity: Result | Traffic, tolerance: float = TOLERANCE
) -> Held:
    """Count and price what a mapping does once more, by SANA-FE: of the sample whose events are recorded.

    ``activity`` is the result that the mapping was made of, with all events recorded, or its ``traffic_in_steps``;
    ``tolerance`` is as for ``hold_network``.

    Raises CircuitFileError for the mapping of another circuit, or of this one with other weights, MissingExtraError
    where SANA-FE is not installed, and DataError for an activity that is of other axons, or does not say in which steps
    these send.
    """
    return hold_network(*network_of(mapping, circuit, activity), tolerance)


def network_of(
    mapping: Mapping, circuit: Circuit, activity: Result | AssumedRate | Traffic
) -> tuple[Axons, np.ndarray, np.ndarray, Chip, Traffic]:
    """What ``hold_network`` and ``write_network`` take of a mapping: axons, core of each neuron, slot of each core, ...

    Raises as ``hold_against_sanafe`` does.
    """
    check_object("mapping", mapping, Mapping)
    mapping.check(circuit)
    data = mapping.data
    axons = axons_of(circuit, clamped=json.loads(data.attrs["clamped"]), inputs=bool(data.attrs["inputs"]))
    return axons, data["core_of"].values, data["slot"].values, mapping.chip, traffic_for(axons, activity)


def hold_network(
    axons: Axons, core: np.ndarray, slot: np.ndarray, chip: Chip, traffic: Traffic, tolerance: float = TOLERANCE
) -> Held:
    """Count the events of a raster, packets, hops, and events at synapses, and price them, by us and by SANA-FE.

    ``core`` (neurons,) int64 says on which core neurons are, ``slot`` (cores,) int64 where each core is. Energies and
    times (of SANA-FE's model ``simple``) are held against each other at the low and the high prices, where the chip has
    all that they need; ``tolerance`` is the largest relative error of these that counts as agreement. Where an event is
    several packets, SANA-FE has one with the price of all.

    Raises MissingExtraError where SANA-FE is not installed, and DataError for traffic without a raster.
    """
    replay = replay_of(axons, core, slot, traffic)
    step, axon = _raster(traffic)
    at = destinations(axons, core, slot.size)
    sends = np.bincount(axon, minlength=axons.neuron.size).astype(np.float64)
    same = replace(traffic, sends=sends, steps=float(replay.steps), samples=1, raster=(step, axon))
    counted = counts_of(at, slot, chip, same)
    energy, latency = energy_of(counted, chip).sample, latency_of(at, chip, same).sample
    rows: list[Row] = []
    for bound in BOUNDS:
        other = sanafe.run(hardware_of(chip, replay, bound), replay)
        if not rows:
            sample, an_event = counted.sample, chip.packets_an_event
            rows += [
                Row("events", sample.sent, float(other.fired.sum()), True),
                Row("events at synapses", sample.synapses, float(other.synapses.sum()), True),
                Row("packets", sample.packets, float(an_event * other.packets), True),
                Row("hops", sample.hops, float(an_event * other.hops.sum()), True),
            ]
        if energy is not None:
            rows.append(Row(f"energy, {bound} (pJ)", getattr(energy, bound), float(other.energy.sum()), False))
        if latency is not None:
            rows.append(Row(f"time, {bound} (ns)", getattr(latency, bound), float(other.time.sum()), False))
    return Held(tuple(rows), tolerance)


def write_sanafe(
    mapping: Mapping,
    circuit: Circuit,
    activity: Result | Traffic,
    folder: str | os.PathLike[str],
    *,
    high: bool = False,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write a mapping of a circuit and its events for SANA-FE: see ``write_network``, and ``hold_against_sanafe``.

    Raises as these do.
    """
    return write_network(*network_of(mapping, circuit, activity), folder, high=high, overwrite=overwrite)


def write_network(
    axons: Axons,
    core: np.ndarray,
    slot: np.ndarray,
    chip: Chip,
    traffic: Traffic,
    folder: str | os.PathLike[str],
    *,
    high: bool = False,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write a mapping and its events for SANA-FE, ``architecture.yaml`` and ``network.yaml``; returns their paths.

    Prices are the low ones, or the ``high`` ones; what has none costs nothing there. SANA-FE need not be installed.
    Conduction delays are not in these files, of which a PcneuroWarning tells: events are replayed in the steps in which
    they were sent.

    Raises OutputError where one of the files exists, unless ``overwrite``, and DataError for traffic without a raster.
    """
    replay = replay_of(axons, core, slot, traffic)
    if axons.delay is not None:
        warnings.warn(
            "conduction delays are not in the files for SANA-FE, which replays events in the steps in which they were "
            "sent: its counts and prices do not depend on them; Mapping.to_netcdf and to_csv keep them",
            PcneuroWarning,
            stacklevel=2,
        )
    return sanafe.write(hardware_of(chip, replay, BOUNDS[high]), replay, folder, overwrite=overwrite)


def hardware_of(chip: Chip, replay: sanafe.Replay, bound: str) -> sanafe.Hardware:
    """A chip for SANA-FE, with room for what is on it, at its ``low`` or ``high`` prices."""
    prices = []
    for price_of in (chip.price, chip.time):
        known = {name: price for name in sanafe.OPERATIONS if (price := price_of(name)) is not None}
        prices.append({name: getattr(price, bound) * _times(chip, name) for name, price in known.items()})
    most = int(np.bincount(replay.slot).max(initial=1))
    mesh = chip.mesh
    return sanafe.Hardware(mesh.width, mesh.height, mesh.cores_a_tile, most, *prices)


def _times(chip: Chip, operation: str) -> int:
    """How often an event does what is done for each of its packets."""
    return chip.packets_an_event if operation.startswith(("message", "hop")) else 1


def replay_of(axons: Axons, core: np.ndarray, slot: np.ndarray, traffic: Traffic) -> sanafe.Replay:
    """Neurons as compartments, one for each axon, on the cores of a chip, with the events of a raster.

    Synapses end at the first compartment of a neuron; all of them are on its core.
    """
    step, axon = _raster(traffic)
    begins = np.concatenate([[0], np.cumsum(axons.compartments)])
    neuron = np.repeat(np.arange(axons.neurons), axons.compartments)
    rank = np.arange(axons.neuron.size) - np.searchsorted(axons.neuron, axons.neuron)
    compartment = begins[axons.neuron] + rank
    synapses = np.zeros(neuron.size, dtype=np.int64)
    synapses[compartment] = axons.fan_out
    steps = 0 if np.isnan(traffic.steps) else int(np.ceil(traffic.steps))
    return sanafe.Replay(
        slot=np.asarray(slot, dtype=np.int64)[core[neuron]],
        first=np.concatenate([[0], np.cumsum(synapses)]),
        target=begins[axons.target],
        step=step,
        sender=compartment[axon],
        steps=max(steps, int(step.max(initial=0)) + 1),
    )


def _raster(traffic: Traffic) -> tuple[np.ndarray, np.ndarray]:
    if traffic.raster is None:
        raise DataError(
            "this activity does not say in which step each axon sends, which SANA-FE replays: record events of a run "
            "in bins, events=pcn.RecordEvents() or, where dendrites send along several branches, take it step by step, "
            "pcn.mapping.traffic_in_steps"
        )
    return traffic.raster
