"""The reference engine with conduction delays: plain NumPy, synapse by synapse, over histories of what was sent.

At step n the dendrite of a vertex sees, at each synapse, its parent's activity of step n - d; before step 0 that was
the feedforward sweep's. What its errors send back along the synapse at step n arrives at the parent at step n + d';
before the first has arrived nothing does. Derivatives are those at what the dendrite sees when the error is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.synapses import steps_at, synapse_groups
from pcneuro.circuit.units import Function, Source, Sum, UnitGraph
from pcneuro.engines.abstract import HopDistribution, RunData, Stepped
from pcneuro.engines.reference.engine import ReferenceEngine
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Node
from pcneuro.model.delays import check_stages
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.model.settled import Settled
from pcneuro.ops.base import Elementwise, Gather, Units, Weights
from pcneuro.ops.formula import evaluate
from pcneuro.recording.probe import Probe

Arrays = dict[str, np.ndarray]
Place = tuple[int, str | None]
"""Of a synapse group: its population and operand."""


class History:
    """The last ``length`` states of an array (batch, units), the present one included; all were as the first is."""

    def __init__(self, first: np.ndarray, length: int) -> None:
        self.states = np.repeat(first[None], length, axis=0)
        self.position = 0

    @property
    def now(self) -> np.ndarray:
        """The present state, to be read and written."""
        return self.states[self.position]

    def at(self, steps: np.ndarray | int, units: np.ndarray) -> np.ndarray:
        """Of shape (batch, entries): each of ``units`` as it was so many steps ago."""
        return self.states[(self.position - steps) % len(self.states), :, units].T

    def step(self) -> None:
        """The present becomes the past; the new present is as it was until it is written."""
        before = self.now
        self.position = (self.position + 1) % len(self.states)
        self.now[...] = before

    def newest_first(self) -> np.ndarray:
        """All states, of shape (length, batch, units)."""
        return self.states[(self.position - np.arange(len(self.states))) % len(self.states)]

    def take(self, states: np.ndarray) -> None:
        """Take up states that ``newest_first`` gave."""
        self.states, self.position = states[::-1].copy(), len(states) - 1


@dataclass
class PlasticUnits(UnitGraph):
    """All populations of a circuit, and as populations, too, its parameters and what is computed from them alone.

    What goes back to these is the gradient. ``Weights.parameter`` may name any node that is ``plastic``.
    """

    plastic: dict[str, int] = field(default_factory=dict)
    """Parameter, or node that is computed from parameters and no activity -> its population."""

    def _leaf(self, name: str, node: Node) -> Units | Weights:
        made = super()._leaf(name, node)
        if isinstance(made, Weights) and made.parameter is not None:
            self.plastic[name] = self.function("x", {"x": made}, {}).number
        return made

    def _computed(self, name: str, node: Node, found: Mapping[str, Units | Weights]) -> Units | Weights:
        operands = [found[o] for o in node.operands]
        alone = all(isinstance(x, Weights) for x in operands)
        if self.plastic.keys().isdisjoint(node.operands):
            return super()._computed(name, node, found)
        # Sums have weights of their own; functions read populations, and so do sums of parameters alone.
        reads = isinstance(node.operator.role, Elementwise | Gather)
        read = [o for o in node.operands if o in self.plastic] if reads else [node.operands[0]] if alone else []
        made = super()._computed(name, node, {**found, **{o: self._population(o, found[o]) for o in read}})
        if not alone or name in self.circuit.vertices:
            return made
        assert isinstance(made, Units)
        self.plastic[name] = made.number
        shapes = [self.circuit.graph.nodes[o].shape for o in node.operands]
        arrays = [x.values.reshape(1, *s) for x, s in zip(operands, shapes, strict=True) if isinstance(x, Weights)]
        with np.errstate(all="ignore"):
            return Weights(np.array(node.compute(*arrays), dtype=np.float64).ravel(), name, origin=name)

    def _population(self, name: str, weights: Units | Weights) -> Units:
        """That of a parameter, or of a constant, which has none yet."""
        if name in self.plastic:
            return Units(self.plastic[name], self.populations[self.plastic[name]].size)
        return self.function("x", {"x": weights}, {})


class DelayedReference(ReferenceEngine):
    """A circuit in single units, with histories of its value neurons and of what goes back at each synapse."""

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        name: str,
    ) -> None:
        check_stages(integrator)
        super().__init__(circuit, dynamics, integrator, dtype, name)
        self.past: dict[str, History] = {}
        """Of the value neurons of inputs and vertices."""
        self.sent: list[History] = []
        """Of what goes back, (batch, synapses), by synapse group."""
        self.seen: dict[Place, np.ndarray] = {}
        """What dendrites see now at a population and operand that read value neurons, (batch, synapses)."""
        self.found: list[np.ndarray] = []
        """Activity of every population, (batch, units), when predictions were last computed."""
        self.quiet: int | None = None
        """The number of the step since which the run's ``until`` holds."""
        self._wire()

    def _wire(self) -> None:
        """Make the circuit's single units for the present parameters, and number the places where delays are."""
        self.units = PlasticUnits(self.circuit.with_parameters(self.parameters))
        self.places = synapse_groups(self.units)
        self.number = {(c.population, c.operand): k for k, c in enumerate(self.places)}
        self.neurons: list[np.ndarray] = []
        """Unit of the parent at each synapse, by synapse group."""
        self.forth: list[np.ndarray | int] = []
        self.back: list[np.ndarray | int] = []
        """Delays in steps, by synapse group."""
        for group in self.places:
            population = self.units.populations[group.population]
            self.neurons.append(population.pre if isinstance(population, Sum) else np.arange(population.size))
            forth, back = (steps_at(self.units, group, k, self.integrator.dt) for k in ("prediction", "feedback"))
            # Inputs are constant.
            self.forth.append(0 if group.parent in self.circuit.graph.inputs else forth)
            self.back.append(back)
        longest = [[int(np.max(s, initial=0)) for s in steps] for steps in (self.forth, self.back)]
        self.longest = max((n for each in longest for n in each), default=0)
        self.lengths = {f"past.{name}": (1, self.units.populations[n].size) for name, n in self.units.values.items()}
        """History -> how many states it has, and of how many units or synapses."""
        for k, group in enumerate(self.places):
            length, units = self.lengths[f"past.{group.parent}"]
            self.lengths[f"past.{group.parent}"] = max(length, longest[0][k] + 1), units
            self.lengths[f"sent.{k}"] = longest[1][k] + 1, group.synapses

    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        super().load(parameters)
        self._wire()

    def predict(self, sweep: bool = False) -> None:
        if sweep:
            super().predict(True)
            self._begin()
            return
        self._read()
        for name in self.circuit.vertices:
            shape = self.value[name].shape
            if name in self.units.predictions:
                self.prediction[name] = self.found[self.units.predictions[name]].reshape(shape).astype(self.dtype)
            else:
                self.prediction[name] = self.value[name].copy()

    def _flat(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(self.data.batch, -1)

    def _begin(self) -> None:
        """Histories at time zero: all has been as in the sweep, and nothing is on its way back."""
        self.past, self.sent = {}, []
        for key, (length, units) in self.lengths.items():
            kind, _, name = key.partition(".")
            if kind == "past":
                self.past[name] = History(self._flat(self.presynaptic[name]), length)
            else:
                self.sent.append(History(np.zeros((self.data.batch, units)), length))
        with np.errstate(all="ignore"):
            self._read()

    def _read(self) -> None:
        """Activity of all populations at what dendrites see now."""
        self.seen = {
            (c.population, c.operand): self.past[c.parent].at(steps, neurons)
            for c, steps, neurons in zip(self.places, self.forth, self.neurons, strict=True)
        }
        self.compute()

    def compute(self) -> None:
        """Activity of all populations at what is ``seen``."""
        self.found = []
        for number, population in enumerate(self.units.populations):
            if isinstance(population, Source):
                self.found.append(self.past[population.name].now.copy())
            elif isinstance(population, Sum):
                weighted = population.weights.values * self._operand(number, None, population)
                self.found.append(_summed(weighted, population.post, population.size))
            else:
                self.found.append(self._evaluated(number, population, population.formula))

    def _operand(self, number: int, name: str | None, population: Sum | Function) -> np.ndarray:
        """What a population reads, (batch, synapses or units), value neurons as they were when it left them."""
        if (number, name) in self.seen:
            return self.seen[number, name]
        if isinstance(population, Sum):
            return self.found[population.source][:, population.pre]
        assert name is not None
        operand = population.operands[name]
        return operand.values if isinstance(operand, Weights) else self.found[operand]

    def _evaluated(self, number: int, function: Function, formula: Any, **more: np.ndarray) -> np.ndarray:
        named = {name: self._operand(number, name, function) for name in function.operands}
        return np.broadcast_to(evaluate(formula, named | more), (self.data.batch, function.size))

    def _evaluate(self) -> None:
        for name in self.circuit.vertices:
            self.past[name].now[...] = self._flat(self.value[name])
        super()._evaluate()

    def _adjoints(self, relaxed: bool = False) -> Arrays:
        """Feedback to every vertex: what has arrived of what its children have sent back."""
        self._backward()
        found = {name: np.zeros_like(self._flat(self.value[name])) for name in self.circuit.vertices}
        for group, sent, steps, neurons in zip(self.places, self.sent, self.back, self.neurons, strict=True):
            if group.parent in found:
                arrived = sent.at(steps, np.arange(group.synapses))
                total = found[group.parent]
                total += _summed(arrived, neurons, total.shape[1]).astype(self.dtype)
        return {name: total.reshape(self.value[name].shape) for name, total in found.items()}

    def _backward(self, learn: bool = False) -> list[np.ndarray]:
        """Send the present errors back, to the synapses of value neurons, which keep them.

        Returns what comes to every population, (batch, units); to those of parameters only where they ``learn``.
        """
        populations = self.units.populations
        adjoints = [np.zeros((self.data.batch, p.size)) for p in populations]
        for name, number in self.units.predictions.items():
            adjoints[number] += self._flat(self.error[name])
        for number in reversed(range(len(populations))):
            population, adjoint = populations[number], adjoints[number]
            if isinstance(population, Sum):
                behind, weights = adjoint[:, population.post], population.weights
                self._deliver(adjoints, (number, None), population.source, population.pre, weights.values * behind)
                if learn and weights.parameter is not None:
                    changes = self._operand(number, None, population) * behind
                    synapses = np.arange(weights.values.size) if weights.index is None else weights.index
                    plastic = adjoints[self.units.plastic[weights.parameter]]
                    plastic += _summed(changes, np.broadcast_to(synapses, population.pre.shape), plastic.shape[1])
            elif isinstance(population, Function):
                every = np.arange(population.size)
                for name, derivative in population.derivatives.items():
                    operand = population.operands[name]
                    if isinstance(operand, int):
                        slope = self._evaluated(number, population, derivative, out=self.found[number])
                        self._deliver(adjoints, (number, name), operand, every, slope * adjoint)
        return adjoints

    def _deliver(
        self,
        adjoints: list[np.ndarray],
        place: tuple[int, str | None],
        source: int,
        units: np.ndarray,
        back: np.ndarray,
    ) -> None:
        """Within a dendrite at once, to value neurons by way of the synapses."""
        if place in self.number:
            self.sent[self.number[place]].now[...] = back
        else:
            adjoints[source] += _summed(back, units, adjoints[source].shape[1])

    def gradients(self) -> Arrays:
        with np.errstate(all="ignore"):
            adjoints = self._backward(learn=True)
        return {
            name: -adjoints[self.units.plastic[name]].sum(axis=0).reshape(value.shape).astype(self.dtype)
            for name, value in self.parameters.items()
        }

    def passed(self) -> None:
        for history in (*self.past.values(), *self.sent):
            history.step()

    def begin(self, until: Settled | None) -> None:
        super().begin(until)
        self.quiet = None

    def look(self, number: int) -> bool:
        """At rest for as long as the longest delay: all that was on its way has then come, and changed nothing."""
        assert self.until is not None
        if not self.rests(self.until, slice(None)):
            self.quiet = None
        elif self.quiet is None:
            self.quiet = number
        if self.rested[0] is None and self.quiet is not None and number - self.quiet >= self.longest:
            self.rested[0] = number
        return self.rested[0] is not None

    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        raise ParameterError("populations that wait for each other have no conduction delays: use Parallel()")

    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        raise ParameterError("there is no law of hops for conduction delays: use Parallel()")

    def _histories(self) -> dict[str, History]:
        return {f"past.{name}": h for name, h in self.past.items()} | {f"sent.{k}": h for k, h in enumerate(self.sent)}

    def state(self) -> Arrays:
        return super().state() | {key: history.newest_first() for key, history in self._histories().items()}

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        own = {key: a for key, a in state.items() if key.partition(".")[0] in ("past", "sent")}
        wanted = {key: (length, data.batch, units) for key, (length, units) in self.lengths.items()}
        if {key: a.shape for key, a in own.items()} != wanted or any(a.dtype.kind != "f" for a in own.values()):
            raise ValueError("its histories are of other delays")
        self._take(data, {key: a for key, a in state.items() if key not in own})
        self._wire()
        self._begin()
        for key, history in self._histories().items():
            history.take(own[key])
        self.evaluate()

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"longest_delay_ms": self.longest * self.integrator.dt}


def _summed(rows: np.ndarray, into: np.ndarray, size: int) -> np.ndarray:
    """Of shape (batch, size): entries of each row added up where ``into`` puts them."""
    return np.stack([np.bincount(into, weights=row, minlength=size) for row in rows])
