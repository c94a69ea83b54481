"""Predictive coding of layers written out as plain loops, for NumPy and PyTorch alike: ``xp`` is the module.

All hidden populations step at once from the state before (Jacobi), starting from the feedforward sweep. What the
clamped input predicts is computed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Arrays = Mapping[str, Any]


def _predictions(xp: Any, below: Any, theta: Arrays, i: int, layers: int) -> Any:
    drive = below @ theta[f"W{i}"] + theta[f"b{i}"]
    return drive if i == layers else xp.tanh(drive)


def _gradients(values: list[Any], sent: list[Any], layers: int) -> dict[str, Any]:
    gradients = {f"W{i}": -(values[i - 1].T @ sent[i]) for i in range(1, layers + 1)}
    return gradients | {f"b{i}": -sent[i].sum(0) for i in range(1, layers + 1)}


def _sweep(xp: Any, x: Any, theta: Arrays, layers: int) -> list[Any]:
    values = [x]
    for i in range(1, layers + 1):
        values.append(_predictions(xp, values[-1], theta, i, layers))
    return values


def strict(xp: Any, x: Any, y: Any, theta: Arrays, steps: int, rate: float) -> dict[str, Any]:
    """Predictions follow the values at all times: tau dv_i/dt = -e_i + W_(i+1) (f'(a_(i+1)) e_(i+1))."""
    layers = sum(name.startswith("W") for name in theta)
    values = _sweep(xp, x, theta, layers)
    first, values[-1] = values[1], y
    hidden = range(1, layers)
    values[1:-1] = [values[i] + 0.0 for i in hidden]  # copies: they change in place
    errors, sent = list(values), list(values)

    def look() -> None:
        for i in range(1, layers + 1):
            predicted = first if i == 1 else _predictions(xp, values[i - 1], theta, i, layers)
            errors[i] = values[i] - predicted
            sent[i] = errors[i] if i == layers else errors[i] * (1.0 - predicted * predicted)

    for _ in range(steps):
        look()
        for i in hidden:
            values[i] += rate * (sent[i + 1] @ theta[f"W{i + 1}"].T - errors[i])
    look()
    return _gradients(values, sent, layers)


def fixed(xp: Any, x: Any, y: Any, theta: Arrays, steps: int, rate: float) -> dict[str, Any]:
    """Predictions and derivatives are those of the feedforward sweep: tau de_i/dt = -e_i + W_(i+1) (f' e_(i+1))."""
    layers = sum(name.startswith("W") for name in theta)
    values = _sweep(xp, x, theta, layers)
    slopes = [1.0 - v * v for v in values]
    errors = [v * 0.0 for v in values]
    errors[-1] = y - values[-1]
    # What comes from the clamped output stays as it is.
    back = {i: theta[f"W{i}"].T for i in range(1, layers + 1)}
    top = errors[-1] @ back[layers] if layers > 1 else None
    for _ in range(steps):
        # From the input up, so that each reads what is above it from before the step.
        for i in range(1, layers):
            fed = top if i == layers - 1 else (errors[i + 1] * slopes[i + 1]) @ back[i + 1]
            errors[i] += rate * (fed - errors[i])
    sent = [e * slope for e, slope in zip(errors[:-1], slopes[:-1], strict=True)] + [errors[-1]]
    return _gradients(values, sent, layers)
