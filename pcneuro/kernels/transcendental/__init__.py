"""Elementary functions of vectors of lanes, without a call or a branch, in the precision of their argument.

They are within 2 units in the last place of float32 and of float64, subnormal numbers included, and treat zeros,
infinities and NaN as NumPy does. (Where the sum in logaddexp cancels: units of its terms.) The twin of each is NumPy's
or SciPy's function of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pcneuro.kernels.transcendental import arithmetic as a
from pcneuro.kernels.transcendental import exponential as e
from pcneuro.kernels.transcendental import logarithm as l
from pcneuro.kernels.transcendental import special
from pcneuro.kernels.transcendental import trigonometric as t
from pcneuro.kernels.vectors import Format, Real, sqrt


@dataclass(frozen=True)
class Function:
    """A function of ``arity`` vectors; a ``cheap`` one takes less than finding its operands does.

    Where |x| is above ``farthest``, if that is given, libm's function of this name is called instead, number by number.
    """

    name: str
    arity: int
    of: Callable[..., Real]
    cheap: bool = False
    farthest: Callable[[Format], float] | None = None


FUNCTIONS: dict[str, Function] = {}


def _register(arity: int, *functions: Callable[..., Real], **facts: Any) -> None:
    for function in functions:
        FUNCTIONS[function.__name__] = Function(function.__name__, arity, function, **facts)


_register(1, a.negative, a.absolute, a.sign, a.reciprocal, a.square, sqrt, cheap=True)
_register(1, a.relu, a.positive, a.heaviside, a.tanh_slope, a.sigmoid_slope, cheap=True)
_register(2, a.add, a.subtract, a.multiply, a.divide, a.maximum, a.minimum, a.multiply_or_zero, cheap=True)
_register(1, e.exp, e.exp2, e.expm1, e.tanh, e.sigmoid, e.sinh, e.cosh)
_register(1, l.log, l.log2, l.log10, l.log1p, l.arcsinh, l.arccosh, l.arctanh)
_register(2, l.logaddexp, l.power, special.hypot)
_register(1, t.sin, t.cos, t.tan, farthest=t.farthest)
_register(1, t.arctan, t.arcsin, t.arccos, special.erf, special.cbrt)
