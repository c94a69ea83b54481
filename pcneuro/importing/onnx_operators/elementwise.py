"""Functions unit by unit, comparisons, and choices between values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.errors import TraceError
from pcneuro.importing.layers import activations
from pcneuro.importing.layers.samples import without_leading
from pcneuro.importing.onnx_operators.table import ONNX, broadcast, constant, traced
from pcneuro.ops.maps import elementwise

_ONE: dict[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Acos": np.arccos,
    "Acosh": np.arccosh,
    "Asin": np.arcsin,
    "Asinh": np.arcsinh,
    "Atan": np.arctan,
    "Atanh": np.arctanh,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Cosh": np.cosh,
    "Erf": elementwise("erf(x)"),
    "Exp": np.exp,
    "Floor": np.floor,
    "HardSwish": activations.hard_swish,
    "IsNaN": np.isnan,
    "Log": np.log,
    "Mish": activations.mish,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Reciprocal": np.reciprocal,
    "Relu": activations.relu,
    "Round": np.round,
    "Sigmoid": activations.sigmoid,
    "Sign": np.sign,
    "Sin": np.sin,
    "Sinh": np.sinh,
    "Softplus": activations.softplus,
    "Softsign": activations.softsign,
    "Sqrt": np.sqrt,
    "Tan": np.tan,
    "Tanh": np.tanh,
}

_TWO: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "And": np.logical_and,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Mul": np.multiply,
    "Or": np.logical_or,
    "Pow": np.power,
    "Sub": np.subtract,
    "Xor": np.logical_xor,
}

_MANY: dict[str, Callable[..., Any]] = {"Max": np.maximum, "Min": np.minimum, "Sum": np.add}


def _units(function: Callable[..., Any], *arrays: Any) -> Any:
    broadcast(*arrays)
    return without_leading(function, *arrays)


def _of_one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: without_leading(function, x)


def _of_two(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: _units(function, a, b)


def _of_many(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: functools.reduce(functools.partial(_units, function), xs)


for _name, _function in _ONE.items():
    ONNX(_name)(_of_one(_function))
for _name, _function in _TWO.items():
    ONNX(_name)(_of_two(_function))
for _name, _function in _MANY.items():
    ONNX(_name)(_of_many(_function))


@ONNX("Mean")
def _mean(*xs: Any) -> Any:
    return functools.reduce(functools.partial(_units, np.add), xs) / len(xs)


@ONNX("Div")
def _div(a: Any, b: Any, whole: bool) -> Any:
    broadcast(a, b)
    if whole and (traced(a) or traced(b)):
        raise TraceError("it divides whole numbers that depend on the data: compute it outside")
    if not traced(a) and not traced(b) and np.asarray(a).dtype.kind in "iu" and np.asarray(b).dtype.kind in "iu":
        # Whole numbers, as shapes are made of, are divided towards zero.
        return np.trunc(np.divide(a, b)).astype(np.int64)
    return without_leading(np.divide, a, b)


@ONNX("Mod")
def _mod(a: Any, b: Any, fmod: int = 0) -> Any:
    return _units(np.fmod if fmod else np.remainder, a, b)


@ONNX("Where")
def _where(condition: Any, x: Any, y: Any) -> Any:
    return _units(np.where, condition, x, y)


@ONNX("Clip")
def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    if low is not None and not traced(low) and np.all(constant("a bound", low) == 0):
        # At zero the derivative is that of the rectifier, as which it is written here.
        return without_leading(lambda v: activations.clipped(activations.relu(v), None, high), x)
    return without_leading(lambda v: activations.clipped(v, low, high), x)


@ONNX("LeakyRelu")
def _leaky_relu(x: Any, alpha: float = 0.01) -> Any:
    return without_leading(lambda v: activations.leaky_relu(v, alpha), x)


@ONNX("PRelu")
def _prelu(x: Any, slope: Any) -> Any:
    return _units(activations.leaky_relu, x, slope)


@ONNX("Elu")
def _elu(x: Any, alpha: float = 1.0) -> Any:
    return without_leading(lambda v: activations.elu(v, alpha), x)


@ONNX("Celu")
def _celu(x: Any, alpha: float = 1.0) -> Any:
    return without_leading(lambda v: activations.celu(v, alpha), x)


@ONNX("Selu")
def _selu(x: Any, alpha: float = activations.SELU_ALPHA, gamma: float = activations.SELU_SCALE) -> Any:
    return without_leading(lambda v: activations.selu(v, alpha, gamma), x)


@ONNX("Gelu")
def _gelu(x: Any, approximate: str = "none") -> Any:
    return without_leading(activations.gelu if approximate == "none" else activations.gelu_by_tanh, x)


@ONNX("HardSigmoid")
def _hard_sigmoid(x: Any, alpha: float = 0.2, beta: float = 0.5) -> Any:
    return without_leading(lambda v: activations.hard_sigmoid(v, alpha, beta), x)


@ONNX("ThresholdedRelu")
def _thresholded_relu(x: Any, alpha: float = 1.0) -> Any:
    return without_leading(lambda v: np.where(v > alpha, v, 0.0), x)


@ONNX("Shrink")
def _shrink(x: Any, bias: float = 0.0, lambd: float = 0.5) -> Any:
    return without_leading(lambda v: np.where(v < -lambd, v + bias, np.where(v > lambd, v - bias, 0.0)), x)


@ONNX("Identity")
def _identity(x: Any) -> Any:
    return x


@ONNX("Dropout")
def _dropout(x: Any, ratio: Any = 0.5, training_mode: Any = False, seed: int = 0) -> Any:
    if np.any(constant("training_mode", training_mode)) and np.any(constant("ratio", ratio)):
        raise TraceError("dropout in training mode: export the model for inference")
    return x


@ONNX("Cast")
def _cast(x: Any, to: int, whole: bool, saturate: int = 1) -> Any:
    import onnx

    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(to))
    kind = dtype.kind if dtype.kind in "biuU" else "f"
    if kind == "U":
        raise TraceError("it makes text of numbers: leave it out")
    if not traced(x):
        x = np.asarray(x)
        # A value that depends on data, on plain arrays: its numbers stay what they are.
        return x if whole and x.dtype.kind == "f" else x.astype({"f": np.float64, "b": bool}.get(kind, np.int64))
    if kind == "f":
        return np.multiply(x, 1.0) if x.dtype.kind == "b" else x
    if kind == "b":
        return x if x.dtype.kind == "b" else np.not_equal(x, 0.0)
    if not whole and x.dtype.kind not in "biu":
        raise TraceError("it makes whole numbers of real ones that depend on the data: compute it outside")
    return x


@ONNX("CastLike")
def _cast_like(x: Any, like: Any, saturate: int = 1) -> Any:
    return x
