"""Wrong values for the settings of operators, and for arrays that they are called with outside of a trace."""

from __future__ import annotations

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, X
from tests.robustness.wrong_values import arrays, numbers, whole_numbers

IMAGE = np.arange(-8, 24).reshape(2, 4, 4) / 8
KERNEL = np.arange(-9, 9).reshape(1, 2, 3, 3) / 8
COVERED = ("masked", "in volts", "in seconds", "pint", "dimensionless", "nothing masked", "read-only", "big-endian")
OPERANDS = [value for value in arrays(X) if value.label in COVERED]
PAIR = ("list", "of 400 digits")

ROWS = [
    *(
        Row(f"ops.{name}", "x", X, OPERANDS, getattr(pcn.ops, name), said=said)
        for name, said in (
            ("relu", "relu"),
            ("gelu", "gelu"),
            ("sigmoid", "sigmoid"),
            ("softplus", "softplus"),
            ("softmax", "softmax"),
            ("log_softmax", "log_softmax"),
            ("layer_norm", "normalise|layer_norm"),
        )
    ),
    *(
        Row(f"ops.{name}", "axis", 1, whole_numbers(1, -2, most=1), lambda v, n=name: getattr(pcn.ops, n)(X, axis=v))
        for name in ("softmax", "log_softmax", "layer_norm")
    ),
    *(
        Row(f"ops.{name}", "size", 2, whole_numbers(2, 1), lambda v, n=name: getattr(pcn.ops, n)(IMAGE, v), but=PAIR)
        for name in ("avg_pool2d", "max_pool2d")
    ),
    Row("ops.conv2d", "stride", 2, whole_numbers(2, 1), lambda v: pcn.ops.conv2d(IMAGE, KERNEL, stride=v), but=PAIR),
    Row("ops.conv2d", "padding", 2, whole_numbers(2), lambda v: pcn.ops.conv2d(IMAGE, KERNEL, padding=v), but=PAIR),
    Row("ops.conv2d", "groups", 1, whole_numbers(1, 1), lambda v: pcn.ops.conv2d(IMAGE, KERNEL, groups=v)),
    Row(
        "ops.dropout", "rate", 0.5, numbers(0.5, low=0.0, high=0.99), lambda v: pcn.ops.dropout(X, np.ones(X.shape), v)
    ),
    Row(
        "ops.layer_norm", "epsilon", 0.5, numbers(0.5, low=0.0, above=True), lambda v: pcn.ops.layer_norm(X, epsilon=v)
    ),
]
