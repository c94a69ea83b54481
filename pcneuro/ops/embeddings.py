"""Embedding: a row of a table for each token.

out[p, f] = table[tokens[p], f];  (d out / d table)^T g [v, f] = the sum of g[p, f] over the positions p with token v.

It is the product of a one-hot vector with the table, without the zeros. Tokens are names, not quantities: the output is
constant between them, so that the derivative by a token is zero, as in any library of automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, BAD_INDEX, LANES, OK, PART, PARTS, ix, op_kernel
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractTraced,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    Weights,
    apply,
    size,
)
from pcneuro.ops.registry import public
from pcneuro.ops.rows import lower_nothing, promoted
from pcneuro.quantities import plain, plain_array


def token_rows(tokens: np.ndarray, vocabulary: int) -> np.ndarray:
    """Tokens (with a batch axis) as int64 numbers of rows. Raises DataError for what is no row of the table."""
    bad = ~((tokens >= 0) & (tokens < vocabulary) & (tokens == np.floor(tokens)))
    if bad.any():
        sample, *place = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"embedding: token {float(tokens[bad][0])!r} (sample {sample}, position {tuple(place)}) is not in the "
            f"vocabulary of {vocabulary}: give whole numbers from 0 to {vocabulary - 1}"
        )
    return tokens.astype(np.int64)


@inner(cache=False)
def _row(token, vocabulary):  # type: ignore[no-untyped-def]
    """The row of a token; -1 where there is none."""
    if token >= 0 and token < vocabulary:
        number = np.int64(token)
        if number == token:
            return number
    return -1


@op_kernel("embed")
def embed(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[p] = table[token of p], lane by lane. Reads tokens (laned) and table (laned or shared), writes out."""
    lanes = context[LANES]
    out, tokens, table, table_shared = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    positions, vocabulary, features = ints[at + 4], ints[at + 5], ints[at + 6]
    for p in range(positions):
        o = (out + p * features) * lanes
        for i in range(lanes):
            token = _row(buf[ix((tokens + p) * lanes + i)], vocabulary)
            if token < 0:
                return BAD_INDEX
            first = table + token * features
            if table_shared == 1:
                for f in range(features):
                    buf[ix(o + f * lanes + i)] = shared[ix(first + f)]
            else:
                for f in range(features):
                    buf[ix(o + f * lanes + i)] = buf[ix((first + f) * lanes + i)]
    return OK


@op_kernel("embed_vjp")
def embed_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target[token of p] += gradient[p], lane by lane. Reads tokens and gradient, writes or adds to target (laned)."""
    lanes = context[LANES]
    target, tokens, gradient, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    positions, vocabulary, features = ints[at + 4], ints[at + 5], ints[at + 6]
    if accumulate == 0:
        for i in range(target * lanes, (target + vocabulary * features) * lanes):
            buf[ix(i)] = 0.0
    for p in range(positions):
        g = (gradient + p * features) * lanes
        for i in range(lanes):
            token = _row(buf[ix((tokens + p) * lanes + i)], vocabulary)
            if token < 0:
                return BAD_INDEX
            first = (target + token * features) * lanes + i
            for f in range(features):
                buf[ix(first + f * lanes)] += buf[ix(g + f * lanes + i)]
    return OK


@op_kernel("embed_hebb", partitioned=True)
def embed_hebb(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target[token of p] += gradient[p], over positions and the lanes in use, for this part of the features only.

    Reads tokens and gradient (laned), adds to target (shared). Its first argument is the work.
    """
    lanes, active = context[LANES], context[ACTIVE]
    target, tokens, gradient = ints[at + 1], ints[at + 2], ints[at + 3]
    positions, vocabulary, features = ints[at + 4], ints[at + 5], ints[at + 6]
    low, high = features * context[PART] // context[PARTS], features * (context[PART] + 1) // context[PARTS]
    for p in range(positions):
        g = (gradient + p * features) * lanes
        for i in range(active):
            token = _row(buf[ix((tokens + p) * lanes + i)], vocabulary)
            if token < 0:
                return BAD_INDEX
            first = target + token * features
            for f in range(low, high):
                shared[ix(first + f)] += buf[ix(g + f * lanes + i)]
    return OK


@dataclass(frozen=True)
class Embedding(AbstractOperator):
    """Operands: tokens of any shape, and a table of shape (vocabulary, features)."""

    kind: ClassVar[str] = "embedding"

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2 or len(shapes[1]) != 2:
            text = " and ".join(map(str, shapes))
            raise ShapeError(f"embedding takes tokens and a table (vocabulary, features), got shapes {text}")
        return (*shapes[0], shapes[1][1])

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        tokens, table = operands
        rows = token_rows(tokens, table.shape[1])
        return table[_samples(len(table), rows), rows]

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        tokens, table = operands
        result = np.zeros((len(gradient), *operands[k].shape[1:]), dtype=gradient.dtype)
        if k == 1:
            rows = token_rows(tokens, table.shape[1])
            np.add.at(result, (_samples(len(gradient), rows), rows), gradient)
        return result

    def linear_in(self, k: int) -> bool:
        return k == 1

    def connections(self, k: int, *shapes: Shape) -> int:
        # Which row of the table a position reads is the token's to say: it may be any.
        return size(self.shape(*shapes)) * (shapes[1][0] if k == 1 else 1)

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        tokens, table = operands
        words, width = shapes[1]
        if not (isinstance(tokens, Units) and isinstance(table, Weights)):
            raise ParameterError("embedding: exported are activities that pick rows of a table of parameters only")
        place, word = (grid.ravel() for grid in np.mgrid[: tokens.size, :words])
        # One unit for each word at each place, which is 1 where the token is its word.
        same = ("subtract", 1.0, ("positive", ("subtract", ("absolute", ("subtract", "x", "y")), 0.5)))
        spelled = make.function(same, {"x": make.gather(tokens, place), "y": Weights(word.astype(np.float64))}, {})
        place, word, column = (grid.ravel() for grid in np.mgrid[: tokens.size, :words, :width])
        weights = table.take(word * width + column)
        return make.synapses(size(shape), spelled, place * words + word, place * width + column, weights)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        tokens, table = promoted(low, at.operands[0], at.out.laned), at.operands[1]
        table_shared = int(at.out.laned and not table.laned)
        low.emit("embed", at.out.row, tokens.row, table.row, table_shared, tokens.units, *at.shapes[1])

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        if pull.k == 0:
            return lower_nothing(low, pull)
        tokens = promoted(low, at.operands[0], at.out.laned)
        rows = pull.target.row, tokens.row, pull.gradient.row
        if pull.target.laned == pull.gradient.laned:
            low.emit("embed_vjp", *rows, int(pull.accumulate), tokens.units, *at.shapes[1])
        else:
            low.emit("embed_hebb", size(at.shape), *rows, tokens.units, *at.shapes[1])


def _samples(batch: int, rows: np.ndarray) -> np.ndarray:
    """The number of each sample, to index beside ``rows``; 0 where all share one."""
    return np.arange(batch).reshape(-1, *(1,) * (rows.ndim - 1))


@public
def embedding(tokens: Any, table: Any) -> Any:
    """The row of ``table`` for each of ``tokens``.

    Parameters
    ----------
    tokens
        Of any shape: whole numbers (as floats, too) from 0 to vocabulary - 1. In float32 they are exact up to 2^24;
        a larger vocabulary needs float64. They are not learned: whatever they are computed from gets a gradient of
        zero from here.
    table
        Of shape (vocabulary, features).

    Returns
    -------
    An array of shape (\\*tokens.shape, features), traced where one of the two is. The table's gradient adds up over
    positions and samples.

    Raises
    ------
    ShapeError
        For a table that has not two axes.
    DataError
        For a token that is not in the vocabulary: at once where it is given, else when data arrives. For tokens or a
        table with a unit or a mask.
    """
    if isinstance(tokens, AbstractTraced):
        return apply(Embedding(), tokens, table)
    # Tokens that are known need no operator of their own: their rows are copied.
    array = plain_array("embedding: tokens", tokens)
    table = plain("embedding: table", table)
    Embedding().shape(array.shape, np.shape(table))
    return np.take(table, token_rows(array[None], np.shape(table)[0])[0], axis=0)
