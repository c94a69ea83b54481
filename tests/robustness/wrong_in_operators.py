"""Wrong values for the settings of operators, and for arrays that they are called with outside of a trace."""

from __future__ import annotations

from typing import Any

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, X
from tests.robustness.wrong_values import Value, arrays, names, numbers, whole_numbers

IMAGE = np.arange(-8, 24).reshape(2, 4, 4) / 8
KERNEL = np.arange(-9, 9).reshape(1, 2, 3, 3) / 8
COVERED = ("masked", "in volts", "in seconds", "pint", "dimensionless", "nothing masked", "read-only", "big-endian")
PAIR = ("list", "of 400 digits")
ARRAYS = {
    "conv1d": {"x": IMAGE.reshape(2, 16), "w": KERNEL[:, :, 0]},
    "conv2d": {"x": IMAGE, "w": KERNEL[..., :2, :2]},
    "avg_pool2d": {"x": IMAGE},
    "max_pool2d": {"x": IMAGE},
    "dropout": {"x": X, "mask": np.ones(X.shape)},
    "embedding": {"tokens": np.array([1.0, 0.0, 1.0]), "table": X},
    "layer_norm": {"gain": X[0], "bias": X[0]},
}
"""The arrays that operators are called with, beside those of ``x`` alone."""
OTHERS = {
    "avg_pool2d": {"size": 2},
    "max_pool2d": {"size": 2},
    "dropout": {"rate": 0.5},
    "layer_norm": {"x": X},
}


def operands(right: np.ndarray) -> list[Value]:
    return [value for value in arrays(right) if value.label in COVERED]


def called(name: str, argument: str, value: Any) -> Any:
    return getattr(pcn.ops, name)(**ARRAYS[name] | OTHERS.get(name, {}) | {argument: value})


ROWS = [
    *(
        Row(f"ops.{name}", "operands", X, operands(X), getattr(pcn.ops, name), said=name)
        for name in ("relu", "gelu", "sigmoid", "softplus")
    ),
    *(
        Row(f"ops.{name}", "x", X, operands(X), getattr(pcn.ops, name), said=said)
        for name, said in (
            ("softmax", "softmax"),
            ("log_softmax", "log_softmax"),
            ("layer_norm", "normalise|layer_norm"),
        )
    ),
    *(
        Row(
            f"ops.{name}",
            argument,
            right,
            operands(right),
            lambda v, n=name, a=argument: called(n, a, v),
            said=name.removesuffix("2d"),
        )
        for name, arguments in ARRAYS.items()
        for argument, right in arguments.items()
    ),
    *(
        Row(f"ops.{name}", "axis", 1, whole_numbers(1, -2, most=1), lambda v, n=name: getattr(pcn.ops, n)(X, axis=v))
        for name in ("softmax", "log_softmax", "layer_norm")
    ),
    *(
        Row(f"ops.{name}", "size", 2, whole_numbers(2, 1), lambda v, n=name: getattr(pcn.ops, n)(IMAGE, v), but=PAIR)
        for name in ("avg_pool2d", "max_pool2d")
    ),
    *(
        Row(
            f"ops.{name}",
            setting,
            right,
            whole_numbers(right, least, none=name.endswith("pool2d") and setting == "stride"),
            lambda v, n=name, s=setting: called(n, s, v),
            but=PAIR,
        )
        for name in ("conv1d", "conv2d", "avg_pool2d", "max_pool2d")
        for setting, right, least in (("stride", 2, 1), ("padding", 1, 0), ("dilation", 2, 1), ("groups", 1, 1))
        if name.startswith("conv") or setting in ("stride", "padding")
    ),
    Row("ops.elementwise", "expression", "x * x", names(none=False), lambda v: pcn.ops.elementwise(v)(X)),
    Row(
        "ops.elementwise",
        "variables",
        ["x"],
        [value for value in names(none=False) if value.label != "generator"],
        lambda v: pcn.ops.elementwise("2 * x", v)(X),
        said="variable",
    ),
    Row(
        "ops.dropout", "rate", 0.5, numbers(0.5, low=0.0, high=0.99), lambda v: pcn.ops.dropout(X, np.ones(X.shape), v)
    ),
    Row(
        "ops.layer_norm", "epsilon", 0.5, numbers(0.5, low=0.0, above=True), lambda v: pcn.ops.layer_norm(X, epsilon=v)
    ),
]
