"""Transfer functions that NumPy has no name for; at their kinks the derivative is that of the other libraries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pcneuro import ops

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
"""The constants of self-normalising networks (Klambauer et al. 2017)."""

relu, sigmoid, softplus, gelu = ops.relu, ops.sigmoid, ops.softplus, ops.gelu


def leaky_relu(x: Any, slope: Any = 0.01) -> Any:
    """x where it is positive, slope * x elsewhere."""
    return slope * x + (1 - slope) * relu(x)


def relu6(x: Any) -> Any:
    """x between 0 and 6."""
    return np.minimum(relu(x), 6.0)


def elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """scale * x where it is positive, scale * alpha * (exp(input_scale * x) - 1) elsewhere."""
    # Of the negative part only: the exponential of what is positive may be infinite.
    below = alpha * np.expm1(-input_scale * relu(-x))
    y = relu(x) + below
    return y if scale == 1 else scale * y


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere."""
    return elu(x, alpha, 1.0, 1 / alpha)


def selu(x: Any, alpha: float = SELU_ALPHA, scale: float = SELU_SCALE) -> Any:
    """The transfer function of self-normalising networks."""
    return elu(x, alpha, scale)


def gelu_by_tanh(x: Any) -> Any:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), which is close to the Gaussian one."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def silu(x: Any) -> Any:
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def mish(x: Any) -> Any:
    """x * tanh(softplus(x))."""
    return x * np.tanh(softplus(x))


def scaled_softplus(x: Any, beta: float = 1.0) -> Any:
    """log(1 + exp(beta * x)) / beta."""
    return softplus(x) if beta == 1 else softplus(beta * x) / beta


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x))."""
    return -softplus(-x)


def hard_sigmoid(x: Any, slope: float = 1 / 6, offset: float = 0.5) -> Any:
    """slope * x + offset between 0 and 1."""
    return np.minimum(relu(slope * x + offset), 1.0)


def hard_swish(x: Any) -> Any:
    """x times its hard sigmoid."""
    return x * hard_sigmoid(x)


def softshrink(x: Any, width: float = 0.5) -> Any:
    """x moved towards 0 by a width, 0 where it is within."""
    return relu(x - width) - relu(-x - width)


def tanhshrink(x: Any) -> Any:
    """x - tanh(x)."""
    return x - np.tanh(x)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second."""
    a, b = np.split(x, 2, axis=axis)
    return a * sigmoid(b)


def clipped(x: Any, low: Any = None, high: Any = None) -> Any:
    """x between two bounds, of which one may be missing; its derivative at them is one half."""
    if low is not None:
        x = np.maximum(x, low)
    return x if high is None else np.minimum(x, high)
