"""Wrong values for arguments of functions that are traced, for trees of parameters, and for users' own operators."""

from __future__ import annotations

from typing import Any

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row
from tests.robustness.wrong_values import Value, flags, indices, names, objects


def forward(x):
    return 2.0 * x


def vjp(gradient, output, x):
    return (2.0 * gradient,)


def operated(*functions: Any, **settings: Any) -> Any:
    """What an operator of these functions computes; Numba compiles nothing."""
    made = pcn.operator(*(functions or (forward, vjp)), **({"compiled": False} | settings))
    return made.definition.name, made(np.arange(3.0))


def shapes() -> list[Value]:
    """Shapes, of which many have no unit of the right ones."""
    return [value for value in indices([3]) if value.label not in ("too high", "too low", "None", "none")]


ROWS = [
    Row(
        "trace",
        "places",
        pcn.Input((3,)),
        objects("Input", none=False, like=pcn.Input),
        lambda v: pcn.trace(lambda x: pcn.vertex(np.tanh(x), "h"), v),
        said="leaf 'x'",
    ),
    Row(
        "Parameters",
        "tree",
        {"W": np.arange(3.0)},
        objects("W", none=False, like=pcn.Parameters),
        lambda v: pcn.trace(lambda t: np.tanh(t["W"]), t=pcn.Parameters(v)),
        said="Parameters",
        but=("array", "nan"),
    ),
    *(
        Row("operator", which, right, objects("function", none=False), call, but=("a class", "a function"))
        for which, right, call in (
            ("forward", forward, lambda v: operated(v, vjp)),
            ("vjp", vjp, lambda v: operated(forward, v)),
        )
    ),
    Row(
        "operator",
        "name",
        "double",
        names(none=True),
        lambda v: operated(name=v),
        said="name",
        but=("unknown", "long"),
    ),
    Row("operator", "shape", (3,), shapes(), lambda v: operated(shape=v)),
    Row("operator", "compiled", False, flags(False), lambda v: operated(compiled=v)),
    Row("operator", "check", True, flags(True), lambda v: operated(check=v)),
]
