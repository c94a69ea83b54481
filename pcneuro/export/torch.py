"""Circuits in PyTorch, whose automatic differentiation stands in for all that goes back: an oracle of another make.

Predictions are computed from the circuit in single units (``UnitGraph``), in float64 and for all samples of a batch at
once. Feedback to the value neurons and gradients are products of the errors with the transposed derivatives of the
predictions, and every derivative is taken by ``torch.autograd``: none of the package's own enters. The extra ``torch``
brings the library, which is imported when a run begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph, sources_of
from pcneuro.engines import RunData
from pcneuro.errors import ParameterError
from pcneuro.export.checked import checked_circuit, checked_run_data, imported, without_extras
from pcneuro.export.targets import AbstractTarget, Exported, RunRequest
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.ops.base import Weights
from pcneuro.ops.formula import Formula
from pcneuro.ops.pooling import FIRST_OF_EQUALS
from pcneuro.ops.primitives import PRIMITIVES
from pcneuro.recording.probe import Probe
from pcneuro.recording.record import dataset, listed
from pcneuro.simulator.run_data import whole_steps

__all__ = ["TorchTarget"]

Tensor = Any
"""A ``torch.Tensor`` of float64: of a population (samples, units), or (1, units) where all samples share it."""


def library() -> Any:
    """PyTorch. Raises MissingExtraError with the command that installs it."""
    return imported("torch", "PyTorch", "torch")


class Predictions:
    """Predictions of all vertices as tensors that know what they come from.

    ``parameters`` are leaves, flat, one a parameter. What does not depend on activities is computed once.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.torch = library()
        self.functions = functions(self.torch)
        self.units = UnitGraph(circuit, plastic=circuit.graph.parameters)
        self.parameters = {
            name: self.tensor(values).ravel().requires_grad_() for name, values in circuit.parameters.items()
        }
        self.weights: dict[int, Any] = {}
        """Of a sum, a matrix (units before, units behind) or a weight a synapse; of a function, operand -> weights."""
        self.indices: dict[int, tuple[Tensor, Tensor]] = {}
        """Of a sum that is no matrix: its synapses, ``pre`` and ``post``."""
        self.shared: dict[int, Tensor] = {}
        """Activity of populations that depend on no input and no vertex."""
        for number, population in enumerate(self.units.populations):
            if isinstance(population, SynapticSum):
                self._synapses(number, population)
            elif isinstance(population, UnitFunction):
                operands = population.operands.items()
                self.weights[number] = {k: self._weights(x) for k, x in operands if isinstance(x, Weights)}
            if not isinstance(population, Source) and all(n in self.shared for n in sources_of(population)):
                self.shared[number] = self._activity(number, population, self.shared)

    def tensor(self, values: np.ndarray) -> Tensor:
        """A copy in float64."""
        return self.torch.tensor(np.asarray(values, dtype=np.float64))

    def _weights(self, weights: Weights) -> Tensor:
        if weights.parameter is None:
            return self.tensor(weights.values)
        name = weights.parameter
        whole = self.parameters[name] if name in self.parameters else self.shared[self.units.parameters[name]][0]
        return whole if weights.index is None else whole[self.torch.tensor(weights.index)]

    def _synapses(self, number: int, synapses: SynapticSum) -> None:
        torch, weights = self.torch, self._weights(synapses.weights)
        before = self.units.populations[synapses.source].size
        # Nothing is filled up with zeros: they would make NaN of what is infinite.
        every = before * synapses.size
        if synapses.pre.size == every == np.unique(synapses.pre * synapses.size + synapses.post).size:
            at = torch.tensor(synapses.pre), torch.tensor(synapses.post)
            empty = torch.zeros(before, synapses.size, dtype=torch.float64)
            self.weights[number] = empty.index_put(at, weights.expand(every))
        else:
            self.weights[number] = weights
            self.indices[number] = torch.tensor(synapses.pre), torch.tensor(synapses.post)

    def _activity(self, number: int, population: SynapticSum | UnitFunction, activity: Mapping[int, Tensor]) -> Tensor:
        if isinstance(population, SynapticSum):
            source, weights = activity[population.source], self.weights[number]
            if number not in self.indices:
                return source @ weights
            pre, post = self.indices[number]
            empty = source.new_zeros(len(source), population.size)
            return empty.index_add(1, post, source.index_select(1, pre) * weights)
        read = {k: activity[x] for k, x in population.operands.items() if isinstance(x, int)}
        samples = max((len(x) for x in read.values()), default=1)
        if population.derivatives == FIRST_OF_EQUALS:
            # Of ties, too, everything goes to the first, as in PyTorch's own pooling.
            made = self.torch.where(read["y"] > read["x"], read["y"], read["x"])
        else:
            made = self._evaluate(population.formula, self.weights[number] | read)
        return self.torch.broadcast_to(made, (samples, population.size))

    def _evaluate(self, formula: Formula, variables: Mapping[str, Tensor]) -> Tensor:
        if isinstance(formula, str):
            return variables[formula]
        if isinstance(formula, float):
            return self.torch.tensor(formula, dtype=self.torch.float64)
        name, *arguments = formula
        if name not in self.functions:
            raise ParameterError(f"the function {name!r} has no equivalent in the target 'torch'")
        return self.functions[name](*(self._evaluate(a, variables) for a in arguments))

    def forward(self, value: Callable[[str, Mapping[int, Tensor]], Tensor]) -> dict[int, Tensor]:
        """Activity of every population, where ``value`` gives the value neurons of an input or a vertex.

        ``value`` gets the activity of all populations before them.
        """
        activity = dict(self.shared)
        for number, population in enumerate(self.units.populations):
            if isinstance(population, Source):
                activity[number] = value(population.name, activity)
            elif number not in activity:
                activity[number] = self._activity(number, population, activity)
        return activity


class Relaxation:
    """A circuit that relaxes, from the feedforward sweep of its data on.

    Attributes
    ----------
    value, prediction, error, feedback
        Vertex -> tensor (samples, units); latents without a prior have neither predictions nor errors. What
        ``evaluate`` makes of the values follows them, the predictions as the dynamics have it.
    """

    def __init__(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, data: RunData
    ) -> None:
        self.circuit, self.dynamics, self.integrator, self.data = circuit, dynamics, integrator, data
        self.predictions = Predictions(circuit)
        self.torch, self.units = self.predictions.torch, self.predictions.units
        of = self.predictions.tensor
        self.inputs, self.clamped = self._units_of(data.inputs), self._units_of(data.clamped)
        self.free = [name for name in circuit.vertices if name not in data.clamped]
        self.precision = {name: of(circuit.precision[name]).ravel() for name in circuit.vertices}
        self.gain = {n: of(integrator.gain(circuit.tau[n], circuit.precision[n])).ravel() for n in self.free}
        self.value: dict[str, Tensor] = {}
        self.leaves: dict[str, Tensor] = {}
        """Value neurons at the time of the predictions, by which they are differentiated."""
        self.outcome: dict[str, Tensor] = {}
        """Predictions that know where they come from."""
        self.prediction: dict[str, Tensor] = {}
        self.mean: dict[str, Tensor] = {}
        """What the target of an output is compared with."""
        self.error: dict[str, Tensor] = {}
        self.feedback: dict[str, Tensor] = {}
        self.predict()
        self.deviation: dict[str, Tensor] = {}
        """Value less prediction, where predictions are held: small errors are not lost in rounding."""
        if dynamics.holds_predictions:
            self.deviation = {
                n: self._from(self.value[n], self.prediction[n]) for n in self.free if n in self.prediction
            }

    def _units_of(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """Arrays (samples, \\*shape) as tensors (samples, units)."""
        return {name: self.predictions.tensor(a).reshape(self.data.batch, -1) for name, a in arrays.items()}

    def turn_to(self, step: int) -> None:
        """Let data that change with time be what they are in a step, where predictions follow them."""
        self.data = self.data.at(step)
        self.inputs, self.clamped = self._units_of(self.data.inputs), self._units_of(self.data.clamped)
        self.value |= self.clamped

    # One moment

    def predict(self) -> None:
        """Compute every prediction from the present values; those that vertices do not have yet are the sweep's."""
        self.leaves = {}
        activity = self.predictions.forward(self._leaf)
        predicted, means = self.units.predictions.items(), self.units.means.items()
        self.outcome = {name: self._of_all(activity[number]) for name, number in predicted}
        self.prediction = {name: outcome.detach() for name, outcome in self.outcome.items()}
        self.mean = {name: self._of_all(activity[number]).detach() for name, number in means}

    def _leaf(self, name: str, activity: Mapping[int, Tensor]) -> Tensor:
        if name in self.inputs:
            return self.inputs[name]
        if name not in self.value:
            self.value[name] = self._start(name, activity)
        self.leaves[name] = self.value[name].detach().clone().requires_grad_()
        return self.leaves[name]

    def _start(self, name: str, activity: Mapping[int, Tensor]) -> Tensor:
        if name in self.clamped:
            return self.clamped[name]
        if name in self.units.predictions:
            return self._of_all(activity[self.units.predictions[name]]).detach().clone()
        return self.torch.zeros(self.data.batch, self.circuit.graph.nodes[name].size, dtype=self.torch.float64)

    def _of_all(self, activity: Tensor) -> Tensor:
        return activity.expand(self.data.batch, activity.shape[1])

    def _from(self, value: Tensor, prediction: Tensor) -> Tensor:
        """value - prediction, and 0 where the two are the same: there is none from an infinity, as under a mask."""
        return self.torch.where(value == prediction, self.torch.zeros_like(value), value - prediction)

    def evaluate(self) -> None:
        """Predictions, unless they are held, then errors, then feedback."""
        self.dynamics.refresh(self)
        for name, prediction in self.prediction.items():
            if name in self.deviation:
                off = self.deviation[name]
            else:
                clamped_mean = name in self.clamped and name in self.mean
                off = self._from(self.value[name], self.mean[name] if clamped_mean else prediction)
            self.error[name] = self.precision[name] * off
        self.feedback = self._back(self.leaves)

    def _back(self, to: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sum of (d prediction / d leaf)^T e over all predictions, for each of these leaves."""
        sending = [name for name, outcome in self.outcome.items() if outcome.requires_grad]
        returned: Sequence[Tensor | None] = [None] * len(to)
        if sending and to:
            outcomes, errors = [self.outcome[n] for n in sending], [self.error[n] for n in sending]
            # Held predictions are gone back from in every step.
            returned = self.torch.autograd.grad(
                outcomes, list(to.values()), errors, retain_graph=True, allow_unused=True
            )
        return {
            name: self.torch.zeros_like(leaf) if back is None else back
            for (name, leaf), back in zip(to.items(), returned, strict=True)
        }

    def gradients(self) -> dict[str, np.ndarray]:
        """dL/dparameter = -(d prediction / d parameter)^T e, summed over the batch, of the parameter's shape."""
        returned = self._back(self.predictions.parameters)
        shapes = {name: values.shape for name, values in self.circuit.parameters.items()}
        return {name: -back.detach().numpy().reshape(shapes[name]) for name, back in returned.items()}

    # Time

    def step(self) -> bool:
        """One step on from where ``evaluate`` has been called, whatever the stages; whether all is finite."""
        state = {n: self.deviation.get(n, self.value[n]) for n in self.free}
        slopes: list[dict[str, Tensor]] = []
        for stage, row in enumerate(self.integrator.tableau):
            if stage:
                self._move(state, row, slopes)
                self.evaluate()
            slopes.append({n: self.feedback[n] - self.error[n] if n in self.error else self.feedback[n] for n in state})
        self._move(state, self.integrator.weights, slopes)
        return all(bool(self.value[n].isfinite().all()) for n in self.free)

    def _move(self, state: Mapping[str, Tensor], row: Sequence[float], slopes: Sequence[dict[str, Tensor]]) -> None:
        """Free vertices to ``state`` + gain * sum of row times slopes."""
        for name, start in state.items():
            moved = start + self.gain[name] * sum(a * slope[name] for a, slope in zip(row, slopes, strict=False))
            if name in self.deviation:
                self.deviation[name], moved = moved, self.prediction[name] + moved
            self.value[name] = moved

    def run(self, steps: int, probes: Sequence[Probe]) -> tuple[int, list[np.ndarray]]:
        """Steps done, and a record (times, samples, units) a probe, both ends included.

        A run in which a value ceases to be finite ends there, as the simulator's.
        """
        rows: list[list[np.ndarray]] = [[] for _ in probes]
        done, finite = 0, True
        while True:
            self.evaluate()
            for probe, taken in zip(probes, rows, strict=True):
                if finite and done % probe.every == 0:
                    taken.append(self.read(probe.variable)[probe.vertex].detach().numpy().copy())
            if done == steps or not finite:
                break
            finite = self.step()
            done += 1
            if self.data.stimuli and done < steps:
                self.turn_to(done)
        sizes = [self.circuit.graph.nodes[probe.vertex].size for probe in probes]
        return done, [np.array(r).reshape(len(r), self.data.batch, n) for r, n in zip(rows, sizes, strict=True)]

    def read(self, variable: str) -> dict[str, Tensor]:
        """Vertex -> "value", "error", "prediction" or "feedback" now."""
        known = {"value": self.value, "error": self.error, "prediction": self.prediction, "feedback": self.feedback}
        return known[variable]

    def arrays(self, variable: str) -> dict[str, np.ndarray]:
        """Vertex and output -> the same as an array (samples, \\*shape)."""
        nodes = self.circuit.graph.nodes
        arrays = {
            name: tensor.detach().numpy().copy().reshape(self.data.batch, *nodes[name].shape)
            for name, tensor in self.read(variable).items()
        }
        for name, node in self.circuit.graph.outputs.items():
            arrays.setdefault(name, arrays[node.name])
        return arrays


def _truth(condition: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, y: condition(x, y).to(x.dtype)


def functions(torch: Any) -> dict[str, Callable[..., Tensor]]:
    """Primitive -> the function of tensors that is the same; autograd knows its derivative.

    These are at kinks and ties the kernels' too, but at the origin those of hypot (NaN here, 0 there), cbrt (NaN,
    infinite), and x**y by y (0, infinite). exprel has no value at 0, orders of polygamma are all the same.
    """
    asked = (name for name, primitive in PRIMITIVES.items() if primitive.derivatives)
    same = {name: getattr(torch, name) for name in asked if hasattr(torch, name)}
    return same | {
        "power": torch.pow,
        "cbrt": lambda x: x.sign() * x.abs() ** (1 / 3),
        "positive": lambda x: x.sign().clamp(min=0.0),
        "sign": torch.sign,
        **{
            name: _truth(getattr(torch, short))
            for name, short in (("less", "lt"), ("less_equal", "le"), ("equal", "eq"))
        },
        "rint": torch.round,
        "finite": lambda x: torch.isfinite(x) + 0.0 * x.sign(),
        "missing": lambda x: torch.isnan(x) + 0.0 * x.sign(),
        "multiply_or_zero": lambda x, y: torch.where((x == 0) & ~y.isfinite(), x, x * y),
        "fmax": lambda x, y: torch.maximum(torch.where(x.isnan(), y, x), torch.where(y.isnan(), x, y)),
        "fmin": lambda x, y: torch.minimum(torch.where(x.isnan(), y, x), torch.where(y.isnan(), x, y)),
        "floor_divide": lambda x, y: torch.div(x, y, rounding_mode="floor"),
        "exprel": lambda x: torch.expm1(x) / x,
        "ndtri": torch.special.ndtri,
        "log_ndtr": torch.special.log_ndtr,
        "gammaln": torch.lgamma,
        # The reflection formula's sign, where x is negative
        "gamma": lambda x: torch.exp(torch.lgamma(x)) * torch.where((x < 0) & (x.floor() % 2 != 0), -1.0, 1.0),
        "polygamma": lambda n, x: torch.polygamma(int(n.flatten()[0]), x),
        "entr": torch.special.entr,
        **{name: getattr(torch.special, name) for name in ("i0", "i1", "i0e", "i1e")},
        "rel_entr": lambda x, y: torch.xlogy(x, x / y),
    }


class TorchTarget(AbstractTarget):
    """PyTorch in float64: derivatives by its autograd, all samples at once, any integrator."""

    name = "torch"

    def run(self, request: RunRequest) -> Exported:
        request.dynamics.only_values("an export")
        circuit, dt = without_extras(checked_circuit(request.circuit), "PyTorch"), request.integrator.dt
        keywords = request.keywords | {"initial": None}
        data = checked_run_data(circuit, request.dynamics, keywords, streams=dt)
        records = listed(request.records)
        probes = [r.resolve(circuit, data.batch, dt) for r in records]
        steps = whole_steps(request.duration, dt)
        relaxed = Relaxation(circuit, request.dynamics, request.integrator, data)
        steps, rows = relaxed.run(steps, probes)
        chosen = [r.choose(a, p) for r, a, p in zip(records, rows, probes, strict=True)]
        return Exported(
            circuit.graph.by_leaf(relaxed.gradients()),
            relaxed.arrays("value"),
            relaxed.arrays("error"),
            relaxed.arrays("prediction"),
            dataset(records, probes, chosen, 0, dt, data.batch),
            steps * dt,
        )
