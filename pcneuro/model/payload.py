"""What the messages of error neurons can say: numbers of a few bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.model.rounding import MOST_BITS
from pcneuro.ops.formula import Formula
from pcneuro.ops.messages import message_formula
from pcneuro.quantities import POSITIVE, number, whole


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

    Raises ParameterError for values out of range.
    """

    bits: int
    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", whole("bits of a payload", self.bits, 1, MOST_BITS))
        object.__setattr__(self, "scale", number("scale of a payload", self.scale, POSITIVE))

    @property
    def most(self) -> int:
        """The largest multiple."""
        return int(2 ** (self.bits - 1))

    @property
    def quantum(self) -> float:
        """The smallest message."""
        return self.scale / self.most

    @property
    def formula(self) -> Formula:
        """The same as a formula of ``x``, unit by unit."""
        return message_formula(self.quantum, self.most)

    def rounded(self, errors: np.ndarray) -> np.ndarray:
        """The nearest that a message can say, in the type of the errors; 0 is none."""
        quantum = errors.dtype.type(self.quantum)
        count = np.minimum(np.rint(np.abs(errors) / quantum), errors.dtype.type(self.most))
        return np.copysign(count * quantum, errors).astype(errors.dtype)
