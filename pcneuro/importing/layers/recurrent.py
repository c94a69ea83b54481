"""Recurrent layers, unrolled: one copy of the cell for each time step, with the same weights.

Every cell takes what comes in, (..., gates * units), and what comes from the step before, of the same shape, with its
state; gates are told apart by their order along the last axis, which libraries do not agree on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro import ops
from pcneuro.importing.layers.projections import linear

State = tuple[Any, ...]
"""h, and c where a cell has one, of shape (..., units)."""

Activation = Callable[[Any], Any]


@dataclass(frozen=True)
class Weights:
    """Of one direction of one layer: into the gates, from units and from the step before, and their biases or None."""

    of_input: Any
    of_state: Any
    input_bias: Any = None
    state_bias: Any = None


class AbstractCell(ABC):
    """One step: from what comes in and the state to the next state, whose first array is the output."""

    states = 1
    """Arrays that the state has."""

    @abstractmethod
    def step(self, entering: Any, state: State, weights: Weights) -> State:
        """The state after a step."""


def _gates(together: Any, order: str, wanted: str) -> list[Any]:
    parts = dict(zip(order, np.split(together, len(order), axis=-1), strict=True))
    return [parts[gate] for gate in wanted]


@dataclass(frozen=True)
class Elman(AbstractCell):
    """h' = f(W x + R h + b)."""

    activation: Activation = np.tanh

    def step(self, entering: Any, state: State, weights: Weights) -> State:
        return (self.activation(entering + linear(state[0], weights.of_state, weights.state_bias)),)


@dataclass(frozen=True)
class LSTM(AbstractCell):
    """c' = f c + i g and h' = o tanh(c'), where i, f and o are gates and g what may be written.

    ``order`` has a letter for each, as they stand in the weights.
    """

    order: str
    states = 2

    def step(self, entering: Any, state: State, weights: Weights) -> State:
        h, c = state
        together = entering + linear(h, weights.of_state, weights.state_bias)
        i, f, g, o = _gates(together, self.order, "ifgo")
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * np.tanh(g)
        return ops.sigmoid(o) * np.tanh(c), c


@dataclass(frozen=True)
class GRU(AbstractCell):
    """h' = (1 - z) n + z h, with gates r and z, and n = tanh(W x + r * (R h + b)), or tanh(W x + R (r * h) + b).

    ``order`` has a letter for each, as they stand in the weights; ``reset_after`` tells the first form.
    """

    order: str
    reset_after: bool = True

    def step(self, entering: Any, state: State, weights: Weights) -> State:
        (h,) = state
        if self.reset_after:
            back = linear(h, weights.of_state, weights.state_bias)
            r, z, n = (ops.sigmoid, ops.sigmoid, np.tanh)
            in_r, in_z, in_n = _gates(entering, self.order, "rzn")
            back_r, back_z, back_n = _gates(back, self.order, "rzn")
            reset, update = r(in_r + back_r), z(in_z + back_z)
            new = n(in_n + reset * back_n)
            return (new + update * (h - new),)
        units = np.shape(h)[-1]
        rows = {gate: slice(k * units, (k + 1) * units) for k, gate in enumerate(self.order)}

        def gate(name: str, source: Any) -> Any:
            bias = None if weights.state_bias is None else weights.state_bias[rows[name]]
            return entering[..., rows[name]] + linear(source, weights.of_state[rows[name]], bias)

        reset, update = ops.sigmoid(gate("r", h)), ops.sigmoid(gate("z", h))
        new = np.tanh(gate("n", reset * h))
        return (new + update * (h - new),)


def direction(cell: AbstractCell, x: Any, state: State, weights: Weights, backwards: bool) -> tuple[Any, State]:
    """Outputs (time, batch, units) of one direction over x (time, batch, features), and the state at its end.

    The state is h, and c where the cell has one, of shape (batch, units).
    """
    single = np.shape(x)[1] == 1
    if single:
        x, state = x[:, 0], tuple(part[0] for part in state)
    entering = linear(x, weights.of_input, weights.input_bias)
    steps = range(np.shape(x)[0])
    outputs: list[Any] = []
    for t in reversed(steps) if backwards else steps:
        state = cell.step(entering[t], state, weights)
        outputs.append(state[0])
    together = np.stack(outputs[::-1] if backwards else outputs)
    return (together[:, None], tuple(part[None] for part in state)) if single else (together, state)


def layers(cell: AbstractCell, x: Any, states: State, weights: Sequence[Sequence[Weights]]) -> tuple[Any, State]:
    """Layers one upon the other, each with one direction or, put side by side along the last axis, two.

    x is (time, batch, features), each of the states (layers * directions, batch, units), as are those returned.
    """
    ends: list[State] = []
    for layer in weights:
        outputs = []
        for k, each in enumerate(layer):
            state = tuple(part[len(ends)] for part in states)
            output, end = direction(cell, x, state, each, backwards=k == 1)
            outputs.append(output)
            ends.append(end)
        x = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)
    return x, tuple(np.stack(parts) for parts in zip(*ends, strict=True))
