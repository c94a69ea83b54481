"""Circuits in Brian2 at the level of spikes: errors as ON and OFF neurons, and value neurons that are graded or spike.

An error still has its analog form, in the dendrite of its value neuron (``err``), which drives its ON and OFF neurons.
What its value neuron, and the value neurons that it was predicted from, receive of it are spikes (``received``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.export.brian2.network import AbstractNetwork
from pcneuro.export.checked import MEMORY
from pcneuro.export.groups import pairs_of
from pcneuro.export.rates import Rates
from pcneuro.export.spiking import Spiking
from pcneuro.export.targets import AbstractTarget, Exported, RunRequest
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.recording.record import Record, listed
from pcneuro.simulator.run_data import whole_steps
from pcneuro.simulator.stability import Stability

SPIKE = np.dtype([("time", float), ("sample", int), ("unit", int), ("neuron", int), ("sign", int)])

"""A spike: when (ms), and of which error neuron: ``neuron`` is below ``Spiking.errors.units``, ``sign`` is 1 for ON
neurons and -1 for OFF."""
MOST_SPIKING = 20_000
"""The spikes of populations of up to so many error neurons are kept in a check."""


class SpikingNetwork(AbstractNetwork):
    """A circuit of spiking neurons. Made by ``spiking``.

    Besides what every network has, ``groups["h1.error"]`` are the ON and OFF neurons of the errors of ``h1``, in the
    order sample, unit, sign (ON first), neuron; ``spike_monitors`` count all of their spikes, by vertex, and keep them
    where asked to.
    """

    variables: ClassVar[Mapping[str, str]] = {
        "value": "v",
        "error": "received",
        "prediction": "prediction",
        "feedback": "drive",
    }
    results: ClassVar[Mapping[str, str]] = {"value": "value_mean", "error": "mean", "prediction": "prediction_mean"}

    def __init__(self, rates: Rates, records: Sequence[Record], target: str, spikes: Sequence[str]) -> None:
        assert rates.spiking is not None
        self.spiking = rates.spiking
        dt, errors, decoding = rates.integrator.dt, rates.spiking.errors, rates.spiking.decoding
        if errors.rate * dt * 1e-3 > 1:
            raise ParameterError(
                f"a rate of {errors.rate:g} Hz is more than a spike in each step of {dt:g} ms: lower rate or dt"
            )
        if decoding.filter < dt:
            raise ParameterError(f"filter is {decoding.filter:g} ms, shorter than a step of {dt:g} ms")
        works = self._longest_step(rates)
        if dt > works:
            raise ParameterError(
                f"spikes are received a step late, with which this circuit is unstable at dt = {dt:g} ms: use dt = "
                f"{works:.2g} ms, or a longer tau"
            )
        for name in spikes:
            if not isinstance(name, str):
                raise ParameterError(f"spikes= has {told(name)}; give names of vertices")
            if name not in rates.units.predictions:
                raise ParameterError(str(unknown_name("vertex with errors in spikes", name, rates.units.predictions)))
        self.kept = frozenset(spikes)
        self.spike_monitors: dict[str, Any] = {}
        super().__init__(rates, records, target)

    @staticmethod
    def _longest_step(rates: Rates) -> float:
        """dt (ms) up to which no sample is unstable: half of what errors that arrive at once allow.

        With e received through a filter, in steps of Euler's method, a mode that decays at the rate lambda is
        e' = (1 - b) e + b x, x' = x - lambda dt e. The product of its eigenvalues is 1 - b + b lambda dt: so it takes
        dt < 1 / lambda, where without the delay it is 2 / lambda.
        """
        longest = np.inf
        for s in range(rates.data.batch):
            one = rates.data.sample(s)
            of_sample = Stability(rates.circuit, rates.dynamics, rates.integrator, one, rates.circuit.parameters)
            longest = min(longest, of_sample.stable_dt() / 2)
        return longest

    def _build(self) -> None:
        super()._build()
        for name in self.rates.units.predictions:
            group = self.groups[pairs_of(name)]
            self.spike_monitors[name] = self.b2.SpikeMonitor(
                group, record=name in self.kept, name=f"{group.name}_spike_monitor"
            )

    def _parts(self) -> list[Any]:
        return [*super()._parts(), *self.spike_monitors.values()]

    def _prepare(self, steps: int) -> None:
        times = dict(zip(("begin", "end"), self.rates.window(self.steps, steps), strict=True))
        for name in self.rates.circuit.vertices:
            group = self.groups[name]
            for variable, value in times.items():
                group.variables[variable].set_value(np.array([value]))
            if self.begun:
                for variable in ("value_mean", "mean", "prediction_mean"):
                    if variable in group.variables:
                        group.variables[variable].set_value(np.zeros(group.N))

    def spikes(self, vertex: str) -> np.ndarray:
        """Spikes of a vertex' error neurons since the start, a table of ``SPIKE``."""
        if vertex not in self.kept:
            raise ParameterError(f"spikes of {vertex!r} are not kept: name it in spikes= of the network")
        monitor, units = self.spike_monitors[vertex], self.spiking.errors.units
        index = np.array(monitor.i)
        spikes = np.empty(index.size, dtype=SPIKE)
        spikes["time"] = np.array(monitor.t) * 1e3
        pair, neuron = np.divmod(index, units)
        place, off = np.divmod(pair, 2)
        sample, unit = np.divmod(place, self.rates.circuit.graph.nodes[vertex].size)
        for name, values in (("sample", sample), ("unit", unit), ("neuron", neuron), ("sign", 1 - 2 * off)):
            spikes[name] = values
        # The step behind the last, which a standalone program makes.
        return spikes[spikes["time"] < (self.steps - 0.5) * self.dt]

    def _result(self, exported: Exported) -> Exported:
        return replace(exported, spikes={name: self.spikes(name) for name in sorted(self.kept)})


def spiking(
    circuit: Circuit,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    dynamics: AbstractDynamics | None = None,
    integrator: AbstractIntegrator | None = None,
    spiking: Spiking | None = None,
    record: Sequence[Record] = (),
    spikes: Iterable[str] = (),
    target: str = "numpy",
    memory: float = MEMORY,
) -> SpikingNetwork:
    """The circuit as a Brian2 network of spiking neurons.

    Parameters
    ----------
    circuit, inputs, targets, clamp, initial, dynamics, integrator, target, memory
        As for ``rate``.
    spiking
        How errors and values become spikes, and how these are decoded; ``Spiking()`` by default.
    record
        ``pcneuro.Record`` objects: of an error, what others receive of it.
    spikes
        Vertices whose error neurons' spikes are kept.

    Raises what ``rate`` raises, and ParameterError for rates above a spike a step or windows longer than a run.
    """
    data = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
    rates = Rates(circuit, dynamics, integrator, data, Spiking() if spiking is None else spiking, memory)
    if isinstance(spikes, str | Mapping) or not isinstance(spikes, Iterable):
        raise ParameterError(f"spikes is {told(spikes)}; give a list of names of vertices")
    return SpikingNetwork(rates, listed(record), target, list(spikes))


class SpikingTarget(AbstractTarget):
    """Brian2 at the level of spikes, as ``spiking`` makes it."""

    name = "brian2-spiking"
    tolerance = 0.03
    at_records = False

    def run(self, request: RunRequest) -> Exported:
        data = request.keywords | {"initial": None}
        rates = Rates(request.circuit, request.dynamics, request.integrator, data, request.spiking, MEMORY)
        # Before there is a network: Brian2 complains at length of one that never ran.
        rates.window(0, whole_steps(request.duration, rates.integrator.dt))
        copies = 2 * request.spiking.errors.units * rates.data.batch
        sizes = {name: request.circuit.graph.nodes[name].size for name in rates.units.predictions}
        kept = [name for name, size in sizes.items() if copies * size <= MOST_SPIKING]
        return SpikingNetwork(rates, listed(request.records), "numpy", kept).run(request.duration)
