"""Numbers as users have them: times with units, arrays under a mask, with units or labels, and which of them fit.

Quantities of Brian2, pint and others are known by what they offer, so that no such library is imported.
"""

from __future__ import annotations

import datetime
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, told

_DIGITS = 15
"""Significant digits that survive the conversion of a decimal number from seconds."""


@dataclass(frozen=True)
class _Kind:
    """Quantities of one library: how they are known, the name of their unit ("" where they have none), and in ms."""

    known: Callable[[Any], bool]
    unit: Callable[[Any], str]
    ms: Callable[[Any], Any]


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda value: all(hasattr(value, name) for name in names)


def _from_seconds(numbers: Any) -> Any:
    """Seconds as ms, of which 0.1 is the same number as a 0.1 that is written as such."""
    array = np.asarray(numbers, dtype=np.float64)
    rounded = [float(f"{1000.0 * number:.{_DIGITS}g}") for number in array.ravel()]
    return np.array(rounded).reshape(array.shape) if array.ndim else rounded[0]


def _brian2_ms(value: Any) -> Any:
    if str(value.dim) != "s":
        raise ValueError
    return _from_seconds(value)


_KINDS = (
    # Brian2: an array in SI units with its physical dimension.
    _Kind(
        lambda value: hasattr(getattr(value, "dim", None), "get_dimension"),
        lambda value: "" if value.dim.is_dimensionless else str(value.dim),
        _brian2_ms,
    ),
    # pint
    _Kind(
        _has("magnitude", "units", "to"),
        lambda value: "" if getattr(value, "unitless", False) else str(value.units),
        lambda value: value.to("ms").magnitude,
    ),
    # quantities, which Neo and Elephant use
    _Kind(
        _has("magnitude", "units", "rescale"),
        lambda value: str(value.dimensionality).removeprefix("dimensionless"),
        lambda value: value.rescale("ms").magnitude,
    ),
    # Astropy
    _Kind(_has("unit", "to_value"), lambda value: str(value.unit), lambda value: value.to_value("ms")),
    _Kind(
        lambda value: isinstance(value, datetime.timedelta),
        lambda value: "days and seconds",
        lambda value: _from_seconds(value.total_seconds()),
    ),
    _Kind(
        lambda value: isinstance(value, np.timedelta64 | np.ndarray) and value.dtype.kind == "m",
        lambda value: "days or seconds",
        lambda value: _from_seconds(np.asarray(value) / np.timedelta64(1, "s")),
    ),
)


def _kind_of(value: Any) -> _Kind | None:
    """What quantity something is; None of plain numbers and arrays."""
    return next((kind for kind in _KINDS if kind.known(value)), None)


def in_ms(what: str, value: Any) -> Any:
    """A time in ms: quantities are converted, and plain numbers are ms already.

    Lists and tuples come back as lists where they hold a quantity; whatever is no quantity comes back as it is, for the
    caller to check. Raises ParameterError, with ``what`` it is, for a quantity that is no time.
    """
    if isinstance(value, list | tuple):
        return [in_ms(what, each) for each in value] if any(_quantities(value)) else value
    kind = _kind_of(value)
    if kind is None:
        return value
    unit = kind.unit(value)
    if not unit:
        return _plain_number(value)
    try:
        numbers = kind.ms(value)
    # Each library has an exception of its own for units that do not fit.
    except Exception:
        raise ParameterError(f"{what} is in {unit}; give a time, or a plain number of ms") from None
    return numbers if np.ndim(numbers) else float(numbers)


def _plain_number(value: Any) -> Any:
    """A quantity without a unit, as the number or array that it is."""
    array = np.asarray(getattr(value, "magnitude", value), dtype=np.float64)
    return array if array.ndim else float(array)


def plain(what: str, value: Any) -> Any:
    """Numbers or an array as they are, without labels.

    Raises DataError for quantities with a unit, and where something is under a mask, in lists and tuples, too.
    """
    for part in _parts(value):
        kind = _kind_of(part)
        unit = "" if kind is None else kind.unit(part)
        if unit:
            raise DataError(
                f"{what} is in {unit}; only times have units here: give plain numbers, such as its quotient by a unit"
            )
        masked = int(np.ma.getmaskarray(part).sum()) if isinstance(part, np.ma.MaskedArray) else 0
        if masked:
            raise DataError(
                f"{what} has {masked} of {part.size} values under a mask: give numbers for all; units that were not "
                "observed are free as an output or vertex of their own, without target or clamp"
            )
    return value


def _parts(value: Any) -> Iterator[Any]:
    """What lists and tuples hold, however deep, or else the value itself; numbers of Python are left out."""
    if isinstance(value, list | tuple):
        for each in value:
            if not isinstance(each, int | float):
                yield from _parts(each)
    else:
        yield value


def _quantities(values: Any) -> Iterator[bool]:
    return (_kind_of(part) is not None for part in _parts(values))


def plain_array(what: str, value: Any) -> np.ndarray:
    """An array of real numbers, of whatever type. Raises DataError for what is none or ``plain`` refuses."""
    try:
        array = np.asarray(plain(what, value))
    except DataError:
        raise
    # Libraries refuse in many ways: PyTorch, for one, to convert what it differentiates.
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{what} is no array: {' '.join(str(error).split())}") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"{what} has dtype {array.dtype}; real numbers are needed")
    return array


@dataclass(frozen=True)
class Range:
    """Which numbers an argument takes, and how messages say it."""

    words: str
    fits: Callable[[float], bool]


FINITE = Range("a finite number", math.isfinite)
POSITIVE = Range("a positive, finite number", lambda x: 0.0 < x < math.inf)
NOT_NEGATIVE = Range("a finite number, not negative", lambda x: 0.0 <= x < math.inf)
SHARE = Range("a number from 0 to below 1", lambda x: 0.0 <= x < 1.0)


def number(what: str, value: Any, among: Range = FINITE) -> float:
    """An argument that is one real number, as a float. Raises ParameterError for any other, truth values included.

    Arrays without axes count as the number that they are; whole numbers that no float holds are none.
    """
    if _kind_of(value) is not None:
        value = plain(what, value)
    # A class of its own, whose only value is under a mask and would pass for a zero.
    single = isinstance(value, np.ndarray) and not np.ndim(value) and value is not np.ma.masked
    real = value[()] if single else getattr(value, "magnitude", value)
    try:
        if isinstance(real, Real) and not isinstance(real, bool | np.bool) and among.fits(float(real)):
            return float(real)
    except (OverflowError, ValueError):
        pass
    raise ParameterError(f"{what} is {told(value)}; give {among.words}")


def milliseconds(what: str, value: Any, among: Range = POSITIVE) -> float:
    """An argument that is a time, in ms: quantities are converted. Raises ParameterError for any other."""
    return number(what, in_ms(what, value), Range(f"{among.words}, in ms", among.fits))


def seconds(what: str, value: Any) -> float:
    """The same for a time on the clock of the wall, positive, of which plain numbers are seconds."""
    kind = _kind_of(value)
    timed = kind is not None and kind.unit(value) != ""
    wanted = Range("a positive number of seconds", lambda x: x > 0.0)
    return number(what, in_ms(what, value), wanted) / (1000.0 if timed else 1.0)


def whole(what: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """An argument that is a whole number. Raises ParameterError for any other, truth values included."""
    if isinstance(value, Integral) and not isinstance(value, bool) and least <= (exact := int(value)):
        if most is None or exact <= most:
            return exact
    wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise ParameterError(f"{what} is {told(value)}; give a whole number {wanted}")


def flag(what: str, value: Any) -> bool:
    """An argument that is True or False. Raises ParameterError for all else, of which "no" would count as True."""
    if isinstance(value, bool | np.bool):
        return bool(value)
    raise ParameterError(f"{what} is {told(value)}; give True or False")


def by_name(what: str, value: Any, of: str = "arrays") -> Mapping[str, Any]:
    """An argument that is a dict from names. Raises ParameterError for all else."""
    if isinstance(value, Mapping):
        return value
    raise ParameterError(f"{what} are {told(value)}; give a dict from names to {of}")


def name_tuple(what: str, value: Any) -> tuple[str, ...]:
    """An argument that is a list of names. Raises ParameterError for all else, for one name, too."""
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if listed and all(isinstance(name, str) for name in value):
        return tuple(map(str, value))
    raise ParameterError(f"{what} are {told(value)}; give a list of names")


def index_tuple(what: str, value: Any) -> tuple[int, ...]:
    """An argument that is a sequence of whole numbers.

    Raises ParameterError for all else, for masks, too: their truth values would pass for 0 and 1.
    """
    try:
        listed = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)
        if listed and not any(isinstance(each, bool | np.bool) for each in value):
            return tuple(operator.index(each) for each in value)
    except TypeError:
        pass
    raise ParameterError(
        f"{what}: {told(value)} is no sequence of whole numbers; give indices such as [0, 1], or None for all"
    )
