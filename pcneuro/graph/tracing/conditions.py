"""Conditions on traced values: comparisons, logic, and what is chosen by them.

A condition has the values 1 and 0 in a circuit, and no derivative: it is 0 wherever there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.array import Recorder, TracedArray, plain_constant, recorder_of
from pcneuro.graph.tracing.guarding import guarded
from pcneuro.graph.tracing.types import dtype_of
from pcneuro.ops.base import apply, unit_indices
from pcneuro.ops.maps import Map
from pcneuro.ops.registry import HANDLERS, answers, at_line, refuse

_LARGEST = float(np.finfo(np.float64).max)


def truth(x: Any) -> Any:
    """Truth values as they are; of numbers, which are not 0."""
    return x if np.dtype(dtype_of(x)).kind == "b" else np.not_equal(x, 0)


def _logical(name: str) -> Callable[..., Any]:
    operator = Map(name)
    return lambda *operands: apply(operator, *(truth(x) for x in operands))


def _bitwise(ufunc: np.ufunc, logical: np.ufunc) -> Callable[..., Any]:
    """``& | ^ ~`` of truth values."""

    def handler(*operands: Any) -> Any:
        if any(np.dtype(dtype_of(x)).kind != "b" for x in operands):
            raise refuse(
                f"np.{ufunc.__name__} of numbers", "combine conditions, each in parentheses, as (x > 0) & (y < 1)"
            )
        return logical(*operands)

    return handler


def _comparison(name: str) -> Callable[..., Any]:
    operator = Map(name)
    return lambda x, y: apply(operator, x, y)


for _name in ("less", "less_equal", "equal", "not_equal"):
    HANDLERS[getattr(np, _name)] = _comparison(_name)
HANDLERS[np.greater] = lambda x, y: np.less(y, x)
HANDLERS[np.greater_equal] = lambda x, y: np.less_equal(y, x)
for _name in ("logical_not", "logical_and", "logical_or", "logical_xor"):
    HANDLERS[getattr(np, _name)] = _logical(_name)
for _ufunc, _like in (
    (np.bitwise_and, np.logical_and),
    (np.bitwise_or, np.logical_or),
    (np.bitwise_xor, np.logical_xor),
    (np.invert, np.logical_not),
):
    HANDLERS[_ufunc] = _bitwise(_ufunc, _like)
HANDLERS[np.isnan] = lambda x: np.not_equal(x, x)
HANDLERS[np.isfinite] = lambda x: np.less_equal(np.absolute(x), _LARGEST)
HANDLERS[np.isinf] = lambda x: np.less(_LARGEST, np.absolute(x))
HANDLERS[np.signbit] = lambda x: np.less(np.copysign(1.0, x), 0)


@answers(np.isposinf)
def _isposinf(x: Any, out: None = None) -> Any:
    return np.less(_LARGEST, x)


@answers(np.isneginf)
def _isneginf(x: Any, out: None = None) -> Any:
    return np.less(x, -_LARGEST)


@answers(np.isclose)
def _isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: Any = False) -> Any:
    close = np.less_equal(np.absolute(np.subtract(a, b)), atol + rtol * np.absolute(b))
    same = np.equal(a, b)
    if equal_nan:
        same = np.logical_or(same, np.logical_and(np.isnan(a), np.isnan(b)))
    # No finite number is close to an infinite one.
    return np.logical_or(np.logical_and(close, np.isfinite(b)), same)


# What is chosen


@answers(np.where)
def _where(condition: Any, *choices: Any) -> TracedArray:
    if len(choices) != 2:
        raise refuse(
            "np.where of a condition alone", "give both choices: how many places there are depends on the data"
        )
    return _first_that_holds(recorder_of(condition, choices), "np.where", [condition], choices)


def _first_that_holds(recorder: Recorder, name: str, conditions: Sequence[Any], choices: Sequence[Any]) -> TracedArray:
    """Each unit of the first choice whose condition holds there, else of the last choice, which has none."""
    lifted = [recorder.lift(choice) for choice in choices]
    masks = [truth(c) if isinstance(c, TracedArray) else _constant(name, c) for c in conditions]
    try:
        np.broadcast_shapes(*(x.shape for x in (*masks, *lifted)))
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in lifted)
        by = " and ".join(str(mask.shape) for mask in masks)
        raise ShapeError(f"{name}: shapes {shapes} by conditions of shape {by} do not broadcast{at_line()}") from None
    # What is left of each condition where those before it do not hold.
    alone, none = [masks[0]], np.logical_not(masks[0])
    for mask in masks[1:]:
        alone.append(np.logical_and(mask, none))
        none = np.logical_and(none, np.logical_not(mask))
    harmless = [_guarded(choice, mask) for choice, mask in zip(lifted, [*alone, none], strict=True)]
    result = harmless[-1]
    for mask, choice in reversed(list(zip(masks, harmless, strict=False))):
        result = _chosen(mask, choice, result)
    return result


def _constant(name: str, condition: Any) -> np.ndarray:
    return plain_constant(f"a condition of {name}", condition).astype(bool)


def _guarded(choice: TracedArray, condition: Any) -> TracedArray:
    return guarded(choice, condition.shape, lambda x, harmless: _chosen(condition, x, harmless))


def _chosen(condition: Any, first: Any, second: Any) -> TracedArray:
    """Units of the first where the condition holds, else of the second; by a constant condition they are gathered."""
    recorder = recorder_of(condition, first, second)
    operands = [recorder.lift(choice) for choice in (first, second)]
    if isinstance(condition, TracedArray):
        result = recorder.apply(Map("where"), condition, *operands)
        result.dtype = _common(operands)
        return result
    numbers = [unit_indices(x.shape) for x in operands]
    return recorder.gather("where", np.where(condition, numbers[0], numbers[1] + operands[0].size), operands)


def _common(values: Sequence[Any]) -> np.dtype:
    """The type that NumPy has for numbers and arrays of these types together."""
    common = np.result_type(*(np.dtype(dtype_of(x)) for x in values))
    return common if common.kind in "biu" else np.dtype(np.float64)


@answers(np.select)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(
            f"np.select of {len(condlist)} conditions and {len(choicelist)} choices{at_line()}: give as many of both"
        )
    recorder = recorder_of(condlist, choicelist, default)
    return _first_that_holds(recorder, "np.select", condlist, [*choicelist, default])


@answers(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Each function of the whole of x, and chosen from by the conditions: the last one that holds counts."""
    conditions = list(condlist) if isinstance(condlist, list | tuple) or np.ndim(condlist) > np.ndim(x) else [condlist]
    functions = list(funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise ShapeError(
            f"np.piecewise of {len(conditions)} conditions and {len(functions)} functions{at_line()}: give "
            "as many of both, or one function more for all else"
        )
    values = [f(x, *args, **kw) if callable(f) else f for f in functions]
    otherwise = values.pop() if len(values) > len(conditions) else 0.0
    last_first = (conditions[::-1], [*values[::-1], otherwise])
    result = _first_that_holds(recorder_of(x, *last_first), "np.piecewise", *last_first)
    result = result.astype(_common([x]))
    return np.broadcast_to(result, np.shape(x)) if np.shape(result) != np.shape(x) else result
