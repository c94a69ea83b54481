"""Circuits of SONATA files: nodes and edges in HDF5, and tables of their types (Dai et al. 2020, PLOS Computational
Biology 16: e1007696). Those that ``pcneuro.export.sonata`` writes are read as predictive-coding networks.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.networks import hdf5
from pcneuro.circuit.networks.attributes import EDGE, NODE, check_known
from pcneuro.circuit.networks.tables import COORDINATES, from_tables
from pcneuro.errors import GraphError, ModelFileError, ParameterError, shown, told, unknown_name
from pcneuro.files import STUMBLES, open_regular, path_of
from pcneuro.files.reading import NUMBERS
from pcneuro.quantities import by_name

_TABLE_BYTES = 2**26
"""Of a table of types, which has a row for each."""
_MOST_COLUMNS = 1000
"""Of such a table."""
_WEIGHT = "syn_weight"
_OWN_KINDS = ("prediction", "feedback", "excite", "inhibit")
"""Kinds of edges that ``pcneuro.export.sonata`` writes; errors and feedback follow from the predictions."""
_NUMBERS = ("tau", "precision", "error_tau", "bias", "prior", *COORDINATES)
"""What nodes may have of their own, in HDF5."""
_NODE_COLUMNS = tuple(name for name in (*NODE, *COORDINATES) if name not in ("size", "shape", "positions"))


def from_sonata(
    nodes: str | os.PathLike[str],
    edges: str | os.PathLike[str] | None = None,
    *,
    node_types: str | os.PathLike[str] | None = None,
    edge_types: str | os.PathLike[str] | None = None,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    dt: float | None = None,
    velocity: float | None = None,
    plasticity: Mapping[tuple[str, str], Any] | None = None,
) -> Circuit:
    """The circuit of SONATA files.

    Parameters
    ----------
    nodes, edges
        HDF5 files with ``/nodes`` and ``/edges``; without ``edges`` both are in one. Edges have ``syn_weight`` (1) and
        ``delay`` (ms). Of nodes ``tau``, ``bias``, ``precision``, ``x``, ``y``, ``z`` and the like are read, each
        neuron's own, or of its type; what else there is is left alone.
    node_types, edge_types
        Tables of types, CSV with blanks between: there may be the columns that ``from_tables`` knows.
    attributes
        Population -> attributes as ``from_networkx`` has them for nodes, which are not in the files, or others there.
    dt, velocity, plasticity
        As for ``from_tables``.

    Populations whose names have other signs than letters, digits and _ get _ for these. A file is not trusted: sizes
    are held against the bytes that are there, links to other files are not followed, and nothing is evaluated.

    Raises
    ------
    ModelFileError
        For what is no such file, or a damaged one.
    Else what ``from_tables`` raises.
    """
    given = {name: dict(by_name(f"attributes of {name!r}", each)) for name, each in _mapping(attributes).items()}
    with hdf5.opened("nodes", nodes) as root:
        kinds = _own_kinds(root) if edges is None else {}
        populations = _Populations(_types("node_types", node_types, "node_type_id"), bool(kinds))
        for name, population in hdf5.groups(hdf5.group(root, "nodes")).items():
            populations.add(name, population)
        if edges is None:
            synapses = _edges(root, populations, kinds, _types("edge_types", edge_types, "edge_type_id"))
    if edges is not None:
        with hdf5.opened("edges", edges) as root:
            kinds = _own_kinds(root)
            synapses = _edges(root, populations, kinds, _types("edge_types", edge_types, "edge_type_id"))
    table = populations.table(given)
    return from_tables(table, synapses, dt=dt, velocity=velocity, plasticity=plasticity)


def _mapping(attributes: Any) -> Mapping[str, Any]:
    return by_name("attributes", {} if attributes is None else attributes, "dicts of attributes")


def _own_kinds(root: Any) -> dict[str, str]:
    """Populations of edges that the package has written, and their kinds."""
    if not hdf5.has(root, "edges"):
        raise ModelFileError("there is no group 'edges' in the file: give edges=, the file that has them")
    found = {name: each.attrs.get("kind") for name, each in hdf5.groups(hdf5.group(root, "edges")).items()}
    return {name: kind for name, kind in found.items() if isinstance(kind, str) and kind in _OWN_KINDS}


class _Populations:
    """Populations of nodes, one behind the other, as columns of a table."""

    def __init__(self, types: Any, own: bool) -> None:
        self.types, self.own = types, own
        self.first: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.columns: dict[str, dict[str, np.ndarray]] = {}
        self.row_of: dict[str, np.ndarray] = {}

    def add(self, name: str, population: Any) -> None:
        """One more of the file."""
        if self.own and name.endswith(".dendrite"):
            raise ModelFileError(
                f"population {name!r} is a dendrite of a circuit, whose function is not in the file: read circuits by "
                "pcn.load_circuit, or pcn.from_networkx of their GraphML"
            )
        ids = hdf5.indices(population, "node_type_id")
        count = ids.size
        columns = _of_types(ids, self.types, _NODE_COLUMNS)
        columns |= _of_groups(population, "node", count, _NUMBERS, columns)
        self.first[name] = sum(self.counts.values())
        self.counts[name] = count
        self.row_of[name] = self._rows(name, population, count)
        if self.own:
            vertex, _, kind = name.rpartition(".")
            self.names[name] = vertex if kind == "value" else ""
        else:
            self.names[name] = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
        self.columns[name] = columns

    def _rows(self, name: str, population: Any, count: int) -> np.ndarray:
        """Row of each node id."""
        if not hdf5.has(population, "node_id"):
            return np.arange(count)
        ids = hdf5.indices(population, "node_id", count)
        if not np.array_equal(np.sort(ids), np.arange(count)):
            raise GraphError(f"population {name!r} has node ids that are not 0 to {count - 1}, each once")
        return np.argsort(ids, kind="stable")

    def table(self, given: dict[str, dict[str, Any]]) -> Any:
        """All nodes as ``from_tables`` takes them, with the attributes that were ``given`` by population."""
        import pandas

        shown = {name: made for name, made in self.names.items() if made}
        if len(set(shown.values())) < len(shown):
            raise GraphError(f"populations {', '.join(map(repr, shown))} have the same names but for signs: rename one")
        for name in given:
            if name not in shown.values():
                raise unknown_name("population in attributes", name, shown.values())
        frames = []
        for name, made in shown.items():
            columns: dict[str, Any] = {"id": self.first[name] + np.arange(self.counts[name])}
            columns |= {"population": made} | self.columns[name]
            if self.own and f"{made}.error" not in self.names:
                columns = {key: columns[key] for key in ("id", "population", *COORDINATES) if key in columns}
                columns["kind"] = "input"
            check_known(f"attribute of population {made!r}", given.get(made, {}), _NODE_COLUMNS)
            columns |= given.get(made, {})
            try:
                frames.append(pandas.DataFrame(columns))
            except ValueError:
                count = self.counts[name]
                raise ParameterError(
                    f"attributes of population {made!r}: give one value, or one for each of its {count} nodes"
                ) from None
        if not frames:
            raise ModelFileError("there is no population of nodes in the file")
        return pandas.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _edges(root: Any, populations: _Populations, kinds: dict[str, str], types: Any) -> Any:
    """All edges as ``from_tables`` takes them."""
    import pandas

    frames = []
    for name, population in hdf5.groups(hdf5.group(root, "edges")).items():
        if kinds.get(name, "prediction") != "prediction":
            continue
        ids = hdf5.indices(population, "edge_type_id")
        columns: dict[str, Any] = {}
        for end in ("source", "target"):
            columns[end] = _ends(name, end, population, populations, ids.size)
        columns |= _of_types(ids, types, (*EDGE, _WEIGHT))
        columns |= _of_groups(population, "edge", ids.size, (_WEIGHT, "delay"), columns)
        if _WEIGHT in columns:
            columns["weight"] = columns.pop(_WEIGHT)
        if kinds.get(name) == "prediction":
            columns["kind"] = "prediction"
        frames.append(pandas.DataFrame(columns))
    if not frames:
        raise ModelFileError("there is no population of edges in the file")
    return pandas.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _ends(name: str, end: str, population: Any, populations: _Populations, count: int) -> np.ndarray:
    """Rows of the nodes at one end of edges."""
    ids = hdf5.indices(population, f"{end}_node_id", count)
    nodes = population[f"{end}_node_id"].attrs.get("node_population")
    # Text of a fixed length is bytes.
    nodes = nodes.decode(errors="replace") if isinstance(nodes, bytes) else nodes
    if not isinstance(nodes, str) or nodes not in populations.names:
        raise unknown_name(f"population of nodes, {end} of edges {name!r}:", told(nodes), populations.names)
    known = populations.counts[nodes]
    if ids.size and (ids.max() >= known or ids.min() < 0):
        wrong = int(ids.max()) if ids.max() >= known else int(ids.min())
        raise GraphError(f"edges {name!r} have the {end} node {wrong} of population {nodes!r}, which has {known} nodes")
    if populations.own and nodes.endswith(".error"):
        # A prediction reaches the vertex through its error neurons.
        nodes = f"{nodes.removesuffix('.error')}.value"
    return np.asarray(populations.first[nodes] + populations.row_of[nodes][ids])


def _of_groups(
    population: Any, what: str, count: int, names: tuple[str, ...], by_type: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Attributes that nodes or edges have of their own, which stand in numbered groups.

    Where a group has none it is that ``by_type``, or else NaN.
    """
    if not count or not hdf5.has(population, f"{what}_group_id"):
        return {}
    ids = hdf5.indices(population, f"{what}_group_id", count)
    index = hdf5.indices(population, f"{what}_group_index", count)
    columns: dict[str, np.ndarray] = {}
    order = np.argsort(ids, kind="stable")
    numbers, first = np.unique(ids[order], return_index=True)
    for number, rows in zip(numbers, np.split(order, first[1:]), strict=True):
        group = hdf5.group(population, str(int(number)))
        places = [group, *([hdf5.group(group, "dynamics_params")] if hdf5.has(group, "dynamics_params") else [])]
        for place in places:
            for name in (name for name in names if hdf5.has(place, name)):
                values, at = hdf5.numbers(place, name), index[rows]
                wrong = at[(at >= values.size) | (at < 0)]
                if wrong.size:
                    raise ModelFileError(
                        f"{place.name}/{name} has {values.size} entries, and entry {wrong[0]} is asked for"
                    )
                if rows.size == count:
                    columns[name] = values[at]
                    continue
                if name not in columns:
                    columns[name] = _numbers_of_types(by_type.get(name), count)
                columns[name][rows] = values[at]
    return columns


def _numbers_of_types(values: np.ndarray | None, count: int) -> np.ndarray:
    """A column of numbers that types have, to be written to; NaN where they have none."""
    if values is None:
        return np.full(count, np.nan)
    if values.dtype.kind not in NUMBERS:
        raise ModelFileError(f"types have {shown(values[0])} where some nodes or edges have numbers: give numbers")
    return values.astype(np.float64)


def _types(what: str, path: Any, key: str) -> Any:
    """A table of types, by type; None without one. Raises ModelFileError for what is none."""
    import pandas

    if path is None:
        return None
    path = path_of(path, ModelFileError)
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > _TABLE_BYTES:
                raise ModelFileError(
                    f"{what}: {shown(str(path))} has more than {_TABLE_BYTES:,} bytes, and a row for each type"
                )
            names = file.readline().split()
            if len(set(names)) < len(names) or len(names) > _MOST_COLUMNS:
                raise ValueError(f"it has a column twice, or more than {_MOST_COLUMNS:,} of them")
            file.seek(0)
            with warnings.catch_warnings():
                # A row that is longer than the first one.
                warnings.simplefilter("error", pandas.errors.ParserWarning)
                table = pandas.read_csv(file, sep=r"\s+", na_values=["NULL"], index_col=False)
    except OSError as error:
        raise ModelFileError(f"{what}: cannot read {shown(str(path))}: {error.strerror or error}") from None
    except (*STUMBLES, pandas.errors.ParserWarning) as error:
        raise ModelFileError(f"{what}: {shown(str(path))} is no table: {' '.join(str(error).split())[:200]}") from None
    if key not in table.columns or not table[key].is_unique:
        raise ModelFileError(
            f"{what}: {shown(str(path))} needs a column {key!r}, each type once, and blanks between columns"
        )
    return table.set_index(key)


def _of_types(ids: np.ndarray, types: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """What nodes or edges have by their type."""
    if types is None:
        return {}
    rows = types.index.get_indexer(ids)
    if (rows < 0).any():
        raise ModelFileError(f"type {int(ids[rows < 0][0])} is in no row of the table of types: add it")
    return {name: types[name].to_numpy()[rows] for name in names if name in types.columns}
