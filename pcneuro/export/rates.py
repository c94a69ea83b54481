"""What a Brian2 network of graded neurons is made of, said without Brian2: for networks and for scripts alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.circuit import Circuit, told
from pcneuro.dynamics import AbstractDynamics, FixedPrediction
from pcneuro.engines import Data
from pcneuro.errors import ParameterError
from pcneuro.export.units import UnitGraph
from pcneuro.export.wiring import Wiring, checked_names
from pcneuro.given import merge
from pcneuro.integrators import AbstractIntegrator, Euler


class Rates:
    """Groups, projections and values of a circuit for these dynamics, this integrator and these data.

    Raises ParameterError for an integrator of several stages, weights that are not finite, or an operator without an
    equivalent in single units.
    """

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics | None,
        integrator: AbstractIntegrator | None,
        given: Mapping[str, Any],
    ) -> None:
        if not isinstance(circuit, Circuit):
            raise ParameterError(f"circuit is {told(circuit)}; needed is a Circuit object")
        self.dynamics = FixedPrediction() if dynamics is None else dynamics
        self.integrator = Euler() if integrator is None else integrator
        if len(self.integrator.weights) > 1:
            raise ParameterError(
                f"{type(self.integrator).__name__} has several stages, and Brian2 takes its sums over synapses once a "
                "step: use Euler or ExponentialEuler"
            )
        for name, values in circuit.parameters.items():
            if not np.isfinite(values).all():
                raise ParameterError(f"parameter {name!r} is not finite: not exported")
        self.data: Data = merge(circuit, None, given, time=0.0, dtype=np.dtype(np.float64), carried=dict)
        self.take(circuit)
        self.wiring = Wiring(self.units, set(self.data.clamped), self.dynamics.linear)
        self.names = checked_names(self.wiring)
        """Group -> its name in Brian2."""

    def take(self, circuit: Circuit) -> None:
        """Go on with another circuit, which differs in its parameters only."""
        self.circuit, self.units = circuit, UnitGraph(circuit)

    def state(self, vertex: str) -> str:
        """The variable that is integrated."""
        return "dev" if self.dynamics.linear and self.circuit.has_prediction(vertex) else "v"

    @property
    def rates(self) -> dict[str, np.ndarray]:
        """Free vertex -> what (drive - err) is multiplied by, in 1/s."""
        found = {}
        for name in self.circuit.vertices:
            if name not in self.data.clamped:
                gain = self.integrator.gain(self.circuit.tau[name], self.circuit.precision[name])
                found[name] = gain.ravel() / (self.integrator.dt * 1e-3)
        return found

    @property
    def sums(self) -> list[tuple[str, str]]:
        """Projection and the variable that it sums to, in the order within a step: predictions along the graph, then
        feedback the other way."""
        along = [(p.number, p.name, f"{p.forward[1]}_post") for p in self.wiring.projections if p.forward]
        back = [(-p.number, p.name, f"{p.backward[1]}_pre") for p in self.wiring.projections if p.backward]
        return [(name, variable) for part in (along, back) for _, name, variable in sorted(part, key=lambda x: x[0])]

    def start(self, sample: int) -> dict[str, dict[str, np.ndarray]]:
        """Group -> variable -> its values at time zero: the feedforward sweep of one sample, in NumPy."""
        inputs, clamped, initial = (
            {name: a[sample] for name, a in part.items()}
            for part in (self.data.inputs, self.data.clamped, self.data.initial)
        )
        graph = self.circuit.graph
        plain = {n: np.zeros(node.shape) for n, node in graph.latents.items() if not self.circuit.has_prediction(n)}
        leaves = {name: a for name, a in initial.items() if name in graph.latents}
        activity = self.units.forward(inputs | plain | leaves, clamped)
        found: dict[str, dict[str, np.ndarray]] = {
            name: {variable: activity[number] for variable, number in group.held.items()}
            for name, group in self.wiring.groups.items()
        }
        for name, number in self.units.values.items():
            value = np.asarray(initial.get(name, activity[number]), dtype=np.float64).ravel()
            if name in self.rates and self.state(name) == "dev":
                found[name]["dev"] = value - activity[self.units.predictions[name]]
            else:
                found[name]["v"] = value
        return found
