"""Learning: gradients, from a circuit or from backprop, and an optimiser that follows them over seeded mini-batches."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.backprop import backprop, check_inputs, check_targets, common_batch, forward_pass
from pcneuro.circuit import Circuit
from pcneuro.errors import ParameterError, unknown_name
from pcneuro.result import Status
from pcneuro.simulate import Simulator

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Examples:
    """Samples to learn from: ``inputs`` and ``targets`` by name, each of shape (samples, \\*shape).

    Raises ShapeError where the numbers of samples differ.
    """

    inputs: Arrays
    targets: Arrays

    def __post_init__(self) -> None:
        common_batch({f"input {n!r}": a for n, a in self.inputs.items()} | dict(self.targets))

    def __len__(self) -> int:
        return len(next(iter([*self.targets.values(), *self.inputs.values()]), ()))

    def take(self, indices: np.ndarray) -> Examples:
        """The samples with these indices."""
        return Examples(
            {name: array[indices] for name, array in self.inputs.items()},
            {name: array[indices] for name, array in self.targets.items()},
        )


@dataclass(frozen=True)
class Gradients:
    """dL/dparameter and the loss L, both summed over the batch; and how the run that found them ended."""

    gradients: dict[str, np.ndarray]
    loss: float
    status: Status = Status.COMPLETED
    message: str = ""


class AbstractSource(ABC):
    """Where gradients come from."""

    circuit: Circuit

    @abstractmethod
    def gradients(self, parameters: Arrays, examples: Examples) -> Gradients:
        """Gradients at ``parameters``, summed over all ``examples``."""


class PredictiveCoding(AbstractSource):
    """Gradients as a circuit finds them: each batch relaxes for ``duration`` ms, and synapses read their Hebbian terms.

    The simulator is reset for each batch, and may be shared.
    """

    def __init__(self, simulator: Simulator, duration: float) -> None:
        self.circuit = simulator.circuit
        self.simulator, self.duration = simulator, duration

    def gradients(self, parameters: Arrays, examples: Examples) -> Gradients:
        self.simulator.reset()
        self.simulator.set_parameters(parameters)
        result = self.simulator.run(self.duration, inputs=examples.inputs, targets=examples.targets)
        return Gradients(result.gradients, result.loss, result.status, result.message)


class Backprop(AbstractSource):
    """Exact gradients of the same circuit's energies, by reverse mode."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit

    def gradients(self, parameters: Arrays, examples: Examples) -> Gradients:
        with np.errstate(all="ignore"):
            result = backprop(self.circuit, examples.inputs, examples.targets, parameters)
        return Gradients(result.gradients, result.loss)


OPTIMIZERS: dict[str, type[AbstractOptimizer]] = {}


class AbstractOptimizer(ABC):
    """Turns gradients into new parameters. It holds settings; what it remembers between updates is passed along."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        OPTIMIZERS[cls.__name__] = cls

    @abstractmethod
    def start(self, parameters: Arrays) -> Any:
        """What is remembered before the first update."""

    @abstractmethod
    def update(self, parameters: Arrays, gradients: Arrays, memory: Any) -> tuple[dict[str, np.ndarray], Any]:
        """New parameters and memory, from gradients averaged over the batch."""


@dataclass(frozen=True)
class SGD(AbstractOptimizer):
    """theta <- theta - rate dL/dtheta. Raises ParameterError unless ``rate`` is positive and finite."""

    rate: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.rate) and self.rate > 0):
            raise ParameterError(f"learning rate is {self.rate}; give a positive, finite number")

    def start(self, parameters: Arrays) -> None:
        return None

    def update(self, parameters: Arrays, gradients: Arrays, memory: None) -> tuple[dict[str, np.ndarray], None]:
        return {name: value - self.rate * gradients[name] for name, value in parameters.items()}, None


@dataclass(frozen=True)
class Score:
    """Mean loss a sample, and the share of samples whose most active output unit is the target's."""

    loss: float
    accuracy: float


def evaluate(circuit: Circuit, parameters: Arrays, examples: Examples, output: str | None = None) -> Score:
    """Score the feedforward prediction, in float64.

    The accuracy is that of ``output``, by default the only one that has a target.
    """
    graph = circuit.graph
    inputs = check_inputs(graph, examples.inputs)
    goals = check_targets(graph, examples.targets, circuit.energies, circuit.precision)
    if output is None and len(goals) == 1:
        output = next(iter(goals))
    if output not in goals:
        raise unknown_name("output to score", str(output), goals)
    values = forward_pass(graph, {**inputs, **{name: np.asarray(a)[None] for name, a in parameters.items()}})
    loss = 0.0
    for name, goal in goals.items():
        vertex = graph.outputs[name].name
        predicted = np.broadcast_to(values[vertex], goal.shape)
        loss += float(circuit.energies[vertex].value(goal, predicted, circuit.precision[vertex]).sum())
    goal = goals[output].reshape(len(examples), -1)
    guess = np.broadcast_to(values[graph.outputs[output].name], goals[output].shape).reshape(goal.shape)
    accuracy = float((guess.argmax(axis=1) == goal.argmax(axis=1)).mean())
    return Score(loss / len(examples), accuracy)


@dataclass(frozen=True)
class Epoch:
    """State of learning after ``number`` passes through the examples; 0 is the start.

    ``seconds`` is wall-clock time spent on gradients and updates in this epoch. A ``status`` other than completed ends
    the training, in the middle of this epoch; ``message`` says why.
    """

    number: int
    train: Score
    test: Score
    parameters: Arrays = field(repr=False)
    seconds: float
    status: Status = Status.COMPLETED
    message: str = ""


def batches(samples: int, size: int, epoch: int, seed: int) -> Iterator[np.ndarray]:
    """Indices of the mini-batches of one epoch: a permutation that depends on seed and epoch alone, in pieces."""
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    for first in range(0, samples, size):
        yield order[first : first + size]


def train(
    source: AbstractSource,
    optimizer: AbstractOptimizer,
    train: Examples,
    test: Examples,
    *,
    epochs: int,
    batch: int,
    seed: int = 0,
    parameters: Arrays | None = None,
    each_batch: Callable[[float], bool] | None = None,
) -> Iterator[Epoch]:
    """Learn, and yield an ``Epoch`` before the first and after each pass through ``train``.

    Parameters
    ----------
    source
        ``PredictiveCoding(simulator, duration)`` or ``Backprop(circuit)``. The seed alone decides on their batches.
    optimizer
        ``SGD(rate)``; it gets gradients averaged over the batch.
    train, test
        Examples to learn from, and those that are only predicted.
    epochs, batch, seed
        Passes through the examples, samples a mini-batch (the last one may have fewer), seed of their order.
    parameters
        Where to start, by default at the circuit's own.
    each_batch
        Called after each batch with the share of the epoch that is done; learning stops where it returns False.

    Raises
    ------
    ParameterError
        Where epochs or batch are out of range.
    """
    if epochs < 0 or not 1 <= batch <= len(train):
        raise ParameterError(
            f"epochs={epochs}, batch={batch}: needed are 0 or more, and 1 to {len(train)} (all examples)"
        )
    learner = _Learner(source, optimizer, {**source.circuit.parameters, **(parameters or {})})
    yield Epoch(0, *learner.scores(train, test), learner.parameters, 0.0)
    for number in range(1, epochs + 1):
        begun = time.perf_counter()
        chosen = list(batches(len(train), batch, number, seed))
        status, message = learner.learn(train, chosen, each_batch)
        seconds = time.perf_counter() - begun
        message = f"epoch {number}: {message}" if message else ""
        yield Epoch(number, *learner.scores(train, test), learner.parameters, seconds, status, message)
        if status is not Status.COMPLETED:
            return


@dataclass
class _Learner:
    """What changes while learning: the parameters, and what the optimiser remembers."""

    source: AbstractSource
    optimizer: AbstractOptimizer
    parameters: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        self.memory = self.optimizer.start(self.parameters)

    def scores(self, train: Examples, test: Examples) -> tuple[Score, Score]:
        """How the present parameters do on both."""
        circuit = self.source.circuit
        with np.errstate(all="ignore"):
            return evaluate(circuit, self.parameters, train), evaluate(circuit, self.parameters, test)

    def learn(
        self, examples: Examples, chosen: Sequence[np.ndarray], each_batch: Callable[[float], bool] | None
    ) -> tuple[Status, str]:
        """One pass through the batches; how it ended and, where that was early, why."""
        for k, batch in enumerate(chosen):
            found = self.source.gradients(self.parameters, examples.take(batch))
            cure = f"; lower the rate of {self.optimizer!r}"
            if found.status is not Status.COMPLETED:
                return found.status, f"{found.message}{cure if found.status is Status.DIVERGED else ''}"
            means = {name: g / len(batch) for name, g in found.gradients.items()}
            changed, self.memory = self.optimizer.update(self.parameters, means, self.memory)
            for name, value in changed.items():
                if not np.isfinite(value).all():
                    return Status.DIVERGED, f"diverged: parameter {name!r} is no longer finite{cure}"
            self.parameters = changed
            if each_batch is not None and not each_batch((k + 1) / len(chosen)):
                return Status.INTERRUPTED, f"interrupted after {k + 1} of {len(chosen)} batches"
        return Status.COMPLETED, ""
