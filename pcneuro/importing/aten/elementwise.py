"""Functions unit by unit, comparisons, and choices between values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.importing.aten.table import ATEN, TRAINING, refused
from pcneuro.importing.layers import activations
from pcneuro.importing.layers.samples import without_leading
from pcneuro.ops.maps import elementwise

_ERF = elementwise("erf(x)")

UNARY: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "bitwise_not": np.logical_not,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": _ERF,
    "erfc": lambda x: 1 - _ERF(x),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "hardsigmoid": activations.hard_sigmoid,
    "hardswish": activations.hard_swish,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "log_sigmoid": activations.log_sigmoid,
    "logical_not": np.logical_not,
    "mish": activations.mish,
    "neg": np.negative,
    "reciprocal": np.reciprocal,
    "relu": activations.relu,
    "relu6": activations.relu6,
    "round": np.round,
    "rsqrt": lambda x: np.reciprocal(np.sqrt(x)),
    "selu": activations.selu,
    "sgn": np.sign,
    "sigmoid": activations.sigmoid,
    "sign": np.sign,
    "silu": activations.silu,
    "sin": np.sin,
    "sinc": np.sinc,
    "sinh": np.sinh,
    "softsign": activations.softsign,
    "special_expit": activations.sigmoid,
    "special_erf": _ERF,
    "sqrt": np.sqrt,
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
    "tanhshrink": activations.tanhshrink,
    "trunc": np.trunc,
}

BINARY: dict[str, Callable[..., Any]] = {
    "atan2": np.arctan2,
    "arctan2": np.arctan2,
    "bitwise_and": np.logical_and,
    "bitwise_or": np.logical_or,
    "bitwise_xor": np.logical_xor,
    "copysign": np.copysign,
    "eq": np.equal,
    "floor_divide": np.floor_divide,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "fmod": np.fmod,
    "ge": np.greater_equal,
    "gt": np.greater,
    "hypot": np.hypot,
    "le": np.less_equal,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "lt": np.less,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul": np.multiply,
    "multiply": np.multiply,
    "ne": np.not_equal,
    "remainder": np.remainder,
}


def _of_one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: without_leading(function, self)


def _of_two(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: without_leading(function, self, other)


for _name, _function in UNARY.items():
    ATEN(_name)(_of_one(_function))
for _name, _function in BINARY.items():
    ATEN(_name)(_of_two(_function))


@ATEN("add")
def _add(self: Any, other: Any, alpha: float = 1) -> Any:
    return without_leading(np.add, self, other if alpha == 1 else without_leading(np.multiply, other, alpha))


@ATEN("sub", "subtract")
def _sub(self: Any, other: Any, alpha: float = 1) -> Any:
    return without_leading(np.subtract, self, other if alpha == 1 else without_leading(np.multiply, other, alpha))


@ATEN("rsub")
def _rsub(self: Any, other: Any, alpha: float = 1) -> Any:
    return _sub(other, self, alpha)


@ATEN("div", "divide", "true_divide")
def _div(self: Any, other: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return without_leading(np.floor_divide, self, other)
    quotient = without_leading(np.divide, self, other)
    return quotient if rounding_mode is None else without_leading(np.trunc, quotient)


@ATEN("pow")
def _pow(self: Any, exponent: Any) -> Any:
    return without_leading(np.power, self, exponent)


@ATEN("lerp")
def _lerp(self: Any, end: Any, weight: Any) -> Any:
    return without_leading(lambda a, b, w: a + w * (b - a), self, end, weight)


@ATEN("addcmul")
def _addcmul(self: Any, tensor1: Any, tensor2: Any, value: float = 1) -> Any:
    return without_leading(lambda x, a, b: x + value * a * b, self, tensor1, tensor2)


@ATEN("addcdiv")
def _addcdiv(self: Any, tensor1: Any, tensor2: Any, value: float = 1) -> Any:
    return without_leading(lambda x, a, b: x + value * a / b, self, tensor1, tensor2)


@ATEN("xlogy", "special_xlogy")
def _xlogy(self: Any, other: Any) -> Any:
    return without_leading(lambda x, y: x * np.log(y), self, other)


@ATEN("clamp", "clip")
def _clamp(self: Any, min: Any = None, max: Any = None) -> Any:
    bounds = [bound for bound in (min, max) if bound is not None]

    def clipped(x: Any, *given: Any) -> Any:
        low, high = (given[0] if min is not None else None), (given[-1] if max is not None else None)
        return activations.clipped(x, low, high)

    return without_leading(clipped, self, *bounds)


@ATEN("clamp_min")
def _clamp_min(self: Any, min: Any) -> Any:
    return _clamp(self, min=min)


@ATEN("clamp_max")
def _clamp_max(self: Any, max: Any) -> Any:
    return _clamp(self, max=max)


@ATEN("hardtanh")
def _hardtanh(self: Any, min_val: float = -1, max_val: float = 1) -> Any:
    if (min_val, max_val) == (0, 6):
        return without_leading(activations.relu6, self)
    return without_leading(lambda x: activations.clipped(x, min_val, max_val), self)


@ATEN("where")
def _where(condition: Any, self: Any, other: Any) -> Any:
    return without_leading(np.where, condition, self, other)


@ATEN("masked_fill")
def _masked_fill(self: Any, mask: Any, value: Any) -> Any:
    return without_leading(lambda m, x: np.where(m, value, x), mask, self)


@ATEN("leaky_relu")
def _leaky_relu(self: Any, negative_slope: float = 0.01) -> Any:
    return without_leading(lambda x: activations.leaky_relu(x, negative_slope), self)


@ATEN("rrelu", "rrelu_with_noise")
def _rrelu(self: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    if training:
        raise refused("rrelu in training mode", TRAINING)
    return _leaky_relu(self, (lower + upper) / 2)


@ATEN("mse_loss")
def _mse_loss(self: Any, target: Any, reduction: int = 1) -> Any:
    if reduction:
        raise refused("a loss over all samples", 'give it reduction="none"')
    return without_leading(lambda y, t: np.square(y - t), self, target)


@ATEN("prelu")
def _prelu(self: Any, weight: Any) -> Any:
    axes = max(np.ndim(self) - 2, 0)
    return without_leading(activations.leaky_relu, self, np.reshape(weight, (-1,) + (1,) * axes))


@ATEN("elu")
def _elu(self: Any, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Any:
    return without_leading(lambda x: activations.elu(x, alpha, scale, input_scale), self)


@ATEN("celu")
def _celu(self: Any, alpha: float = 1.0) -> Any:
    return without_leading(lambda x: activations.celu(x, alpha), self)


@ATEN("gelu")
def _gelu(self: Any, approximate: str = "none") -> Any:
    return without_leading(activations.gelu if approximate == "none" else activations.gelu_by_tanh, self)


@ATEN("softplus")
def _softplus(self: Any, beta: float = 1, threshold: float = 20) -> Any:
    # Above the threshold PyTorch returns x itself, which is the same to 1e-9.
    if threshold < 20:
        raise refused(f"softplus with a threshold of {threshold}, at which it jumps,", "leave the threshold out")
    return without_leading(lambda x: activations.scaled_softplus(x, beta), self)


@ATEN("log_sigmoid_forward")
def _log_sigmoid_forward(self: Any) -> Any:
    return without_leading(activations.log_sigmoid, self), None


@ATEN("softshrink")
def _softshrink(self: Any, lambd: float = 0.5) -> Any:
    return without_leading(lambda x: activations.softshrink(x, lambd), self)


@ATEN("hardshrink")
def _hardshrink(self: Any, lambd: float = 0.5) -> Any:
    return without_leading(lambda x: np.where(np.abs(x) <= lambd, 0.0, x), self)


@ATEN("threshold")
def _threshold(self: Any, threshold: float, value: float) -> Any:
    return without_leading(lambda x: np.where(x > threshold, x, value), self)


@ATEN("glu")
def _glu(self: Any, dim: int = -1) -> Any:
    return activations.glu(self, dim)


@ATEN("frac")
def _frac(self: Any) -> Any:
    return without_leading(lambda x: x - np.trunc(x), self)


@ATEN("deg2rad")
def _deg2rad(self: Any) -> Any:
    return without_leading(lambda x: x * (math.pi / 180), self)


@ATEN("rad2deg")
def _rad2deg(self: Any) -> Any:
    return without_leading(lambda x: x * (180 / math.pi), self)


@ATEN("nan_to_num")
def _nan_to_num(self: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    raise refused("nan_to_num", "keep NaN out by construction: nothing is learned where a derivative is NaN")


@ATEN("detach")
def _detach(self: Any) -> Any:
    raise refused(
        "detach, a value that nothing goes back through,", "compute it outside, and give it to the module as an input"
    )
