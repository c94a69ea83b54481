"""What a condition does not choose has no part in the result, nor in its derivative.

0 times the slope of a function that is not chosen is NaN where that slope is infinite, and a value that is no number
would be the state of a neuron. So functions of which something is chosen are computed once more, with arguments that
are harmless wherever they are not: ``where(c, log(x), 0)`` becomes ``where(c, log(where(c, x, 1)), 0)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.graph.graph import Constant
from pcneuro.graph.tracing.array import Recorder, TracedArray
from pcneuro.ops.maps import Map

_HARMLESS: dict[str, tuple[float | None, ...]] = {
    "sqrt": (1.0,),
    "cbrt": (1.0,),
    "reciprocal": (1.0,),
    "divide": (None, 1.0),
    "power": (1.0, None),
    "remainder": (None, 1.0),
    "fmod": (None, 1.0),
    "floor_divide": (None, 1.0),
    "log": (1.0,),
    "log2": (1.0,),
    "log10": (1.0,),
    "log1p": (0.0,),
    "exp": (0.0,),
    "exp2": (0.0,),
    "exp10": (0.0,),
    "expm1": (0.0,),
    "sinh": (0.0,),
    "cosh": (0.0,),
    "arcsin": (0.0,),
    "arccos": (0.0,),
    "arctanh": (0.0,),
    "arccosh": (2.0,),
    "logit": (0.5,),
    "erfinv": (0.0,),
    "erfcinv": (1.0,),
    "ndtri": (0.5,),
    "gamma": (1.0,),
    "gammaln": (1.0,),
    "digamma": (1.0,),
    "polygamma": (None, 1.0),
    "entr": (1.0,),
    "rel_entr": (1.0, 1.0),
    "kl_div": (1.0, 1.0),
    "xlogy": (None, 1.0),
    "xlog1py": (None, 0.0),
    "boxcox": (1.0, None),
    "exprel": (0.0,),
}
"""Function that is not finite everywhere, or has no finite slope -> operands at which nothing is the matter."""

_MOST = 50
"""Operations behind a choice that are looked at. A choice of more is rare, and a program of many is to stay linear."""

_NESTED = 4
"""Choices in choices that are looked into."""

Choose = Callable[[Any, Any], Any]
"""(where it is chosen, where it is not) -> both in one array."""


class _Guard:
    """Computes a choice again from harmless arguments, as far as single units go back to single units."""

    def __init__(self, recorder: Recorder, condition: tuple[int, ...], choose: Choose) -> None:
        self.recorder, self.condition, self.choose = recorder, condition, choose
        self.known: dict[int, TracedArray | None] = {}

    def again(self, number: int, nested: int = 0) -> TracedArray | None:
        """The array of this number, guarded; None where there is nothing to guard.

        ``nested`` choices may stand in it, one in the other: those that nothing else has used.
        """
        if number not in self.known:
            self.known[number] = None
            if len(self.known) <= _MOST:
                self.known[number] = self._computed(number, nested)
        return self.known[number]

    def _computed(self, number: int, nested: int) -> TracedArray | None:
        source, operands, shape, line = self.recorder.entries[number]
        # A vertex has neurons of its own.
        if not isinstance(source, Map) or source.variables or number in self.recorder.names:
            return None
        if np.broadcast_shapes(self.condition, shape) != shape:
            return None
        inner = source.function == "where"
        if inner and (not nested or self._used(number)):
            return None
        before = [self.again(operand, nested - 1 if inner else 0) for operand in operands]
        harmless = _HARMLESS.get(source.function, ())
        guards = [k for k, value in enumerate(harmless) if value is not None and self._may_fail(source, operands, k)]
        if not guards and all(array is None for array in before):
            return None
        arguments = [
            self._entry(operand) if array is None else array for array, operand in zip(before, operands, strict=True)
        ]
        for k in guards:
            arguments[k] = self.choose(arguments[k], harmless[k])
        result = self.recorder.apply(source, *arguments)
        self.recorder.entries[result.number] = (source, *self.recorder.entries[result.number][1:3], line)
        return result

    def _used(self, number: int) -> bool:
        """Whether anything has been computed from an array, or may have been, so that it is there anyway."""
        after = self.recorder.entries[number + 1 : number + 2 + _MOST]
        return len(after) > _MOST or any(number in operands for _, operands, _, _ in after)

    def _may_fail(self, source: Map, operands: tuple[int, ...], k: int) -> bool:
        """Whether there are values of operand k at which a function is not finite, or its slope is not."""
        constants = [self._constant(operand) for operand in operands]
        value = constants[k]
        if value is not None:
            # Divisors and the like: what the function is at 0 it is at no other number.
            return not (np.isfinite(value).all() and value.all())
        exponent = constants[-1] if source.function == "power" else None
        return exponent is None or not ((exponent >= 1) & (exponent == np.rint(exponent))).all()

    def _constant(self, number: int) -> np.ndarray | None:
        source = self.recorder.entries[number][0]
        return source.value if isinstance(source, Constant) else None

    def _entry(self, number: int) -> TracedArray:
        return TracedArray(self.recorder, number, self.recorder.entries[number][2])


def guarded(choice: TracedArray, condition: tuple[int, ...], choose: Choose) -> TracedArray:
    """A choice whose values where it is chosen are the same, and whose other ones are harmless.

    ``condition`` is the condition's shape; ``choose`` makes an array that is its first argument where the choice is
    chosen, and else its second.
    """
    again = _Guard(choice.recorder, condition, choose).again(choice.number, _NESTED)
    if again is None:
        return choice
    again.dtype = choice.dtype
    return again
