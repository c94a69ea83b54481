"""Circuits in NEST as networks of rate neurons with instantaneous rate connections.

``network(circuit)`` makes a ``NestNetwork``, whose run gives what a simulator's gives. The extra ``nest`` brings the
library, which is imported when the first network is made. What the network consists of, and why its rates are those of
the circuit's own integrator at every step, is in ``rate_neurons``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import RunData
from pcneuro.engines.cycles import check_cycles
from pcneuro.errors import ParameterError
from pcneuro.export.checked import (
    MEMORY,
    checked_circuit,
    checked_run_data,
    imported,
    refuse_size,
    settings,
    without_extras,
)
from pcneuro.export.rate_neurons import FUNCTIONS, NestNeurons, error, estimate, made, value
from pcneuro.export.targets import AbstractTarget, Exported, RunRequest, hebbian
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.ops.primitives import PRIMITIVES
from pcneuro.recording.probe import Probe
from pcneuro.recording.record import Record, dataset, listed
from pcneuro.simulator.run_data import whole_steps

__all__ = ["NestNetwork", "NestTarget", "network"]

SYNAPSE_BYTES, NEURON_BYTES = 120, 5000
"""What a rate connection, of which NEST 3.10 keeps some 85 bytes and we the weight twice, and a rate neuron take."""
TICS = (1000, 10_000, 100_000, 1_000_000)
"""NEST's clock in parts of a ms; the first is its own, the others for finer steps."""
QUIET = "PYNEST_QUIET"
"""Environment variable with which NEST does not greet."""
Rates = dict[str, np.ndarray]


def library() -> Any:
    """NEST, without its greeting. Raises MissingExtraError with the command that installs it."""
    asked = QUIET in os.environ
    os.environ.setdefault(QUIET, "1")
    try:
        return imported("nest", "NEST", "nest")
    finally:
        if not asked:
            del os.environ[QUIET]


@contextmanager
def _quiet(nest: Any) -> Iterator[None]:
    """Nothing but NEST's errors, and its verbosity as it was afterwards."""
    before = nest.verbosity
    nest.verbosity = nest.VerbosityLevel.ERROR
    try:
        yield
    finally:
        nest.verbosity = before


def _clock(dt: float, substeps: int) -> tuple[float, int]:
    """NEST's time step in ms, and tics in a ms, for a step of the circuit."""
    step = dt / substeps
    for tics in TICS:
        count = round(step * tics)
        if count >= 1 and abs(step * tics - count) <= 1e-9 * count:
            return count / tics, tics
    raise ParameterError(
        f"dt is {dt!r} ms: NEST's time step would be {step!r} ms, which is no multiple of {1 / TICS[-1]:g} ms as its "
        "clock needs; give a dt that is"
    )


def _check_size(neurons: int, synapses: int, memory: float) -> None:
    what = f"{neurons:,} neurons and {synapses:,} synapses"
    refuse_size(NEURON_BYTES * neurons + SYNAPSE_BYTES * synapses, what, "NEST", memory)


class NestNetwork:
    """A circuit in NEST. Made by ``network``.

    NEST has one network at a time and no batch: ``run`` and ``build`` reset its kernel (``nest.ResetKernel``), which
    destroys whatever else has been made in it, and build the network anew for every sample.

    Attributes
    ----------
    populations
        Name -> ``nest.NodeCollection`` of the sample that was built last, such as ``"h1.value"`` and ``"h1.error"``.
    steps
        Steps of the circuit that have been run.
    """

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        data: RunData,
        records: Sequence[Record],
        memory: float,
    ) -> None:
        self.nest = library()
        self.circuit, self.dynamics, self.integrator, self.data = circuit, dynamics, integrator, data
        self.records, self.memory = list(records), memory
        self.probes = [r.resolve(circuit, data.batch, integrator.dt) for r in self.records]
        # From the shapes first: the parts themselves take memory, too.
        _check_size(*estimate(circuit, data.clamped, dynamics.holds_predictions), memory)
        self._parts(0)
        self.populations: dict[str, Any] = {}
        self.steps = 0
        self.states: list[Rates] = []
        """Rates of all populations by sample, where the last run has left them."""

    def _parts(self, sample: int) -> NestNeurons:
        parts = made(self.circuit, self.dynamics, self.integrator, self.data, sample)
        _clock(self.integrator.dt, parts.substeps)
        _check_size(parts.neuron_count, parts.synapse_count, self.memory)
        return parts

    # Building

    def build(self, sample: int = 0) -> NestNeurons:
        """Make the network of a sample in NEST, which is reset before, with rates as the last run has left them.

        Returns what it is made of. ``nest.Simulate`` then runs it by hand.
        """
        if not 0 <= sample < self.data.batch:
            raise ParameterError(f"sample is {sample}; there are {self.data.batch}")
        nest, parts = self.nest, self._parts(sample)
        step, tics = _clock(self.integrator.dt, parts.substeps)
        with _quiet(nest):
            nest.ResetKernel()
            # Without waveform relaxation the first step would be one without input. Whatever its tolerance, it changes
            # nothing after two iterations, since all that is sent in a step is known before it.
            nest.set(resolution=step, tics_per_ms=tics, use_wfr=True, wfr_comm_interval=step, wfr_tol=0.0)
            self.populations = {}
            begun = self._begun(parts, sample) if self.states else {}
            for name, neurons in parts.neurons.items():
                rates = begun.get(name, neurons.rates)
                parameters = {"rate": rates, **neurons.parameters}
                self.populations[name] = nest.Create(neurons.model, rates.size, parameters)
            for source, target, weights in parts.projections:
                if weights.nnz:
                    first, behind = (self.populations[name][0].global_id for name in (source, target))
                    synapse = {"synapse_model": "rate_connection_instantaneous", "weight": weights.data}
                    nest.Connect(first + weights.col, behind + weights.row, "one_to_one", synapse)
        return parts

    def _every(self, probe: Probe) -> int:
        """The steps between what a multimeter takes: all of them, if the run begins between two records.

        NEST's multimeters leave out the first record where their offset is one step of NEST.
        """
        return 1 if self.steps % probe.every else probe.every

    def _meters(self, parts: NestNeurons) -> dict[tuple[str, int], Any]:
        """A multimeter for every population that is recorded, and every interval (steps)."""
        meters: dict[tuple[str, int], Any] = {}
        for probe in self.probes:
            every = self._every(probe)
            for name in parts.readouts[probe.vertex, probe.variable].weights:
                if (name, every) not in meters:
                    settings = {"record_from": ["rate"], "interval": every * self.integrator.dt}
                    meters[name, every] = self.nest.Create("multimeter", params=settings)
                    self.nest.Connect(meters[name, every], self.populations[name])
        return meters

    # Running

    def run(self, duration: float) -> Exported:
        """Simulate on for ``duration`` ms, from the feedforward sweep at first, sample after sample.

        Resets NEST's kernel for every sample: whatever else has been made in NEST is gone.
        """
        steps = whole_steps(duration, self.integrator.dt)
        ends: list[Rates] = []
        read: list[dict[tuple[str, str], np.ndarray]] = []
        traces: list[list[np.ndarray]] = []
        for sample in range(self.data.batch):
            parts = self.build(sample)
            begin = self._rates()
            with _quiet(self.nest):
                meters = self._meters(parts)
                self._simulate(parts, sample, steps)
            end = self._rates()
            traces.append([self._trace(probe, parts, meters, steps, begin, end) for probe in self.probes])
            read.append({key: form.at(end) for key, form in parts.readouts.items() if key[1] != "feedback"})
            ends.append(end)
        first, self.steps, self.states = self.steps, self.steps + steps, ends
        rows = [np.stack([t[k] for t in traces], axis=1) for k in range(len(self.probes))]
        chosen = [r.choose(a, p) for r, a, p in zip(self.records, rows, self.probes, strict=True)]
        return self._exported(
            read, dataset(self.records, self.probes, chosen, first, self.integrator.dt, self.data.batch)
        )

    def _simulate(self, parts: NestNeurons, sample: int, steps: int) -> None:
        """So many steps. What changes with time does one of NEST's steps before that in which others take it in."""
        step, done = self.integrator.dt / parts.substeps, 0
        change = self.data.next_change(self.steps)
        while change is not None and change < self.steps + steps:
            due = (change - self.steps) * parts.substeps - 1
            self.nest.Simulate((due - done) * step)
            for name, rates in self._turned(parts, sample, change, self._rates()).items():
                self.populations[name].rate = rates
            done, change = due, self.data.next_change(change)
        if steps:
            self.nest.Simulate((steps * parts.substeps - done) * step)

    def _turned(self, parts: NestNeurons, sample: int, number: int, rates: Rates) -> Rates:
        """Rates of what changes with time in a step, and of functions of it, where all others have these."""
        data = self.data.at(number)
        turned = {}
        for group, name in data.stimuli:
            key = name if group == "inputs" else value(name)
            turned[key] = getattr(data, group)[name][sample].ravel().astype(np.float64)
        for name, neurons in parts.neurons.items():
            if neurons.model in FUNCTIONS:
                drive = parts.inputs[name].at(rates | turned)
                turned[name] = PRIMITIVES[FUNCTIONS[neurons.model]].array(drive)
        return turned

    def _begun(self, parts: NestNeurons, sample: int) -> Rates:
        """Rates of all populations as the last run has left them, but for what is another at the begin of this one."""
        rates = self.states[sample]
        if self.data.next_change(self.steps - 1) == self.steps:
            rates = rates | self._turned(parts, sample, self.steps, rates)
            errors = (error(name) for name in self.circuit.vertices if error(name) in parts.inputs)
            rates = rates | {name: parts.inputs[name].at(rates) for name in errors}
        return rates

    def _rates(self) -> Rates:
        # Of a single neuron NEST gives a number.
        return {name: np.atleast_1d(np.array(nodes.rate)) for name, nodes in self.populations.items()}

    def _trace(
        self,
        probe: Probe,
        parts: NestNeurons,
        meters: Mapping[tuple[str, int], Any],
        steps: int,
        begin: Rates,
        end: Rates,
    ) -> np.ndarray:
        """(times, units) of a variable. A multimeter takes what lies between the beginning of a run and its end."""
        form, every = parts.readouts[probe.vertex, probe.variable], self._every(probe)
        taken = range(every, steps, every)
        due = [t for t in range(steps + 1) if (self.steps + t) % probe.every == 0]
        rates = {}
        for name in form.weights:
            at = {0: begin[name], steps: end[name]}
            if taken:
                events = meters[name, every].events
                order = np.lexsort((events["senders"], events["times"]))
                at |= zip(taken, events["rate"][order].reshape(len(taken), -1), strict=True)
            rates[name] = np.array([at[t] for t in due]).reshape(len(due), end[name].size)
        return np.broadcast_to(form.at(rates), (len(due), form.constant.size))

    def _exported(self, read: list[dict[tuple[str, str], np.ndarray]], records: Any) -> Exported:
        groups: dict[str, dict[str, np.ndarray]] = {"value": {}, "error": {}, "prediction": {}}
        for name, variable in read[0]:
            shape = (self.data.batch, *self.circuit.graph.nodes[name].shape)
            groups[variable][name] = np.stack([sample[name, variable] for sample in read]).reshape(shape)
        data = self.data.at(max(self.steps - 1, 0))
        gradients = hebbian(self.circuit, self.dynamics, data, groups["value"], groups["error"])
        for arrays in groups.values():
            for name, node in self.circuit.graph.outputs.items():
                arrays.setdefault(name, arrays[node.name])
        time = self.steps * self.integrator.dt
        return Exported(gradients, groups["value"], groups["error"], groups["prediction"], records, time)


def network(
    circuit: Circuit,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    dynamics: AbstractDynamics | None = None,
    integrator: AbstractIntegrator | None = None,
    record: Sequence[Record] = (),
    memory: float = MEMORY,
) -> NestNetwork:
    """The circuit as a network of NEST's rate neurons.

    Parameters
    ----------
    circuit, inputs, targets, clamp, initial, record
        As for ``pcneuro.Simulator`` and its ``run``. Samples of a batch are run one after the other, each in a NEST
        kernel that has been reset: whatever else has been made in NEST is gone.
    dynamics
        ``FixedPrediction()`` (default) for every circuit: its derivatives at the sweep are the weights. ``Strict()``
        where predictions are linear in the free vertices; of what is clamped they may be tanh, sigmoid or relu.
    integrator
        ``Euler(dt)`` (default, dt = 1 ms) or ``ExponentialEuler(dt)``.
    memory
        Bytes that the network may take, by an estimate from its numbers of neurons and synapses.

    Raises
    ------
    MissingExtraError
        Where NEST is not installed.
    ParameterError
        For error neurons with a time constant, dynamics or an integrator that NEST's rate neurons do not have, a time
        step that its clock does not have, an operator without an equivalent, parameters or weights that are not finite,
        or a network larger than ``memory``.
    """
    circuit = without_extras(checked_circuit(circuit, cycles=True), "NEST")
    dynamics, integrator = settings(dynamics, integrator, "NEST's rate neurons take one step at a time")
    check_cycles(circuit, dynamics, integrator)
    arrays = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
    data = checked_run_data(circuit, dynamics, arrays, streams=integrator.dt)
    for each in listed(record):
        changes = ("clamped", each.vertex) in data.stimuli and circuit.graph.consumers[each.vertex]
        if each.variable == "feedback" and changes:
            raise ParameterError(
                f"feedback of {each.vertex!r}, which is clamped to a TimedArray, is not recorded in NEST: leave it out"
            )
    return NestNetwork(circuit, dynamics, integrator, data, listed(record), memory)


class NestTarget(AbstractTarget):
    """NEST's rate neurons, as ``network`` makes them."""

    name = "nest"

    def run(self, request: RunRequest) -> Exported:
        built = network(
            request.circuit,
            **request.keywords,
            dynamics=request.dynamics,
            integrator=request.integrator,
            record=request.records,
        )
        return built.run(request.duration)
