"""Sums, means and the like over axes; softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.importing.layers import attention
from pcneuro.importing.layers.samples import all_from_last, from_last, without_leading
from pcneuro.importing.onnx_operators.table import ONNX, allowed, constant, multiplications, numbers

Reduction = Callable[..., Any]


def _log_sum_exp(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    largest = np.max(x, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=keepdims)) + np.reshape(
        largest, np.shape(np.sum(x, axis=axis, keepdims=keepdims))
    )


_REDUCTIONS: dict[str, Reduction] = {
    "ReduceL1": lambda x, axis, keepdims: np.sum(np.abs(x), axis=axis, keepdims=keepdims),
    "ReduceL2": lambda x, axis, keepdims: np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims)),
    "ReduceLogSum": lambda x, axis, keepdims: np.log(np.sum(x, axis=axis, keepdims=keepdims)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": np.max,
    "ReduceMean": np.mean,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
    "ReduceSumSquare": lambda x, axis, keepdims: np.sum(np.square(x), axis=axis, keepdims=keepdims),
}


def _reduction(function: Reduction) -> Callable[..., Any]:
    def reduced(x: Any, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        over = [] if axes is None else numbers("axes", axes)
        if not over and noop_with_empty_axes:
            return x
        last = all_from_last(over, np.ndim(x))
        if -np.ndim(x) in last:
            return function(x, axis=last, keepdims=bool(keepdims))
        return without_leading(lambda sample: function(sample, axis=last, keepdims=bool(keepdims)), x)

    return reduced


for _name, _function in _REDUCTIONS.items():
    ONNX(_name)(_reduction(_function))


@ONNX("ArgMax")
def _arg_max(x: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
    return np.argmax(x, axis=axis, keepdims=bool(keepdims))


@ONNX("ArgMin")
def _arg_min(x: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
    return np.argmin(x, axis=axis, keepdims=bool(keepdims))


@ONNX("Softmax")
def _softmax(x: Any, axis: int = -1) -> Any:
    return attention.softmax(x, from_last(axis, np.ndim(x)))


@ONNX("LogSoftmax")
def _log_softmax(x: Any, axis: int = -1) -> Any:
    return attention.log_softmax(x, from_last(axis, np.ndim(x)))


@ONNX("CumSum")
def _cum_sum(x: Any, axis: Any, exclusive: int = 0, reverse: int = 0) -> Any:
    k = int(constant("an axis", axis).item())
    n = np.shape(x)[k]
    allowed([n, n])
    multiplications(int(np.size(x)), n)
    before = np.tril(np.ones((n, n)), -1 if exclusive else 0)
    weights = before if reverse else before.T
    return np.moveaxis(np.moveaxis(x, k, -1) @ weights, -1, k)
