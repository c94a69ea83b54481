"""Gradient sources: a circuit that relaxes, or reverse mode. Both serve the same trainer."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial

import numpy as np

from pcneuro.circuit.backprop import backprop
from pcneuro.circuit.building import build_circuit
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.sending import SentCircuit
from pcneuro.errors import ParameterError, PcneuroWarning, reporting_divergence
from pcneuro.graph.graph import Graph
from pcneuro.learning.examples import Arrays, Examples, Score, evaluate
from pcneuro.quantities import milliseconds
from pcneuro.simulator.result import Result, Status
from pcneuro.simulator.sending import SentSimulator
from pcneuro.simulator.simulator import Simulator


@dataclass(frozen=True)
class Gradients:
    """dL/dparameter and the loss L, both summed over the batch; and how the run that found them ended."""

    gradients: dict[str, np.ndarray]
    loss: float
    status: Status = Status.COMPLETED
    message: str = ""


class ScoringStopped(Exception):
    """Examples were not scored to the end, by Ctrl-C or as latents diverged: there is no score."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class AbstractRecipe(ABC):
    """What a source of gradients is made of in another process: settings, and the bytes of a circuit's file."""

    @abstractmethod
    def make(self) -> AbstractSource:
        """The source. Raises CircuitFileError where an operator of a user is not to be had here."""


class AbstractSource(ABC):
    """Where gradients come from."""

    circuit: Circuit

    @abstractmethod
    def gradients(self, parameters: Arrays, examples: Examples, first: int = 0) -> Gradients:
        """Gradients at ``parameters``, summed over all ``examples``: samples of a batch, from number ``first`` on."""

    def recipe(self) -> AbstractRecipe:
        """What another process makes the same source of. Raises ParameterError where none can."""
        raise ParameterError(
            f"{type(self).__name__} finds gradients in this process only: use PredictiveCoding or Backprop on workers, "
            "or pcn.Distributed(None)"
        )

    def score(self, parameters: Arrays, examples: Examples, output: str | None = None) -> Score:
        """How well the circuit predicts the examples: by its feedforward sweep. ``output`` is as for ``evaluate``."""
        return evaluate(self.circuit, parameters, examples, output)

    @abstractmethod
    def settings(self) -> str:
        """Whatever decides on the gradients, besides the circuit, in one line: a checkpoint goes on with the same."""


class PredictiveCoding(AbstractSource):
    """Gradients as a circuit finds them: each batch relaxes for ``duration`` ms, and synapses read their Hebbian terms.

    The simulator is reset for each batch, its clamps are taken away, what rules of plasticity would change is held, and
    it may be shared. Noise and drawn messages depend on the numbers of samples, which go on from batch to batch of a
    ``Trainer``. A circuit with latents is scored once they have been inferred, for as long; all others by their
    feedforward sweep. Raises ParameterError for what is no Simulator, or no duration, and warns of feedback weights
    that are to be learned: they have no gradient of their own, and stay as they are.

    Examples
    --------
    >>> source = pcn.PredictiveCoding(pcn.Simulator(circuit), duration=200.0)  # ms a batch
    >>> source.duration
    200.0
    """

    def __init__(self, simulator: Simulator, duration: float) -> None:
        if not isinstance(simulator, Simulator):
            raise ParameterError(f"simulator is a {type(simulator).__name__}; needed is a pcneuro.Simulator")
        duration = milliseconds("duration", duration)
        self.circuit = simulator.circuit
        self.simulator, self.duration = simulator, duration
        held = [name for name, rule in self.circuit.plasticity.items() if rule.follows(name) != name]
        if held:
            warnings.warn(
                f"feedback weights {', '.join(map(repr, held))} learn by their rules only, which a Trainer holds: they "
                "stay as they are (feedback alignment); to learn them run with pcn.Hebbian(tau, every=) in the loop",
                PcneuroWarning,
                stacklevel=2,
            )

    def gradients(self, parameters: Arrays, examples: Examples, first: int = 0) -> Gradients:
        result = self._run(parameters, examples.inputs, examples.targets, first)
        return Gradients(result.gradients, result.loss, result.status, result.message)

    def _run(self, parameters: Arrays, inputs: Arrays, targets: Arrays, first: int = 0) -> Result:
        """Relax from time zero, without the clamps of whatever the simulator was used for before."""
        self.simulator.reset(first_sample=first)
        self.simulator.set_parameters(parameters)
        # The optimizer changes parameters here, and no rule in the loop.
        return self.simulator.run(self.duration, inputs=inputs, targets=targets, clamp={}, learn=False)

    def score(self, parameters: Arrays, examples: Examples, output: str | None = None) -> Score:
        if not self.circuit.graph.latents:
            return super().score(parameters, examples, output)
        return evaluate(self.circuit, parameters, examples, output, partial(self._inferred, parameters))

    def _inferred(self, parameters: Arrays, inputs: Arrays, targets: Arrays) -> Arrays:
        """What outputs predict once latents are inferred. Raises ScoringStopped where they are not."""
        with reporting_divergence():
            result = self._run(parameters, inputs, targets)
        if result.status is not Status.COMPLETED:
            raise ScoringStopped(result.status, result.message)
        return result.predictions

    def settings(self) -> str:
        sim = self.simulator
        parts = [sim.dynamics, sim.integrator, sim.schedule, sim.dtype.name, f"{self.duration:g} ms"]
        parts += [f"seed {sim.seed}"] if sim.circuit.noise else []
        return f"PredictiveCoding({', '.join(map(str, parts))})"

    def recipe(self) -> AbstractRecipe:
        return _Relaxing(SentSimulator.of(self.simulator), self.duration)


@dataclass(frozen=True)
class _Relaxing(AbstractRecipe):
    """``PredictiveCoding`` with a simulator of these settings."""

    simulator: SentSimulator
    duration: float

    def make(self) -> AbstractSource:
        with warnings.catch_warnings():
            # Who sends it has been warned.
            warnings.simplefilter("ignore", PcneuroWarning)
            return PredictiveCoding(self.simulator.simulator(), self.duration)


class Backprop(AbstractSource):
    """Exact gradients of a circuit's energies by reverse mode; of a graph, of squared errors.

    Raises ParameterError for what is neither.

    Examples
    --------
    >>> source = pcn.Backprop(circuit)
    >>> isinstance(source, pcn.Backprop)
    True
    """

    def __init__(self, circuit: Circuit | Graph) -> None:
        if isinstance(circuit, Graph):
            circuit = build_circuit(circuit)
        if not isinstance(circuit, Circuit):
            raise ParameterError(f"Backprop needs a Circuit or a Graph, got a {type(circuit).__name__}")
        self.circuit = circuit

    def gradients(self, parameters: Arrays, examples: Examples, first: int = 0) -> Gradients:
        with np.errstate(all="ignore"):
            result = backprop(self.circuit, examples.inputs, examples.targets, parameters)
        return Gradients(result.gradients, result.loss)

    def settings(self) -> str:
        return "Backprop()"

    def recipe(self) -> AbstractRecipe:
        return _Reverse(SentCircuit.of(self.circuit))


@dataclass(frozen=True)
class _Reverse(AbstractRecipe):
    """``Backprop`` of a circuit."""

    circuit: SentCircuit

    def make(self) -> AbstractSource:
        return Backprop(self.circuit.circuit())
