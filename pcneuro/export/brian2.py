"""Circuits in Brian2 at the level of rates: populations as neuron groups, projections as synapses.

``rate(circuit)`` makes a ``RateNetwork``, whose run gives what a simulator's gives, and whose parts are Brian2's own
objects. The extra ``brian2`` brings the library, which is imported when the first network is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pcneuro.circuit import Circuit
from pcneuro.dynamics import AbstractDynamics
from pcneuro.engines import Tape
from pcneuro.errors import MissingExtraError, ParameterError
from pcneuro.export.rates import Rates
from pcneuro.export.script import write as script
from pcneuro.export.targets import AbstractTarget, Asked, Exported, hebbian
from pcneuro.export.wiring import Projection
from pcneuro.given import whole_steps
from pcneuro.integrators import AbstractIntegrator
from pcneuro.record import Record, dataset, listed

__all__ = ["RateNetwork", "RateTarget", "rate", "script"]

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

    def __init__(self, rates: Rates, records: Sequence[Record], target: str, memory: float) -> None:
        self.b2 = library()
        self.rates, self.target = rates, target
        self.circuit, self.data, self.integrator = rates.circuit, rates.data, rates.integrator
        self.wiring, self.names = rates.wiring, rates.names
        needed = SYNAPSE_BYTES * rates.units.synapse_count
        if needed > memory:
            raise ParameterError(
                f"{rates.units.synapse_count:,} synapses would take about {needed / 1e9:.1f} GB in Brian2, more than "
                f"the {memory / 1e9:.1f} GB of memory=; allow more, or export a smaller circuit"
            )
        self.records = list(records)
        self.tapes = [r.resolve(self.circuit, self.data.batch, self.integrator.dt) for r in self.records]
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
        for name, values in self.rates.rates.items():
            self.groups[name].rate = values * b2.Hz
        self.synapses = {p.name: self._projection(p) for p in self.wiring.projections}
        # One after the other.
        self.updaters = [self.synapses[name].summed_updaters[variable] for name, variable in self.rates.sums]
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
        before, behind = self.groups[projection.before], self.groups[projection.behind]
        made = self.b2.Synapses(
            before,
            behind,
            "\n".join(projection.equations),
            clock=self.clock,
            name=projection.name,
            namespace=self._namespace(
                self.groups[projection.before].user_equations, self.groups[projection.behind].user_equations
            ),
        )
        made.connect(i=projection.pre, j=projection.post)
        if not projection.plain:
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
                    for name, values in self.rates.start(sample).items():
                        for variable, array in values.items():
                            self.groups[name].variables[variable].set_value(array)
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
        self.rates.take(self.circuit)

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
        gradients = hebbian(
            self.circuit, self.rates.dynamics, self.integrator, self.data, groups["value"], groups["error"]
        )
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
    if target not in TARGETS:
        raise ParameterError(f"target is {target!r}; choose {' or '.join(map(repr, TARGETS))}")
    given = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
    return RateNetwork(Rates(circuit, dynamics, integrator, given), listed(record), target, memory)


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
