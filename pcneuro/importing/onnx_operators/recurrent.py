"""Recurrent layers of one layer, in either direction or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro import ops
from pcneuro.errors import CapacityError, TraceError
from pcneuro.importing.layers import activations, recurrent
from pcneuro.importing.onnx_operators.table import ONNX, STEP, multiplications, numbers

MOST_STEPS = 10_000
"""Of a recurrent layer, which is unrolled."""

_ELMAN = {"Tanh": np.tanh, "Relu": activations.relu, "Sigmoid": ops.sigmoid}


def _layer(
    cell: recurrent.AbstractCell, x: Any, weights: Sequence[Any], lengths: Any, starts: Sequence[Any], settings: Any
) -> tuple[Any, ...]:
    """Outputs (time, directions, batch, units) and the last states (directions, batch, units), or batch first."""
    direction, layout, clip = settings
    w, r, b = weights
    if clip is not None:
        raise TraceError("it clips what enters its gates: export the model without clip")
    x = np.swapaxes(x, 0, 1) if layout else x
    time, batch = np.shape(x)[:2]
    if time > MOST_STEPS:
        raise CapacityError(
            f"it goes over {time:,} time steps, each with a copy of the cell; {MOST_STEPS:,} are the most"
        )
    multiplications(time, np.shape(w)[0], STEP)
    multiplications(time, batch, int(np.size(w)) + int(np.size(r)))
    if lengths is not None and any(n != time for n in numbers("sequence_lens", lengths)):
        raise TraceError("its sequences have lengths of their own: give all the whole length, or import each by itself")
    units = np.shape(r)[-1]
    outputs, ends = [], []
    for k in range(np.shape(w)[0]):
        given = [None if s is None else (s[:, k] if layout else s[k]) for s in starts]
        state = tuple(np.zeros((batch, units)) if s is None else s for s in given)
        biases = (None, None) if b is None else np.split(b[k], 2)
        parameters = recurrent.Weights(w[k], r[k], *biases)
        y, end = recurrent.direction(cell, x, state, parameters, backwards=direction == "reverse" or k == 1)
        outputs.append(y)
        ends.append(end)
    together = np.stack(outputs, axis=1)
    last = (np.stack(parts, axis=1 if layout else 0) for parts in zip(*ends, strict=True))
    return (np.moveaxis(together, 2, 0) if layout else together), *last


def _check_activations(given: Sequence[str] | None, usual: Sequence[str]) -> None:
    if given is not None and any(a != b for a, b in zip(given, list(usual) * 2, strict=False)):
        raise TraceError(f"its activations are {', '.join(given)}: there are {', '.join(usual)}")


@ONNX("RNN")
def _rnn(
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    activation_alpha: Any = None,
    activation_beta: Any = None,
    activations: Sequence[str] = ("Tanh",),
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
) -> Any:
    if len(set(activations)) > 1 or activations[0] not in _ELMAN:
        raise TraceError(f"its activations are {', '.join(activations)}: there are {', '.join(_ELMAN)}, one for all")
    cell = recurrent.Elman(_ELMAN[activations[0]])
    return _layer(cell, x, (w, r, b), sequence_lens, [initial_h], (direction, layout, clip))


@ONNX("GRU")
def _gru(
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    activation_alpha: Any = None,
    activation_beta: Any = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
) -> Any:
    _check_activations(activations, ["Sigmoid", "Tanh"])
    cell = recurrent.GRU("zrn", bool(linear_before_reset))
    return _layer(cell, x, (w, r, b), sequence_lens, [initial_h], (direction, layout, clip))


@ONNX("LSTM")
def _lstm(
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    initial_c: Any = None,
    peepholes: Any = None,
    activation_alpha: Any = None,
    activation_beta: Any = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
) -> Any:
    _check_activations(activations, ["Sigmoid", "Tanh", "Tanh"])
    if input_forget or (peepholes is not None and np.any(peepholes)):
        raise TraceError("it has peepholes, or coupled gates: export the model without them")
    states = [initial_h, initial_c]
    return _layer(recurrent.LSTM("iofg"), x, (w, r, b), sequence_lens, states, (direction, layout, clip))
