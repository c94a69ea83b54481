"""Circuits in Brian2 at the level of rates: populations as neuron groups, projections as synapses.

``rate(circuit)`` makes a ``RateNetwork``, whose run gives what a simulator's gives, and whose parts are Brian2's own
objects. The extra ``brian2`` brings the library, which is imported when the first network is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pcneuro.circuit import Circuit, told
from pcneuro.dynamics import AbstractDynamics, FixedPrediction
from pcneuro.engines import Data, Tape
from pcneuro.errors import MissingExtraError, ParameterError
from pcneuro.export.targets import AbstractTarget, Asked, Exported, hebbian
from pcneuro.export.units import UnitGraph
from pcneuro.export.wiring import Projection, Wiring, checked_names
from pcneuro.given import merge, whole_steps
from pcneuro.integrators import AbstractIntegrator, Euler
from pcneuro.record import Record, dataset, listed

SYNAPSE_BYTES = 64
"""What a synapse of both directions takes in Brian2: indices, weight, and the lists of synapses by neuron."""
MEMORY = 4_000_000_000
"""Bytes that a network may take unless more is allowed."""
TARGETS = ("numpy", "cython")
VARIABLES = {"value": "v", "error": "err", "prediction": "prediction", "feedback": "drive"}
LAST = -1
"""Order within a step of what looks at it: behind all sums over synapses, before the neurons' states."""


def library() -> Any:
    """Brian2. Raises MissingExtraError with the command that installs it."""
    try:
        import brian2
    except ImportError as error:
        raise MissingExtraError(
            f"exports to Brian2 need its library ({error}): python -m pip install 'pcneuro[brian2]'"
        ) from None
    return brian2


class RateNetwork:
    """A circuit in Brian2. Made by ``rate``.

    Attributes
    ----------
    network
        The ``brian2.Network``.
    groups, synapses, monitors
        Its parts: groups by input, vertex or compartment; synapses by projection, with their weights ``w``; monitors
        by vertex and variable. Weights and constants can be written to before a run.
    """

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        data: Data,
        records: Sequence[Record],
        target: str,
        memory: float,
    ) -> None:
        self.b2 = library()
        self.circuit, self.dynamics, self.integrator, self.data, self.target = (
            circuit,
            dynamics,
            integrator,
            data,
            target,
        )
        self.units = UnitGraph(circuit)
        needed = SYNAPSE_BYTES * self.units.synapse_count
        if needed > memory:
            raise ParameterError(
                f"{self.units.synapse_count:,} synapses would take about {needed / 1e9:.1f} GB in Brian2, more than "
                f"the {memory / 1e9:.1f} GB of memory=; allow more, or export a smaller circuit"
            )
        self.wiring = Wiring(self.units, set(data.clamped), dynamics.linear)
        self.names = checked_names(self.wiring)
        self.records = list(records)
        self.tapes = [r.resolve(circuit, data.batch, integrator.dt) for r in self.records]
        self.steps = 0
        with self._prepared():
            self._build()
        self.begun = False
        """Whether there has been a run."""

    @contextmanager
    def _prepared(self) -> Iterator[None]:
        """Brian2's code generation set to the target, and as it was afterwards."""
        before = self.b2.prefs.codegen.target
        self.b2.prefs.codegen.target = self.target
        try:
            yield
        finally:
            self.b2.prefs.codegen.target = before

    # Building

    def _build(self) -> None:
        b2 = self.b2
        self.clock = b2.Clock(self.integrator.dt * b2.ms)
        self.groups = {}
        for name, group in self.wiring.groups.items():
            made = b2.NeuronGroup(
                group.size,
                group.equations,
                method="euler",
                clock=self.clock,
                name=self.names[name],
                namespace=self._namespace(group.equations),
            )
            self.groups[name] = made
            for variable, values in group.constants.items():
                made.variables[variable].set_value(values)
        for name in self.circuit.vertices:
            if name not in self.data.clamped:
                gain = self.integrator.gain(self.circuit.tau[name], self.circuit.precision[name])
                self.groups[name].rate = gain.ravel() / (self.integrator.dt * 1e-3) * b2.Hz
        self.synapses, updaters = {}, []
        for projection in self.wiring.projections:
            made = self.synapses[projection.name] = self._projection(projection)
            for variable, updater in made.summed_updaters.items():
                backward = variable.endswith("_pre")
                updaters.append((backward, -projection.number if backward else projection.number, updater))
        # One after the other: predictions along the graph, then feedback in the opposite direction.
        self.updaters = [updater for *_, updater in sorted(updaters, key=lambda entry: entry[:2])]
        for k, updater in enumerate(self.updaters):
            updater.order = LAST - len(self.updaters) + k
        self.monitors = {}
        for tape in self.tapes:
            key = f"{tape.vertex}.{tape.variable}"
            self.monitors[key] = b2.StateMonitor(
                self.groups[tape.vertex],
                VARIABLES[tape.variable],
                record=True,
                dt=tape.every * self.integrator.dt * b2.ms,
                when="groups",
                order=LAST,
                name=f"{self.names[tape.vertex]}_{tape.variable}_monitor",
            )
        self.network = b2.Network(*self.groups.values(), *self.synapses.values(), *self.monitors.values())

    def _projection(self, projection: Projection) -> Any:
        # What is one number for all synapses, and no parameter, is part of the equations.
        plain = projection.weights.parameter is None and projection.weights.values.size == 1
        weight = repr(float(projection.weights.values[0])) if plain else "w"
        lines = [] if plain else ["w : 1"]
        if projection.forward is not None:
            source, sum_ = projection.forward
            lines.append(f"{sum_}_post = {weight}*{source}_pre : 1 (summed)")
        if projection.backward is not None:
            source, sum_ = projection.backward
            lines.append(f"{sum_}_pre = {weight}*{source}_post : 1 (summed)")
        before, behind = self.groups[projection.before], self.groups[projection.behind]
        made = self.b2.Synapses(
            before,
            behind,
            "\n".join(lines),
            clock=self.clock,
            name=projection.name,
            namespace=self._namespace(
                self.groups[projection.before].user_equations, self.groups[projection.behind].user_equations
            ),
        )
        made.connect(i=projection.pre, j=projection.post)
        if not plain:
            made.w = projection.weights.values
        return made

    def _namespace(self, *equations: Any) -> dict[str, Any]:
        """What equations use that Brian2 does not have."""
        if not any("erf(" in str(text) for text in equations):
            return {}
        from scipy.special import erf

        function = self.b2.Function(erf, arg_units=[1], return_unit=1)
        function.implementations.add_implementation("cython", 'cdef extern from "math.h":\n    double erf(double)\n')
        return {"erf": function}

    # Running

    def run(self, duration: float, report: str | None = None) -> Exported:
        """Simulate on for ``duration`` ms, from the feedforward sweep at first, sample after sample.

        Brian2 has no batch: each sample of the data is a run of its own, from a copy of the network as it was before
        the first run. ``report="text"`` shows Brian2's progress.
        """
        steps = whole_steps(duration, self.integrator.dt)
        found: list[dict[str, dict[str, np.ndarray]]] = []
        traces: list[list[np.ndarray]] = []
        with self._prepared():
            if not self.begun:
                self._take_up()
                self.network.store("before")
            for sample in range(self.data.batch):
                self.network.restore(f"sample {sample}" if self.begun else "before")
                if not self.begun:
                    self._start(sample)
                self.network.run(steps * self.integrator.dt * self.b2.ms, report=report)
                self.network.store(f"sample {sample}")
                self._settle()
                found.append(self._read())
                traces.append([self._trace(tape, self.steps, steps) for tape in self.tapes])
        self.begun = True
        first, self.steps = self.steps, self.steps + steps
        rows = [np.stack([t[k] for t in traces], axis=1) for k in range(len(self.tapes))]
        chosen = [r.choose(a) for r, a in zip(self.records, rows, strict=True)]
        records = dataset(self.records, self.tapes, chosen, first, self.integrator.dt, self.data.batch)
        return self._exported(found, records)

    def _take_up(self) -> None:
        """Weights as they stand in the synapses are the circuit's, for its sweeps and Hebbian sums, too."""
        values = {name: array.astype(np.float64).ravel() for name, array in self.circuit.parameters.items()}
        for projection in self.wiring.projections:
            weights = projection.weights
            if weights.parameter is not None:
                own = np.array(self.synapses[projection.name].w)
                changed = own != weights.values
                index = np.arange(own.size) if weights.index is None else weights.index
                values[weights.parameter][index[changed]] = own[changed]
        known = self.circuit.parameters
        self.circuit = self.circuit.with_parameters({n: v.reshape(known[n].shape) for n, v in values.items()})
        self.units = UnitGraph(self.circuit)

    def _state(self, vertex: str) -> str:
        return "dev" if self.dynamics.linear and self.circuit.has_prediction(vertex) else "v"

    def _start(self, sample: int) -> None:
        """The feedforward sweep of one sample, computed by the same sums and functions in NumPy."""
        inputs, clamped, initial = (
            {name: a[sample] for name, a in part.items()}
            for part in (self.data.inputs, self.data.clamped, self.data.initial)
        )
        latents = {
            name: np.zeros(self.circuit.graph.nodes[name].shape)
            for name in self.circuit.graph.latents
            if not self.circuit.has_prediction(name)
        }
        leaves = {name: a for name, a in initial.items() if name in self.circuit.graph.latents}
        activity = self.units.forward(inputs | latents | leaves, clamped)
        for name, group in self.wiring.groups.items():
            for variable, number in group.held.items():
                self.groups[name].variables[variable].set_value(activity[number])
        for name, number in self.units.values.items():
            value = np.asarray(initial.get(name, activity[number])).ravel()
            if name in self.circuit.vertices and self._state(name) == "dev" and name not in self.data.clamped:
                self.groups[name].dev = value - activity[self.units.predictions[name]]
            else:
                self.groups[name].v = value

    def _settle(self) -> None:
        """Sums over synapses as the last step has left the neurons, and what the monitors see of them.

        The copy for the next run has been made before: it knows nothing of this look.
        """
        for updater in self.updaters:
            updater.run()
        for monitor in self.monitors.values():
            monitor.run()

    def _read(self) -> dict[str, dict[str, np.ndarray]]:
        found: dict[str, dict[str, np.ndarray]] = {"value": {}, "error": {}, "prediction": {}}
        for name in self.circuit.vertices:
            shape = self.circuit.graph.nodes[name].shape
            for variable, arrays in found.items():
                if variable == "value" or self.circuit.has_prediction(name):
                    # Brian2 gives one number where an equation is constant.
                    read = np.array(getattr(self.groups[name], VARIABLES[variable])[:])
                    arrays[name] = np.broadcast_to(read, (self.groups[name].N,)).reshape(shape).copy()
        return found

    def _trace(self, tape: Tape, first: int, steps: int) -> np.ndarray:
        """(times, units) of a monitor since step ``first``; what it took at the end counts where it is due."""
        monitor = self.monitors[f"{tape.vertex}.{tape.variable}"]
        rows = np.array(getattr(monitor, VARIABLES[tape.variable])).T[-(-first // tape.every) :]
        return rows if (first + steps) % tape.every == 0 else rows[:-1]

    def _exported(self, found: list[dict[str, dict[str, np.ndarray]]], records: Any) -> Exported:
        groups = {
            kind: {name: np.stack([f[kind][name] for f in found]) for name in found[0][kind]} for kind in found[0]
        }
        gradients = hebbian(self.circuit, self.dynamics, self.integrator, self.data, groups["value"], groups["error"])
        for arrays in groups.values():
            for name, node in self.circuit.graph.outputs.items():
                arrays.setdefault(name, arrays[node.name])
        time = self.steps * self.integrator.dt
        return Exported(gradients, groups["value"], groups["error"], groups["prediction"], records, time)


def rate(
    circuit: Circuit,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    dynamics: AbstractDynamics | None = None,
    integrator: AbstractIntegrator | None = None,
    record: Sequence[Record] = (),
    target: str = "numpy",
    memory: float = MEMORY,
) -> RateNetwork:
    """The circuit as a Brian2 network of graded neurons.

    Parameters
    ----------
    circuit, inputs, targets, clamp, initial, dynamics, record
        As for ``pcneuro.Simulator`` and its ``run``. Samples of a batch are run one after the other.
    integrator
        ``Euler(dt)`` (default, dt = 1 ms) or ``ExponentialEuler(dt)``: Brian2 takes its sums once a step.
    target
        Brian2's code generation: ``"numpy"`` (default) or ``"cython"``.
    memory
        Bytes that the network may take, by an estimate from its number of synapses.

    Raises
    ------
    MissingExtraError
        Where Brian2 is not installed.
    ParameterError
        For an integrator of several stages, a target that is not known, weights that are not finite, an operator
        without an equivalent, or a network larger than ``memory``.
    """
    dynamics = FixedPrediction() if dynamics is None else dynamics
    integrator = Euler() if integrator is None else integrator
    if not isinstance(circuit, Circuit):
        raise ParameterError(f"circuit is {told(circuit)}; needed is a Circuit object")
    if target not in TARGETS:
        raise ParameterError(f"target is {target!r}; choose {' or '.join(map(repr, TARGETS))}")
    if len(integrator.weights) > 1:
        raise ParameterError(
            f"{type(integrator).__name__} has several stages, and Brian2 takes its sums over synapses once a step: use "
            "Euler or ExponentialEuler"
        )
    for name, values in circuit.parameters.items():
        if not np.isfinite(values).all():
            raise ParameterError(f"parameter {name!r} is not finite: not exported")
    given = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
    data = merge(circuit, None, given, time=0.0, dtype=np.dtype(np.float64), carried=dict)
    return RateNetwork(circuit, dynamics, integrator, data, listed(record), target, memory)


class RateTarget(AbstractTarget):
    """Brian2 at the level of rates, as ``rate`` makes it."""

    name = "brian2-rate"

    def run(self, asked: Asked) -> Exported:
        network = rate(
            asked.circuit,
            inputs=asked.inputs,
            targets=asked.targets,
            clamp=asked.clamp,
            dynamics=asked.dynamics,
            integrator=asked.integrator,
            record=asked.records,
        )
        return network.run(asked.duration)
