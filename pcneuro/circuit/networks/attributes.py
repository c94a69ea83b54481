"""What nodes and edges of a network say about populations and connections, as the package has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.networks.description import AbstractPopulation, Connection, Population, Source
from pcneuro.circuit.networks.weights import (
    SparseWeights,
    Weights,
    by_target,
    is_sparse,
    sign_of,
    weights_of,
)
from pcneuro.errors import (
    CapacityError,
    ExpressionError,
    ParameterError,
    ShapeError,
    check_object,
    shown,
    told,
    unknown_name,
)
from pcneuro.graph.graph import check_finite, real_array
from pcneuro.model.delays import AbstractDelay, ConstantDelay, DistanceDelay, SynapticDelays
from pcneuro.model.delays.distance import positions_of
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.ops.base import ArrayFunction, Shape, apply
from pcneuro.ops.maps import FUNCTIONS, Map, elementwise
from pcneuro.quantities import NOT_NEGATIVE, flag, index_tuple, milliseconds, whole

NODE = (
    "kind",
    "size",
    "shape",
    "transfer",
    "tau",
    "precision",
    "error_tau",
    "noise",
    "bias",
    "drive",
    "prior",
    "sign",
    "positions",
)
"""Attributes of a node."""
EDGE = ("kind", "weight", "delay", "velocity", "sign", "plasticity", "transfer")
"""Attributes of an edge."""
_PROPERTIES = ("tau", "precision", "error_tau", "noise")
"""Attributes of a node that ``build_circuit`` takes by vertex."""
_INPUT, _POPULATION = "input", "population"
_RETURNS = {"rate": False, "prediction": True}
"""Kinds of edges, and whether errors come back by them."""
LINEAR = "linear"
MOST_UNITS = 2**28
"""Of a population."""
MOST_AXES = 32
"""Of the shape of a population; arrays of NumPy have twice as many."""


def given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that have a value: None is none. NaN is a value, which is refused where it does not fit."""
    return {str(k): v for k, v in attributes.items() if v is not None}


def check_known(what: str, attributes: Iterable[str], known: Iterable[str]) -> None:
    """Raise UnknownNameError, with the nearest, for an attribute that is not known."""
    known = list(known)
    for name in attributes:
        if name not in known:
            raise unknown_name(f"{what}:", name, known)


def transfer_of(what: str, value: Any) -> ArrayFunction | None:
    """A transfer function by name or as an expression of x; None of ``"linear"``.

    It is looked up, or parsed by the grammar of ``pcn.elementwise``, never evaluated. Raises UnknownNameError for a
    name that no function has, ExpressionError for text that is no expression.
    """
    if isinstance(value, str):
        text = value.strip()
        if text in (LINEAR, "x"):
            return None
        one = {name for name, known in FUNCTIONS.items() if len(known.derivatives) == 1}
        if text in one:
            operator = Map(text)
            return lambda *x: apply(operator, *x)
        if text.isidentifier():
            raise unknown_name(f"{what}:", text, [LINEAR, *sorted(one)])
        try:
            return elementwise(text)
        except ExpressionError as error:
            raise ExpressionError(f"{what}: {error}") from None
    raise ParameterError(f"{what} is {told(value)}; give a name, such as 'tanh', or an expression of x")


def population_of(name: str, attributes: Mapping[str, Any]) -> AbstractPopulation:
    """The population that a node is. Raises what is wrong with an attribute, by name."""
    what = f"population {name!r}"
    check_known(f"attribute of {what}", attributes, NODE)
    shape = _shape(what, attributes)
    if math.prod(shape) > MOST_UNITS:
        raise CapacityError(f"{what} is of shape {shape}; {MOST_UNITS:,} units are the most: give several populations")
    sign = sign_of(f"sign of {what}", attributes.get("sign"))
    positions = None
    if "positions" in attributes:
        positions = positions_of(f"positions of {what}", attributes["positions"])
        if len(positions) != math.prod(shape):
            raise ShapeError(f"positions of {what} are {len(positions)}, and it has shape {shape}: give one a unit")
    kind = attributes.get("kind", _POPULATION)
    if not isinstance(kind, str):
        raise ParameterError(f"kind of {what} is {told(kind)}; give {_POPULATION!r} or {_INPUT!r}")
    if kind == _INPUT:
        further = [key for key in attributes if key not in ("kind", "size", "shape", "sign", "positions")]
        if further:
            raise ParameterError(f"{what} is an input, which has no {further[0]}: leave it out")
        return Source(name, shape, sign, positions)
    if kind != _POPULATION:
        raise unknown_name(f"kind of {what}:", kind, (_POPULATION, _INPUT))
    transfer = transfer_of(f"transfer of {what}", attributes.get("transfer", LINEAR))
    driven = "drive" in attributes and flag(f"drive of {what}", attributes["drive"])
    bias = _bias(what, attributes["bias"], shape) if "bias" in attributes else None
    properties = {key: attributes[key] for key in _PROPERTIES if key in attributes}
    return Population(name, shape, sign, positions, transfer, bias, driven, attributes.get("prior"), properties)


def _shape(what: str, attributes: Mapping[str, Any]) -> Shape:
    if "shape" in attributes and "size" in attributes:
        raise ParameterError(f"{what} has a size and a shape: give one of the two")
    if "shape" in attributes:
        shape = index_tuple(f"shape of {what}", attributes["shape"])
        if len(shape) > MOST_AXES:
            raise CapacityError(f"{what} has a shape of {len(shape)} axes; {MOST_AXES} are the most: give fewer")
        return tuple(whole(f"shape of {what}", n, 1) for n in shape)
    size = attributes.get("size", 1)
    # Of a column of a table with gaps whole numbers come as floats.
    size = int(size) if isinstance(size, float) and size.is_integer() else size
    return (whole(f"size of {what}", size, 1),)


def _bias(what: str, value: Any, shape: Shape) -> np.ndarray:
    array = real_array(f"bias of {what}", value)
    check_finite(f"bias of {what}", array)
    if array.shape not in ((), shape):
        raise ShapeError(f"bias of {what} is of shape {array.shape}; needed is {shape}, or one number")
    return np.full(shape, array) if not array.ndim else array


def connection_of(
    source: AbstractPopulation, target: AbstractPopulation, attributes: Mapping[str, Any], velocity: Any = None
) -> Connection:
    """The connection that an edge is. Raises what is wrong with it.

    ``velocity`` is that of edges which have none, but for those of inputs, whose data come when they come.
    """
    what = f"edge {source.name!r} -> {target.name!r}"
    check_known(f"attribute of {what}", attributes, EDGE)
    if isinstance(target, Source):
        raise ParameterError(f"{what}: {target.name!r} is an input, which has its data; leave the edge out")
    kind = attributes.get("kind", "rate")
    if not isinstance(kind, str) or kind not in _RETURNS:
        raise unknown_name(f"kind of {what}:", kind, _RETURNS)
    sign = sign_of(f"sign of {what}", attributes.get("sign")) or source.sign
    if source.sign and sign != source.sign:
        raise ParameterError(f"{what} has another sign than all weights of {source.name!r}: leave one of the two out")
    shape = source.size, target.size
    weights = weights_of(f"weights of {what}", attributes.get("weight", 1.0), shape, sign, source.name)
    rule = attributes.get("plasticity")
    if rule is not None:
        check_object(f"plasticity of {what}", rule, AbstractPlasticity)
    transfer = transfer_of(f"transfer of {what}", attributes.get("transfer", LINEAR))
    delay = _delay(what, attributes, (source, target), weights, velocity)
    return Connection(source.name, target.name, weights, _RETURNS[kind], delay, sign, transfer, rule)


def _delay(
    what: str,
    attributes: Mapping[str, Any],
    ends: tuple[AbstractPopulation, AbstractPopulation],
    weights: Weights,
    velocity: Any,
) -> AbstractDelay:
    value, source, target = attributes.get("delay", 0.0), *ends
    velocity = attributes.get("velocity", None if isinstance(source, Source) else velocity)
    if velocity is not None:
        for population in ends:
            if population.positions is None:
                raise ParameterError(
                    f"{what} has a velocity, and population {population.name!r} no positions: give them, or a delay"
                )
        if is_sparse(value) or isinstance(value, AbstractDelay) or np.ndim(value):
            raise ParameterError(
                f"{what} has a velocity, and delays of its synapses: give a number, which distances add to, or leave "
                "out the velocity"
            )
        assert source.positions is not None
        assert target.positions is not None
        return DistanceDelay(source.positions, target.positions, velocity, value)
    if isinstance(value, AbstractDelay):
        return value
    if is_sparse(value):
        return _of_pattern(what, value, weights)
    if np.ndim(value):
        return SynapticDelays(value)
    return ConstantDelay(milliseconds(f"delay of {what}", value, NOT_NEGATIVE))


def _of_pattern(what: str, delays: Any, weights: Weights) -> SynapticDelays:
    """Delays of a sparse matrix that stores one for each weight."""
    n, m = weights.shape
    rows = by_target(f"delays of {what}", delays, (n, m))
    if not isinstance(weights, SparseWeights):
        raise ShapeError(f"delays of {what} are sparse, and its weights are not: give an array of shape {(n, m)}")
    known = weights.by_target
    same = rows.nnz == known.nnz and np.array_equal(rows.indptr, known.indptr)
    if not same or not np.array_equal(rows.indices, known.indices):
        raise ShapeError(f"delays of {what} are stored at other places than its weights: give one for each of them")
    return SynapticDelays(rows.data)


def name_of(node: Any) -> str:
    """The name of a node: text as it is, whole numbers with an n in front. ParameterError for all else."""
    if isinstance(node, str):
        return node
    if isinstance(node, int | np.integer) and not isinstance(node, bool) and node >= 0:
        return f"n{int(node)}"
    raise ParameterError(f"{shown(node)} is no name of a population; give text, or whole numbers, not negative")
