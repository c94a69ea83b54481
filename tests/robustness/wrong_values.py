"""Values that users give by mistake, or in another type than is asked for: what each must come to, by what is wanted.

A bank has variants of one right value. What fits is what the plain value is; what does not is refused; of what may be
either (``None``) the one that holds is up to the argument: refused, or as the plain value, but nothing else.
"""

from __future__ import annotations

import datetime
import decimal
from collections import OrderedDict, UserDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas
import xarray


@dataclass(frozen=True)
class Value:
    """One value: made anew for each call, as a generator is used up by one. ``fits``: see the module."""

    label: str
    make: Callable[[], Any]
    fits: bool | None


class Quantity:
    """A quantity as pint has them: a number or array, the name of its unit, and what a unit is in ms."""

    MS: ClassVar[dict[str, float]] = {"second": 1000.0, "millisecond": 1.0}

    def __init__(self, magnitude: Any, units: str) -> None:
        self.magnitude, self.units, self.unitless = magnitude, units, units == ""

    def to(self, unit: str) -> Quantity:
        return Quantity(self.magnitude * self.MS[self.units] / {"ms": 1.0}[unit], "millisecond")


class Dimension:
    """A physical dimension as Brian2 has them."""

    def __init__(self, text: str) -> None:
        self.text, self.is_dimensionless = text, text == "1"
        self.get_dimension = None

    def __str__(self) -> str:
        return self.text


class Physical(np.ndarray):
    """An array in SI units with a dimension, as Brian2 has them: as a plain array it would be in seconds."""

    dim = Dimension("1")


def physical(number: Any, dimension: str) -> Physical:
    array = np.asarray(number, dtype=np.float64).view(Physical)
    array.dim = Dimension(dimension)
    return array


class Arrayish:
    """Something that NumPy can make an array of."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array if dtype is None else self.array.astype(dtype)


def always(value: Any) -> Callable[[], Any]:
    return lambda: value


def bank(fits: bool | None, **values: Any) -> list[Value]:
    return [Value(label.replace("_", " ").strip(), always(value), fits) for label, value in values.items()]


HUGE = 10**400
NO_OBJECT: list[Value] = [
    *bank(
        False,
        text="x",
        empty_text="",
        bytes_=b"x",
        dict_={},
        list_of_text=["x"],
        a_class=dict,
        a_set={1, 2},
        an_object=object(),
        a_function=len,
        a_complex_number=1 + 2j,
        a_module=np,
        dots=...,
        not_implemented=NotImplemented,
        namespace=SimpleNamespace(a=1),
    ),
    Value("generator", lambda: (x for x in (1.0, 2.0)), False),
]
"""What is no number, array, name, object or flag."""


def numbers(
    right: float,
    *,
    low: float | None = None,
    above: bool = False,
    high: float | None = None,
    time: bool = False,
    none: bool = False,
) -> list[Value]:
    """A real number, of at least (or above) ``low``, and of ``high`` at most; a ``time`` may have a unit."""
    values = [
        *NO_OBJECT,
        *bank(False, not_a_number=float("nan"), a_quoted_number=str(right), true=True, false=False),
        *bank(False, infinite=float("inf"), minus_infinite=-float("inf"), of_400_digits=HUGE, numpy_true=np.True_),
        *bank(False, list_=[right], tuple_=(right, right), array=np.array([right, right]), masked=np.ma.masked),
        *bank(False, complex_=complex(right), frame=pandas.DataFrame([[right, right]]), column=pandas.Series([1, 2])),
        *bank(False, a_date=datetime.date(2020, 1, 1), missing=pandas.NA, not_a_time=np.datetime64("NaT", "ms")),
        *bank(True, float64=np.float64(right), float32=np.float32(right), float16=np.float16(right)),
        *bank(None, fraction=Fraction(right), decimal_=decimal.Decimal(right), no_axes=np.array(right)),
        *bank(None, labelled=xarray.DataArray(right), object_array=np.array(right, dtype=object)),
        *bank(None, dimensionless=physical(right, "1"), unitless=Quantity(right, "")),
        *bank(False, volts=physical(right, "m^2 kg s^-3 A^-1"), pint_volts=Quantity(right, "volt")),
    ]
    if right == int(right):
        values += bank(True, whole=int(right), int8=np.int8(right), uint64=np.uint64(right))
    seconds = bank(True if time else False, brian2=physical(right / 1000, "s"), pint=Quantity(right / 1000, "second"))
    values += seconds
    if time:
        values += bank(True, timedelta=datetime.timedelta(milliseconds=right), pint_ms=Quantity(right, "millisecond"))
    if low is not None:
        values += bank(False, too_low=low - 1, far_too_low=-1e300)
        values += bank(False, the_bound_below=low) if above else []
    if high is not None:
        values += bank(False, too_high=high + 1.0, far_too_high=1e300)
    return values if none else [*values, *bank(False, none=None)]


def whole_numbers(right: int, least: int = 0, none: bool = False, most: int | None = None) -> list[Value]:
    """A whole number of at least ``least``."""
    values = [
        *NO_OBJECT,
        *bank(False, half=right + 0.5, not_a_number=float("nan"), infinite=float("inf"), true=True, a_text=str(right)),
        *bank(False, too_low=least - 1, far_too_low=-HUGE, complex_=complex(right), list_=[right, right]),
        *bank(False, array=np.array([right, right]), masked=np.ma.masked, numpy_true=np.True_, volts=Quantity(1, "V")),
        *bank(True, int8=np.int8(right), uint64=np.uint64(right), int64=np.int64(right)),
        *bank(None, whole_float=float(right), no_axes=np.array(right), fraction=Fraction(right)),
    ]
    values += bank(False, too_high=most + 1, of_400_digits=HUGE) if most is not None else []
    return values if none else [*values, *bank(False, none=None)]


def flags(right: bool) -> list[Value]:
    """True or False."""
    values = bank(False, one=1, zero=0, half=0.5, text="True", no="no", none=None, list_=[], array=np.array([1, 0]))
    return [*values, *bank(False, dict_={}, an_object=object()), *bank(None, numpy=np.bool_(right))]


def names(*, none: bool = False, known: str = "") -> list[Value]:
    """One of some names, of which ``known`` is one in other letters."""
    values = [
        *bank(False, empty="", unknown="nope", number=3, bytes_=b"out", list_=["out"], tuple_=("out",), slash="a/b"),
        *bank(False, with_a_line="out\nx", long="x" * 5000, dict_={}, true=True, an_object=object(), nul="\0"),
        *bank(False, not_a_number=float("nan"), a_class=str, array=np.array(["out"]), set_={"out"}),
        *(bank(False, other_letters=known) if known else []),
    ]
    return values if none else [*values, *bank(False, none=None)]


def objects(wanted: str, *, none: bool, like: type | None = None) -> list[Value]:
    """An object of a class: neither its name nor the class itself."""
    values = [*NO_OBJECT, *bank(False, its_name=wanted, number=3, true=True, array=np.ones(3), nan=float("nan"))]
    values += bank(False, the_class=like) if like is not None else []
    return values if none else [*values, *bank(False, none=None)]


def mappings(right: dict[str, Any], wrong: Any, *, none: bool = False) -> list[Value]:
    """A dict from names to what ``right`` has; ``wrong`` fits none of them."""
    name, value = next(iter(right.items()))
    values = [
        *bank(True, read_only=MappingProxyType(right), ordered=OrderedDict(right), of_a_user=UserDict(right)),
        *bank(False, pairs=list(right.items()), a_name=name, number=3, the_value=value, set_={name}, true=True),
        *bank(
            False, an_object=object(), names=[name], with_number={**right, 3: value}, with_none={**right, None: value}
        ),
        *bank(False, with_tuple={**right, (name,): value}, with_unknown={**right, "nope": value}),
        *bank(False, with_empty={**right, "": value}, of_text={name: "x"}, of_objects={name: object()}),
        *bank(False, other_letters={**right, name.upper() + "_": value}, of_wrong={name: wrong}),
        *bank(False, series=pandas.Series(range(3)), bytes_name={**right, name.encode(): value}),
        Value("generator", lambda: (pair for pair in right.items()), False),
    ]
    return values if none else [*values, *bank(False, none=None)]


def _fitting(array: np.ndarray) -> Iterable[tuple[str, Any]]:
    """The same numbers in other types; the array's are held exactly by all of them."""
    yield "float32", array.astype(np.float32)
    yield "float16", array.astype(np.float16)
    yield "big-endian", array.astype(">f8")
    yield "big-endian float32", array.astype(">f4")
    yield "long double", array.astype(np.longdouble)
    yield "lists", array.tolist()
    yield "tuple", tuple(array.tolist()) if array.ndim else array[()]
    yield "read-only", _read_only(array)
    yield "Fortran order", np.asfortranarray(array)
    yield "every other one", np.repeat(array, 2, axis=-1)[..., ::2]
    yield "backwards", array[..., ::-1].copy()[..., ::-1]
    yield "unaligned", _unaligned(array)
    yield "of a subclass", array.view(type("Mine", (np.ndarray,), {}))
    yield "nothing masked", np.ma.array(array, mask=False)
    yield "what has __array__", Arrayish(array)
    yield "memory view", memoryview(np.ascontiguousarray(array))
    yield "dimensionless", physical(array, "1")
    yield "labelled", xarray.DataArray(array, dims=["batch", *"abcdef"][: array.ndim])
    if array.ndim == 2:
        yield "table", pandas.DataFrame(array, columns=[f"c{k}" for k in range(array.shape[1])])
        yield "list of arrays", list(array)
    if array.ndim == 1:
        yield "column", pandas.Series(array)


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _unaligned(array: np.ndarray) -> np.ndarray:
    raw = np.zeros(array.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def _put(array: np.ndarray, value: float, dtype: Any = np.float64) -> np.ndarray:
    changed = array.astype(dtype)
    changed.flat[-1] = value
    return changed


def arrays(
    right: np.ndarray,
    *,
    finite: bool = True,
    none: bool = False,
    number: bool | None = False,
    shape: bool = True,
    samples: bool = False,
) -> list[Value]:
    """An array of the shape of ``right``; ``number`` tells whether one number stands for all."""
    values = [Value(label, always(value), True) for label, value in _fitting(right)]
    if samples:
        turned = xarray.DataArray(right.T, dims=[*"abcdef"[: right.ndim - 1], "batch"])
        values += bank(True, labelled_the_other_way=turned)
    values += [each for each in NO_OBJECT if each.label != "empty text"]
    values += [
        Value("complex", always(right.astype(complex)), False),
        Value("objects", always(np.full(right.shape, None)), False),
        Value("numbers as objects", always(right.astype(object)), False),
        Value("texts", always(right.astype(str)), False),
        Value("masked", always(np.ma.array(right, mask=right == right.flat[0])), False),
        Value("dates", always(np.full(right.shape, np.datetime64("2020-01-01"))), False),
        Value("durations", always(np.full(right.shape, np.timedelta64(1, "s"))), False),
        Value("structured", always(np.zeros(right.shape, dtype=[("a", "f8")])), False),
        Value("in volts", always(physical(right, "V")), False),
        Value("in seconds", always(physical(right, "s")), False),
        Value("pint", always(Quantity(right, "volt")), False),
        Value("empty", always(np.zeros((0, *right.shape[1:]))), False),
        Value("empty list", always([]), False),
        Value("list of None", always([None] * 3), False),
        Value("ragged", always([[0.5, 0.25], [0.5]]), False),
    ]
    if finite:
        values += [Value(f"with {x}", always(_put(right, x)), False) for x in (np.nan, np.inf, -np.inf)]
        values += [Value("float16 infinity", always(_put(right, np.inf, np.float16)), False)]
    if shape and right.ndim:
        values += [
            Value("an axis more", always(right[..., None, None]), False),
            Value("a unit more", always(np.concatenate([right, right[..., :1]], axis=-1)), False),
            Value("a unit less", always(right[..., :-1]), False),
        ]
    if number is not None and right.ndim:
        values += [Value("one number", always(0.5), number)] if not number else []
    return values if none else [*values, *bank(False, none=None)]


def indices(right: Sequence[int]) -> list[Value]:
    """A sequence of indices, None for all."""
    return [
        *[each for each in NO_OBJECT if each.label not in ("dict", "bytes")],
        *bank(True, list_=list(right), array=np.array(right), int8=np.array(right, dtype=np.int8)),
        *bank(
            False, mask=[True, False], numpy_mask=np.array([True, False]), halves=[0.5], number=1, nan=[float("nan")]
        ),
        *bank(False, too_high=[10**6], too_low=[-(10**6)], texts=["0"], nested=[[0]], of_none=[None], huge=[HUGE]),
    ]


def paths() -> list[Value]:
    """A place to read or write: these are none."""
    values = bank(False, number=3, none=None, list_=["a"], empty="", nul="a\0b", true=True, a_class=str, dict_={})
    return [*values, *bank(False, no_folder="/no/such/folder/file", long="x" * 5000, a_folder="/tmp", bytes_=b"\xff\0")]
