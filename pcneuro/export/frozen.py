"""A circuit under fixed prediction as the linear one that it is: its derivatives at the feedforward sweep.

For targets that know weights and leaks but no functions. With J = d vhat_child / d v_parent held at the sweep,

    e_i = Pi_i (v_i - vhat_i),    tau_i dv_i/dt = -e_i + sum over children of J^T e_child

(Millidge, Tschantz & Buckley, 2020, equations 3 and 4), and e of a clamped vertex stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import returning
from pcneuro.circuit.feedback import AbstractVisitor
from pcneuro.circuit.units import Source, SynapsePull, UnitGraph, UnitPull, UnitStation
from pcneuro.engines import RunData


@dataclass(frozen=True, eq=False)
class Frozen:
    """One sample's linear circuit.

    Attributes
    ----------
    predictions
        Vertex -> its prediction of the sweep, (units,).
    errors
        Vertex that is clamped -> its error, (units,), which stays.
    start
        Vertex that is free -> its error at time zero, (units,); zero unless it starts from a value of its own.
    jacobians
        Child and parent, both vertices -> d vhat_child / d v_parent, (units of the child, units of the parent).
    """

    predictions: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    start: dict[str, np.ndarray]
    jacobians: dict[tuple[str, str], sparse.csr_array]


@dataclass(frozen=True, eq=False)
class Sweep:
    """One sample's feedforward sweep: ``activity`` of all populations, and ``predictions``, ``errors`` and ``start``
    as in ``Frozen``."""

    activity: list[np.ndarray]
    predictions: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    start: dict[str, np.ndarray]

    def equilibrium(self, units: UnitGraph) -> dict[str, np.ndarray]:
        """Vertex -> its error, (units,), once nothing changes any more."""
        feedback = units.backward(self.activity, self.errors)
        return {name: self.errors.get(name, feedback[name]) for name in self.predictions}


def sweep(units: UnitGraph, data: RunData, sample: int = 0) -> Sweep:
    """The sweep of a sample of the data.

    Latents without a prior have no error, and are at zero unless they are given; so they are left out of ``start``.
    """
    circuit = units.circuit
    inputs, clamped, initial = (
        {name: a[sample] for name, a in part.items()} for part in (data.inputs, data.clamped, data.initial)
    )
    latents = {n: np.zeros(node.shape) for n, node in circuit.graph.latents.items() if not circuit.has_prediction(n)}
    roots = {name: a for name, a in initial.items() if name in circuit.graph.latents}
    activity = units.forward(inputs | latents | roots, clamped)
    predictions = {name: activity[number] for name, number in units.predictions.items()}
    errors: dict[str, np.ndarray] = {}
    start: dict[str, np.ndarray] = {}
    for name, prediction in predictions.items():
        precision = circuit.precision[name].ravel()
        if name in clamped:
            mean = activity[units.means[name]] if name in units.means else prediction
            errors[name] = precision * (clamped[name].ravel() - mean)
        else:
            start[name] = precision * (np.asarray(initial.get(name, prediction)).ravel() - prediction)
    return Sweep(activity, predictions, errors, start)


def frozen(circuit: Circuit, data: RunData, sample: int = 0) -> Frozen:
    """The derivatives of a sample of the data at its feedforward sweep."""
    units = UnitGraph(circuit)
    at = sweep(units, data, sample)
    derivatives = _Jacobians(units, at.activity).by_population
    jacobians = {(name, p): j for name, n in units.predictions.items() for p, j in derivatives[n].items()}
    return Frozen(at.predictions, at.errors, at.start, jacobians)


Jacobians = dict[str, sparse.csr_array]
"""Vertex -> derivative of a population by its value neurons."""


class _Jacobians(AbstractVisitor[UnitStation, Jacobians]):
    """The derivatives of all populations: led through the backward graph the other way, from values to predictions."""

    def __init__(self, units: UnitGraph, activity: list[np.ndarray]) -> None:
        self.units, self.activity = units, activity
        self.by_population: list[Jacobians] = [{} for _ in units.populations]
        graph = units.circuit.graph
        self.vertices = {name: name for name in units.circuit.vertices} | {
            leaf: graph.sender(leaf) for leaf in returning(graph)
        }
        """What errors come back to -> the vertex that it has the activity of."""
        self.visit(reversed(units.feedback))

    def arrive(self, station: UnitStation) -> Jacobians:
        jacobians, population = self.by_population[station.number], station.population
        if isinstance(population, Source) and population.name in self.vertices:
            jacobians[self.vertices[population.name]] = sparse.eye_array(population.size, format="csr")
        return jacobians

    def pull(self, station: UnitStation, pull: UnitPull, leaving: Jacobians) -> None:
        before = self.by_population[pull.source]
        if isinstance(pull, SynapsePull):
            synapses, width = pull.synapses, self.units.populations[pull.source].size
            weights = np.broadcast_to(synapses.weights.values, synapses.pre.shape)
            matrix = sparse.csr_array((weights, (synapses.post, synapses.pre)), shape=(synapses.size, width))
            leaving |= {name: sparse.csr_array(matrix @ jacobian) for name, jacobian in before.items()}
        elif before:
            slope = pull.function.evaluated(pull.derivative, self.activity, out=self.activity[pull.number])
            for name, jacobian in before.items():
                part = sparse.csr_array(sparse.diags_array(slope) @ jacobian)
                leaving[name] = sparse.csr_array(leaving[name] + part) if name in leaving else part
