"""Which type the results of functions have in NumPy: numbers, truth values or whole numbers.

In a circuit everything is a number. What a traced array would be in NumPy decides what ``+``, ``~`` and ``//`` do to
it, and is asked of NumPy itself.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro.ops.base import AbstractTraced
from pcneuro.ops.registry import refuse

OF_TRUTH: dict[np.ufunc, np.ufunc] = {
    np.add: np.logical_or,
    np.maximum: np.logical_or,
    np.multiply: np.logical_and,
    np.minimum: np.logical_and,
}
"""What arithmetic is where NumPy's result is a truth value."""

_QUOTIENTS = (np.floor_divide, np.remainder, np.fmod)

_NUMBERS = np.dtype(np.float64)

_WITHOUT_MEANING = ("order", "casting", "subok")
"""Options of ufuncs that say nothing of values in float64."""


def dtype_of(x: Any) -> Any:
    """The type of an operand; a number of Python takes the type of what it meets."""
    if isinstance(x, AbstractTraced):
        return x.dtype  # type: ignore[attr-defined]
    return type(x) if type(x) in (int, float, complex) else np.asarray(x).dtype


def result_dtype(ufunc: np.ufunc, operands: Sequence[Any]) -> np.dtype:
    """The type of NumPy's own result. Raises TraceError where NumPy has none, as for a difference of truth values."""
    types = tuple(dtype_of(x) for x in operands)
    try:
        resolved = _resolved(ufunc, types)
    except AttributeError:
        # Numba's are no ufuncs of NumPy's.
        return _NUMBERS
    except (TypeError, ValueError) as error:
        if all(isinstance(t, np.dtype) and t.kind in "biu" for t in types):
            raise refuse(f"np.{ufunc.__name__} of truth values", " ".join(str(error).split())) from None
        # What NumPy has no type for is refused, or lifted, by what it is.
        return _NUMBERS
    _check_width(ufunc, resolved, types)
    return resolved if resolved.kind in "biu" else _NUMBERS


_WRAPPING = (np.add, np.subtract, np.multiply, np.negative, np.power, np.square, np.absolute, np.reciprocal)


def is_narrow(dtype: np.dtype) -> bool:
    """Whether whole numbers of a type wrap around long before those of a float end, or below 0."""
    return dtype.kind == "u" or (dtype.kind == "i" and dtype.itemsize < np.dtype(np.int64).itemsize)


def _check_width(ufunc: np.ufunc, dtype: np.dtype, types: Sequence[Any]) -> None:
    """Raise the refusal of results that NumPy wraps around, or rounds to fewer digits than a float has."""
    if is_narrow(dtype) and ufunc in _WRAPPING:
        raise refuse(f"np.{ufunc.__name__} of {dtype}, which wraps around,", "write x.astype(int) or x.astype(float)")
    if dtype.kind == "f" and dtype.itemsize < _NUMBERS.itemsize:
        raise refuse(
            f"np.{ufunc.__name__} of {' and '.join(map(str, types))}, which NumPy rounds to {dtype},",
            "write x.astype(float), of constants, too",
        )


def as_numbers(ufunc: np.ufunc, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Operands and options of a ufunc, without those options that only say what all traced arrays are.

    These are the order in memory, which casts are allowed, and ``dtype=float``, which makes numbers of the operands.
    """
    left = {name: value for name, value in options.items() if name not in _WITHOUT_MEANING}
    if "dtype" in left and (left["dtype"] is None or np.dtype(left["dtype"]) == _NUMBERS):
        wanted = left.pop("dtype")
        if wanted is not None and result_dtype(ufunc, [0.0] * len(operands)).kind != "b":
            arrays: list[Any] = [x if isinstance(x, AbstractTraced) else np.asarray(x) for x in operands]
            operands = [x.astype(float) for x in arrays]
    return operands, left


@functools.cache
def _resolved(ufunc: np.ufunc, types: tuple[Any, ...]) -> np.dtype:
    return ufunc.resolve_dtypes((*types, *[None] * ufunc.nout))[ufunc.nin]


def typed(result: Any, dtype: np.dtype) -> Any:
    """A result that has the type which it has in NumPy."""
    if isinstance(result, AbstractTraced):
        result.dtype = dtype  # type: ignore[attr-defined]
    return result


def result_typed(ufunc: np.ufunc, result: Any, operands: Sequence[Any], dtype: np.dtype) -> Any:
    """What a ufunc has made of operands as numbers, as NumPy has it in this type: x // 0 of whole numbers is 0."""
    if dtype.kind == "i" and ufunc is np.power:
        _check_exponent(operands[1])
    if dtype.kind in "iu" and ufunc in _QUOTIENTS:
        divides = np.not_equal(operands[1], 0)
        if isinstance(divides, AbstractTraced) or not np.all(divides):
            result = np.where(divides, result, 0)
    if dtype.kind == "i" and ufunc is np.reciprocal:
        result = np.trunc(result)
    return typed(result, dtype)


def _check_exponent(exponent: Any) -> None:
    """Raise NumPy's error of whole numbers to negative powers, and the refusal of powers that may be negative."""
    if isinstance(exponent, AbstractTraced):
        if dtype_of(exponent).kind == "i":
            raise refuse("whole numbers to a traced power, which NumPy takes if none is negative,", "write 2.0 ** n")
    elif np.any(np.asarray(exponent) < 0):
        raise ValueError("Integers to negative integer powers are not allowed.")


def product_typed(result: Any, *operands: Any) -> Any:
    """A sum of products in the type that NumPy has for it: of truth values, whether any of the products is true."""
    common = np.result_type(*(x.dtype for x in operands))
    if common.kind == "b":
        return np.not_equal(result, 0)
    if is_narrow(common):
        raise refuse(f"a product of arrays of {common}, which wraps around,", "write x.astype(int) or x.astype(float)")
    return typed(result, np.dtype(np.int64)) if common.kind in "iu" else result


def is_complex(value: Any) -> bool:
    """Whether a constant is complex."""
    return isinstance(value, complex) or (isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "c")
