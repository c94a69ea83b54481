"""States of the reference simulator, and what each update is in a mixture of two of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from typing import Any

import numpy as np

from pcneuro.analysis.audit.updates import Update, Variable
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.feedback import Feedback, closed
from pcneuro.engines.data import RunData
from pcneuro.engines.reference.engine import ReferenceEngine
from pcneuro.errors import DataError, ParameterError
from pcneuro.graph.graph import Latent
from pcneuro.model.dynamics import AbstractDynamics, with_error_neurons
from pcneuro.model.energies import SquaredError
from pcneuro.model.integrators import Euler

Arrays = dict[str, np.ndarray]

BATCH = 2
"""Samples of a state: what learns sums over them."""
_SPREAD = 0.3
"""Deviation of the logarithm of what numbers are multiplied by, so that they keep their signs."""
_MOVED = 0.1
"""Size of what comes in the place of zeros."""
_DENOMINATOR = 10**6
"""Delays are multiples of some 1 / this many ms."""

_DRAWS: tuple[Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], ...] = (
    lambda rng, shape: rng.normal(size=shape),
    lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    lambda rng, shape: rng.integers(0, 2, shape).astype(np.float64),
)
"""Inputs and latents: any numbers; where the circuit refuses those, positive ones; then zeros and ones."""


@dataclass(frozen=True, eq=False)
class State:
    """All that a simulator holds at a moment: arrays by variable, (batch, \\*shape); of parameters without a batch."""

    arrays: Mapping[Variable, np.ndarray]
    outputs: Arrays
    """What each operator made."""


def _moved(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Other numbers of the same signs; small positive ones in the place of zeros."""
    away = np.abs(_MOVED * rng.normal(size=array.shape))
    return np.where(array == 0, away, array * np.exp(_SPREAD * rng.normal(size=array.shape)))


@dataclass
class Simulated:
    """A circuit in the reference simulator, put into states at will.

    Conduction delays are left out: they are of when something arrives, and not of who reads what.
    """

    circuit: Circuit
    dynamics: AbstractDynamics
    seed: int
    given: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Samples of inputs to choose from; those of all others are drawn."""
    way_to: Callable[[Update], Feedback] | None = None
    """The part of the way back that leads to an update; None: all of it."""
    itself: Callable[[str], str] | None = None
    """The node whose activity a node passes on; None: each has its own."""

    def __post_init__(self) -> None:
        rules: Any = {name: replace(rule, every=None) for name, rule in self.circuit.plasticity.items()}  # type: ignore[type-var]
        circuit = replace(self.circuit, delays={}, plasticity=rules)
        dynamics = with_error_neurons(self.dynamics, circuit.leaky_errors, circuit.noisy_errors)
        self.rng = np.random.default_rng(self.seed)
        self.engine = ReferenceEngine(circuit, dynamics, Euler(_step(circuit)), np.dtype(np.float64), "the audit")
        self.anatomy = circuit
        self._before: Arrays = {}

    @cached_property
    def one(self) -> State:
        """A random state."""
        return self._drawn()

    @cached_property
    def other(self) -> State:
        """Another one, of which each array is another."""
        assert self.one
        return self._drawn()

    @property
    def activity(self) -> Arrays:
        """What dendrites have of each node in the one state, (batch, \\*shape); constants included."""
        engine = self.engine
        held = {v.name: array for v, array in self.one.arrays.items() if v.kind == "node"}
        return {name: held.get(name, engine.presynaptic[name]) for name in engine.presynaptic}

    # States

    def _drawn(self) -> State:
        """A random state in which everything is a number, if there is one."""
        problem = "its predictions are no numbers"
        for draw in _DRAWS:
            try:
                state = self._state(draw)
            except DataError as error:
                problem = str(error)
                continue
            if not any(np.isnan(array).any() for array in (*state.arrays.values(), *state.outputs.values())):
                return state
        raise ParameterError(
            f"the audit finds no inputs that this circuit takes ({problem}): give it some, inputs={{...}}, as in a run"
        )

    def _state(self, draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]) -> State:
        rng, engine, graph = self.rng, self.engine, self.circuit.graph
        bounds = {name: rule.bounded for name, rule in self.anatomy.rules.items()}
        for name, value in self.anatomy.learned.items():
            if name in graph.parameters or name in self.anatomy.variances:
                engine.parameters[name] = bounds.get(name, np.asarray)(_moved(rng, np.asarray(value, np.float64)))
        inputs = {
            name: self._chosen(name) if name in self.given else draw(rng, (BATCH, *node.shape))
            for name, node in graph.inputs.items()
        }
        latents = {
            name: np.asarray(0.0 if node.source.prior is None else node.source.prior) + draw(rng, (BATCH, *node.shape))
            for name, node in graph.latents.items()
            if isinstance(node.source, Latent)
        }
        whole, engine.way = engine.way, Feedback((), engine.way.active)
        with np.errstate(all="ignore"):
            try:
                engine.start(RunData(BATCH, inputs, self._clamped(), latents))
            finally:
                engine.way = whole
            for name in self.circuit.vertices:
                if name not in engine.data.clamped and name not in latents:
                    engine.value[name] = _moved(rng, engine.value[name])
            engine.history = {name: rng.normal(size=array.shape) for name, array in engine.history.items()}
            engine.predict()
        for name in self.circuit.vertices:
            engine.error[name] = rng.normal(size=engine.value[name].shape) * self.circuit.has_prediction(name)
            for rows in engine.rows.values():
                rows[name] = rng.normal(size=engine.value[name].shape)
        return State(dict(self._held()), {name: array.copy() for name, array in engine.output.items()})

    def _chosen(self, name: str) -> np.ndarray:
        """Samples of an input, others than those that were chosen before: there are two that differ."""
        samples = self.given[name]
        while True:
            chosen = samples[self.rng.integers(len(samples), size=BATCH)]
            if name not in self._before or not np.array_equal(chosen, self._before[name]):
                self._before[name] = chosen
                return chosen

    def _clamped(self) -> Arrays:
        """Targets of outputs with an energy of their own, which have another error while they are clamped."""
        targets = {}
        for name, energy in self.circuit.energies.items():
            if energy != SquaredError():
                drawn = np.exp(self.rng.normal(size=(BATCH, *self.circuit.graph.nodes[name].shape)))
                targets[name] = drawn / drawn.sum(axis=-1, keepdims=True) if drawn.ndim > 1 else drawn / (1 + drawn)
        return targets

    def _held(self) -> Iterator[tuple[Variable, np.ndarray]]:
        """All variables of the engine as they are now; copies."""
        engine, graph = self.engine, self.circuit.graph
        for kind, arrays in (
            ("value", engine.value),
            ("error", engine.error),
            ("prediction", engine.prediction),
            ("parameter", engine.parameters),
            ("input", engine.data.inputs),
            ("past", engine.history),
            ("node", engine.presynaptic),
        ):
            for name, array in arrays.items():
                if kind != "parameter" or name in graph.parameters or name in self.circuit.variances:
                    yield Variable(kind, name), np.array(array)

    # Mixtures

    def mixed(
        self,
        update: Update,
        moved: Collection[Variable],
        kept: Mapping[Variable, np.ndarray],
        anew: bool = True,
        times: float | None = None,
    ) -> np.ndarray:
        """An update where the ``moved`` variables are those of the other state, but for units that are ``kept``.

        All others are those of the one state; masks of ``kept`` are of the shape of a sample, or of a parameter.
        ``times``: what is moved is so many times that of the one state instead, for what reads thresholds alone.
        ``anew``: predictions are computed from it before dendrites get what they are to have.
        """

        def of(variable: Variable) -> np.ndarray:
            one = self.one.arrays[variable]
            if variable not in moved and variable not in kept:
                return one
            moving = self.other.arrays[variable] if times is None else times * one
            return np.where(kept[variable], one, moving) if variable in kept else moving

        engine = self.engine
        self._put(of)
        if update.kind == "error":
            with np.errstate(all="ignore"):
                return self._error(update.name, of)
        if anew:
            # An operator may have no value for a mixture of two states; what is read of it is put there anyway.
            with np.errstate(all="ignore"), suppress(DataError, ArithmeticError, np.linalg.LinAlgError):
                engine.predict()
        self._hold(of)
        with np.errstate(all="ignore"):
            return self._value(update) if update.kind == "value" else self._synapse(update)

    def _put(self, of: Callable[[Variable], np.ndarray]) -> None:
        """Let values, parameters, inputs and errors be what they are to be."""
        engine = self.engine
        for name in engine.parameters:
            if Variable("parameter", name) in self.one.arrays:
                engine.parameters[name] = of(Variable("parameter", name))
        engine.value = {name: of(Variable("value", name)) for name in engine.value}
        engine.history = {name: of(Variable("past", name)) for name in engine.history}
        inputs = {name: of(Variable("input", name)) for name in engine.data.inputs}
        engine.data = replace(engine.data, inputs=inputs, clamped={n: engine.value[n] for n in engine.data.clamped})
        for name in self.circuit.vertices:
            error = of(Variable("error", name))
            engine.error[name] = error
            for rows in engine.rows.values():
                rows[name] = error

    def _hold(self, of: Callable[[Variable], np.ndarray]) -> None:
        """Let dendrites have what they are to have, whatever was computed."""
        engine, vertices = self.engine, self.circuit.vertices
        for name, node in self.circuit.graph.nodes.items():
            variable = Variable("node", name if self.itself is None else self.itself(name))
            if variable in self.one.arrays:
                engine.presynaptic[name] = of(variable)
            if name in vertices:
                engine.prediction[name] = of(Variable("prediction", name))
            if not node.is_leaf:
                engine.output[name] = engine.prediction[name] if name in vertices else engine.presynaptic[name]

    def _value(self, update: Update) -> np.ndarray:
        engine, vertex = self.engine, update.name
        returned = closed(engine.circuit.graph, self._adjoints(update))
        engine.feedback[vertex] = returned.get(vertex, np.zeros_like(engine.value[vertex]))
        row = engine.dynamics.rows[0]
        return engine.region(vertex, row.drive) - engine.region(vertex, row.leak)

    def _adjoints(self, update: Update) -> Arrays:
        """What comes back to an update, by the part of the way that leads to it, which is much shorter than all."""
        whole = self.engine.way
        self.engine.way = whole if self.way_to is None else self.way_to(update)
        try:
            return self.engine.adjoints()
        finally:
            self.engine.way = whole

    def _error(self, vertex: str, of: Callable[[Variable], np.ndarray]) -> np.ndarray:
        """Errors as predictions make them, computed anew whatever the dynamics hold."""
        engine, whole = self.engine, self.engine.way
        engine.way = Feedback((), whole.active)
        try:
            if engine.dynamics.holds_predictions:
                engine.predict()
            engine.evaluate()
        finally:
            engine.way = whole
        if engine.dynamics.integrates("error", vertex):
            return engine.at_once[vertex] - of(Variable("error", vertex))
        return engine.error[vertex]

    def _synapse(self, update: Update) -> np.ndarray:
        engine, rule = self.engine, update.rule
        if rule is None:
            adjoints = self._adjoints(update)
            nothing = np.zeros_like(engine.parameters[update.name])
            return adjoints[update.name][0] if update.name in adjoints else nothing
        of = update.name if update.kind == "synapse" else update.children[0]
        return rule.change(engine.parameters[update.name], rule.drive(engine.learning, of))


def _step(circuit: Circuit) -> float:
    """A step in ms of which all delays of cycles are multiples."""
    delays = [recurrent_of(circuit.graph, leaf).delay for leaf in circuit.graph.recurrent]
    parts = [Fraction(delay).limit_denominator(_DENOMINATOR) for delay in delays if delay]
    if not parts:
        return 1.0
    return gcd(*(p.numerator * (lcm(*(q.denominator for q in parts)) // p.denominator) for p in parts)) / lcm(
        *(q.denominator for q in parts)
    )
