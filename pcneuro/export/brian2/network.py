"""What networks of graded and of spiking neurons have in common: how they are built, run and read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.export.brian2.library import STANDALONE, Runtime, Standalone, check_target
from pcneuro.export.brian2.plasticity import PlasticParts
from pcneuro.export.groups import GroupSynapses
from pcneuro.export.rates import LAST_TIME, Rates
from pcneuro.export.targets import Exported, hebbian
from pcneuro.ops.base import Weights
from pcneuro.recording.probe import Probe
from pcneuro.recording.record import Record, dataset
from pcneuro.simulator.run_data import whole_steps

LAST = -1
"""Order within a step of what looks at it: behind all sums over synapses, before the neurons' states."""
AT_END = "values, errors and predictions at the end"
Found = dict[str, dict[str, np.ndarray]]


def _index(weights: Weights) -> np.ndarray:
    """The entries of its parameter that weights are."""
    return np.arange(weights.values.size) if weights.index is None else weights.index


class AbstractNetwork(ABC):
    """A circuit in Brian2.

    Attributes
    ----------
    network
        The ``brian2.Network``.
    groups, synapses, monitors
        Its parts: groups by input, vertex or compartment; synapses by projection, with their weights ``w``; monitors
        by vertex and variable. Weights can be written to before the first run, the same in all copies (not in a
        standalone program); whatever else is to change is given to ``reset``. Samples of a batch are copies side by
        side: unit u of sample s is neuron s * units + u of a group.
    """

    variables: ClassVar[Mapping[str, str]]
    """What is recorded -> the variable of a group."""
    results: ClassVar[Mapping[str, str]]
    """What a run returns (``value``, ``error``, ``prediction``) -> the variable of a group."""

    def __init__(self, rates: Rates, records: Sequence[Record], target: str) -> None:
        check_target(target)
        self.rates = rates
        self.backend = Standalone() if target == STANDALONE else Runtime(target)
        self.b2 = self.backend.b2
        self.dt = rates.integrator.dt
        self.records = list(records)
        self.probes = [r.resolve(rates.circuit, rates.data.batch, self.dt) for r in self.records]
        self.steps = 0
        self.groups: dict[str, Any] = {}
        self.synapses: dict[str, Any] = {}
        self.monitors: dict[str, Any] = {}
        self.begun = False
        """Whether there has been a run since the start."""
        with self.backend.active():
            self._build()
            self.network = self.b2.Network(*self._parts())
            self._put(rates)
            if isinstance(self.backend, Runtime):
                self.network.store("start")

    # Building

    def _parts(self) -> list[Any]:
        return [*self.groups.values(), *self.synapses.values(), *self.monitors.values(), *self.plastic.parts]

    def _build(self) -> None:
        b2, rates = self.b2, self.rates
        self.clock = b2.Clock(self.dt * b2.ms)
        for name, group in rates.wiring.groups.items():
            self.groups[name] = b2.NeuronGroup(
                group.size,
                group.equations,
                method=group.method,
                threshold=group.threshold,
                reset=group.reset,
                clock=self.clock,
                name=rates.names[name],
                namespace=self._namespace(group.equations),
            )
        for name, stream in rates.streams().items():
            self.groups[name].namespace["stimulus"] = b2.TimedArray(stream.values, dt=stream.dt * b2.ms)
            self.groups[name].namespace[LAST_TIME] = np.inf * b2.second
            # At the begin of a step, as its sums are of what is given in it.
            self.groups[name].run_regularly(stream.update)
        for projection in rates.wiring.projections:
            self.synapses[projection.name] = self._projection(projection)
        # One after the other.
        self.updaters = [self.synapses[name].summed_updaters[variable] for name, variable in rates.sums]
        for k, updater in enumerate(self.updaters):
            updater.order = LAST - len(self.updaters) + k
        self.plastic = PlasticParts(b2, rates, self.groups, self.synapses, self.updaters)
        for probe in self.probes:
            if not probe.of_parameter:
                key, variables = f"{probe.vertex}.{probe.variable}", [self.variables[probe.variable]]
                self.monitors[key] = self._monitor(probe.vertex, variables, probe.every, probe.variable)
            elif probe.vertex in self.plastic.by_name:
                key = f"{probe.vertex}.{probe.variable}"
                self.monitors[key] = self.plastic.monitor(probe.vertex, probe.every, probe.variable)

    def _monitor(self, vertex: str, variables: list[str], every: int, title: str) -> Any:
        """Looks every so many steps, between sums and states."""
        return self.b2.StateMonitor(
            self.groups[vertex],
            variables,
            record=True,
            dt=every * self.dt * self.b2.ms,
            when="groups",
            order=LAST,
            name=f"{self.rates.names[vertex]}_{title}_monitor",
        )

    def _projection(self, projection: GroupSynapses) -> Any:
        before, behind = (self.rates.wiring.groups[name] for name in (projection.before, projection.behind))
        made = self.b2.Synapses(
            self.groups[projection.before],
            self.groups[projection.behind],
            "\n".join(projection.equations),
            on_pre=projection.on_spike,
            clock=self.clock,
            name=projection.name,
            namespace=self._namespace(before.equations, behind.equations),
            **({} if projection.learning is None else {"method": "euler"}),
        )
        made.connect(i=projection.pre, j=projection.post)
        if projection.learning is not None and projection.learning.every is None:
            # Between sums and states, as both are to go on from the same errors.
            made.state_updater.order = LAST
        return made

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Present values of the parameters, and learned variances, which plasticity may have changed."""
        values = {name: np.array(array, dtype=np.float64) for name, array in self.rates.circuit.learned.items()}
        standalone = isinstance(self.backend, Standalone)
        # A program has made a step more, and nothing before it has run.
        for name in self.plastic.by_name if self.begun or not standalone else ():
            last = self.monitors.get(f"{name}, {AT_END}")
            values[name] = self.plastic.seen(name, last)[-1] if standalone else self.plastic.now(name)
        return values

    def _namespace(self, *equations: str) -> dict[str, Any]:
        """What equations use that Brian2 does not have."""
        if not any("erf(" in text for text in equations):
            return {}
        from scipy.special import erf

        function = self.b2.Function(erf, arg_units=[1], return_unit=1)
        function.implementations.add_implementation("cython", 'cdef extern from "math.h":\n    double erf(double)\n')
        function.implementations.add_implementation("cpp", "")
        return {"erf": function}

    # Running

    def run(self, duration: float, report: str | None = None) -> Exported:
        """Simulate on for ``duration`` ms, from the feedforward sweep at first. ``report="text"`` shows progress.

        A standalone program is built by the first run, and always runs from the start, for the same duration. Raises
        ParameterError where another one is asked for.
        """
        steps = whole_steps(duration, self.dt)
        with self.backend.active():
            if isinstance(self.backend, Standalone):
                self._run_standalone(self.backend, steps, report)
            else:
                self._run_here(steps, report)
        first, self.steps = self.steps, self.steps + steps
        self.begun = True
        rows = [self._trace(probe, first, steps) for probe in self.probes]
        chosen = [r.choose(a, p) for r, a, p in zip(self.records, rows, self.probes, strict=True)]
        records = dataset(self.records, self.probes, chosen, first, self.dt, self.rates.data.batch)
        return self._exported(self._read(), records)

    def _run_here(self, steps: int, report: str | None) -> None:
        if not self.begun:
            self._take_up()
        self._prepare(steps)
        self.network.run(steps * self.dt * self.b2.ms, report=report)
        if steps:
            self.plastic.end(self.steps + steps)
        # Sums over synapses as the last step has left the neurons; the next run takes them anew.
        for updater in self.updaters:
            updater.run()

    def _run_standalone(self, backend: Standalone, steps: int, report: str | None) -> None:
        if self.begun:
            raise ParameterError("a standalone program runs from the start: give it data by reset() first")
        if backend.steps is None:
            self._prepare(steps)
            # Looks at the end, when one step more has taken the sums.
            for name in self.rates.circuit.vertices:
                wanted = [v for kind, v in self.results.items() if kind == "value" or self._has_error(name)]
                monitor = self._monitor(name, wanted, steps, "last")
                self.monitors[f"{name}, {AT_END}"] = monitor
                self.network.add(monitor)
            for name in self.plastic.by_name:
                monitor = self.monitors[f"{name}, {AT_END}"] = self.plastic.monitor(name, steps, "last")
                self.network.add(monitor)
            for name in self.rates.streams():
                self.groups[name].namespace[LAST_TIME] = (steps - 0.5) * self.dt * self.b2.ms
            self.network.run((steps + 1) * self.dt * self.b2.ms, report=report)
            backend.build(steps)
        elif backend.steps != steps:
            raise ParameterError(
                f"{steps} steps for a standalone program that was built for {backend.steps}: make another network"
            )
        backend.run(self._waiting)

    def reset(
        self,
        *,
        inputs: Mapping[str, Any] | None = None,
        targets: Mapping[str, Any] | None = None,
        clamp: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Back to the start, with other data or parameters where they are given: nothing is built or compiled again.

        Arguments are those of the network and of ``Circuit.with_parameters``. Raises ParameterError where they need
        another network: another number of samples, other clamped vertices, or numbers that are part of the equations.
        """
        data = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
        self.rates = self.rates.replaced(data, parameters)
        self.steps, self.begun = 0, False
        with self.backend.active():
            if isinstance(self.backend, Runtime):
                self.network.restore("start")
            self._put(self.rates)

    def _put(self, rates: Rates) -> None:
        """Write all numbers into the network; those for a program that has been built wait for its next run."""
        built = isinstance(self.backend, Standalone) and self.backend.steps is not None
        self._waiting: dict[Any, np.ndarray] = {}
        for name, weights in rates.weights().items():
            self._set(self.synapses[name], "w", weights, built)
        for name, variables in rates.variables().items():
            for variable, values in variables.items():
                self._set(self.groups[name], variable, values, built)
        if not built:
            self.plastic.note(0)

    def _set(self, owner: Any, variable: str, values: np.ndarray, built: bool) -> None:
        if built:
            view = owner.state(variable)
            self._waiting[view] = self.b2.Quantity(values, dim=view.dim)
        else:
            owner.variables[variable].set_value(values)

    @abstractmethod
    def _prepare(self, steps: int) -> None:
        """What a run needs to know of its length."""

    def _take_up(self) -> None:
        """Weights as they stand in the synapses are the circuit's, for its sweeps and Hebbian sums, too."""
        circuit = self.rates.circuit
        values = {name: array.astype(np.float64).ravel() for name, array in circuit.parameters.items()}
        changed = False
        for projection in self.rates.wiring.projections:
            weights = projection.weights
            if not projection.plain:
                present = np.array(self.synapses[projection.name].w)
                different = present != weights.values
                changed |= bool(different.any())
                if weights.parameter is not None:
                    values[weights.parameter][_index(weights)[different]] = present[different]
                elif different.any():
                    raise ParameterError(
                        f"weights of {projection.name} were written to, which are computed or constant: give "
                        "parameters to reset() instead"
                    )
        for projection in self.rates.wiring.projections if changed else ():
            weights = projection.weights
            if weights.parameter is not None:
                present = np.array(self.synapses[projection.name].w)
                if (present != values[weights.parameter][_index(weights)]).any():
                    raise ParameterError(
                        f"synapses that share parameter {weights.parameter!r} have been given different weights: write "
                        "the same to all of its projections and samples, or give parameters to reset()"
                    )
        if changed:
            shaped = {n: v.reshape(circuit.parameters[n].shape) for n, v in values.items()}
            data = dict.fromkeys(("inputs", "targets", "clamp")) | {"initial": self.rates.data.initial}
            self.rates = self.rates.replaced(data, shaped)
            constants = {name: group.constants for name, group in self.rates.wiring.groups.items()}
            for name, variables in self.rates.variables().items():
                for variable in variables.keys() - constants[name].keys():
                    self._set(self.groups[name], variable, variables[variable], False)

    # Reading

    def _has_error(self, vertex: str) -> bool:
        return self.rates.circuit.has_prediction(vertex)

    def _shaped(self, vertex: str, rows: np.ndarray) -> np.ndarray:
        """(..., batch * units) as (..., batch, \\*shape)."""
        shape = self.rates.circuit.graph.nodes[vertex].shape
        return rows.reshape(*rows.shape[:-1], self.rates.data.batch, *shape).copy()

    def _read(self) -> Found:
        arrays: Found = {kind: {} for kind in self.results}
        for name in self.rates.circuit.vertices:
            for kind, variable in self.results.items():
                if kind == "value" or self._has_error(name):
                    arrays[kind][name] = self._shaped(name, self._now(name, variable))
        return arrays

    def _now(self, vertex: str, variable: str) -> np.ndarray:
        """(batch * units,) at the end of the run."""
        group = self.groups[vertex]
        if isinstance(self.backend, Standalone):
            return np.array(getattr(self.monitors[f"{vertex}, {AT_END}"], variable))[:, -1]
        # Brian2 gives one number where an equation is constant.
        return np.broadcast_to(np.array(group.state(variable, use_units=False)[:]), (group.N,))

    def _trace(self, probe: Probe, first: int, steps: int) -> np.ndarray:
        """(times, batch, units) of a monitor since step ``first``; where it is due at the end, that, too."""
        if probe.of_parameter:
            return self._trace_parameter(probe, first, steps)
        variable = self.variables[probe.variable]
        begin, end = -(-first // probe.every), (first + steps) // probe.every
        rows = np.array(getattr(self.monitors[f"{probe.vertex}.{probe.variable}"], variable)).T[begin : end + 1]
        if (first + steps) % probe.every == 0 and len(rows) == end - begin:
            rows = np.concatenate([rows, self._now(probe.vertex, variable)[None]])
        batch = self.rates.data.batch
        return rows.reshape(len(rows), batch, self.groups[probe.vertex].N // batch)

    def _trace_parameter(self, probe: Probe, first: int, steps: int) -> np.ndarray:
        """(times, 1, entries) of a parameter, which learns or stays."""
        begin, end = -(-first // probe.every), (first + steps) // probe.every
        now = self.parameters[probe.vertex][None]
        if probe.vertex not in self.plastic.by_name:
            return np.broadcast_to(now, (end + 1 - begin, *now.shape[1:])).reshape(end + 1 - begin, 1, -1)
        rows = self.plastic.seen(probe.vertex, self.monitors[f"{probe.vertex}.{probe.variable}"])[begin : end + 1]
        if (first + steps) % probe.every == 0 and len(rows) == end - begin:
            rows = np.concatenate([rows, now])
        return rows.reshape(len(rows), 1, -1)

    def _exported(self, arrays: Found, records: Any) -> Exported:
        rates = self.rates
        data = rates.data.at(max(self.steps - 1, 0))
        circuit = rates.circuit.with_parameters(self.parameters) if rates.circuit.plasticity else rates.circuit
        gradients = hebbian(circuit, rates.dynamics, data, arrays["value"], arrays["error"])
        for by_vertex in arrays.values():
            for name, node in rates.circuit.graph.outputs.items():
                by_vertex.setdefault(name, by_vertex[node.name])
        time = self.steps * self.dt
        return self._result(Exported(gradients, arrays["value"], arrays["error"], arrays["prediction"], records, time))

    @abstractmethod
    def _result(self, exported: Exported) -> Exported:
        """What ``run`` returns."""
