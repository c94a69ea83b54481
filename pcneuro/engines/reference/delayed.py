"""The reference engine with conduction delays: plain NumPy, synapse by synapse, over histories of what was sent.

At step n the dendrite of a vertex sees, at each synapse, its parent's activity of step n - d; before step 0 that was
the feedforward sweep's. What its errors send back to the synapse at step n arrives at the parent at step n + d', times
the weight at that time; before the first has arrived nothing does. Derivatives are those at what the dendrite sees when
the error is sent. New data or parameters change what is sent from then on, and not what is on its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.synapses import steps_at, synapse_groups
from pcneuro.circuit.units import (
    AbstractUnitWalk,
    SlopePull,
    Source,
    SynapsePull,
    SynapticSum,
    UnitFunction,
    UnitGraph,
    UnitPull,
)
from pcneuro.circuit.units.populations import summed
from pcneuro.engines.abstract import HopDistribution, Stepped
from pcneuro.engines.data import RunData
from pcneuro.engines.reference.engine import ReferenceEngine
from pcneuro.errors import CapacityError, ParameterError
from pcneuro.model.delays import check_stages
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.ops.base import Weights
from pcneuro.ops.formula import evaluate
from pcneuro.recording.probe import Probe

Arrays = dict[str, np.ndarray]
Place = tuple[int, str | None]
"""Of a synapse group: its population and operand."""


MOST_BYTES = 4_000_000_000
"""What histories may take together."""


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


class DelayedReference(ReferenceEngine):
    """A circuit in single units, with histories of its value neurons and of what goes back at each synapse."""

    exchangeable = False  # what is on its way is not handed over

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
        self.activities: list[np.ndarray] = []
        """Activity of every population, (batch, units), when predictions were last computed."""
        self._wire()

    def _wire(self) -> None:
        """Make the circuit's single units for the present parameters, and number the places where delays are."""
        self.units = UnitGraph(self.circuit.with_parameters(self.parameters), plastic=self.circuit.graph.parameters)
        self.places = synapse_groups(self.units)
        self.number = {(c.population, c.operand): k for k, c in enumerate(self.places)}
        self.neurons: list[np.ndarray] = []
        """Unit of the parent at each synapse, by synapse group."""
        self.forth: list[np.ndarray | int] = []
        self.back: list[np.ndarray | int] = []
        """Delays in steps, by synapse group."""
        for group in self.places:
            population = self.units.populations[group.population]
            self.neurons.append(population.pre if isinstance(population, SynapticSum) else np.arange(population.size))
            forth, back = (steps_at(self.units, group, k, self.integrator.dt) for k in ("prediction", "feedback"))
            self.forth.append(forth)
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

    def update(self, parameters: Mapping[str, np.ndarray]) -> None:
        raise ParameterError(f"{self.name} does not change parameters while events are under way: use set_parameters()")

    def predict(self, sweep: bool = False) -> None:
        if sweep:
            super().predict(True)
            self._begin()
            return
        self._read()
        for name in self.circuit.vertices:
            shape = self.value[name].shape
            if name in self.units.predictions:
                self.prediction[name] = self.activities[self.units.predictions[name]].reshape(shape).astype(self.dtype)
            else:
                self.prediction[name] = self.value[name].copy()

    def _flat(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(self.data.batch, -1)

    def _begin(self) -> None:
        """Dendrites see the sweep. All has been so, and nothing is on its way back, unless data continue."""
        swept = {name: self._flat(self.presynaptic[name]) for name in self.units.values}
        if not self.data.continues:
            self._check_room()
            self.past, self.sent = {}, []
            for key, (length, units) in self.lengths.items():
                kind, _, name = key.partition(".")
                if kind == "past":
                    self.past[name] = History(swept[name], length)
                else:
                    self.sent.append(History(np.zeros((self.data.batch, units)), length))
        for name in self.circuit.graph.inputs:
            self.past[name].now[...] = swept[name]
        with np.errstate(all="ignore"):
            places = zip(self.places, self.neurons, strict=True)
            self._see({(c.population, c.operand): swept[c.parent][:, neurons] for c, neurons in places}, swept)

    def _check_room(self) -> None:
        """Raise CapacityError where histories would not find room in memory."""
        needed = 8 * self.data.batch * sum(length * units for length, units in self.lengths.values())
        if needed > MOST_BYTES:
            raise CapacityError(
                f"the longest delay is {self.longest} steps: histories of {needed / 1e9:.3g} GB, of at most "
                f"{MOST_BYTES / 1e9:g}; give shorter delays or a longer dt, run fewer samples, or use Kernel()"
            )

    def _read(self) -> None:
        """Activity of all populations at what dendrites see now."""
        places = zip(self.places, self.forth, self.neurons, strict=True)
        seen = {(c.population, c.operand): self.past[c.parent].at(steps, neurons) for c, steps, neurons in places}
        self._see(seen, {name: history.now for name, history in self.past.items()})

    def _see(self, seen: dict[Place, np.ndarray], present: Mapping[str, np.ndarray]) -> None:
        """Activity of all populations where dendrites see this, and value neurons have these values."""
        self.seen, self.activities = seen, []
        for number, population in enumerate(self.units.populations):
            if isinstance(population, Source):
                self.activities.append(present[population.name].copy())
            elif isinstance(population, SynapticSum):
                weighted = population.weights.values * self.read_by(number, None, population)
                self.activities.append(summed(weighted, population.post, population.size))
            else:
                self.activities.append(self._evaluated(number, population, population.formula))

    def read_by(self, number: int, name: str | None, population: SynapticSum | UnitFunction) -> np.ndarray:
        """What a population reads, (batch, synapses or units), value neurons as they were when it left them."""
        if (number, name) in self.seen:
            return self.seen[number, name]
        if isinstance(population, SynapticSum):
            return self.activities[population.source][:, population.pre]
        assert name is not None
        operand = population.operands[name]
        return operand.values if isinstance(operand, Weights) else self.activities[operand]

    def slope(self, pull: SlopePull) -> np.ndarray:
        """The derivative of a function at what dendrites see, (batch, units)."""
        return self._evaluated(pull.number, pull.function, pull.derivative, out=self.activities[pull.number])

    def _evaluated(self, number: int, function: UnitFunction, formula: Any, **more: np.ndarray) -> np.ndarray:
        named = {name: self.read_by(number, name, function) for name in function.operands}
        return np.broadcast_to(evaluate(formula, named | more), (self.data.batch, function.size))

    def _evaluate(self) -> None:
        for name in self.circuit.vertices:
            self.past[name].now[...] = self._flat(self.value[name])
        super()._evaluate()

    def adjoints(self, errors: Arrays | None = None) -> Arrays:
        """Feedback to every vertex: what has arrived of what its children have sent back."""
        self._backward()
        feedback = {name: np.zeros_like(self._flat(self.value[name])) for name in self.circuit.vertices}
        for group, sent, steps, neurons in zip(self.places, self.sent, self.back, self.neurons, strict=True):
            if group.parent in feedback:
                population = self.units.populations[group.population]
                weights = population.weights.values if isinstance(population, SynapticSum) else 1.0
                arrived = weights * sent.at(steps, np.arange(group.synapses))
                total = feedback[group.parent]
                total += summed(arrived, neurons, total.shape[1]).astype(self.dtype)
        return {name: total.reshape(self.value[name].shape) for name, total in feedback.items()}

    def _backward(self, learning: bool = False) -> list[np.ndarray]:
        """Send the present errors back, to the synapses of value neurons, which keep them.

        Returns what comes to every population, (batch, units); to those of parameters only where they are ``learning``.
        """
        return _DelayedWalk(self, learning).walk()

    def gradients(self) -> Arrays:
        with np.errstate(all="ignore"):
            adjoints = self._backward(learning=True)
        return {
            name: -adjoints[self.units.parameters[name]].sum(axis=0).reshape(value.shape).astype(self.dtype)
            for name, value in self.parameters.items()
        }

    def passed(self) -> None:
        for history in (*self.past.values(), *self.sent):
            history.step()

    @property
    def steps_to_rest(self) -> int:
        return self.longest

    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        raise ParameterError("populations that wait for each other have no conduction delays: use Parallel()")

    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        raise ParameterError("there is no hop-count distribution with conduction delays: use Parallel()")

    def _histories(self) -> dict[str, History]:
        return {f"past.{name}": h for name, h in self.past.items()} | {f"sent.{k}": h for k, h in enumerate(self.sent)}

    def state(self) -> Arrays:
        return super().state() | {key: history.newest_first() for key, history in self._histories().items()}

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        histories = {key: a for key, a in state.items() if key.partition(".")[0] in ("past", "sent")}
        wanted = {key: (length, data.batch, units) for key, (length, units) in self.lengths.items()}
        if {key: a.shape for key, a in histories.items()} != wanted or any(
            a.dtype.kind != "f" for a in histories.values()
        ):
            raise ValueError("its histories are of other delays")
        self._take(data, {key: a for key, a in state.items() if key not in histories})
        self._wire()
        self._begin()
        for key, history in self._histories().items():
            history.take(histories[key])
        self.evaluate()

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"longest_delay_ms": self.longest * self.integrator.dt}


class _DelayedWalk(AbstractUnitWalk):
    """The way back of all samples: within a dendrite at once, to value neurons by way of the synapses."""

    def __init__(self, engine: DelayedReference, learning: bool) -> None:
        super().__init__(engine.units.feedback, engine.data.batch)
        self.engine, self.learning = engine, learning
        self.errors = engine.error if learning else engine.sent_errors()

    def error(self, vertex: str, adjoint: np.ndarray) -> np.ndarray:
        error = self.errors[vertex]
        return error.reshape(len(error), -1)

    def slope(self, pull: SlopePull) -> np.ndarray:
        return self.engine.slope(pull)

    def weights(self, pull: SynapsePull) -> np.ndarray:
        # Of value neurons' synapses, what they send back is multiplied by where it arrives.
        return np.ones(1) if pull.place in self.engine.number else super().weights(pull)

    def presynaptic(self, pull: SynapsePull) -> np.ndarray | None:
        return self.engine.read_by(pull.number, None, pull.synapses) if self.learning else None

    def deliver(self, pull: UnitPull, back: np.ndarray) -> None:
        group = self.engine.number.get(pull.place)
        if group is None:
            super().deliver(pull, back)
        else:
            self.engine.sent[group].now[...] = back
