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
from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph
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
    given = {name: a for name, a in initial.items() if name in circuit.graph.latents}
    activity = units.forward(inputs | latents | given, clamped)
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
    found: list[dict[str, sparse.csr_array]] = []
    for number, population in enumerate(units.populations):
        found.append(_derivatives(units, number, population, at.activity, found))
    jacobians = {(name, p): j for name, n in units.predictions.items() for p, j in found[n].items()}
    return Frozen(at.predictions, at.errors, at.start, jacobians)


def _derivatives(
    units: UnitGraph,
    number: int,
    population: Source | SynapticSum | UnitFunction,
    activity: list[np.ndarray],
    found: list[dict[str, sparse.csr_array]],
) -> dict[str, sparse.csr_array]:
    """Vertex -> derivative of a population by its value neurons."""
    if isinstance(population, Source):
        known = population.name in units.circuit.vertices
        return {population.name: sparse.eye_array(population.size, format="csr")} if known else {}
    total: dict[str, sparse.csr_array] = {}
    if isinstance(population, SynapticSum):
        source = units.populations[population.source].size
        weights = np.broadcast_to(population.weights.values, population.pre.shape)
        matrix = sparse.csr_array((weights, (population.post, population.pre)), shape=(population.size, source))
        return {name: sparse.csr_array(matrix @ j) for name, j in found[population.source].items()}
    for operand, derivative in population.derivatives.items():
        before = population.operands[operand]
        if isinstance(before, int) and found[before]:
            slope = population.evaluated(derivative, activity, out=activity[number])
            for name, j in found[before].items():
                part = sparse.csr_array(sparse.diags_array(slope) @ j)
                total[name] = sparse.csr_array(total[name] + part) if name in total else part
    return total
