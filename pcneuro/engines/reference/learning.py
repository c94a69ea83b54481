"""Plasticity in the reference engine: parameters that follow their drives, with the neurons or at intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.plasticity import CircuitAnatomy
from pcneuro.engines.data import RunData
from pcneuro.engines.plastic import Plastic
from pcneuro.model.dynamics import AbstractDynamics

Arrays = dict[str, np.ndarray]


class Simulated(Protocol):
    """What is asked here of a reference engine."""

    circuit: Circuit
    dynamics: AbstractDynamics
    dtype: np.dtype
    data: RunData
    plastic: tuple[Plastic, ...]
    learns: bool
    parameters: Arrays
    value: Arrays
    prediction: Arrays
    presynaptic: Arrays

    def predict(self, sweep: bool = False) -> None:
        """Compute every prediction; in a ``sweep`` free vertices take theirs on."""

    def evaluate(self) -> None:
        """Bring errors and feedback up to date."""

    def adjoints(self) -> Arrays:
        """Node -> what comes back to it."""


class Learning:
    """What changes of a reference engine's parameters, and by what.

    Where predictions are held, so are weights within a step, and each change of them brings a new sweep.
    """

    def __init__(self, engine: Simulated) -> None:
        self.engine = engine
        self.held = engine.dynamics.holds_predictions
        self.began: Arrays = {}
        self.slopes: list[Arrays] = []

    # What rules ask for

    @property
    def anatomy(self) -> CircuitAnatomy:
        return self.engine.circuit.anatomy

    @property
    def parameters(self) -> Arrays:
        return self.engine.parameters

    @property
    def value(self) -> Arrays:
        return self.engine.value

    @property
    def prediction(self) -> Arrays:
        return self.engine.prediction

    @property
    def presynaptic(self) -> Arrays:
        return self.engine.presynaptic

    def hebbian(self, parameter: str) -> np.ndarray:
        adjoints = self.engine.adjoints()
        return adjoints[parameter][0] if parameter in adjoints else np.zeros_like(self.parameters[parameter])

    # A step

    @property
    def continuous(self) -> Sequence[Plastic]:
        """What is integrated together with the neurons."""
        return [p for p in self.engine.plastic if self.engine.learns and p.every is None]

    def begin_step(self) -> None:
        """The parameters are those that a step begins with."""
        self.began = {p.name: self.parameters[p.name] for p in self.continuous}
        self.slopes = []

    def begin_stage(self, row: Sequence[float]) -> None:
        """Take parameters to where the tableau has the slope of a stage."""
        if not self.held:
            self._move(row)

    def end_stage(self) -> None:
        """Errors are those of a stage: so are the slopes of parameters."""
        if not (self.held and self.slopes):
            self.slopes.append(self._changes(self.continuous))

    def end_step(self, weights: Sequence[float], following: int) -> None:
        """Take parameters to the end of a step, and change those whose interval ends there.

        ``following`` is the number of the next step.
        """
        self._move((1.0,) if self.held else weights)
        if self.continuous:
            self._changed()
        due = [p for p in self.engine.plastic if self.engine.learns and p.due(following)]
        if due:
            self.engine.evaluate()
            changes = self._changes(due)
            for p in due:
                self._set(p, self.parameters[p.name], changes[p.name])
            self._changed()

    def _changes(self, plastic: Sequence[Plastic]) -> Arrays:
        """tau dtheta/dt now."""
        return {p.name: p.rule.change(self.parameters[p.name], p.rule.drive(self, p.of)) for p in plastic}

    def _move(self, weights: Sequence[float]) -> None:
        for p in self.continuous:
            change = sum(w * slope[p.name] for w, slope in zip(weights, self.slopes, strict=False))
            self._set(p, self.began[p.name], change)

    def _set(self, p: Plastic, value: np.ndarray, change: np.ndarray | int) -> None:
        self.parameters[p.name] = p.rule.bounded(value + p.rate * change).astype(self.engine.dtype)

    def _changed(self) -> None:
        """Parameters have changed: where predictions are held, a new sweep, with the neurons' activity as it is."""
        if self.held:
            engine = self.engine
            carried: Mapping[str, np.ndarray] = {
                n: a.copy() for n, a in engine.value.items() if n not in engine.data.clamped
            }
            engine.predict(sweep=True)
            engine.value.update(carried)
