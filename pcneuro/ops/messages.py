"""Messages of few bits: what others receive of a number.

nearest: out = q max(-n, min(n, rint(x / q)));  (d out / d x)^T g := g, as if x had come (Bengio, Leonard &
Courville 2013). Drawn: the multiple below x / q or above, so that the mean is x (Gupta et al. 2015), with a number for
each unit and sample of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from pcneuro.errors import ParameterError, ShapeError
from pcneuro.kernels.dispatch import LANES, OK, SAMPLE, STEP_NUMBER, ix, op_kernel
from pcneuro.kernels.draws import philox_words
from pcneuro.kernels.philox import MASK, WORDS, uniforms
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    size,
)
from pcneuro.ops.formula import Formula
from pcneuro.ops.maps import AbstractMap, Definition
from pcneuro.ops.rows import lower_combine
from pcneuro.quantities import POSITIVE, number, whole


def message_formula(quantum: float, most: int) -> Formula:
    """The nearest multiple of the quantum to ``x``, of at most so many."""
    count = ("rint", ("divide", "x", quantum))
    return ("multiply", ("maximum", ("minimum", count, float(most)), -float(most)), quantum)


@final
@dataclass(frozen=True)
class Message(AbstractMap):
    """The nearest multiple k q of a number, with |k| up to ``most``; errors come back as if it had not been rounded."""

    kind: ClassVar[str] = "message"
    quantum: float
    most: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantum", number("quantum of a message", self.quantum, POSITIVE))
        object.__setattr__(self, "most", whole("largest multiple of a message", self.most, 1))

    @property
    def definition(self) -> Definition:
        return Definition(message_formula(self.quantum, self.most), (1.0,))

    @property
    def names(self) -> tuple[str, ...]:
        return ("x",)


@op_kernel("drawn_message")
def drawn_message_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = q k, k the whole number below or above x / q. Reads x, writes out: the twin of ``drawn_multiples``."""
    lanes, step, first = context[LANES], context[STEP_NUMBER], context[SAMPLE]
    out, src, units, most, seed, stream = ints[at], ints[at + 1], ints[at + 2], ints[at + 4], ints[at + 5], ints[at + 6]
    quantum, half, unit = shared[ix(ints[at + 3])], 0.5, 2.0**-32
    one, high = buf.dtype.type(1), buf.dtype.type(most)
    for block in range((units + WORDS - 1) // WORDS):
        for i in range(lanes):
            words = philox_words(step, block, first + i, seed, stream)
            for k in range(min(WORDS, units - WORDS * block)):
                row = WORDS * block + k
                drawn = buf.dtype.type((np.float64(words[k]) + half) * unit)
                exact = buf[ix((src + row) * lanes + i)] / quantum
                count = np.floor(exact)
                count = count + one if drawn < exact - count else count
                count = high if count > high else count
                count = -high if count < -high else count
                buf[ix((out + row) * lanes + i)] = count * quantum
    return OK


def drawn_multiples(x: np.ndarray, quantum: float, most: int, draw: tuple[int, int, int], first: int = 0) -> np.ndarray:
    """The multiple of the quantum below or above, (batch, \\*shape); ``draw``: seed, stream and step.

    ``first`` is the number of the first sample.
    """
    kind = x.dtype.type
    drawn = uniforms(*draw, x[0].size, len(x), first).reshape(x.shape).astype(x.dtype)
    exact = x / kind(quantum)
    below = np.floor(exact)
    with np.errstate(invalid="ignore"):
        count = np.where(drawn < exact - below, below + kind(1), below)
    return np.clip(count, -kind(most), kind(most)) * kind(quantum)


def lower_drawn(low: AbstractLowering, out: Slot, x: Slot, quantum: float, most: int, key: tuple[int, int]) -> None:
    """Emit what ``drawn_multiples`` does; ``key``: seed and stream."""
    low.emit("drawn_message", out.row, x.row, out.units, low.constant(quantum), most, *key)


@final
@dataclass(frozen=True)
class DrawnMessage(AbstractOperator):
    """A multiple k q next to a number, drawn so that its mean is the number; errors come back as to ``Message``.

    ``seed`` and ``stream`` are the generator's key, and ``step`` is that of a run in which it is computed.
    """

    kind: ClassVar[str] = "drawn_message"
    draws: ClassVar[bool] = True
    quantum: float
    most: int
    seed: int
    stream: int
    step: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantum", number("quantum of a message", self.quantum, POSITIVE))
        for name, least in (("most", 1), ("seed", 0), ("stream", 0), ("step", 0)):
            object.__setattr__(self, name, whole(f"{name} of a message", getattr(self, name), least))

    def in_step(self, step: int) -> DrawnMessage:
        return replace(self, step=step)

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1:
            raise ShapeError(f"{self.kind} takes 1 operand, got {len(shapes)}")
        return shapes[0]

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return drawn_multiples(operands[0], self.quantum, self.most, (self.seed, self.stream, self.step))

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return gradient

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0])

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        raise ParameterError(
            "messages of few bits that are drawn in each step (Stochastic) are neither run by events or with "
            "conduction delays nor exported: use Kernel() or Reference(), or rounding=Nearest()"
        )

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        lower_drawn(low, at.out, at.operands[0], self.quantum, self.most, (self.seed & MASK, self.stream & MASK))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        every = np.arange(at.out.units)
        lower_combine(low, pull.target, every, pull.gradient, every, pull.accumulate)
