"""A simulation goes on with other data or parameters while events are under way: what was sent stays sent.

Senders have sent a total, which receivers know but for what is under way to them. That total, weights as they are now,
and derivatives as they are now make what a receiver holds. What has jumped (inputs, values that are clamped, and under
new derivatives what errors send back) is sent at once, and takes its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pcneuro.circuit.synapses import synapse_groups
from pcneuro.circuit.units import UnitFunction
from pcneuro.engines.events.arrived import ArrivedWalk
from pcneuro.engines.events.fan_out import FanOut
from pcneuro.engines.events.senders import Sending
from pcneuro.engines.events.state import QUEUE, Sample
from pcneuro.engines.events.tally import SWEEPS, Tally, jumps_of, log_jumps
from pcneuro.engines.events.under_way import Late, late
from pcneuro.kernels.events.arrays import SOURCE, SUM
from pcneuro.kernels.events.axons import GROUP_BITS
from pcneuro.model.dynamics import deviation
from pcneuro.recording.event_log import EventLog

Arrays = dict[str, np.ndarray]
Sent = tuple[np.ndarray, np.ndarray]
"""Codes of events of a sample, and the changes that they carry."""


class Injects(Protocol):
    """A mode, as far as it is to be known here."""

    def inject(self, sample: Sample, change: np.ndarray, now: float) -> None: ...


@dataclass(frozen=True, eq=False)
class Moment:
    """What an engine is at behind a sweep: what its samples share, and what these have sent."""

    sending: Sending
    samples: Sequence[Sample]
    base: Mapping[str, np.ndarray]
    """Vertex -> where its value neurons were at the sweep, (batch, \\*shape)."""
    inputs: Mapping[str, np.ndarray]
    clamped: Mapping[str, np.ndarray]

    @property
    def values(self) -> Arrays:
        """Inputs, and vertices as they were at the sweep."""
        return {**self.inputs, **self.base}

    def leads_to(self, now: Moment) -> bool:
        """Whether another moment has the same nodes and synapses, so that what was sent can stay sent."""
        layout, other = self.sending.layout, now.sending.layout
        return layout is other or bool(layout.units.circuit.delayed)


def go_on(before: Moment, now: Moment, time: float) -> list[Sent]:
    """Let the samples of ``now``, which are at the new sweep, know what those ``before`` had sent.

    ``time`` is that at which it goes on, in the unit that times of events have. Returns what dendrites send at once.
    """
    for old, new in zip(before.samples, now.samples, strict=True):
        for name in ("residue", "residue_value"):
            new[name][:] = old[name]
        lines = old["sent_slope"] * (time - old["sent_at"]) if old.lines else 0.0
        new["sent"][:] = old["sent"] + lines
        new["arrival"][:] = old["arrival"]
        if new.lines:
            new["sent_slope"][:] = old["sent_slope"]
    if now.sending.strict:
        return _go_on_strictly(before, now, time)
    _go_on_with_held_predictions(before, now, time)
    return []


def count_jumps(before: Moment, now: Moment, tally: Tally, log: EventLog | None, time: float) -> None:
    """Count what value neurons send at once, at a time in ms: held ones whose data change, or all at a new sweep."""
    sending, values = now.sending, (before.values, now.values)
    if sending.strict:
        values = {**before.inputs, **before.clamped}, {**now.inputs, **now.clamped}
    jumps, synapses = jumps_of(*values), sending.value_synapses
    tally.count_jumps(jumps, synapses, sending.layout.branches.of_values)
    tally.totals[SWEEPS] += int(not sending.strict)
    if log is not None:
        log_jumps(log, jumps, synapses, time)


def flow(
    at: Moment, before: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray], mode: Injects, time: float
) -> None:
    """Let currents (batch, \\*shape) by vertex be others than they were; ``time`` as for ``go_on``."""
    if now is before or not (now or before):
        return
    change = np.zeros((len(at.samples), at.sending.topology.count))
    for currents, sign in ((before, -1.0), (now, 1.0)):
        for name, current in currents.items():
            change[:, at.sending.slices[name]] += sign * current.reshape(len(current), -1)
    for sample, row in zip(at.samples, change, strict=True):
        if row.any():
            mode.inject(sample, row, time)


def _by_vertex(sending: Sending, units: np.ndarray) -> Arrays:
    """(batch, units) or (units,) by vertex that has errors."""
    return {name: units[..., sending.slices[name]].astype(np.float64) for name in sending.units.predictions}


def _to_value_neurons(sending: Sending) -> np.ndarray:
    """Nodes whose synapses lead to value neurons."""
    return sending.layout.axons & (sending.layout.kind[sending.layout.population] == SUM)


def _jumps(fan_out: FanOut, nodes: np.ndarray, changes: np.ndarray, slopes: np.ndarray, time: float) -> Arrays:
    """Events of these nodes, each at the first of its groups of synapses that has a delay; none where none has."""
    first, last = fan_out.first[nodes], fan_out.first[nodes + 1]
    # Groups of a node stand in the order of their delays.
    delayed = np.concatenate([[0], np.cumsum(fan_out.delay == 0.0)])
    group = first + delayed[last] - delayed[first]
    waits = group < last
    node, group = nodes[waits], group[waits]
    key = (node.astype(np.int64) << GROUP_BITS) | group
    return {"time": time + fan_out.delay[group], "change": changes[waits], "key": key, "slope": slopes[waits]}


def _put_under_way(old: Sample, new: Sample, way: str, jumps: Arrays) -> Arrays:
    """What was on its way goes on, with the jumps; returns all of it."""
    queued = {name: old.queued()[f"{way}.{name}"] for name in QUEUE}
    names = [name for name in QUEUE if name != "slope" or new.lines]
    events = {name: np.concatenate([queued[name], jumps[name]]) for name in names}
    new.put_under_way(way, events)
    return events


def _received(sending: Sending, sample: Sample, total: np.ndarray, slope: np.ndarray, missing: Late) -> None:
    """Let value neurons have what their synapses have received of what was sent in ``total``, by node."""
    layout, down = sending.layout, sending.layout.down
    delay = np.repeat(down.delay, np.diff(down.begin))
    to_neurons = layout.kind[layout.population[down.target]] == SOURCE
    node_unit = sending.topology.unit
    there = node_unit >= 0
    slopes = slope[down.sender] - missing.slope
    arrived = total[down.sender] - missing.change - delay * slopes
    for name, values in (("received", arrived), ("received_slope", slopes)):
        if name == "received" or sample.lines:
            weighted = np.where(to_neurons, sending.weights.down * values, 0.0)
            incoming = np.bincount(down.target, weights=weighted, minlength=layout.nodes)
            sample[name][node_unit[there]] = incoming[there]


def _go_on_with_held_predictions(before: Moment, now: Moment, time: float) -> None:
    old_sending, sending, layout = before.sending, now.sending, now.sending.layout
    axons = _to_value_neurons(sending)
    for s, (old, new) in enumerate(zip(before.samples, now.samples, strict=True)):
        sent = {"sent": new["sent"], "slope": new["sent_slope"] if new.lines else np.zeros_like(new["sent"])}

        def totals(of: Sending, units: np.ndarray, sample: int = s) -> np.ndarray:
            activity = of.swept[sample]
            return of.layout.sent_back(of.units, activity, of.units.adjoints(activity, _by_vertex(of, units)))

        total, slope = totals(sending, sent["sent"]), totals(sending, sent["slope"])
        change = np.where(axons, total - totals(old_sending, sent["sent"]), 0.0)
        bend = np.where(axons, slope - totals(old_sending, sent["slope"]), 0.0)
        nodes = np.flatnonzero((change != 0) | (bend != 0))
        jumps = _jumps(layout.down, nodes, change[nodes], bend[nodes], time)
        new["sends_down"][nodes] += 1
        events = _put_under_way(old, new, "down", jumps)
        _received(sending, new, total, slope, late(layout.down, events, time))
        if new.lines:
            new["sent_at"][:] = time


def _go_on_strictly(before: Moment, now: Moment, time: float) -> list[Sent]:
    sending, layout, topology = now.sending, now.sending.layout, now.sending.topology
    circuit = sending.units.circuit
    batch = len(now.samples)
    known: Arrays = {}
    """What others know of inputs and vertices, or will once it has arrived, (batch, units)."""
    missing: list[Late] = []
    sent_value = np.stack([sample["sent_value"] for sample in before.samples]).astype(np.float64)
    jumped = np.zeros((batch, layout.nodes))
    for name, number in sending.units.values.items():
        if name in topology.slices:
            was = before.base[name].reshape(batch, -1) + sent_value[:, topology.slices[name]]
        else:
            was = before.inputs[name].reshape(batch, -1)
        held = now.inputs.get(name, now.clamped.get(name))
        known[name] = was if held is None else held.reshape(batch, -1).astype(np.float64)
        jumped[:, topology.nodes(number)] = deviation(known[name], was)
    for old, new, jump in zip(before.samples, now.samples, jumped, strict=True):
        nodes = np.flatnonzero(jump * layout.up.sends)
        new["sends_up"][nodes] += 1
        events = _put_under_way(old, new, "up", _jumps(layout.up, nodes, jump[nodes], 0 * jump[nodes], time))
        missing.append(late(layout.up, events, time))
    walk = ArrivedWalk(
        sending.units,
        known,
        _arrived(sending, known, missing),
        _by_vertex(sending, np.stack([sample["sent"] for sample in now.samples])),
    )
    walk.walk()
    sent: list[Sent] = []
    for s, (old, new) in enumerate(zip(before.samples, now.samples, strict=True)):
        _take_dendrites(sending, walk, s, new)
        for name, part in topology.slices.items():
            base = now.base[name][s].ravel()
            new["sent_value"][part] = deviation(known[name][s], base) if name not in now.clamped else 0.0
            if circuit.has_prediction(name) and topology.compared(name) in layout.active:
                new["predicted"][part] = deviation(walk.activity[topology.compared(name)][s], base)
        sent.append(_send_back(sending, old, new, time))
    return sent


def _arrived(sending: Sending, known: Arrays, missing: Sequence[Late]) -> dict[tuple[int, str | None], np.ndarray]:
    """What synapses have received of value neurons, (batch, synapses), by population and operand that read them."""
    places = {}
    for group, rows in zip(
        synapse_groups(sending.units), zip(*(sending.by_group(m.change) for m in missing), strict=True), strict=True
    ):
        neurons = sending.neurons_before(group)
        places[group.population, group.operand] = known[group.parent][:, neurons] - np.stack(rows)
    return places


def _take_dendrites(sending: Sending, walk: ArrivedWalk, s: int, sample: Sample) -> None:
    """Let a sample have activities, derivatives and what goes back, as they are where this has arrived."""
    layout, units = sending.layout, sending.units
    sample["activity"][:] = layout.activity([activity[s] for activity in walk.activity])
    adjoint = layout.activity([adjoint[s] for adjoint in walk.adjoints]).astype(np.float64)
    for (number, name), reader in layout.reads.items():
        sample["activity"][layout.nodes_of(reader)] = walk.arrived[number, name][s]
        adjoint[layout.nodes_of(reader)] = 0.0
    at = 0
    for number, name in layout.formulas.gates:
        function = units.populations[number]
        assert isinstance(function, UnitFunction)
        slope = walk.evaluated(number, function, function.derivatives[name], out=walk.activity[number])[s]
        part = slice(at, at + function.size)
        sample["slopes"][part] = slope
        sample["contributions"][part] = slope * walk.adjoints[number][s]
        if (number, name) in layout.reads:
            adjoint[layout.nodes_of(layout.reads[number, name])] = slope * walk.adjoints[number][s]
        at = part.stop
    sample["adjoint"][:] = adjoint


def _send_back(sending: Sending, old: Sample, new: Sample, time: float) -> Sent:
    """What comes back to where dendrites are left is sent, where it has changed by enough since it was sent last."""
    layout = sending.layout
    axons = _to_value_neurons(sending)
    new["known"][:] = np.where(axons, old["known"], new["adjoint"])
    change = new["adjoint"].astype(np.float64) - new["known"]
    nodes = np.flatnonzero(axons & (change != 0) & (np.abs(change) >= sending.network.gate))
    new["known"][nodes] = new["adjoint"][nodes]
    new["sends_down"][nodes] += 1
    counted = nodes[sending.network.gate[nodes] >= 0]
    codes, changes = 2 * sending.topology.count + counted, change[counted]
    new["events"][codes] += 1
    jumps = _jumps(layout.down, nodes, change[nodes], 0 * change[nodes], time)
    events = _put_under_way(old, new, "down", jumps)
    nothing = np.zeros(layout.nodes)
    _received(sending, new, new["known"].astype(np.float64), nothing, late(layout.down, events, time))
    return codes, changes
