"""Names: whatever is taken at the start can be carried to the end, by every format that there is."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
import xarray
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro.errors import GraphError
from pcneuro.export import brian2, nir, sonata
from pcneuro.graph.graph import Graph, check_name
from pcneuro.graph.leaves import LONGEST_NAME
from tests.exploring import explored


def circuit_of(x: str, w: str, h: str, b: str, out: str) -> pcn.Circuit:
    """Names of an input, two parameters, a vertex and an output, which is a vertex of another name."""

    def function(**leaves):
        hidden = pcn.vertex(np.tanh(leaves[x] @ leaves[w]), h)
        return {out: pcn.vertex(hidden + leaves[b], "last")}

    generator = np.random.default_rng(0)
    leaves = {x: pcn.Input((2,)), w: pcn.Parameter(generator.normal(size=(2, 3))), b: pcn.Parameter(np.ones(3))}
    return pcn.build_circuit(pcn.trace(function, **leaves))


BAD = [
    "", "/", "a/b", "t/", "/t", "a.b", "a b", "a\n", "a\0", "..", ".", "-a", "1a", "_a", "é", "θ", "\ud800", "a:b",
    "a\\b", "a" * (LONGEST_NAME + 1), None, 1, 1.5, b"a", ("a",), True,
]  # fmt: skip
GOOD = [
    ("time", "batch", "event", "population", "neuron"), ("e", "pi", "inf", "N", "i"), ("v", "err", "dt", "t", "ms"),
    ("input", "output", "nodes", "edges", "node_id"), ("lambda", "class", "def", "None", "True"),
    ("h_value", "h_error", "value", "error", "prediction"), ("con", "nul", "aux", "prn", "COM1"),
    ("id", "name", "kind", "source", "target"), ("group", "data", "clock", "network", "functions"),
    ("array", "sha256", "facts", "members", "format"), ("step", "state", "parameter", "inputs", "clamped"),
    ("a" * LONGEST_NAME, "b" * LONGEST_NAME, "c" * LONGEST_NAME, "d" * LONGEST_NAME, "A" * LONGEST_NAME),
    ("h", "H", "hH", "Hh", "HH"), ("out", "outs", "out_0", "tanh", "add"),
    ("p__0__x", "p__0__W", "p__1__h", "p____b", "out__"),
]  # fmt: skip
NEUTRAL = ("x", "w", "h", "b", "out")


@pytest.mark.parametrize("name", BAD, ids=lambda name: repr(name)[:20])
def test_what_not_all_can_carry_is_refused_where_it_is_given(name):
    for place in range(5):
        if place in (0, 1, 3) and not isinstance(name, str):
            continue  # no keyword argument
        with pytest.raises(GraphError, match=r"is no name for|letters; 100 are the most") as caught:
            circuit_of(*(name if k == place else given for k, given in enumerate(NEUTRAL)))
        assert "\n" not in str(caught.value)
    graph = circuit_of(*NEUTRAL).graph
    with pytest.raises(GraphError):
        Graph(graph.nodes.values(), {name: "last"})


@pytest.mark.parametrize("names", GOOD, ids=lambda names: names[0][:12])
def test_what_is_taken_is_carried_by_all(names, tmp_path):
    circuit = circuit_of(*names)
    x, _, h, _, out = names
    data = {"inputs": {x: [0.3, 0.4]}, "targets": {out: [1.0, 0.0, 1.0]}}
    records = [pcn.Record(h, "error"), pcn.Record(out, "value", every=2.0)]
    result = pcn.Simulator(circuit, engine=pcn.Reference()).run(6.0, record=records, **data)
    result.records.to_netcdf(tmp_path / "records.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "records.nc", engine="h5netcdf") as actual:
        xarray.testing.assert_equal(actual.load(), result.records)
    circuit.save(tmp_path / "circuit.pcn")
    assert pcn.load_circuit(tmp_path / "circuit.pcn").vertices == circuit.vertices
    circuit.write_graphml(tmp_path / "circuit.graphml")
    assert set(networkx.read_graphml(tmp_path / "circuit.graphml").nodes) == set(circuit.nx.nodes)
    structure = sonata.write(circuit, tmp_path / "circuit.h5")
    assert {f"{x}.value", f"{h}.error"} <= set(structure.nodes)
    nir.write(circuit, tmp_path / "circuit.nir", **data)
    brian2.script(circuit, tmp_path / "script.py", 3.0, **data)
    compile((tmp_path / "script.py").read_text(), "script.py", "exec")
    (tmp_path / h).mkdir()


@explored(st.text(max_size=12) | st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True))
def test_any_text_is_a_name_or_is_none(text):
    try:
        check_name(text)
    except GraphError:
        taken = False
    else:
        taken = True
    assert taken == (text.isascii() and text.isidentifier() and text[0] != "_")
