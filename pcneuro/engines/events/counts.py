"""Event statistics: numbers of events and of operations, under NeuroBench's names.

NeuroBench (Yik et al. 2025) counts multiply-accumulates of activations and weights that are not zero
(``Effective_MACs``), accumulates where activations are binary (``Effective_ACs``; none here, since events are graded),
and what there would be without sparsity (``Dense``: all synapses in every step of dt).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.engines.events.branches import PREDICTION
from pcneuro.engines.events.tally import GATES, MOST, SWEEPS, Tally
from pcneuro.engines.events.topology import NONE
from pcneuro.recording.activity import activity_dataset, axons_dataset

if TYPE_CHECKING:
    import xarray

    from pcneuro.engines.events.senders import Sending
    from pcneuro.engines.events.state import Sample


class Counts:
    """Since the start of a simulation: by sample and neuron, of which all statistics are sums.

    Of a vertex' value neurons there are counts under strict dynamics, where they send; of its error neurons where it
    has any. What is sent and received within a dendrite counts for the neuron whose dendrite it is.
    """

    def __init__(self, sending: Sending, samples: list[Sample], steps: int, tally: Tally) -> None:
        self.sending, self.samples, self.steps, self.tally = sending, samples, steps, tally
        circuit, self.sizes = sending.engine.circuit, dict[str, int]()
        """Population -> its neurons."""
        for name in (*circuit.graph.inputs, *sending.slices):
            sends = f"{name}.value" in tally.by_population or (sending.strict and name in sending.slices)
            kinds = ["value"] * sends + ["error"] * (name in sending.slices and circuit.has_prediction(name))
            self.sizes |= {f"{name}.{kind}": circuit.graph.nodes[name].size for kind in kinds}
        ends = np.cumsum([0, *self.sizes.values()])
        self._first = dict(zip(self.sizes, ends.tolist(), strict=False))
        weights, layout = sending.weights, sending.layout
        self.events = self._by_neuron([sample["events"] for sample in samples], sending.topology.senders)
        up, down = ([sample[name] for sample in samples] for name in ("sends_up", "sends_down"))
        self.effective, self.synaptic = (
            self._by_neuron([sends * each_up for sends in up], self._nodes("value"))
            + self._by_neuron([sends * each_down for sends in down], self._nodes("error"))
            for each_up, each_down in (
                (weights.effective_up, weights.effective_down),
                (layout.up.synapses, layout.down.synapses),
            )
        )
        """Operations of what each neuron sent, (batch, neurons), of synapses with a weight other than 0, and of all."""
        for name, counted in tally.by_population.items():
            for counts, before in zip((self.events, self.effective, self.synaptic), counted, strict=True):
                counts[:, self._part(name)] += before

    def _nodes(self, kind: str) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names of populations; and of each node which of them it counts for, and the neuron."""
        layout = self.sending.layout
        names = [f"{name}.{kind}" for name in self.sending.slices]
        population = np.full(layout.nodes, NONE, dtype=np.int32)
        for here, name in layout.owner.items():
            population[layout.nodes_of(here)] = names.index(f"{name}.{kind}")
        return names, population, layout.neuron

    def _by_neuron(self, counts: Sequence[np.ndarray], senders: tuple[list[str], np.ndarray, np.ndarray]) -> np.ndarray:
        """Counts of codes or nodes, summed over those of a neuron, (batch, neurons)."""
        names, population, neuron = senders
        first = np.array([self._first.get(name, NONE) for name in [*names, ""]], dtype=np.int64)
        place = first[population]
        known = place >= 0
        by_neuron = np.zeros((len(counts), sum(self.sizes.values())), dtype=np.int64)
        for row, numbers in zip(by_neuron, counts, strict=True):
            np.add.at(row, (place + neuron)[: numbers.size][known[: numbers.size]], numbers[known[: numbers.size]])
        return by_neuron

    def _part(self, population: str) -> slice:
        return slice(self._first[population], self._first[population] + self.sizes[population])

    def tallied(self) -> Tally:
        """All of it, for a state that is made anew to be counted on from."""
        counts = np.stack([self.events, self.effective, self.synaptic])
        totals = {GATES: self._gates(), SWEEPS: self.tally.totals[SWEEPS], MOST: self._most()}
        return Tally({name: counts[:, :, self._part(name)] for name in self.sizes}, totals, self.sends())

    def sends(self) -> dict[str, np.ndarray]:
        """Branch -> how often each of its units sent through synapses that count, int64 (batch, units)."""
        layout, tallied = self.sending.layout, self.tally.sends
        sends = {}
        for branch in layout.branches.by_name.values():
            way, table = ("up", layout.up) if branch.kind == PREDICTION else ("down", layout.down)
            here = layout.reads.get((branch.number, branch.operand or ""), layout.number[branch.number])
            sent = tallied.get(branch.name, np.zeros((len(self.samples), branch.size), dtype=np.int64))
            if branch.operand is None or (branch.number, branch.operand) in layout.reads:
                nodes = layout.nodes_of(here)
                counted = table.synapses[nodes] > 0
                rows = [sample[f"sends_{way}"][nodes] * counted for sample in self.samples]
                sent = sent + np.array(rows, dtype=np.int64).reshape(sent.shape)
            sends[branch.name] = sent
        return sends

    def axons(self, steps: int | None) -> xarray.Dataset:
        """``result.axons``, after so many steps since the start; None at exact times."""
        branches, swept = self.sending.layout.branches, self.sending.swept
        active = {
            branch.name: np.stack([activity[branch.number] for activity in swept]) != 0
            for branch in branches.prediction
        }
        return axons_dataset(self.sends(), active, steps, self.sending.engine.integrator.dt)

    def _gates(self) -> int:
        return self.tally.totals[GATES] + sum(sample.state.gates for sample in self.samples)

    def _most(self) -> int:
        return max(self.tally.totals[MOST], sum(sample.most_under_way for sample in self.samples))

    def activity(self) -> xarray.Dataset:
        """``result.activity``."""
        counts = {"events": self.events, "Effective_MACs": self.effective, "synaptic_operations": self.synaptic}
        return activity_dataset(self.sizes, counts)

    def by_population(self) -> dict[str, dict[str, int]]:
        """``"h1.error"`` -> neurons, events, and operations of what they sent."""
        table = {}
        for name, size in self.sizes.items():
            part = self._part(name)
            events, operations = (int(counts[:, part].sum()) for counts in (self.events, self.effective))
            table[name] = {"neurons": size, "events": events, "Effective_MACs": operations}
        return table

    def by_kind(self) -> dict[str, dict[str, int]]:
        """Kind of projection -> operations, and what they would be in every step. Plasticity is one Hebbian update."""
        most = self.steps * len(self.samples)
        synapses, populations = self.sending.topology.synapses, self.by_population()
        kinds = {}
        for kind, sender in (("prediction", "value"), ("feedback", "error")):
            done = sum(p["Effective_MACs"] for name, p in populations.items() if name.endswith(f".{sender}"))
            dense = synapses[kind] * most + (self._dense_of_changes() if kind == "prediction" else 0)
            kinds[kind] = {"Effective_MACs": done, "Effective_ACs": 0, "Dense": dense}
        dense, effective = self.sending.plasticity
        return kinds | {"plasticity": {"Effective_MACs": effective, "Effective_ACs": 0, "Dense": dense}}

    def _dense_of_changes(self) -> int:
        """What a clocked engine does because data change: inputs in every step, or, of held predictions, new sweeps."""
        names, synapses = self.tally.by_population, self.sending.value_synapses
        if not self.sending.strict:
            return (
                self.tally.totals[SWEEPS] * len(self.samples) * sum(int(each.all.sum()) for each in synapses.values())
            )
        inputs = [name for name in self.sending.engine.circuit.graph.inputs if f"{name}.value" in names]
        return self.steps * len(self.samples) * sum(int(synapses[name].all.sum()) for name in inputs)

    def stats(self) -> dict[str, Any]:
        """For ``result.stats``."""
        kinds, populations = self.by_kind(), self.by_population()
        sent = {"prediction", "feedback"}
        events = sum(p["events"] for p in populations.values())
        chances = sum(p["neurons"] for p in populations.values()) * self.steps * len(self.samples)
        return {
            "events": {name: p["events"] for name, p in populations.items()},
            "Effective_MACs": sum(kinds[k]["Effective_MACs"] for k in sent),
            "Effective_ACs": 0,
            "Dense": sum(kinds[k]["Dense"] for k in sent),
            "synaptic_operations": int(self.synaptic.sum()),
            "dendritic_multiplications": self._gates(),
            "activation_sparsity": 1.0 - events / chances if chances else 1.0,
            "connection_sparsity": self.sending.connection_sparsity,
            "footprint": self._footprint(),
            "by_population": populations,
            "by_kind": kinds,
            "most_events_under_way": self._most(),
        }

    def _footprint(self) -> int:
        """Bytes of synapses and of the state of all samples."""
        return self.sending.network.nbytes + sum(sample.bytes for sample in self.samples)
