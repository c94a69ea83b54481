"""The reference engine: plain NumPy on whole batches, one line of the model a line of code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pcneuro.circuit.activity import check_like
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.feedback import closed, feedback, pull_back
from pcneuro.engines.abstract import AbstractEngine, HopDistribution, Stepped
from pcneuro.engines.cycles import recurrent_steps
from pcneuro.engines.data import RunData
from pcneuro.engines.plastic import plastic_of
from pcneuro.engines.reference.learning import Learning
from pcneuro.graph.graph import Constant, Input, Latent, Parameter, Recurrent
from pcneuro.kernels.philox import normals
from pcneuro.model.dynamics import AbstractDynamics, StateRow, deviation, masked
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.recording.probe import Probe

Arrays = dict[str, np.ndarray]
Moving = Sequence[tuple[str, StateRow]]
"""Vertices, and rows of their state."""


class ReferenceEngine(AbstractEngine):
    """Dictionaries of arrays with the batch axis first."""

    exchangeable = True

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        name: str,
    ) -> None:
        super().__init__(circuit, dynamics, integrator, dtype, name)
        self.way = feedback(circuit.graph, circuit.vertices)
        self.vertices = set(circuit.vertices)
        self.value: Arrays = {}
        self.prediction: Arrays = {}
        self.error: Arrays = {}
        self.at_once: Arrays = {}
        """What errors are, or would be, without a time constant."""
        self.feedback: Arrays = {}
        self.presynaptic: Arrays = {}
        """Value of every node when predictions were last computed; derivatives are taken there."""
        self.output: Arrays = {}
        """What every operator made of them: for a vertex its prediction."""
        self.history: Arrays = {}
        """Recurrent leaf with a delay -> what its vertex was at each step of that time, (steps, batch, \\*shape)."""
        self.rows: dict[str, Arrays] = {}
        """What the dynamics integrate beside values and errors, by variable and vertex."""
        self.eta: Arrays = {}
        """Noise that goes on from step to step, by population."""
        self.plastic = plastic_of(circuit, integrator)
        self.learning = Learning(self)

    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        self.parameters |= {k: np.array(v, dtype=self.dtype) for k, v in parameters.items()}

    def take_over(self, before: AbstractEngine) -> None:
        super().take_over(before)
        assert isinstance(before, ReferenceEngine)
        self.eta, self.history = dict(before.eta), dict(before.history)

    def update(self, parameters: Mapping[str, np.ndarray]) -> None:
        self.load(parameters)
        for name, node in self.circuit.graph.nodes.items():
            if isinstance(node.source, Parameter):
                self.presynaptic[name] = self.parameters[name][None]
            elif name in self.circuit.graph.shared and not node.is_leaf:
                self.output[name] = node.compute(*(self.presynaptic[o] for o in node.operands))
                if name not in self.vertices:
                    self.presynaptic[name] = self.output[name]
        self.evaluate()

    def start(self, data: RunData) -> None:
        self.data = data
        self.value = {n: a.astype(self.dtype) for n, a in data.clamped.items()}
        for name, node in self.circuit.graph.latents.items():
            if name not in self.value:
                assert isinstance(node.source, Latent)
                prior = np.zeros(node.shape) if node.source.prior is None else np.asarray(node.source.prior)
                self.value[name] = np.array(
                    data.initial.get(name, np.broadcast_to(prior, (data.batch, *node.shape))), self.dtype
                )
        if not data.continues and data.step == 0:
            nodes = {
                population: self.circuit.graph.nodes[population.rpartition(".")[0]] for population in self.persistent
            }
            self.eta = {name: np.zeros((data.batch, *node.shape), self.dtype) for name, node in nodes.items()}
        self._remember(data)
        self.predict(sweep=True)
        for name, initial in data.initial.items():
            self.value[name] = initial.astype(self.dtype)
        for row in self.dynamics.rows[1:]:
            rows, initial_rows = self._variable(row.variable), data.rows.get(row.variable, {})
            for name in self.circuit.vertices:
                rows[name] = np.array(initial_rows.get(name, np.zeros_like(self.value[name])), self.dtype)
        self.evaluate()

    def _remember(self, data: RunData) -> None:
        """Where no simulation continues, all has been before as what closes cycles has it initially."""
        for name, steps in recurrent_steps(self.circuit, self.integrator.dt).items():
            if steps and not (data.continues and name in self.history):
                initial = np.asarray(recurrent_of(self.circuit.graph, name).initial, self.dtype)
                self.history[name] = np.broadcast_to(initial, (steps, data.batch, *initial.shape)).copy()

    def _before(self, name: str, sweep: bool) -> np.ndarray:
        """What a recurrent leaf has: its vertex as it was, or is. In a sweep that may not be known yet."""
        if name in self.history:
            return self.history[name][0]
        vertex = self.circuit.graph.sender(name)
        known = {**self.data.initial, **self.data.clamped}.get(vertex) if sweep else self.value[vertex]
        if known is None:
            initial = np.asarray(recurrent_of(self.circuit.graph, name).initial)
            known = np.broadcast_to(initial, (self.data.batch, *initial.shape))
        return np.array(known, self.dtype)

    def predict(self, sweep: bool = False) -> None:
        """Compute every prediction from the present values; in a ``sweep`` free vertices take their predictions on."""
        batch = self.data.batch
        for name, node in self.circuit.graph.nodes.items():
            source = node.source
            if isinstance(source, Input):
                self.presynaptic[name] = self.data.inputs[name].astype(self.dtype)
            elif isinstance(source, Parameter):
                self.presynaptic[name] = self.parameters[name][None]
            elif isinstance(source, Constant):
                self.presynaptic[name] = source.value[None].astype(self.dtype)
            elif isinstance(source, Recurrent):
                self.presynaptic[name] = self._before(name, sweep)
            elif isinstance(source, Latent):
                mean = self.value[name] if source.prior is None else np.asarray(source.prior)
                self.prediction[name] = np.broadcast_to(mean, (batch, *node.shape)).astype(self.dtype)
                self.presynaptic[name] = self.value[name].copy()
            else:
                node = replace(node, source=node.operator.in_step(self.next_step)) if node.operator.draws else node
                self.output[name] = node.compute(*(self.presynaptic[o] for o in node.operands))
                self.presynaptic[name] = self.output[name]
                if name in self.vertices:
                    self.prediction[name] = np.array(np.broadcast_to(self.output[name], (batch, *node.shape)))
                    if sweep and name not in self.data.clamped:
                        self.value[name] = self.prediction[name].copy()
                    self.presynaptic[name] = self.value[name].copy()

    def evaluate(self) -> None:
        with np.errstate(all="ignore"):
            self._evaluate()

    def _evaluate(self) -> None:
        self.dynamics.refresh(self)
        for name in self.circuit.vertices:
            precision = self.precision(name).astype(self.dtype)
            if name in self.circuit.energies and name in self.data.clamped:
                energy = self.circuit.energies[name]
                self.at_once[name] = energy.error(self.value[name], self.prediction[name], precision)
            else:
                self.at_once[name] = precision * deviation(self.value[name], self.prediction[name])
            if not self.dynamics.integrates("error", name):
                self.error[name] = self.at_once[name]
            if self.dynamics.integrates("noise", name):
                self.error[name] = self.at_once[name] + self.rows["noise"][name]
        adjoints = closed(self.circuit.graph, self.adjoints(self.sent_errors()))
        for name in self.circuit.vertices:
            self.feedback[name] = adjoints.get(name, np.zeros_like(self.value[name]))
        for name, current in self.data.currents.items():
            self.feedback[name] = self.feedback[name] + current.astype(self.dtype)

    def sent_errors(self) -> Arrays:
        """What others know of errors."""
        payloads = self.circuit.payloads
        return {
            n: payloads[n].rounded(e, f"{n}.error", self.next_step, self.first_sample) if n in payloads else e
            for n, e in self.error.items()
        }

    def adjoints(self, errors: Arrays | None = None) -> Arrays:
        """Sum of (d prediction / d node)^T e over the predictions that a node enters: a vertex's feedback, a
        parameter's Hebbian change. The errors are the neurons' own unless others are given."""
        return pull_back(self.way, self.error if errors is None else errors, self.presynaptic, self.output)

    def _variable(self, variable: str) -> Arrays:
        """Arrays of a variable by vertex: values, errors, or what dynamics integrate beside them."""
        held = {"value": self.value, "error": self.error, "prediction": self.prediction, "feedback": self.feedback}
        return held[variable] if variable in held else self.rows.setdefault(variable, {})

    def region(self, vertex: str, region: str) -> np.ndarray:
        return self.dynamics.region(self, region, vertex, self.precision(vertex).astype(self.dtype))

    def step(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        return self._relax(self.moving(), number, steps, probes)

    def _relax(self, moving: Moving, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        """Step the rows of the state that are ``moving``; all others stay."""
        learning = self.learning
        state = {(n, row): self._variable(row.variable) for n, row in moving}
        recorded: list[list[np.ndarray]] = [[] for _ in probes]
        with np.errstate(all="ignore"):
            for s in range(steps):
                self.next_step = number + s
                if self._at_rest(number + s):
                    return Stepped(s, True, [self._stack(p, r) for p, r in zip(probes, recorded, strict=True)], True)
                gain = {(n, row): self.gain(n, row).astype(self.dtype) for n, row in moving}
                learning.begin_step()
                start = {key: rows[key[0]].copy() for key, rows in state.items()}
                left = {name: self.value[self.circuit.graph.sender(name)].copy() for name in self.history}
                slopes: list[dict[tuple[str, StateRow], np.ndarray]] = []
                for stage, weights in enumerate(self.integrator.tableau):
                    for key in state if stage else ():
                        change = sum(a * slope[key] for a, slope in zip(weights, slopes, strict=False))
                        state[key][key[0]] = start[key] + gain[key] * change
                    if stage:
                        learning.begin_stage(weights)
                    self.evaluate()
                    if stage == 0:
                        for probe, rows in zip(probes, recorded, strict=True):
                            if (number + s) % probe.every == 0:
                                rows.append(self.observed(probe))
                    slopes.append({(n, row): self.region(n, row.drive) - self.region(n, row.leak) for n, row in moving})
                    learning.end_stage()
                for key in state:
                    change = sum(b * slope[key] for b, slope in zip(self.integrator.weights, slopes, strict=True))
                    state[key][key[0]] = (start[key] + gain[key] * change).astype(self.dtype)
                    self._stir(*key, state[key], number + s)
                self.history = {n: np.concatenate([h[1:], left[n][None]]) for n, h in self.history.items()}
                learning.end_step(self.integrator.weights, number + s + 1)
                self.passed()
                ends = ((start[key], rows[key[0]]) for key, rows in state.items())
                finite = all((np.isfinite(end) | masked(begun, end)).all() for begun, end in ends)
                if not (finite and self.finite_parameters()):
                    return Stepped(s, False, [self._stack(p, r) for p, r in zip(probes, recorded, strict=True)])
        self.next_step = number + steps
        return Stepped(steps, True, [self._stack(p, r) for p, r in zip(probes, recorded, strict=True)])

    def _stir(self, vertex: str, row: StateRow, state: Arrays, number: int) -> None:
        """Add the noise of a step to a row of a vertex."""
        stirring, population = self.stirring(vertex, row), self.population(vertex, row)
        if stirring is None:
            return
        node = self.circuit.graph.nodes[vertex]
        stream, samples = self.noise_stream(vertex, row), self.data.batch
        drawn = normals(self.seed, stream, number, node.size, samples, self.first_sample)
        eta = stirring.amplitude.astype(self.dtype) * drawn.reshape(-1, *node.shape).astype(self.dtype)
        if row.variable == "noise":
            state[vertex] = stirring.persistence.astype(self.dtype) * state[vertex] + eta
            return
        if population in self.eta:
            eta = self.eta[population] = stirring.persistence.astype(self.dtype) * self.eta[population] + eta
        state[vertex] = state[vertex] + stirring.gain.astype(self.dtype) * eta

    def passed(self) -> None:
        """A step has been taken: what depends on how long ago something was has to know."""

    @property
    def steps_to_rest(self) -> int:
        return max(recurrent_steps(self.circuit, self.integrator.dt).values(), default=0)

    @property
    def blocks(self) -> list[slice]:
        return [slice(0, self.data.batch)]

    def integrated(self, vertex: str, row: StateRow) -> np.ndarray:
        return self._variable(row.variable)[vertex]

    def _at_rest(self, number: int) -> bool:
        """Whether the run is to end before the step of this number."""
        if self.until is None:
            return False
        self.evaluate()
        return self.look(number)

    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        recorded: dict[Probe, np.ndarray] = {}
        finite = True
        for name in reversed(list(self.circuit.graph.nodes)):
            if name in self.vertices:
                probes_here = [probe for probe in probes if probe.vertex == name]
                moving = [(n, row) for n, row in self.moving() if n == name]
                stepped = self._relax(moving, number, steps, probes_here)
                finite = finite and stepped.finite
                recorded |= dict(zip(probes_here, stepped.recorded, strict=True))
        self.evaluate()
        return Stepped(steps, finite, [recorded[probe] for probe in probes])

    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        moments = [[t - number for t in range(number, number + steps) if t % probe.every == 0] for probe in probes]
        recorded: list[list[np.ndarray]] = [[] for _ in probes]
        free = [n for n in self.circuit.vertices if n not in self.data.clamped]
        self.evaluate()
        start = self.error
        sent = self._powers({n: e * (n in self.data.clamped) for n, e in start.items()})
        left = self._powers({n: e * (n in free) for n, e in start.items()})
        for after in [*sorted({t for times in moments for t in times}), steps]:
            reached, just = (share[0] for share in shares(np.array([after]), max(len(sent), len(left))))
            for n in free:
                error = sum(
                    (
                        share[k] * hop[n]
                        for share, hops in ((reached, sent), (just, left))
                        for k, hop in enumerate(hops)
                    ),
                    np.zeros_like(start[n]),
                )
                self.value[n] = (self.prediction[n] + error / self.circuit.precision[n]).astype(self.dtype)
            self.evaluate()
            for probe, times, taken in zip(probes, moments, recorded, strict=True):
                if after in times:
                    taken.append(self.observed(probe))
        return Stepped(steps, True, [self._stack(t, r) for t, r in zip(probes, recorded, strict=True)])

    def _powers(self, errors: Arrays) -> list[Arrays]:
        """These errors, and what comes of them hop by hop at free vertices, until nothing is left."""
        powers, kept = [], self.error
        while any(e.any() for e in errors.values()):
            powers.append(errors)
            self.error = errors
            adjoints = self.adjoints()
            errors = {
                n: adjoints[n] if n in adjoints and n not in self.data.clamped else np.zeros_like(e)
                for n, e in errors.items()
            }
        self.error = kept
        return powers

    def _stack(self, probe: Probe, taken: list[np.ndarray]) -> np.ndarray:
        return np.array(taken, dtype=self.dtype).reshape(len(taken), probe.rows(self.data.batch), probe.size)

    def read(self, vertex: str, variable: str) -> np.ndarray:
        return self._variable(variable)[vertex].copy()

    def gradients(self) -> Arrays:
        with np.errstate(all="ignore"):
            adjoints = self.adjoints()
        return {
            name: -adjoints[name][0] if name in adjoints else np.zeros_like(value)
            for name, value in self.parameters.items()
            if name in self.circuit.graph.parameters
        }

    def _groups(self) -> dict[str, Arrays]:
        return {
            "value": self.value,
            "prediction": self.prediction,
            "presynaptic": self.presynaptic,
            "output": self.output,
            "parameter": self.parameters,
            "eta": self.eta,
            "history": self.history,
            **{row.variable: self._variable(row.variable) for row in self.dynamics.rows[1:]},
        }

    def state(self) -> Arrays:
        return {f"{group}.{name}": a for group, arrays in self._groups().items() for name, a in arrays.items()}

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        self._take(data, state)
        self.evaluate()

    def _take(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        self.start(data)
        check_like(state, ReferenceEngine.state(self))
        for group, arrays in self._groups().items():
            arrays.clear()
            arrays.update(
                {key.partition(".")[2]: a.copy() for key, a in state.items() if key.partition(".")[0] == group}
            )

    def describe(self) -> dict[str, Any]:
        return {"engine": "reference", "threads": 1}
