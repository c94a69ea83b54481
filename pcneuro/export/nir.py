"""Circuits in NIR, the Neuromorphic Intermediate Representation (Pedersen et al. 2024, Nature Communications 15: 8122).

NIR has leaky and other integrators, spiking neurons, and linear maps between them; it has neither functions nor
products. Under fixed prediction a circuit needs none: it is linear in its errors, with the derivatives of the
feedforward sweep (Millidge, Tschantz & Buckley, 2020). ``graph`` makes that of a circuit and one sample, ``write`` its
file. The extra ``nir`` brings the library, which is imported when the first graph is made.

**Rates.** With e = Pi (v - vhat) and vhat held, the value and error neurons of a free vertex

    tau dv/dt = feedback - e                    are                    (tau/Pi) de/dt = -e + feedback

one leaky integrator (``LI``) with time constant tau/Pi, R = 1 and no leak voltage, whose state is the error: exactly,
in continuous time and in Euler's steps alike. A latent without a prior has no error; it is an integrator (``I``) with
R = 1/tau, whose state is its value. A clamped vertex has an error that stays: an ``Input``.

**Spikes.** The value neurons of a free vertex are an ``I`` with R = 1/tau, whose state is v - vhat. Its error, Pi times
that (``Scale``), drives pairs of ``IF`` neurons, ON and OFF, with R = 1, a threshold of 1 and a reset to 0, through
``Linear`` with g rate/scale and -g rate/scale. Spikes, less those of OFF, come through ``Linear`` with a quantum/g each
to an ``LI`` with the decoding filter as its time constant; that is the error as others receive it, and as its own value
neurons do. Two things differ from neurons in other targets, since NIR has neither rectification nor initial states:

- Each spike also brings the membrane of its counterpart up by one threshold. Of the two, one is minus the other at all
  times, so that nothing is owed when the error changes its sign.
- What keeps the neurons of an error from firing at the same time is no phase but their rates: g goes evenly from 0.5
  to 1.5, 1 on average.

NIR sets a membrane at its threshold to the reset. In continuous time, as NIR means it, that is the same as to take the
threshold from it; in steps of dt the first loses some rate * dt / 2 of the error.

Times are in seconds, as in all tools that read NIR, and a spike is Dirac's delta, of area 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, BinaryIO

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines import RunData
from pcneuro.errors import ParameterError, check_object, told
from pcneuro.export.backward import AbstractNeurons, Backward
from pcneuro.export.checked import (
    MEMORY,
    check_shapes,
    checked_circuit,
    checked_run_data,
    imported,
    refuse_size,
    without_extras,
)
from pcneuro.export.error_shapes import conv2d
from pcneuro.export.frozen import Sweep, sweep
from pcneuro.export.nir_cores import checked_cores, note_cores
from pcneuro.export.sketch import Dense, Sketch, SketchNode
from pcneuro.export.spiking import Graded, IntegrateAndFire, Spiking, Staggered
from pcneuro.files import guarded, write_atomically
from pcneuro.model.dynamics import AbstractDynamics, FixedPrediction
from pcneuro.ops.base import Shape
from pcneuro.quantities import NOT_NEGATIVE, milliseconds

__all__ = ["drives", "graph", "states", "write"]

NUMBER_BYTES = 24
"""What a number takes: 8 bytes in the graph, and two copies that NIR makes when it writes a file."""
SPREAD = 0.5
"""How much faster and slower the fastest and the slowest neuron of an error fire than their ``rate``."""
MS = 1e-3


def library() -> Any:
    """NIR. Raises MissingExtraError with the command that installs it."""
    return imported("nir", "NIR", "nir")


@dataclass
class RateNeurons(AbstractNeurons):
    """Graded neurons: an ``LI`` a vertex."""

    units: UnitGraph
    swept: Sweep
    sketch: Sketch
    delay: float
    """Of all feedback, ms."""

    @property
    def circuit(self) -> AbstractCircuit:
        return self.units.circuit

    def add(self, name: str, shape: Shape, sources: list[str]) -> str | None:
        if name in self.swept.errors:
            return self._sent(name, shape, self._input(f"{name}_error", shape, self.swept.errors[name]))
        if not self.circuit.has_prediction(name):
            if sources:
                self._latent(name, shape, sources)
            return None
        if not sources and not self.swept.start[name].any():
            return None
        return self._sent(name, shape, self._free(name, shape, sources or [self._silence(name, shape)]))

    def _free(self, name: str, shape: Shape, sources: list[str]) -> str:
        """The node that is the error of a free vertex."""
        precision = self.circuit.precision[name].reshape(shape)
        fields = {
            "tau": MS * self.circuit.tau[name].reshape(shape) / precision,
            "r": np.ones(shape),
            "v_leak": np.zeros(shape),
        }
        return self.sketch.add(f"{name}_error", "LI", shape, fields, sources, _start(shape, self.swept.start[name]))

    def _latent(self, name: str, shape: Shape, sources: list[str]) -> None:
        """The value of a latent that nothing predicts."""
        notes = _start(shape, self.swept.activity[self.units.values[name]])
        value = self.sketch.add(f"{name}_value", "I", shape, {"r": self._speed(name, shape)}, sources, notes)
        self.sketch.add(f"{name}_output", "Output", shape, {}, [value])

    def _speed(self, name: str, shape: Shape) -> np.ndarray:
        """1/tau, in 1/s."""
        return 1 / (MS * self.circuit.tau[name].reshape(shape))

    def _input(self, name: str, shape: Shape, values: np.ndarray) -> str:
        return self.sketch.add(name, "Input", shape, {}, notes={"value": values.reshape(shape).copy()})

    def _silence(self, name: str, shape: Shape) -> str:
        """The source of a vertex to which nothing comes back: every node of NIR has to have one."""
        return self._input(f"{name}_feedback", shape, np.zeros(shape))

    def _sent(self, name: str, shape: Shape, error: str) -> str:
        """The node from which an error goes back, with an output beside it."""
        self.sketch.add(f"{name}_output", "Output", shape, {}, [error])
        if not self.delay:
            return error
        return self.sketch.add(f"{name}_delay", "Delay", shape, {"delay": np.full(shape, MS * self.delay)}, [error])


@dataclass
class SpikingNeurons(RateNeurons):
    """Spiking error neurons: an ``I`` a vertex, ON and OFF neurons, and an ``LI`` that sums them."""

    spiking: Spiking
    scales: Mapping[str, float]
    height: float
    """What makes the area of a spike 1."""
    values: dict[str, str] = field(default_factory=dict)
    """Free vertex -> the node of its value neurons."""

    def _sent(self, name: str, shape: Shape, error: str) -> str:
        decoded = self._spikes(name, shape, error)
        if name in self.values:
            inhibit = self.sketch.add(f"{name}_inhibit", "Scale", shape, {"scale": np.full(shape, -1.0)}, [decoded])
            self.sketch.edges.append((inhibit, self.values[name]))
        return super()._sent(name, shape, decoded)

    def _free(self, name: str, shape: Shape, sources: list[str]) -> str:
        precision = self.circuit.precision[name].reshape(shape)
        notes = _start(shape, self.swept.start[name] / precision.ravel())
        value = self.sketch.add(f"{name}_value", "I", shape, {"r": self._speed(name, shape)}, sources, notes)
        self.values[name] = value
        if (precision == 1).all():
            return value
        return self.sketch.add(f"{name}_error", "Scale", shape, {"scale": precision.copy()}, [value])

    def _spikes(self, name: str, shape: Shape, error: str) -> str:
        """ON and OFF neurons of an error; returns what decodes them."""
        neurons, count, scale = self.spiking.errors, self.spiking.errors.units, self.scales[name]
        wide = (count * shape[0], *shape[1:])
        faster = 1 + SPREAD * ((2 * np.arange(count) + 1) / count - 1)
        gains = neurons.rate / scale * faster
        quanta = MS * neurons.quantum(scale) * self.height / faster
        fired, decoded = [], []
        for side, sign in (("on", 1.0), ("off", -1.0)):
            drive = self._weighted(f"{name}_drive_{side}", shape, wide, sign * gains[:, None], [error])
            fields = {"r": np.ones(wide), "v_threshold": np.ones(wide), "v_reset": np.zeros(wide)}
            fired.append(self.sketch.add(f"{name}_{side}", "IF", wide, fields, [drive]))
            decoded.append(self._weighted(f"{name}_decode_{side}", wide, shape, sign * quanta[None], [fired[-1]]))
        for node, other in (fired, fired[::-1]):
            lifted = [node]
            if self.height != 1:
                lifted = [self.sketch.add(f"{node}_lift", "Scale", wide, {"scale": np.full(wide, self.height)}, lifted)]
            self.sketch.edges += [(source, other) for source in lifted]
        time = np.full(shape, MS * self.spiking.decoding.filter)
        fields = {"tau": time, "r": np.ones(shape), "v_leak": np.zeros(shape)}
        return self.sketch.add(f"{name}_decoded", "LI", shape, fields, decoded)

    def _weighted(self, name: str, from_shape: Shape, shape: Shape, weights: np.ndarray, sources: list[str]) -> str:
        """Every unit to its neurons (weights (neurons, 1)), or its neurons to every unit (1, neurons)."""
        room = (shape[0], from_shape[0]) + (1, 1) * (len(shape) == 3)
        each = np.eye(min(room[:2]))
        dense = Dense(room, lambda: np.kron(weights, each).reshape(room))
        if len(shape) == 1:
            return self.sketch.add(name, "Linear", shape, {"weight": dense}, sources)
        return self.sketch.add(name, "Conv2d", shape, conv2d(dense, from_shape), sources)


def _start(shape: Shape, values: np.ndarray) -> dict[str, Any]:
    """Notes of a node whose state at time zero is not zero."""
    return {"initial": values.reshape(shape).copy()} if values.any() else {}


# Checks


def _data(circuit: Circuit, arrays: Mapping[str, Any], sample: int | None) -> tuple[RunData, int]:
    """What the circuit is given, checked, and which sample of it is exported."""
    data = checked_run_data(without_extras(checked_circuit(circuit), "NIR"), FixedPrediction(), arrays)
    if sample is None and data.batch > 1:
        raise ParameterError(
            f"the data are a batch of {data.batch} samples, and NIR has none: choose one, sample=0 to {data.batch - 1}"
        )
    whole = isinstance(sample, Integral) and not isinstance(sample, bool)
    if sample is not None and not (whole and 0 <= sample < data.batch):
        raise ParameterError(f"sample is {told(sample)}; needed is a whole number from 0 to {data.batch - 1}")
    return data, int(sample or 0)


def _check(dynamics: AbstractDynamics | None, spiking: Spiking | None) -> None:
    if dynamics is not None:
        check_object("dynamics", dynamics, AbstractDynamics)
    if dynamics is not None and not dynamics.holds_predictions:
        raise ParameterError(
            f"dynamics is {told(dynamics)}: predictions that follow the values need functions and products, which NIR "
            "does not have; it takes FixedPrediction"
        )
    if spiking is not None:
        _check_spiking(spiking)


def _check_spiking(spiking: Spiking) -> None:
    """Refuse what NIR's neurons cannot do, by name."""
    check_object("spiking", spiking, Spiking)
    errors, kind = spiking.errors, type(spiking.errors).__name__
    if type(errors) is not IntegrateAndFire:
        raise ParameterError(
            f"errors is {kind}: the current that makes such a neuron fire at a given rate is no linear function of the "
            "error, and NIR has no others; it takes IntegrateAndFire"
        )
    if errors.noise:
        raise ParameterError(f"{kind}: noise is {errors.noise:g}, and NIR's neurons have none; it takes 0")
    if errors.baseline:
        raise ParameterError(
            f"{kind}: baseline is {errors.baseline:g} Hz; rates that cannot fall below zero are no linear function of "
            "the error, and NIR has no others; it takes 0"
        )
    if not isinstance(errors.phases, Staggered):
        raise ParameterError(
            f"phases is {type(errors.phases).__name__}: NIR has no initial states; it takes Staggered, and neurons are "
            "kept apart by their rates"
        )
    if not isinstance(spiking.values, Graded):
        raise ParameterError(
            f"values is {type(spiking.values).__name__}: under fixed prediction nothing receives values, and NIR has "
            "no neuron that sends changes; it takes Graded"
        )


# The graph


def graph(
    circuit: Circuit,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    sample: int | None = None,
    dynamics: AbstractDynamics | None = None,
    spiking: Spiking | None = None,
    delay: float = 0.0,
    step: float | None = None,
    cores: Mapping[str, Any] | None = None,
    chip: str = "",
    memory: float = MEMORY,
) -> Any:
    """The circuit under fixed prediction as a ``nir.NIRGraph``, for one sample.

    Nodes are ``<vertex>_error`` (the error, an ``LI``, or an ``Input`` where it is clamped), ``<vertex>_output``, and
    what is between them, by the name of its parameter; with spikes ``<vertex>_value``, ``<vertex>_on``,
    ``<vertex>_off`` and ``<vertex>_decoded``. Errors that are zero for ever are left out. ``drives`` has what inputs
    are to be given at all times, ``states`` which states do not start at zero.

    Parameters
    ----------
    circuit, inputs, targets, clamp, initial
        As for ``pcneuro.Simulator`` and its ``run``. They determine the feedforward sweep at which predictions and
        derivatives are held.
    sample
        Number of the sample, where there are several.
    dynamics
        ``FixedPrediction()``, the default.
    spiking
        Neurons that send spikes: ``IntegrateAndFire`` without baseline, noise or ``Seeded`` phases, ``Graded`` values.
    delay
        Of all feedback, in ms: a ``Delay`` behind each error.
    step
        Where spikes are to be read as ones that last for a time step: its length in ms.
    cores, chip
        Population, ``"h1.error"`` -> the core of each of its neurons, and the name of the chip: metadata ``core`` and
        ``chip`` of nodes, and ``chip`` of the graph.
    memory
        Bytes that the graph may take while it is made and written, by an estimate: synapses are dense matrices.

    Raises
    ------
    MissingExtraError
        Where NIR is not installed.
    ParameterError
        For other dynamics or neurons, several samples without ``sample``, what is not finite, an operator without an
        equivalent, no error to export, a graph larger than ``memory``, or what are no cores of a named chip.
    UnknownNameError, ShapeError
        For cores of a population that there is not, or of another size.
    """
    nir = library()
    arrays = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
    data, chosen = _data(circuit, arrays, sample)
    delay = milliseconds("delay", delay, NOT_NEGATIVE)
    step = None if step is None else milliseconds("step", step)
    _check(dynamics, spiking)
    placed = checked_cores(circuit, cores, chip)
    check_shapes(circuit, "NIR", NUMBER_BYTES, memory)
    sketch = _sketch(UnitGraph(circuit), data, chosen, spiking, delay, step)
    what = f"{sketch.entries:,} numbers, since synapses are dense matrices,"
    refuse_size(NUMBER_BYTES * sketch.entries, what, "NIR", memory)
    nodes = {name: _node(nir, node) for name, node in sketch.nodes.items()}
    metadata = {"time": "s", "spike": "one" if step else "impulse"}
    made = nir.NIRGraph(nodes=nodes, edges=sketch.edges, metadata=metadata)
    note_cores(made, placed, chip)
    return made


def _sketch(
    units: UnitGraph, data: RunData, sample: int, spiking: Spiking | None, delay: float, step: float | None
) -> Sketch:
    """All nodes and edges, without their matrices."""
    sketch, at = Sketch(), sweep(units, data, sample)
    for name, error in (at.errors | at.start).items():
        if not np.isfinite(error).all():
            raise ParameterError(f"the error of {name!r} is not finite at the feedforward sweep: not exported")
    neurons = RateNeurons(units, at, sketch, delay)
    if spiking is not None:
        height = 1.0 if step is None else 1 / (MS * step)
        neurons = SpikingNeurons(
            units, at, sketch, delay, spiking, spiking.errors.scales(at.equilibrium(units)), height
        )
    Backward(units, at.activity, data.clamped, sketch, neurons)
    if not sketch.nodes:
        raise ParameterError("there is no error in this circuit, now or later: clamp something, as with targets=")
    return sketch


def _node(nir: Any, part: SketchNode) -> Any:
    fields = {name: f.make() if isinstance(f, Dense) else f for name, f in part.fields.items()}
    if part.primitive in ("Input", "Output"):
        key = part.primitive.lower()
        fields = {f"{key}_type": {key: np.array(part.shape)}}
    made = getattr(nir, part.primitive)(**fields)
    made.metadata = dict(part.notes)
    return made


def write(circuit: Circuit, path: str | os.PathLike[str], *, overwrite: bool = False, **settings: Any) -> Any:
    """Write the graph that ``graph`` makes with these settings to a file that ``nir.read`` reads; returns it.

    All numbers are float64. Raises OutputError where the file exists (unless ``overwrite``) or cannot be written, and
    what ``graph`` raises.
    """
    made = graph(circuit, **settings)

    def write_guarded(file: BinaryIO) -> None:
        with guarded(file) as target:
            library().write(target, made)

    write_atomically(path, write_guarded, overwrite=overwrite)
    return made


def drives(made: Any) -> dict[str, np.ndarray]:
    """Input of a graph that was made here, or read back -> what it is to be given at all times."""
    return _noted(made, "value")


def states(made: Any) -> dict[str, np.ndarray]:
    """Node of a graph that was made here, or read back -> its state at time zero, where that is not zero.

    NIR has no initial states: what reads a file sets them, or begins with zero.
    """
    return _noted(made, "initial")


def _noted(made: Any, what: str) -> dict[str, np.ndarray]:
    return {n: np.asarray(node.metadata[what]) for n, node in made.nodes.items() if what in node.metadata}
