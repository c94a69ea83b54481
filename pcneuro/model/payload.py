"""What the messages of neurons can say: numbers of a few bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final
from zlib import crc32

import numpy as np

from pcneuro.errors import ParameterError, check_object, class_of_kind
from pcneuro.kernels.philox import MASK
from pcneuro.model.rounding import MOST_BITS, NEAREST, ROUNDINGS, AbstractRounding
from pcneuro.ops.base import AbstractLowering, Slot
from pcneuro.ops.formula import Formula, evaluate
from pcneuro.ops.maps import lower_formula
from pcneuro.ops.messages import drawn_multiples, lower_drawn, message_formula
from pcneuro.quantities import POSITIVE, number, whole


def stream_of(population: str) -> int:
    """The stream of the numbers that are drawn for the messages of a population, whatever others there are."""
    return crc32(population.encode()) & MASK


@final
@dataclass(frozen=True)
class Payload:
    """Messages of ``bits`` bits: multiples k q of the quantum q = scale / 2^(bits-1), with |k| from 1 to 2^(bits-1).

    What is zero is no message, so that one bit is the sign of ``scale``. What is beyond the scale saturates.

    Parameters
    ----------
    bits
        From 1 to 16.
    scale
        The largest that a message can say, in the errors' own unit.
    rounding
        Which of the multiples next to a number is sent.

    Raises ParameterError for values out of range.
    """

    bits: int
    scale: float
    rounding: AbstractRounding = NEAREST

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", whole("bits of a payload", self.bits, 1, MOST_BITS))
        object.__setattr__(self, "scale", number("scale of a payload", self.scale, POSITIVE))
        check_object("rounding of a payload", self.rounding, AbstractRounding)
        if not self.rounding.of_messages:
            raise ParameterError(f"messages are not rounded by {self.rounding!r}: use Nearest() or Stochastic(seed)")

    @property
    def most(self) -> int:
        """The largest multiple."""
        return int(2 ** (self.bits - 1))

    @property
    def quantum(self) -> float:
        """The smallest message."""
        return self.scale / self.most

    @property
    def drawn(self) -> bool:
        """Whether each step draws what is sent."""
        return self.rounding.drawn_by is not None

    @property
    def formula(self) -> Formula:
        """What is sent of ``x``, where that is the nearest multiple."""
        return message_formula(self.quantum, self.most)

    def rounded(self, errors: np.ndarray, population: str, step: int, first: int = 0) -> np.ndarray:
        """What a population says of errors (batch, \\*shape) in a step, in their type; 0 is no message.

        ``first`` is the number of the first sample.
        """
        seed = self.rounding.drawn_by
        if seed is not None:
            return drawn_multiples(errors, self.quantum, self.most, (seed, stream_of(population), step), first)
        return np.asarray(evaluate(self.formula, {"x": errors})).astype(errors.dtype)

    def lower(self, low: AbstractLowering, out: Slot, errors: Slot, population: str) -> None:
        """Emit the same as instructions."""
        seed = self.rounding.drawn_by
        if seed is not None:
            lower_drawn(low, out, errors, self.quantum, self.most, (seed & MASK, stream_of(population)))
        else:
            lower_formula(low, out, self.formula, {"x": errors})

    def described(self) -> list[Any]:
        """All of it as JSON has it."""
        return [self.bits, self.scale, type(self.rounding).__name__, self.rounding.attributes()]

    @classmethod
    def from_described(cls, described: Sequence[Any]) -> Payload:
        """The payload that was ``described``. Raises ValueError, TypeError or a PcneuroError for what is none."""
        bits, scale, kind, attributes = described
        return cls(bits, scale, class_of_kind("rounding", kind, ROUNDINGS)(**attributes))

    def __str__(self) -> str:
        how = ", drawn" if self.drawn else ""
        return f"{self.bits} bits of {self.scale:g}{how}"
