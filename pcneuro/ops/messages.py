"""Messages of few bits: what others receive of a number.

out = q max(-n, min(n, rint(x / q)));  (d out / d x)^T g := g, as if x had come (Bengio, Leonard & Courville 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from pcneuro.ops.formula import Formula
from pcneuro.ops.maps import AbstractMap, Definition
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
