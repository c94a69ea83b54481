"""Recurrent layers of any number and both directions, and single steps of their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pcneuro.importing.aten.table import ATEN, TRAINING, refused
from pcneuro.importing.layers import projections, recurrent
from pcneuro.importing.layers.activations import relu


def _weights(
    params: Sequence[Any], has_biases: bool, layers: int, bidirectional: bool
) -> list[list[recurrent.Weights]]:
    """Parameters in PyTorch's order by layer and direction. Raises TraceError for projected states."""
    count = 4 if has_biases else 2
    ways = 2 if bidirectional else 1
    if len(params) != count * layers * ways:
        raise refused("a recurrent layer whose states are projected (proj_size)", "leave proj_size at 0")
    each_one = [recurrent.Weights(*params[i : i + count]) for i in range(0, len(params), count)]
    return [each_one[i : i + ways] for i in range(0, len(each_one), ways)]


def _recurrent(
    cell: recurrent.AbstractCell,
    input: Any,
    states: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    if train and dropout > 0:
        raise refused("dropout between recurrent layers in training mode", TRAINING)
    x = np.swapaxes(input, 0, 1) if batch_first else input
    weights = _weights(params, has_biases, num_layers, bidirectional)
    y, ends = recurrent.layers(cell, x, tuple(states), weights)
    return (np.swapaxes(y, 0, 1) if batch_first else y), *ends


@ATEN("lstm")
def _lstm(
    input: Any,
    hx: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    rest = params, has_biases, num_layers, dropout, train, bidirectional, batch_first
    return _recurrent(recurrent.LSTM("ifgo"), input, hx, *rest)


def _of_one_state(cell: recurrent.AbstractCell) -> Callable[..., Any]:
    def layer(
        input: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> Any:
        rest = params, has_biases, num_layers, dropout, train, bidirectional, batch_first
        return _recurrent(cell, input, [hx], *rest)

    return layer


ATEN("gru")(_of_one_state(recurrent.GRU("rzn")))
ATEN("rnn_tanh")(_of_one_state(recurrent.Elman()))
ATEN("rnn_relu")(_of_one_state(recurrent.Elman(relu)))


def _one_step(cell: recurrent.AbstractCell, x: Any, state: recurrent.State, *weights: Any) -> recurrent.State:
    """One step of a cell, of arrays (batch, features)."""
    parameters = recurrent.Weights(*weights)
    single = np.ndim(x) == 2 and np.shape(x)[0] == 1
    if single:
        x, state = x[0], tuple(part[0] for part in state)
    state = cell.step(projections.linear(x, parameters.of_input, parameters.input_bias), state, parameters)
    return tuple(part[None] for part in state) if single else state


@ATEN("lstm_cell")
def _lstm_cell(input: Any, hx: Sequence[Any], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    return _one_step(recurrent.LSTM("ifgo"), input, tuple(hx), w_ih, w_hh, b_ih, b_hh)


@ATEN("gru_cell")
def _gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    return _one_step(recurrent.GRU("rzn"), input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@ATEN("rnn_tanh_cell")
def _rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    return _one_step(recurrent.Elman(), input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@ATEN("rnn_relu_cell")
def _rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    return _one_step(recurrent.Elman(relu), input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
