"""Vectors of lanes inside a kernel: numbers whose arithmetic is LLVM instructions, written as the formulas are.

A function of ``Real`` is straight-line code: comparisons give a ``Mask``, and ``where`` takes one of two values, so
there is nothing to branch on and every lane goes the same way. No operation is contracted or reordered, hence a lane's
result does not depend on where it lies. All constants are of the vector's type: float32 stays float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils


@dataclass(frozen=True)
class Format:
    """What vectors are made of: ``length`` numbers of ``dtype``.

    ``fused`` says whether the processor multiplies and adds with one rounding.
    """

    builder: Any
    dtype: np.dtype
    length: int
    fused: bool

    @property
    def digits(self) -> int:
        """Bits of the fraction that are stored: 23 or 52."""
        return np.finfo(self.dtype).nmant

    @property
    def bias(self) -> int:
        """Of the exponent: 127 or 1023."""
        return np.finfo(self.dtype).maxexp - 1

    @property
    def single(self) -> bool:
        """Whether this is float32."""
        return self.dtype == np.float32

    @property
    def real(self) -> ir.VectorType:
        """LLVM type of the vector."""
        return ir.VectorType(ir.FloatType() if self.single else ir.DoubleType(), self.length)

    @property
    def whole(self) -> ir.VectorType:
        """LLVM type of as many integers of the same width."""
        return ir.VectorType(ir.IntType(8 * self.dtype.itemsize), self.length)

    def number(self, value: float) -> Real:
        """The same number in all lanes."""
        return Real(self, ir.Constant(self.real, [float(self.dtype.type(value))] * self.length))

    def integer(self, value: int) -> Whole:
        """The same integer in all lanes."""
        return Whole(self, ir.Constant(self.whole, [value] * self.length))

    def bits(self, value: float) -> int:
        """A number's bits, as an integer."""
        return int(np.array(value, self.dtype).view(np.int32 if self.single else np.int64))

    def call(self, name: str, *values: Real) -> Real:
        """An LLVM intrinsic of vectors."""
        kind = ir.FunctionType(self.real, [self.real] * len(values))
        suffix = f"v{self.length}f{8 * self.dtype.itemsize}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.{name}.{suffix}")
        return Real(self, self.builder.call(function, [v.value for v in values]))


@dataclass(frozen=True, eq=False)
class _AbstractLanes:
    format: Format
    value: Any


class Mask(_AbstractLanes):
    """A truth value in each lane."""

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.format, self.format.builder.and_(self.value, other.value))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.format, self.format.builder.or_(self.value, other.value))

    def __invert__(self) -> Mask:
        return Mask(self.format, self.format.builder.not_(self.value))


class Whole(_AbstractLanes):
    """An integer in each lane, as wide as the real numbers are; it wraps around."""

    def _with(self, operation: str, other: Whole | int) -> Whole:
        right = self.format.integer(other) if isinstance(other, int) else other
        return Whole(self.format, getattr(self.format.builder, operation)(self.value, right.value))

    def __add__(self, other: Whole | int) -> Whole:
        return self._with("add", other)

    def __sub__(self, other: Whole | int) -> Whole:
        return self._with("sub", other)

    def __mul__(self, other: Whole | int) -> Whole:
        return self._with("mul", other)

    def __and__(self, other: Whole | int) -> Whole:
        return self._with("and_", other)

    def __xor__(self, other: Whole | int) -> Whole:
        return self._with("xor", other)

    def upper(self) -> Whole:
        """The upper half of the bits, as a number that is not negative."""
        return self._with("lshr", 4 * self.format.dtype.itemsize)

    def __lshift__(self, other: int) -> Whole:
        return self._with("shl", other)

    def __rshift__(self, other: int) -> Whole:
        return self._with("ashr", other)

    def __eq__(self, other: object) -> Mask:  # type: ignore[override]
        assert isinstance(other, int)
        right = self.format.integer(other)
        return Mask(self.format, self.format.builder.icmp_signed("==", self.value, right.value))

    __hash__ = None  # type: ignore[assignment]

    def as_bits(self) -> Real:
        """The numbers that have these bits."""
        return Real(self.format, self.format.builder.bitcast(self.value, self.format.real))


class Real(_AbstractLanes):
    """A floating-point number in each lane."""

    def number(self, value: float | Real) -> Real:
        """A constant of this vector's type; what is a vector already stays."""
        return value if isinstance(value, Real) else self.format.number(value)

    def _with(self, operation: str, other: Real | float) -> Real:
        return Real(self.format, getattr(self.format.builder, operation)(self.value, self.number(other).value))

    def __add__(self, other: Real | float) -> Real:
        return self._with("fadd", other)

    def __sub__(self, other: Real | float) -> Real:
        return self._with("fsub", other)

    def __mul__(self, other: Real | float) -> Real:
        return self._with("fmul", other)

    def __truediv__(self, other: Real | float) -> Real:
        return self._with("fdiv", other)

    def __radd__(self, other: float) -> Real:
        return self.number(other) + self

    def __rsub__(self, other: float) -> Real:
        return self.number(other) - self

    def __rmul__(self, other: float) -> Real:
        return self.number(other) * self

    def __rtruediv__(self, other: float) -> Real:
        return self.number(other) / self

    def __neg__(self) -> Real:
        return Real(self.format, self.format.builder.fneg(self.value))

    def __abs__(self) -> Real:
        return self.format.call("fabs", self)

    def _compared(self, operator: str, other: Real | float) -> Mask:
        b = self.format.builder
        # Only "not equal" is true of what is not a number.
        compare = b.fcmp_unordered if operator == "!=" else b.fcmp_ordered
        return Mask(self.format, compare(operator, self.value, self.number(other).value))

    def __lt__(self, other: Real | float) -> Mask:
        return self._compared("<", other)

    def __le__(self, other: Real | float) -> Mask:
        return self._compared("<=", other)

    def __gt__(self, other: Real | float) -> Mask:
        return self._compared(">", other)

    def __ge__(self, other: Real | float) -> Mask:
        return self._compared(">=", other)

    def __eq__(self, other: Real | float) -> Mask:  # type: ignore[override]
        return self._compared("==", other)

    def __ne__(self, other: Real | float) -> Mask:  # type: ignore[override]
        return self._compared("!=", other)

    __hash__ = None  # type: ignore[assignment]

    def bits(self) -> Whole:
        """The numbers' bits."""
        return Whole(self.format, self.format.builder.bitcast(self.value, self.format.whole))

    def clamped(self, low: float, high: float) -> Real:
        """Within [low, high]; NaN stays."""
        below = where(self < low, self.number(low), self)
        return where(below > high, self.number(high), below)


def where(mask: Mask, yes: Real, no: Real) -> Real:
    """``yes`` where the mask is true, else ``no``."""
    return Real(yes.format, yes.format.builder.select(mask.value, yes.value, no.value))


def sqrt(x: Real) -> Real:
    """Square root, correctly rounded."""
    return x.format.call("sqrt", x)


def copysign(size: Real, sign: Real) -> Real:
    """Absolute value of the one with the sign of the other."""
    return size.format.call("copysign", size, sign)


def muladd(a: Real, b: Real | float, c: Real | float) -> Real:
    """a b + c, with one rounding where the processor can."""
    if a.format.fused:
        return a.format.call("fma", a, a.number(b), a.number(c))
    return a * b + c


def product(a: Real, b: Real | float) -> tuple[Real, Real]:
    """a b as a rounded product and its error, exactly (without FMA: Veltkamp 1968, Dekker 1971)."""
    b = a.number(b)
    p = a * b
    if a.format.fused:
        return p, a.format.call("fma", a, b, -p)
    factor = float(2 ** (a.format.digits // 2 + 1) + 1)
    halves = []
    for x in (a, b):
        t = x * factor
        high = t - (t - x)
        halves.append((high, x - high))
    (ah, al), (bh, bl) = halves
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def total(a: Real, b: Real | float) -> tuple[Real, Real]:
    """a + b as a rounded sum and its error, exactly (Knuth 1969)."""
    b = a.number(b)
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def ordered_total(a: Real, b: Real) -> tuple[Real, Real]:
    """The same where |a| >= |b|, or a is 0 (Dekker 1971)."""
    s = a + b
    return s, b - (s - a)


def minus_product(c: Real, a: Real, b: float) -> Real:
    """c - a b with one rounding, where c and a b are within a factor of 2 of each other, or a is 0."""
    if a.format.fused:
        return a.format.call("fma", -a, a.number(b), c)
    p, e = product(a, b)
    return (c - p) - e


def polynomial(z: Real, coefficients: tuple[float, ...]) -> Real:
    """c_0 + c_1 z + c_2 z^2 + ..., by Horner's scheme."""
    value = z.number(coefficients[-1])
    for c in coefficients[-2::-1]:
        value = muladd(value, z, c)
    return value


def nearest(x: Real) -> tuple[Real, Whole]:
    """The nearest whole number, as number and as integer, where |x| < 2^(digits - 2): adding 1.5 2^digits rounds."""
    magic = 1.5 * 2.0**x.format.digits
    shifted = x + magic
    return shifted - magic, shifted.bits() - x.format.bits(magic)


def as_real(k: Whole) -> Real:
    """An integer of less than digits - 1 bits as a number."""
    magic = 1.5 * 2.0**k.format.digits
    return (k + k.format.bits(magic)).as_bits() - magic


def power_of_two(k: Whole) -> Real:
    """2^k, where that is a normal number."""
    return ((k + k.format.bias) << k.format.digits).as_bits()
