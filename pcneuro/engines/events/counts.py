"""What events came to: numbers of events and of operations, under NeuroBench's names.

NeuroBench (Yik et al. 2025) counts multiply-accumulates of activations and weights that are not zero
(``Effective_MACs``), accumulates where activations are binary (``Effective_ACs``; none here, since events are graded),
and what there would be without sparsity (``Dense``: all synapses in every step of dt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pcneuro.engines.events.senders import Sending
    from pcneuro.engines.events.state import Sample


class Counts:
    """Since the start of a simulation, over all samples."""

    def __init__(self, sending: Sending, samples: list[Sample], steps: int) -> None:
        self.sending, self.samples, self.steps = sending, samples, steps
        self.events = np.sum([sample["events"] for sample in samples], axis=0)
        layout = sending.layout
        weights = sending.weights
        ways = (
            ("sends_up", layout.up.synapses, weights.effective_up),
            ("sends_down", layout.down.synapses, weights.effective_down),
        )
        sent = [(np.sum([sample[name] for sample in samples], axis=0), each) for name, *each in ways]
        self.operations = np.stack(
            [self._by_population(number * synapses) for number, each in sent for synapses in each], axis=1
        )
        """(populations, 4): of all synapses and of those with a weight other than 0, up; and down."""

    def _by_population(self, nodes: np.ndarray) -> np.ndarray:
        """Sums of whole numbers of nodes over each population."""
        return np.diff(np.concatenate([[0], np.cumsum(nodes)])[self.sending.layout.offset])

    def by_population(self) -> dict[str, dict[str, int]]:
        """``"h1.error"`` -> neurons, events, and operations of what they sent."""
        sending = self.sending
        circuit, layout = sending.engine.circuit, sending.layout
        units = sending.topology.count
        up, down = (layout.by_owner(self.operations[:, column]) for column in (1, 3))
        axons = np.zeros(layout.kind.size, dtype=np.int64)
        if sending.strict:
            np.add.at(axons, layout.population, self.events[2 * units :])
        sent = layout.by_owner(axons)
        found: dict[str, dict[str, int]] = {}
        for name, part in sending.slices.items():
            size = part.stop - part.start
            if sending.strict:
                events = int(self.events[part].sum())
                found[f"{name}.value"] = {"neurons": size, "events": events, "Effective_MACs": up[name]}
            if circuit.has_prediction(name):
                own = sent[name] if sending.strict else int(self.events[units + part.start : units + part.stop].sum())
                found[f"{name}.error"] = {"neurons": size, "events": own, "Effective_MACs": down[name]}
        return found

    def by_kind(self) -> dict[str, dict[str, int]]:
        """Kind of projection -> operations, and what they would be in every step. Plasticity is one Hebbian update."""
        most = self.steps * len(self.samples)
        done, synapses = self.operations.sum(axis=0), self.sending.topology.synapses
        found = {
            "prediction": {"Effective_MACs": int(done[1]), "Effective_ACs": 0, "Dense": synapses["prediction"] * most},
            "feedback": {"Effective_MACs": int(done[3]), "Effective_ACs": 0, "Dense": synapses["feedback"] * most},
        }
        dense, effective = self.sending.plasticity
        return found | {"plasticity": {"Effective_MACs": effective, "Effective_ACs": 0, "Dense": dense}}

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
            "synaptic_operations": int(self.operations[:, [0, 2]].sum()),
            "dendritic_multiplications": sum(s.state.gates for s in self.samples),
            "activation_sparsity": 1.0 - events / chances if chances else 1.0,
            "connection_sparsity": self.sending.connection_sparsity,
            "footprint": self._footprint(),
            "by_population": populations,
            "by_kind": kinds,
            "most_events_under_way": sum(s.most_under_way for s in self.samples),
        }

    def _footprint(self) -> int:
        """Bytes of synapses and of the state of all samples."""
        return self.sending.net.nbytes + sum(sample.bytes for sample in self.samples)
