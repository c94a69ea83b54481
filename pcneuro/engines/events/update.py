"""New weights while a simulation goes on, in bins: what was sent stays sent, and its sums are those of new weights.

A receiver holds sums of weight times what it knows of senders. With other weights these change by (new - old) weight
times what is known; and a dendrite that has another prediction, or other derivatives, then sends what follows from it.
"""

from __future__ import annotations

import numpy as np

from pcneuro.circuit.units import UnitGraph
from pcneuro.engines.events.network import NetworkWeights
from pcneuro.engines.events.senders import Sending
from pcneuro.engines.events.state import Sample
from pcneuro.kernels.events.arrays import BLOCK, FUNCTION
from pcneuro.kernels.events.passes import backward
from pcneuro.kernels.events.units import wake

ALL_NODES = -1
"""What ``State.dirty_count`` says of a population all of whose nodes have input."""


def update(sending: Sending, units: UnitGraph, samples: list[Sample], swept: list[list[np.ndarray]], step: int) -> None:
    """Let ``samples`` have the weights of ``units`` from the begin of bin ``step`` on; thresholds stay.

    ``swept`` is the activity of all populations at the sweep, by sample, where fixed prediction has its derivatives.
    Changes the network of ``sending`` and the state of samples, which must have nothing under way.
    """
    old_units, old = sending.units, sending.weights
    sending.reweight(units)
    for sample, activity in zip(samples, swept, strict=True):
        sample.network = sending.network
        correction = _Correction(sending, sample, old_units, step)
        if sending.strict:
            correction.predictions()
            correction.sent_back(old)
        else:
            correction.received(activity)
        correction.pass_on()


class _Correction:
    """Of one sample: what each node has to take in because weights are others now."""

    def __init__(self, sending: Sending, sample: Sample, old_units: UnitGraph, step: int) -> None:
        self.sending, self.sample, self.old_units, self.step = sending, sample, old_units, step
        self.layout, self.topology = sending.layout, sending.topology
        self.incoming = np.zeros(self.layout.nodes)
        self.changed = np.zeros(self.layout.kind.size, dtype=bool)
        """Populations whose derivatives are others."""

    def predictions(self) -> None:
        """Predictions and derivatives at what dendrites know of values."""
        sample, topology = self.sample, self.topology
        units = self.sending.units
        known = {name: sample["activity"][topology.nodes(number)] for name, number in units.values.items()}
        was, now = (graph.forward(known, {}) for graph in (self.old_units, units))
        change = self.layout.activity(now) - self.layout.activity(was)
        sample["activity"][:] += change
        # Of all vertices, those too whose predictions no value neuron's events reach.
        for name in units.predictions:
            moved = change[topology.nodes(topology.compared(name))]
            part = topology.slices[name]
            self._wake(np.arange(part.start, part.stop)[moved != 0])
            sample["predicted"][part] += moved
        self._derivatives(was, now)

    def _derivatives(self, was: list[np.ndarray], now: list[np.ndarray]) -> None:
        """Those at the activities that the old weights had, and at those of the new ones."""
        layout, units = self.layout, self.sending.units
        change = layout.slopes_at(units, now) - layout.slopes_at(self.old_units, was)
        self.sample["slopes"][:] += change
        at = 0
        for number, _ in layout.formulas.gates:
            size = units.populations[number].size
            self.changed[layout.number[number]] |= bool(change[at : at + size].any())
            at += size

    def sent_back(self, old: NetworkWeights) -> None:
        """What synapses deliver of what their dendrites have sent back."""
        down = self.layout.down
        change = (self.sending.weights.down - old.down) * self.sample["known"][down.sender]
        self.incoming += np.bincount(down.target, weights=change, minlength=self.layout.nodes)

    def received(self, activity: list[np.ndarray]) -> None:
        """What value neurons receive of the errors that were sent, with derivatives at the sweep."""
        units, layout = self.sending.units, self.layout
        sent = {n: self.sample["sent"][self.topology.slices[n]] for n in units.predictions}
        was, now = (graph.adjoints(activity, sent) for graph in (self.old_units, units))
        for name, number in units.values.items():
            if name in self.topology.slices:
                self.incoming[layout.nodes_of(layout.number[number])] += now[number] - was[number]
        self._derivatives(activity, activity)
        self.changed[:] = False

    def pass_on(self) -> None:
        """Let nodes take in what there is, as if it had arrived in this bin."""
        sample, state = self.sample, self.sample.state
        state.incoming[:] += self.incoming
        for population in range(self.layout.kind.size):
            nodes = self.layout.nodes_of(population)
            stale = self.changed[population] and self.layout.kind[population] == FUNCTION
            if stale or self.incoming[nodes].any():
                state.dirty_count[population] = ALL_NODES
                state.pending += 1
                state.top = max(state.top, population)
        backward(sample.network, state, float(self.step))
        state.touched[state.touched_units[: state.touched_count]] = 0
        state.touched_count = 0

    def _wake(self, units: np.ndarray) -> None:
        """Bring the blocks of these units to the present: they sleep no longer."""
        for block in np.unique(units // BLOCK):
            wake(self.sample.network, self.sample.state, int(block), float(self.step))
