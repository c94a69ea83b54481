"""Groups, synapses and numbers of a Brian2 network, without Brian2: for networks and for scripts alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.noise import refuse_noise
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines import RunData
from pcneuro.engines.cycles import check_cycles
from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.export.checked import (
    check_shapes,
    checked_circuit,
    checked_run_data,
    refuse_size,
    settings,
    without_extras,
)
from pcneuro.export.frozen import sweep
from pcneuro.export.groups import pairs_of
from pcneuro.export.learning import Regular
from pcneuro.export.plastic_wiring import PlasticWiring, check_plasticity, of_neurons
from pcneuro.export.spiking import AbstractErrorNeurons, Spiking
from pcneuro.export.wiring import Wiring, checked_names
from pcneuro.model.dynamics import AbstractDynamics, StateRow, deviation, with_error_neurons
from pcneuro.model.integrators import AbstractIntegrator

SYNAPSE_BYTES = 64
"""What a synapse of both directions takes in Brian2: indices, weight, and the lists of synapses by neuron."""

NUMBER_BYTES = 8
"""What a value over time takes in Brian2."""

RATES = {"value": "rate", "error": "error_rate"}
"""Row of the state -> the variable that has its rate."""

Variables = dict[str, dict[str, np.ndarray]]


LAST_TIME = "last_time"
"""The time behind which data stay, as Brian2 knows it: for a program that makes a step more to look at its end."""


class Stream(NamedTuple):
    """Values of a group's neurons over time, (times, neurons), each for ``dt`` ms; periodic after so many ``steps``."""

    values: np.ndarray
    dt: float
    steps: int | None

    @property
    def update(self) -> str:
        """What gives it to the neurons at the begin of each step, in Brian2's syntax, as ``stimulus``."""
        time = f"clip(t, 0*second, {LAST_TIME})"
        if self.steps is not None:
            time = f"(timestep({time}, dt) % {self.steps})*dt"
        return f"v = stimulus({time}, i)"


class Rates:
    """Groups, projections and values of a circuit for these dynamics, this integrator and these data.

    ``memory`` is for the bytes that it may take in Brian2. Raises ParameterError for an integrator of several stages,
    weights that are not finite, an operator without an equivalent in single units, or what exceeds ``memory``.
    """

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics | None,
        integrator: AbstractIntegrator | None,
        data: Mapping[str, Any],
        spiking: Spiking | None = None,
        memory: float = np.inf,
        previous: RunData | None = None,
    ) -> None:
        graded = spiking is None
        checked_circuit(circuit, cycles=graded, plastic=graded, messages=graded)
        why = "Brian2 takes its sums over synapses once a step"
        self.dynamics, self.integrator = settings(dynamics, integrator, why)
        check_cycles(circuit, self.dynamics, self.integrator)
        if spiking is not None and not isinstance(spiking, Spiking):
            raise ParameterError(f"spiking is {told(spiking)}; give a Spiking object")
        if spiking is not None:
            without_extras(circuit, "spiking neurons")
        self.spiking, self.memory = spiking, memory
        self._check_noise(circuit)
        streams = self.integrator.dt if spiking is None else None
        self.data = checked_run_data(circuit, self.dynamics, data, previous, streams=streams)
        self._check_streams()
        check_shapes(circuit, "Brian2", SYNAPSE_BYTES, memory, self.data.batch)
        check_plasticity(circuit, self.dynamics, self.integrator, self.data.batch)
        self.circuit, self.units = circuit, UnitGraph(circuit, plastic=of_neurons(circuit))
        self._check_size()
        with np.errstate(all="ignore"):
            self.sweeps = [sweep(self.units, self.data, sample) for sample in range(self.data.batch)]
        self._check_finite()
        self.wiring = Wiring(
            self.units, set(self.data.clamped), self.dynamics.holds_predictions, self.data.batch, spiking
        )
        self.learnings = PlasticWiring(self.wiring, circuit, self.integrator).learnings if circuit.plasticity else []
        """All that changes while the circuit runs."""
        self.names = checked_names(self.wiring)
        """Group -> its name in Brian2."""

    def _check_noise(self, circuit: Circuit) -> None:
        """Raise ParameterError for noise of error neurons that integrate nothing, and of those that spike."""
        if self.spiking is not None:
            refuse_noise(circuit, "a network of spiking neurons", "give it without")
        for vertex in circuit.noisy_errors:
            raise ParameterError(
                f"error neurons of {vertex!r} have noise and no time constant, and Brian2 adds noise to what is "
                "integrated only: give error_tau, or noise of the value neurons"
            )

    def _stir(self, variables: dict[str, np.ndarray], name: str, dynamics: AbstractDynamics, row: StateRow) -> None:
        """The numbers of the noise of a row: Brian2's steps then add to it what ours do, from other normal numbers."""
        noise = self.circuit.noise.get(f"{name}.{row.variable}")
        if noise is None:
            return
        dt, batch = self.integrator.dt, self.data.batch
        neurons = self.circuit.properties[name]
        step = noise.stirring(dt, *dynamics.stirred(row, self.integrator, neurons))
        seconds = dt * 1e-3
        numbers = {"scatter": step.amplitude / np.sqrt(seconds)}
        if noise.persists:
            numbers |= {"forgets": (1 - step.persistence) / seconds, "push": step.gain / seconds}
            numbers |= {"eta": np.zeros(neurons.tau.shape)}
        for what, values in numbers.items():
            variables[f"{row.variable}_{what}"] = np.tile(np.broadcast_to(values, neurons.tau.shape).ravel(), batch)

    def _check_size(self) -> None:
        synapses = self.units.synapse_count * self.data.batch
        needed, what = SYNAPSE_BYTES * synapses, f"{synapses:,} synapses"
        if self.spiking is not None:
            errors = sum(self.circuit.graph.nodes[n].size for n in self.units.predictions) * self.data.batch
            neurons = 2 * self.spiking.errors.units * errors
            # A synapse to each neuron, and one from it.
            needed += 2 * SYNAPSE_BYTES * neurons
            what += f" and {neurons:,} spiking neurons"
        refuse_size(needed, what, "Brian2", self.memory)

    def _check_streams(self) -> None:
        """Raise ParameterError where values over time, which Brian2 has in memory, exceed it."""
        for stimulus in self.data.stimuli.values():
            numbers = stimulus.timed.times * self.data.batch * max(1, math.prod(stimulus.shape))
            refuse_size(
                NUMBER_BYTES * numbers, f"{numbers:,} values of {stimulus.what} over time", "Brian2", self.memory
            )

    def streams(self) -> dict[str, Stream]:
        """Group -> what its values are over time, where they change."""
        streams = {}
        for (_, name), stimulus in self.data.stimuli.items():
            times = stimulus.timed.times
            values = np.broadcast_to(stimulus.read(0, times), (times, self.data.batch, *stimulus.shape))
            steps = times * stimulus.every if stimulus.timed.periodic else None
            streams[name] = Stream(values.reshape(times, -1), stimulus.every * self.integrator.dt, steps)
        return streams

    def _check_finite(self) -> None:
        for sample, swept in enumerate(self.sweeps):
            for name, prediction in swept.predictions.items():
                if not np.isfinite(prediction).all():
                    raise ParameterError(
                        f"the prediction of {name!r} is not finite in the feedforward sweep of sample {sample}: look "
                        "there for a logarithm, root, quotient or exponential outside its range"
                    )

    def replaced(self, data: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> Rates:
        """The same with other data or parameters, as for ``Simulator.run``; what is None stays, but initial values,
        which are those of the next run only.

        Raises ParameterError where that does not fit a network that has been made: for another number of samples,
        other vertices that are clamped, or a number that is part of the equations.
        """
        circuit = self.circuit
        if parameters is not None:
            parameters = circuit.graph.expanded("parameters", parameters, circuit.graph.parameters)
            for name in parameters:
                if name not in circuit.parameters:
                    raise ParameterError(str(unknown_name("parameter", name, circuit.parameters)))
            circuit = circuit.with_parameters({**circuit.parameters, **parameters})
        before = replace(self.data, initial={})
        made = Rates(circuit, self.dynamics, self.integrator, data, self.spiking, self.memory, before)
        if made.data.batch != self.data.batch:
            raise ParameterError(f"{made.data.batch} samples for a network of {self.data.batch}: make another network")
        if [id(s.timed) for s in made.data.stimuli.values()] != [id(s.timed) for s in self.data.stimuli.values()]:
            raise ParameterError("other data change with time than when the network was made: make another network")
        if made._text() != self._text():
            raise ParameterError(
                "other vertices are clamped, or a number that is part of the equations has changed: make another "
                "network"
            )
        return made

    def _text(self) -> list[Any]:
        """All that a network is built of besides numbers in its arrays."""
        parts: list[Any] = [(name, g.equations) for name, g in self.wiring.groups.items()]
        return parts + [(p.name, p.equations, p.pre.size) for p in self.wiring.projections]

    def state(self, vertex: str) -> str:
        """The variable that is integrated."""
        return "dev" if self.dynamics.holds_predictions and self.circuit.has_prediction(vertex) else "v"

    @property
    def sums(self) -> list[tuple[str, str]]:
        """Projection and the variable that it sums to, in the order within a step: predictions along the graph, then
        feedback the other way."""
        along = [(p.number, p.name, f"{p.forward[1]}_post") for p in self.wiring.projections if p.forward]
        back = [(-p.number, p.name, f"{p.backward[1]}_pre") for p in self.wiring.projections if p.backward]
        return [(name, variable) for part in (along, back) for _, name, variable in sorted(part, key=lambda x: x[0])]

    # Plasticity

    @property
    def regulars(self) -> list[Regular]:
        """All code that is run for what learns, in the order of a step."""
        made = [regular for one in self.learnings for regular in one.regular(self.integrator.dt)]
        return sorted(made, key=lambda regular: regular.order)

    @property
    def intervals(self) -> list[int]:
        """Steps of all intervals, each once."""
        return sorted({one.every for one in self.learnings if one.every is not None})

    @property
    def interval_owners(self) -> list[tuple[str, bool]]:
        """Groups and projections (True) in which something changes by intervals."""
        return list(dict.fromkeys((one.owner, one.of_synapses) for one in self.learnings if one.every is not None))

    def noted(self, steps: int) -> np.ndarray:
        """The time (s) before which all has changed when so many steps have been made: in the middle between two,
        where rounding does not matter."""
        return np.array([(steps + 0.5) * self.integrator.dt * 1e-3])

    # Numbers

    def weights(self) -> dict[str, np.ndarray]:
        """Projection -> its weights, where they are no part of the equations."""
        return {p.name: p.weights.values for p in self.wiring.projections if not p.plain}

    def variables(self) -> Variables:
        """Group -> variable -> its values at time zero, constants among them; times and rates in SI units."""
        samples = [self._start(sample) for sample in range(self.data.batch)]
        variables: Variables = {}
        for name, group in self.wiring.groups.items():
            start = {variable: np.concatenate([s[name][variable] for s in samples]) for variable in samples[0][name]}
            variables[name] = group.constants | start
        for name in self.circuit.vertices:
            dynamics = with_error_neurons(self.dynamics, self.circuit.leaky_errors)
            predicted = self.circuit.has_prediction(name)
            for row in dynamics.rows:
                if dynamics.moves(row, name, name in self.data.clamped, predicted):
                    # What (drive - leak) is multiplied by, in 1/s.
                    gain = dynamics.gain(row, self.integrator, self.circuit.properties[name])
                    rate = np.tile(gain.ravel() / (self.integrator.dt * 1e-3), self.data.batch)
                    variables[name][RATES[row.variable]] = rate
                    self._stir(variables[name], name, dynamics, row)
        if self.spiking is not None:
            self._spikes(self.spiking, variables)
        return variables

    def _start(self, sample: int) -> Variables:
        """What one sample's run starts from."""
        activity = self.sweeps[sample].activity
        initial = {name: a[sample] for name, a in self.data.initial.items()}
        variables: Variables = {
            name: {variable: activity[number] for variable, number in group.held.items()}
            for name, group in self.wiring.groups.items()
        }
        for name, number in self.units.values.items():
            value = np.asarray(initial.get(name, activity[number]), dtype=np.float64).ravel()
            free = name in self.circuit.vertices and name not in self.data.clamped
            if free and self.state(name) == "dev":
                variables[name]["dev"] = deviation(value, activity[self.units.predictions[name]])
            else:
                variables[name]["v"] = value
            if name in self.circuit.leaky_errors:
                variables[name]["err"] = np.zeros(value.size)
            if self.wiring.sends(name):
                variables[name]["sent"] = value
        return variables

    def _spikes(self, spiking: Spiking, variables: Variables) -> None:
        errors, scales = spiking.errors, self._scales(spiking.errors)
        for name, scale in scales.items():
            size = self.circuit.graph.nodes[name].size
            phases = errors.phases.draw(size * self.data.batch, errors.units)
            variables[pairs_of(name)]["m"] = errors.potentials(phases).ravel()
            variables[pairs_of(name)]["gain"] = np.array([errors.rate / scale])
            variables[name]["jump"] = np.array([errors.quantum(scale) / spiking.decoding.filter])

    def window(self, first: int, steps: int) -> tuple[float, float]:
        """Begin and end (s) of the window in which a run of ``steps`` from step ``first`` on is decoded.

        Both are in the middle between two steps, where rounding does not matter. Raises ParameterError where the run is
        shorter.
        """
        assert self.spiking is not None
        window, dt = self.spiking.decoding.window, self.integrator.dt
        if window > steps * dt:
            raise ParameterError(
                f"spikes are decoded in a window of {window:g} ms, and the run has {steps * dt:g} ms: run for "
                "longer, or give a shorter window"
            )
        end = first + steps - 0.5
        return (end - round(window / dt)) * dt * 1e-3, end * dt * 1e-3

    def _scales(self, errors: AbstractErrorNeurons) -> dict[str, float]:
        """Vertex -> the error at which its neurons fire at their full rate."""
        each = [swept.equilibrium(self.units) for swept in self.sweeps]
        return errors.scales({name: np.concatenate([e[name] for e in each]) for name in self.units.predictions})
