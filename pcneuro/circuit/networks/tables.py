"""Circuits of two tables, as pandas has them: one row a neuron or population, one row a synapse or connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.networks.attributes import (
    EDGE,
    NODE,
    check_known,
    connection_of,
    name_of,
    population_of,
)
from pcneuro.circuit.networks.building import build
from pcneuro.circuit.networks.description import AbstractPopulation, Connection, Network
from pcneuro.circuit.networks.grid import Grid
from pcneuro.errors import DataError, GraphError, ParameterError, shown, told
from pcneuro.files.reading import NUMBERS
from pcneuro.quantities import by_name

if TYPE_CHECKING:
    import pandas

COORDINATES = ("x", "y", "z")
_BY_NEURON = ("tau", "precision", "error_tau", "bias", "prior")
"""Columns that may have a number of its own for each neuron of a population."""
_WITH_TIMES = f"{NUMBERS}m"
"""Kinds of numbers, and times with units."""
_EXACT = 2**53
"""From here on float64 has no longer each whole number."""
_ID, _POPULATION, _SOURCE, _TARGET = "id", "population", "source", "target"


def from_tables(
    nodes: pandas.DataFrame,
    edges: pandas.DataFrame,
    *,
    dt: float | None = None,
    velocity: float | None = None,
    plasticity: Mapping[tuple[str, str], Any] | None = None,
) -> Circuit:
    """The circuit of a table of neurons or populations, and one of synapses or connections.

    Parameters
    ----------
    nodes
        With a row for each neuron: ``id`` (or else the table's index), ``population`` (its name), and as in
        ``from_networkx`` ``tau``, ``precision``, ``error_tau``, ``bias``, ``prior`` (a number for each neuron),
        ``kind``, ``transfer``, ``noise``, ``drive``, ``sign`` (the same in a population), and ``x``, ``y``, ``z``,
        where it is. Units of a population are its rows in their order. Without a column ``population``, a row is a
        population, called by its ``id``, which may have ``size``, too.
    edges
        With a row for each synapse, or each connection of populations: ``source`` and ``target`` (ids), ``weight``
        (1), ``delay`` (ms, 0), and ``kind``, ``velocity``, ``sign``, ``plasticity``, ``transfer``, the same in a
        connection. Several synapses between the same two neurons add up.
    dt, velocity
        As for ``from_networkx``.
    plasticity
        Pairs of populations -> the rule of the weights of their connections.

    Raises
    ------
    What ``from_networkx`` raises; and for columns that are missing or unknown, ids that occur twice, edges of ids that
    there are not, and values that differ within a population or connection where they have to be the same.

    Examples
    --------
    >>> import pandas
    >>> nodes = pandas.DataFrame({"id": ["in", "a"], "size": [2, 1], "kind": ["input", "population"]})
    >>> edges = pandas.DataFrame({"source": ["in"], "target": ["a"], "weight": [0.5]})
    >>> pcn.from_tables(nodes, edges).vertices
    ('a',)
    """
    rules = dict(by_name("plasticity", {} if plasticity is None else plasticity, "rules"))
    tables = _frame("nodes", nodes), _frame("edges", edges)
    grid = Grid(dt)
    neurons = _neurons(tables[0])
    connections = _connections(tables[1], neurons, velocity, rules)
    return build(Network(neurons.populations, connections), grid)


def _frame(what: str, table: Any) -> Any:
    """A data frame of a table: a data frame itself, a dict of columns, or a list of rows."""
    import pandas

    if isinstance(table, pandas.DataFrame):
        frame = table
    else:
        try:
            frame = pandas.DataFrame(table)
        except (TypeError, ValueError):
            raise ParameterError(f"{what} is {told(table)}; give a data frame of pandas") from None
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ParameterError(f"{what} have the column {shown(twice[0])} twice: rename one of them")
    return frame


@dataclass(frozen=True, eq=False)
class Neurons:
    """Populations by name; of each id, in an index, the number of its population and of its unit there."""

    populations: dict[str, AbstractPopulation]
    ids: Any
    population: np.ndarray
    unit: np.ndarray
    single: bool
    """Whether a row is a neuron, and no population."""


def _neurons(table: Any) -> Neurons:
    import pandas

    single = _POPULATION in table.columns
    own = (_ID, _POPULATION, *COORDINATES) if single else (_ID, *COORDINATES)
    known = [name for name in NODE if name != "positions" and not (single and name in ("size", "shape"))]
    check_known("column of nodes", table.columns, (*own, *known))
    ids = pandas.Index(table[_ID]) if _ID in table.columns else table.index.to_flat_index()
    if ids.hasnans:
        raise DataError("nodes have rows without an id: give each one")
    if not ids.is_unique:
        raise GraphError(f"nodes have the id {shown(ids[ids.duplicated()][0])} twice: leave one of the rows out")
    if not len(ids):
        raise GraphError("nodes have no rows: give at least one")
    if not single:
        names = [name_of(each) for each in ids.tolist()]
        populations: dict[str, AbstractPopulation] = {}
        for name, (_, row) in zip(names, table.iterrows(), strict=True):
            _check_new(name, populations)
            attributes = _of_row(row, known)
            populations[name] = population_of(name, attributes | _positions(row.to_frame().T))
        return Neurons(populations, ids, np.arange(len(ids)), np.zeros(len(ids), dtype=np.int32), False)
    if table[_POPULATION].isna().any():
        raise DataError("nodes have rows without a population: give each one")
    try:
        codes, names = pandas.factorize(table[_POPULATION])
    except TypeError:
        raise DataError("column 'population' of nodes has what is no name: give text, or whole numbers") from None
    unit, populations = np.empty(len(ids), dtype=np.int32), {}
    for code, value in enumerate(names):
        rows = np.flatnonzero(codes == code)
        unit[rows] = np.arange(rows.size)
        name = name_of(value)
        _check_new(name, populations)
        populations[name] = _population(name, table.iloc[rows], known)
    return Neurons(populations, ids, codes, unit, True)


def _check_new(name: str, populations: Mapping[str, Any]) -> None:
    """Raise GraphError where whole numbers and text have come to the same name."""
    if name in populations:
        raise GraphError(f"nodes have two populations of the name {name!r}: rename one of them")


def _of_row(row: Any, known: Sequence[str]) -> dict[str, Any]:
    """The known columns of a row that have a value: tables have NaN, None, NA or NaT where there is none."""
    import pandas

    values = {key: value for key, value in row.items() if key in known}
    return {
        key: value for key, value in values.items() if not (pandas.api.types.is_scalar(value) and pandas.isna(value))
    }


def _population(name: str, rows: Any, known: list[str]) -> AbstractPopulation:
    """The population whose neurons these rows are."""
    attributes: dict[str, Any] = {"size": len(rows)}
    for column in (c for c in rows.columns if c in known):
        values = rows[column]
        missing = values.isna()
        if missing.all():
            continue
        if missing.any():
            raise DataError(f"column {column!r} of nodes has no value for some neurons of population {name!r}")
        if column in _BY_NEURON:
            numbers = _numbers(f"column {column!r} of nodes has, in population {name!r},", values, _WITH_TIMES)
            attributes[column] = numbers[0] if (numbers == numbers[0]).all() else numbers
        else:
            attributes[column] = _same(f"column {column!r} of nodes", values, f"population {name!r}")
    return population_of(name, attributes | _positions(rows))


def _positions(rows: Any) -> dict[str, np.ndarray]:
    """Where neurons are, by as many coordinates as there are columns for."""
    columns = [c for c in COORDINATES if c in rows.columns]
    if not columns or rows[columns].isna().all(axis=None):
        return {}
    what = f"columns {', '.join(columns)} of nodes have"
    return {"positions": np.stack([_numbers(what, rows[c]).astype(np.float64) for c in columns], axis=1)}


def _same(what: str, values: Any, where: str) -> Any:
    """The one value of a column."""
    first = values.iloc[0]
    try:
        same = all(value == first for value in values.unique())
    except TypeError:
        # Of what has no hash, as a rule with arrays, one object is meant.
        same = all(value is first for value in values)
    if not same:
        raise ParameterError(f"{what} has {shown(first)} and other values in {where}; needed is one for all")
    return first


def _connections(table: Any, neurons: Neurons, velocity: Any, rules: dict[Any, Any]) -> list[Connection]:
    check_known("column of edges", table.columns, (_SOURCE, _TARGET, *EDGE))
    for column in (_SOURCE, _TARGET):
        if column not in table.columns:
            raise ParameterError(f"edges have no column {column!r}: give one with ids of nodes")
    for pair in rules:
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(name in neurons.populations for name in pair)):
            raise ParameterError(f"plasticity has the key {shown(pair)}; give pairs of populations, ('E', 'I')")
    rows = _rows(_SOURCE, table[_SOURCE], neurons), _rows(_TARGET, table[_TARGET], neurons)
    populations = list(neurons.populations.values())
    made, found = [], set()
    for some in _groups(table, neurons, rows):
        ends = [each[some] for each in rows]
        source, target = (populations[neurons.population[each[0]]] for each in ends)
        if neurons.single:
            attributes = _of_synapses(table.iloc[some], (source, target), [neurons.unit[each] for each in ends])
        else:
            attributes = _of_row(table.iloc[some].iloc[0], EDGE)
        if (source.name, target.name) in rules:
            attributes["plasticity"] = rules[source.name, target.name]
            found.add((source.name, target.name))
        made.append(connection_of(source, target, attributes, velocity))
    for pair in rules.keys() - found:
        raise ParameterError(f"plasticity is for {pair[0]!r} -> {pair[1]!r}, between which there is no edge")
    return made


def _groups(table: Any, neurons: Neurons, rows: tuple[np.ndarray, np.ndarray]) -> list[Any]:
    """Rows of edges that are a connection: of populations each, of neurons those of one kind between two of them."""
    if not neurons.single:
        return [slice(i, i + 1) for i in range(len(table))]
    if not len(table):
        return []
    keys = neurons.population[rows[0]].astype(np.int64) * len(neurons.populations) + neurons.population[rows[1]]
    if "kind" in table.columns:
        import pandas

        try:
            kinds, names = pandas.factorize(table["kind"], use_na_sentinel=False)
        except TypeError:
            raise DataError("column 'kind' of edges has what is no text: give 'rate' or 'prediction'") from None
        keys = keys * len(names) + kinds
    if (keys == keys[0]).all():
        return [slice(None)]
    _, codes = np.unique(keys, return_inverse=True)
    # Of few groups numbers are short, and short ones are sorted in one pass.
    small = codes.astype(np.uint16) if codes.max() < np.iinfo(np.uint16).max else codes
    order = np.argsort(small, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _rows(column: str, ids: Any, neurons: Neurons) -> np.ndarray:
    """The row of nodes that each id is of."""
    import pandas

    known = neurons.ids
    counted = isinstance(known, pandas.RangeIndex) and known.start == 0 and known.step == 1
    # Whole numbers of pandas' own kinds may be missing.
    if counted and isinstance(ids.dtype, np.dtype) and ids.dtype.kind in "iu":
        rows = ids.to_numpy()
        wrong = (rows < 0) | (rows >= len(known))
    else:
        _check_exact(column, ids, known)
        try:
            rows = known.get_indexer(ids)
        except TypeError:
            raise DataError(f"column {column!r} of edges has what is no id: give ids of nodes") from None
        wrong = rows < 0
    if wrong.any():
        got, row = shown(ids[wrong].iloc[0]), int(np.argmax(wrong))
        raise GraphError(
            f"edges have the {column} {got} in row {row}, which is no id of nodes: add it, or leave it out"
        )
    return np.asarray(rows)


def _check_exact(column: str, ids: Any, known: Any) -> None:
    """Raise DataError for floats among whole numbers, on either side, that do not tell all of them apart."""
    from pandas.api.types import is_float_dtype, is_integer_dtype

    for some, others in ((ids, known), (known, ids)):
        if is_float_dtype(some.dtype) and is_integer_dtype(others.dtype) and (abs(some) >= _EXACT).any():
            raise DataError(
                f"column {column!r} of edges and the ids of nodes are whole numbers here and floats there, which from "
                f"{_EXACT:,} on do not tell all apart: read both as whole numbers, or as text"
            )


def _of_synapses(
    rows: Any, ends: tuple[AbstractPopulation, AbstractPopulation], units: list[np.ndarray]
) -> dict[str, Any]:
    """Attributes of the connection whose synapses these rows are, between these units."""
    from scipy.sparse import coo_array

    what, shape = f"edges {ends[0].name!r} -> {ends[1].name!r}", (ends[0].size, ends[1].size)
    attributes: dict[str, Any] = {}
    weights = _numbers(f"weights of {what} have", rows["weight"]) if "weight" in rows.columns else np.ones(len(rows))
    attributes["weight"] = coo_array((weights, tuple(units)), shape=shape)
    for column in (c for c in EDGE if c in rows.columns and c != "weight"):
        values = rows[column]
        missing = values.isna()
        if missing.all():
            continue
        if missing.any():
            raise DataError(f"column {column!r} of {what} has no value in some rows: give each one")
        if column != "delay" or _one(values):
            attributes[column] = _same(f"column {column!r} of edges", values, what)
            continue
        delays = coo_array((_numbers(f"delays of {what} have", values), tuple(units)), shape=shape).tocsc()
        if delays.nnz < len(rows):
            raise ParameterError(
                f"{what} have several synapses between the same two neurons, and delays that differ: give these a "
                "population of their own, or one row with the sum of their weights"
            )
        attributes[column] = delays
    return attributes


def _one(values: Any) -> bool:
    """Whether all values of a column are one; what has no hash is no number, and then they are not."""
    try:
        return bool(values.nunique() == 1)
    except TypeError:
        return False


def _numbers(what: str, values: Any, kinds: str = NUMBERS) -> np.ndarray:
    """A column as an array of numbers, of which synapses add up; ``what`` ends with a verb.

    Raises DataError for what is no number. Columns of objects are as good as the numbers in them.
    """
    numbers = values.infer_objects().to_numpy()
    if numbers.dtype.kind not in kinds:
        raise DataError(f"{what} what is no number: give real numbers")
    # Those of int8 and truth values are too short to add up.
    short = numbers.dtype not in (np.float32, np.float64) and numbers.dtype.kind in NUMBERS
    return np.asarray(numbers.astype(np.float64) if short else numbers)
