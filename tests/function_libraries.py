"""Libraries of the functions that users trace: NumPy with ``pcn.ops``, and the same written out for HIPS autograd."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import autograd.scipy.special
import numpy as np

import pcneuro as pcn


class Ours:
    """NumPy, with the functions of ``pcn.ops`` beside it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pcn.ops if name in pcn.ops.__all__ else np, name)


class Autograd:
    """The same functions by HIPS autograd; what NumPy has no name for is written out."""

    def __getattr__(self, name: str) -> Any:
        return getattr(anp, name)

    @staticmethod
    def elementwise(expression: str, variables: tuple[str, ...] = ("x",)) -> Callable[..., Any]:
        """The expression, evaluated as Python."""
        code = compile(expression, "expression", "eval")
        return lambda *operands: eval(code, {**vars(anp), **dict(zip(variables, operands, strict=True))})

    @staticmethod
    def cbrt(x: Any) -> Any:
        return anp.sign(x) * anp.abs(x) ** (1 / 3)

    @staticmethod
    def relu(x: Any) -> Any:
        return anp.where(x > 0, x, 0.0)

    @staticmethod
    def sigmoid(x: Any) -> Any:
        return 0.5 * (anp.tanh(0.5 * x) + 1)

    @staticmethod
    def softplus(x: Any) -> Any:
        return anp.logaddexp(x, 0.0)

    @staticmethod
    def gelu(x: Any) -> Any:
        return 0.5 * x * (1 + autograd.scipy.special.erf(x / math.sqrt(2)))

    @staticmethod
    def softmax(x: Any, axis: int = -1) -> Any:
        return anp.exp(x) / anp.sum(anp.exp(x), axis=axis, keepdims=True)

    @staticmethod
    def log_softmax(x: Any, axis: int = -1) -> Any:
        return x - anp.log(anp.sum(anp.exp(x), axis=axis, keepdims=True))

    @staticmethod
    def layer_norm(x: Any, gain: Any = 1.0, bias: Any = 0.0, axis: Any = -1, epsilon: float = 1e-5) -> Any:
        centred = x - anp.mean(x, axis=axis, keepdims=True)
        return gain * centred / anp.sqrt(anp.var(x, axis=axis, keepdims=True) + epsilon) + bias

    @staticmethod
    def max_pool2d(x: Any, *settings: Any) -> Any:
        return anp.max(_windows(x, -1e9, *settings), axis=0)

    @staticmethod
    def avg_pool2d(x: Any, *settings: Any) -> Any:
        return anp.mean(_windows(x, 0.0, *settings), axis=0)


def _windows(x: Any, fill: float, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """One array for each place of a window, (places, channels, height, width), in Autograd's NumPy."""
    (h, w), (s, t), (p, q) = (v if isinstance(v, tuple) else (v, v) for v in (size, stride or size, padding))
    wide = anp.pad(x, ((0, 0), (p, p), (q, q)), "constant", constant_values=fill)
    m, n = (wide.shape[1] - h) // s + 1, (wide.shape[2] - w) // t + 1
    places = itertools.product(range(h), range(w))
    return anp.stack([wide[:, i : i + s * (m - 1) + 1 : s, j : j + t * (n - 1) + 1 : t] for i, j in places])


OURS, AUTOGRAD = Ours(), Autograd()
