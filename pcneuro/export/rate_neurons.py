"""Rate neurons, connections and numbers of a NEST network, without NEST, for one sample of the data.

NEST hands the rates of all neurons on with a lag of one of its steps, so that every step is one of Euler's method,
X <- X + h/tau * input for its ``lin_rate_ipn`` with lambda 0, and X <- f(input) for its ``rate_transformer_...``.

- Under fixed prediction e = Pi (v - vhat) with vhat held. So values and errors are each a population that integrates
  the children's errors with a leak, tau dv/dt = feedback - Pi (v - vhat) and tau de/dt = Pi (feedback - e). Both are
  ``lin_rate_ipn``, and nothing is late. An error is a state of its own: small ones at large values are not lost.
- Under strict dynamics an error follows from values at once, which in NEST takes a step, and another one leads from the
  error back to the value. Hence a step of the circuit is two of NEST. A value neuron adds to what it was before both,
  which its memory neuron has kept for it.

Either way the rates at the end of a step are those of the circuit's own integrator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.projections import projections
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines import RunData
from pcneuro.errors import ParameterError
from pcneuro.export.affine import Affine, AffineForms
from pcneuro.export.frozen import frozen
from pcneuro.model.dynamics import AbstractDynamics, FixedPrediction, Strict
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.ops.primitives import PRIMITIVES

INTEGRATOR = "lin_rate_ipn"
SUM = "rate_transformer_lin"
TRANSFERS = {
    "tanh": "rate_transformer_tanh",
    "sigmoid": "rate_transformer_sigmoid",
    "relu": "rate_transformer_threshold_lin",
}
"""Primitive -> NEST's model, whose gain, slope, threshold and ceiling are 1, 1, 0 and none unless they are set."""
FUNCTIONS = {model: primitive for primitive, model in TRANSFERS.items()}
"""NEST's model -> primitive."""
ONE = "constant.one"
"""Population of a single neuron whose rate is 1: constants are the weights of what it sends.

Its name has a point in it, as no input's has.
"""


def value(vertex: str) -> str:
    """Name of the value neurons of a vertex, as in ``Circuit.nx``."""
    return f"{vertex}.value"


def error(vertex: str) -> str:
    """Name of its error neurons."""
    return f"{vertex}.error"


@dataclass(frozen=True, eq=False)
class Neurons:
    """A population: NEST's model, rates at time zero (units,), and parameters by their names in NEST."""

    model: str
    rates: np.ndarray
    parameters: Mapping[str, Any]


@dataclass(eq=False)
class NestNeurons:
    """Populations and what they receive.

    Attributes
    ----------
    substeps
        NEST's steps in a step of the circuit.
    neurons
        By name.
    inputs
        Population -> what it receives, from rates of populations one step before.
    readouts
        Vertex and variable (as in ``Record``) -> what it is, of rates of populations at the end of a step.
    """

    substeps: int
    neurons: dict[str, Neurons] = field(default_factory=dict)
    inputs: dict[str, Affine] = field(default_factory=dict)
    readouts: dict[tuple[str, str], Affine] = field(default_factory=dict)

    def integrate(self, name: str, rates: np.ndarray, tau: np.ndarray, receives: Affine) -> None:
        """Add neurons with tau dX/dt = input, whose constant part is NEST's ``mu``; tau in ms."""
        settings = {"lambda": 0.0, "sigma": 0.0, "mu": receives.constant, "tau": tau}
        self.neurons[name] = Neurons(INTEGRATOR, rates, settings)
        self.inputs[name] = Affine(receives.weights, np.zeros(rates.size))

    def hold(self, name: str, rates: np.ndarray) -> None:
        """Add neurons whose rates stay: they integrate nothing."""
        self.integrate(name, rates, np.ones(rates.size), Affine.fixed(np.zeros(rates.size)))

    def add(self, name: str, rates: np.ndarray, receives: Affine, model: str = SUM) -> None:
        """Add neurons whose rates are what they receive, or a function of it."""
        self.neurons[name] = Neurons(model, rates, {})
        self.inputs[name] = receives

    @property
    def neuron_count(self) -> int:
        """All neurons."""
        return sum(neurons.rates.size for neurons in self.neurons.values())

    @property
    def projections(self) -> Iterable[tuple[str, str, sparse.coo_array]]:
        """Source, target and weights (units of the target, units of the source); each pair of populations once."""
        for target, receives in self.inputs.items():
            for source, matrix in receives.weights.items():
                yield source, target, sparse.coo_array(matrix)
            if receives.constant.any():
                yield ONE, target, sparse.coo_array(receives.constant[:, None])

    @property
    def synapse_count(self) -> int:
        """All synapses."""
        constants = sum(int(np.count_nonzero(receives.constant)) for receives in self.inputs.values())
        return constants + sum(m.nnz for receives in self.inputs.values() for m in receives.weights.values())


def estimate(circuit: Circuit, clamped: Iterable[str], linear: bool) -> tuple[int, int]:
    """Neurons and synapses, from the shapes of a circuit alone: about as many as ``NestNeurons`` will have."""
    free = set(circuit.vertices).difference(clamped)
    sizes = {name: circuit.graph.nodes[name].size for name in circuit.vertices}
    # Under fixed prediction feedback goes to values and to errors; else there are predictions, and memories of values.
    neurons = sum((2 if linear else 3) * size for size in sizes.values())
    synapses = 2 * sum(sizes[name] for name in free)
    for projection in projections(circuit):
        ways = (2 if linear else 1) * (projection.parent in free) + (not linear)
        synapses += ways * projection.synapses
    return neurons, synapses


class _Sample:
    """What both dynamics need to know of a sample: activities at time zero, and feedback."""

    def __init__(self, circuit: Circuit, integrator: AbstractIntegrator, data: RunData, sample: int) -> None:
        self.circuit, self.integrator = circuit, integrator
        self.linear = frozen(circuit, data, sample)
        self.inputs = {name: a[sample].ravel() for name, a in data.inputs.items()}
        self.clamped = {name: a[sample].ravel() for name, a in data.clamped.items()}
        self.values: dict[str, np.ndarray] = {}
        """Value neurons of all vertices at time zero."""
        for name in circuit.vertices:
            known = self.clamped.get(name)
            if known is None and name in data.initial:
                known = np.asarray(data.initial[name][sample], dtype=np.float64).ravel()
            if known is None and name in self.linear.predictions:
                known = self.linear.predictions[name]
            self.values[name] = np.zeros(circuit.graph.nodes[name].size) if known is None else known

    def precision(self, vertex: str) -> np.ndarray:
        return self.circuit.precision[vertex].ravel()

    def gain(self, vertex: str) -> np.ndarray:
        """What a step multiplies drive - e by."""
        return self.integrator.gain(self.circuit.tau[vertex], self.circuit.precision[vertex]).ravel()

    def feedback(self, vertex: str) -> Affine:
        """What the children's errors send to a vertex."""
        total = Affine.fixed(np.zeros(self.values[vertex].size))
        for (child, parent), jacobian in self.linear.jacobians.items():
            if parent == vertex:
                total += Affine({error(child): sparse.csr_array(jacobian.T)}, np.zeros(jacobian.shape[1]))
        return total

    def drive(self, vertex: str) -> Affine:
        """What the value neurons of a vertex integrate: feedback less their own error."""
        total = self.feedback(vertex)
        if self.circuit.has_prediction(vertex):
            total += Affine.copy_of(error(vertex), self.values[vertex].size).scaled(-1.0)
        return total

    def read(self, parts: NestNeurons, predictions: Mapping[str, Affine]) -> NestNeurons:
        """The parts with readouts of all variables."""
        for name in self.circuit.vertices:
            parts.readouts[name, "value"] = Affine.copy_of(value(name), self.values[name].size)
            parts.readouts[name, "feedback"] = self.feedback(name)
        for name, prediction in predictions.items():
            parts.readouts[name, "error"] = Affine.copy_of(error(name), prediction.constant.size)
            parts.readouts[name, "prediction"] = prediction
        return parts


def _fixed(sample: _Sample) -> NestNeurons:
    """Under fixed prediction: values and errors integrate feedback, with a leak to the prediction and to zero."""
    parts, linear = NestNeurons(substeps=1), sample.linear
    for name, rates in sample.values.items():
        if name in sample.clamped:
            parts.hold(value(name), rates)
            if name in linear.errors:
                parts.hold(error(name), linear.errors[name])
            continue
        tau, receives = sample.integrator.dt / sample.gain(name), sample.feedback(name)
        if name in linear.start:
            leak = Affine.copy_of(value(name), rates.size).scaled(-1.0) + Affine.fixed(linear.predictions[name])
            receives += leak.scaled(sample.precision(name))
        parts.integrate(value(name), rates, tau, receives)
        if name in linear.start:
            parts.integrate(error(name), linear.start[name], tau, sample.drive(name).scaled(sample.precision(name)))
    return sample.read(parts, {name: Affine.fixed(p) for name, p in linear.predictions.items()})


def _strict(sample: _Sample) -> NestNeurons:
    """Under strict dynamics: errors sum values and predictions, values add to their memories what errors send."""
    circuit, units = sample.circuit, UnitGraph(sample.circuit)
    free = set(circuit.vertices).difference(sample.clamped)
    names = {name: value(name) if name in circuit.vertices else name for name in units.values}
    names |= {leaf: value(circuit.graph.sender(leaf)) for leaf in circuit.graph.recurrent}
    forms = AffineForms(units, names, free, TRANSFERS, "NEST")
    predictions = {name: forms.of(number) for name, number in units.predictions.items()}
    means = {name: forms.of(number) for name, number in units.means.items() if name in sample.clamped}
    parts = NestNeurons(substeps=2)
    parts.hold(ONE, np.ones(1))
    for name, rates in sample.inputs.items():
        parts.hold(name, rates)
    for name, rates in sample.values.items():
        if name in free:
            memory = f"{name}.memory"
            kept = Affine.copy_of(memory, rates.size)
            parts.add(value(name), rates, kept + sample.drive(name).scaled(sample.gain(name)))
            parts.add(memory, rates, Affine.copy_of(value(name), rates.size))
        else:
            parts.hold(value(name), rates)
    at_start = {name: neurons.rates for name, neurons in parts.neurons.items()}
    for name, transfer in forms.transfers.items():
        at_start[name] = PRIMITIVES[transfer.function].array(transfer.drive.at(at_start))
        parts.add(name, at_start[name], transfer.drive, TRANSFERS[transfer.function])
    for name, prediction in predictions.items():
        compared = means.get(name, prediction).scaled(-1.0)
        deviation = Affine.copy_of(value(name), prediction.constant.size) + compared
        receives = deviation.scaled(sample.precision(name))
        parts.add(error(name), receives.at(at_start), receives)
    return sample.read(parts, predictions)


SCHEMES = {FixedPrediction: _fixed, Strict: _strict}


def made(
    circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, data: RunData, sample: int
) -> NestNeurons:
    """The parts of a circuit for one sample of the data.

    Raises ParameterError for dynamics that are not known, for what cannot be represented, and for weights that are
    not finite.
    """
    if type(dynamics) not in SCHEMES:
        known = " and ".join(f"{kind.__name__}()" for kind in SCHEMES)
        raise ParameterError(f"dynamics is {dynamics!r}: known in NEST are {known}")
    parts = SCHEMES[type(dynamics)](_Sample(circuit, integrator, data, sample))
    for source, target, matrix in parts.projections:
        if not np.isfinite(matrix.data).all():
            raise ParameterError(f"weights from {source} to {target} are not finite for sample {sample}: not exported")
    for name, neurons in parts.neurons.items():
        if not np.isfinite(neurons.rates).all():
            raise ParameterError(f"rates of {name} are not finite at time zero for sample {sample}: not exported")
    return parts
