"""Wrong values for what makes circuits of networks: graphs, tables, SONATA files, delays of distances."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pandas

import pcneuro as pcn
from pcneuro.export import sonata
from tests.robustness.wrong_calls import Row, circuit
from tests.robustness.wrong_values import Value, arrays, bank, flags, mappings, numbers, objects, paths

PLACES = np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.25]])
RULES = {("a", "b"): pcn.Hebbian(tau=100.0)}


def graph() -> networkx.DiGraph:
    """Two populations with places, and rates from one to the other."""
    made = networkx.DiGraph()
    made.add_node("a", size=2, positions=PLACES[:2], bias=0.5)
    made.add_node("b", size=3, positions=PLACES, transfer="tanh")
    made.add_edge("a", "b", weight=np.ones((2, 3)))
    return made


def nodes() -> pandas.DataFrame:
    """The same as a table of neurons."""
    where = {"x": [0.0, 2.0, 0.0, 2.0, 0.5], "y": [1.0, -1.0, 1.0, -1.0, 0.25]}
    transfer = ["linear"] * 2 + ["tanh"] * 3
    bias = [0.5] * 2 + [0.0] * 3
    return pandas.DataFrame({"population": [*"aabbb"], "transfer": transfer, "bias": bias, **where})


def edges() -> pandas.DataFrame:
    return pandas.DataFrame({"source": [0, 0, 1, 1], "target": [2, 3, 4, 2], "weight": [0.5, 1.0, -1.0, 2.0]})


@cache
def files() -> dict[str, Path]:
    """Of SONATA: nodes and edges in one, and tables of types."""
    folder = Path(tempfile.mkdtemp())
    sonata.write(circuit(), folder / "c.h5")
    (folder / "nodes.csv").write_text("node_type_id tau\n0 10.0\n")
    (folder / "edges.csv").write_text("edge_type_id delay\n0 0.0\n")
    return {
        "nodes": folder / "c.h5",
        "edges": folder / "c.h5",
        "node_types": folder / "nodes.csv",
        "edge_types": folder / "edges.csv",
    }


def read(**changes: Any) -> pcn.Circuit:
    return pcn.from_sonata(**({"nodes": files()["nodes"]} | changes))


def frames() -> list[Value]:
    """What is no table of pandas, nor anything like one."""
    wrong = objects("DataFrame", none=False, like=pandas.DataFrame)
    return [value for value in wrong if value.label not in ("generator", "list", "tuple", "array", "dict")]


def pairs() -> list[Value]:
    """What is no dict from pairs of populations to rules."""
    rule = RULES["a", "b"]
    values = bank(False, number=3, a_name="a", pairs=[("a", "b")], text={("a", "b"): "Hebbian"}, of_one={"a": rule})
    return [
        *values,
        *bank(False, unknown={("a", "c"): rule}, three={("a", "b", "a"): rule}, turned={("b", "a"): rule}, true=True),
        *bank(False, a_class={("a", "b"): pcn.Hebbian}, an_object=object(), the_rule=rule),
    ]


def at(**changes: Any) -> Any:
    settings = {"source": PLACES, "target": PLACES, "velocity": 2.0} | changes
    delay = pcn.DistanceDelay(**settings)
    return delay.between(np.arange(3), np.arange(3)[::-1])


def steps(label: str, make: Any) -> list[Row]:
    """Rows of what all makers take."""
    return [
        Row(label, "dt", 1.0, numbers(1.0, low=0.0, above=True, time=True, none=True), lambda v: make(dt=v)),
        Row(label, "velocity", 2.0, numbers(2.0, low=0.0, above=True, none=True), lambda v: make(dt=1.0, velocity=v)),
    ]


def file(name: str) -> list[Value]:
    """What is no path, but for what the package may do without."""
    return [value for value in paths() if value.label != "none"]


ROWS = [
    Row("from_networkx", "graph", graph(), objects("DiGraph", none=False, like=networkx.DiGraph), pcn.from_networkx),
    *steps("from_networkx", lambda **v: pcn.from_networkx(graph(), **v)),
    Row("from_tables", "nodes", nodes(), frames(), lambda v: pcn.from_tables(v, edges())),
    Row("from_tables", "edges", edges(), frames(), lambda v: pcn.from_tables(nodes(), v)),
    *steps("from_tables", lambda **v: pcn.from_tables(nodes(), edges(), **v)),
    Row("from_tables", "plasticity", RULES, pairs(), lambda v: pcn.from_tables(nodes(), edges(), plasticity=v)),
    *(
        Row(
            "from_sonata",
            name,
            files()[name],
            file(name),
            lambda v, name=name: read(**{name: v}),
            said=f"{name}|read|/|path",
        )
        for name in files()
    ),
    Row(
        "from_sonata",
        "attributes",
        {"h": {"tau": 5.0}},
        mappings({"h": {"tau": 5.0}}, {"tauu": 5.0}, none=True),
        lambda v: read(attributes=v),
        said="attributes?",
    ),
    Row("from_sonata", "dt", 1.0, numbers(1.0, low=0.0, above=True, time=True, none=True), lambda v: read(dt=v)),
    Row("from_sonata", "velocity", None, bank(False, text="fast", negative=-1.0), lambda v: read(velocity=v)),
    Row("from_sonata", "plasticity", {}, pairs(), lambda v: read(plasticity=v)),
    Row("DistanceDelay", "source", PLACES, arrays(PLACES, shape=False), lambda v: at(source=v)),
    Row("DistanceDelay", "target", PLACES, arrays(PLACES, shape=False), lambda v: at(target=v)),
    Row("DistanceDelay", "velocity", 2.0, numbers(2.0, low=0.0, above=True), lambda v: at(velocity=v)),
    Row("DistanceDelay", "least", 2.0, numbers(2.0, low=0.0, time=True), lambda v: at(least=v)),
    Row(
        "Circuit.write_graphml",
        "weights",
        True,
        flags(True),
        lambda v: [circuit().write_graphml("file", weights=v), Path("file").unlink()],
    ),
]
