"""Populations and projections, held against counts made by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas
import pytest

import pcneuro as pcn
from pcneuro.circuit.projections import projections
from pcneuro.errors import OutputError


def mlp() -> pcn.Circuit:
    def network(x, W1, b1, W2):
        h1 = pcn.vertex(np.tanh(x @ W1 + b1), "h1")
        return pcn.vertex(h1 @ W2, "out")

    graph = pcn.trace(
        network,
        x=pcn.Input((5,)),
        W1=pcn.Parameter(np.ones((5, 4))),
        b1=pcn.Parameter(np.zeros(4)),
        W2=pcn.Parameter(np.ones((4, 3))),
    )
    return pcn.build_circuit(graph, tau={"h1": 20.0})


def shared() -> pcn.Circuit:
    """One matrix in three projections, of which the second has it twice."""

    def network(x, W, g):
        a = pcn.vertex(x @ W, "a")
        b = pcn.vertex(np.sin(g) * (a @ W @ W), "b")
        return pcn.vertex(b @ W.T + a, "out")

    return pcn.build_circuit(
        pcn.trace(network, x=pcn.Input((3,)), W=pcn.Parameter(np.eye(3)), g=pcn.Parameter(np.ones(3)))
    )


def diamond(stages: int = 1) -> pcn.Circuit:
    """From h to out: ``stages`` folded diamonds one behind the other, each of two contractions."""

    def network(x, U, V, b):
        h = pcn.vertex(x * x, "h")
        for _ in range(stages):
            h = np.tanh(h @ U) + h @ V + b
        return pcn.vertex(h, "out")

    leaves = {"U": pcn.Parameter(np.eye(2)), "V": pcn.Parameter(np.eye(2)), "b": pcn.Parameter(np.zeros(2))}
    return pcn.build_circuit(pcn.trace(network, x=pcn.Input((2,)), **leaves))


def by_ends(circuit: pcn.Circuit) -> dict:
    return {(p.parent, p.child): p for p in projections(circuit)}


def test_populations_of_an_mlp() -> None:
    graph = mlp().nx
    assert type(graph) is nx.MultiDiGraph
    assert list(graph) == ["x.value", "h1.value", "h1.error", "out.value", "out.error"]
    common = {"vertex": "h1", "role": "hidden", "shape": (4,), "size": 4, "tau": 20.0}
    assert graph.nodes["h1.value"] == {"kind": "value", **common}
    assert graph.nodes["h1.error"] == {
        "kind": "error",
        "precision": 1.0,
        "error_tau": 0.0,
        "parameters": ("W1", "b1"),
        **common,
    }
    assert graph.nodes["x.value"] == {
        "kind": "value",
        "vertex": "x",
        "role": "input",
        "shape": (5,),
        "size": 5,
        "tau": 0.0,
    }
    assert graph.nodes["out.error"]["role"] == "output"
    assert graph.nodes["out.error"]["parameters"] == ("W2",)


def test_projections_of_an_mlp() -> None:
    graph = mlp().nx
    facts = {
        (a, b, k): (d["parameters"], d["plastic"], d["hebbian"], d["synapses"])
        for a, b, k, d in graph.edges(keys=True, data=True)
    }
    assert facts == {
        # tanh is folded into h1, so that its prediction is not linear in W1; that of out is linear in W2.
        ("x.value", "h1.error", "prediction"): (("W1",), True, False, 20),
        ("h1.value", "out.error", "prediction"): (("W2",), True, True, 12),
        ("out.error", "h1.value", "feedback"): (("W2",), True, True, 12),
        ("h1.value", "h1.error", "excite"): ((), False, False, 4),
        ("h1.error", "h1.value", "inhibit"): ((), False, False, 4),
        ("out.value", "out.error", "excite"): ((), False, False, 3),
        ("out.error", "out.value", "inhibit"): ((), False, False, 3),
    }
    assert all(d["kind"] == k and d["delay"] == 0.0 for _, _, k, d in graph.edges(keys=True, data=True))


def test_shared_parameters() -> None:
    actual = by_ends(shared())
    assert set(actual) == {("x", "a"), ("a", "b"), ("b", "out"), ("a", "out")}
    assert (actual["x", "a"].parameters, actual["x", "a"].hebbian, actual["x", "a"].synapses) == (("W",), True, 9)
    # Quadratic in W, and not linear in g.
    assert (actual["a", "b"].parameters, actual["a", "b"].hebbian, actual["a", "b"].synapses) == (("W", "g"), False, 18)
    # The transposed matrix is the same parameter, and the prediction is linear in it.
    assert (actual["b", "out"].parameters, actual["b", "out"].hebbian, actual["b", "out"].synapses) == (("W",), True, 9)
    # One to one: no contraction on the way, and W is no weight of this projection.
    assert (actual["a", "out"].parameters, actual["a", "out"].hebbian, actual["a", "out"].synapses) == ((), False, 3)


def test_diamonds_of_folded_nodes_count_every_contraction_once() -> None:
    actual = by_ends(diamond(1))["h", "out"]
    assert (actual.parameters, actual.hebbian, actual.synapses) == (("U", "V"), False, 4 + 4)
    assert by_ends(diamond(1))["x", "h"].synapses == 2
    # 2**30 ways, 60 contractions.
    assert by_ends(diamond(30))["h", "out"].synapses == 30 * 8
    assert diamond(1).nx.nodes["out.error"]["parameters"] == ("U", "V", "b")


def test_a_bias_inside_an_expression_is_no_weight() -> None:
    cell = pcn.elementwise("tanh(g*a + b)", ("a", "g", "b"))

    def network(x, g, b):
        return pcn.vertex(cell(pcn.vertex(2 * x, "h"), g, b), "out")

    leaves = {"g": pcn.Parameter(np.ones(3)), "b": pcn.Parameter(np.ones(3))}
    circuit = pcn.build_circuit(pcn.trace(network, x=pcn.Input((3,)), **leaves))
    assert by_ends(circuit)["h", "out"].parameters == ("g",)
    assert circuit.nx.nodes["out.error"]["parameters"] == ("g", "b")


def test_gates_are_two_projections_and_their_weights_stay_apart() -> None:
    def network(x, c, W):
        return pcn.vertex(pcn.ops.sigmoid(x @ W) * c, "out")

    leaves = {"x": pcn.Input((3,)), "c": pcn.Input((2,)), "W": pcn.Parameter(np.ones((3, 2)))}
    actual = by_ends(pcn.build_circuit(pcn.trace(network, **leaves)))
    assert {ends: (p.parameters, p.synapses) for ends, p in actual.items()} == {
        ("x", "out"): (("W",), 6),
        ("c", "out"): ((), 2),
    }


def test_latents() -> None:
    def generate(z, y, W):
        return pcn.vertex(z @ W + y, "senses")

    leaves = {"z": pcn.Latent((2,)), "y": pcn.Latent((3,), prior=0.5), "W": pcn.Parameter(np.ones((2, 3)))}
    graph = pcn.build_circuit(pcn.trace(generate, **leaves)).nx
    assert "z.error" not in graph, "nothing predicts a latent without a prior"
    assert graph.nodes["z.value"]["role"] == graph.nodes["y.error"]["role"] == "latent"
    assert graph.has_edge("senses.error", "z.value", key="feedback")
    assert graph.has_edge("y.value", "y.error", key="excite")


def test_time_constants_that_differ_are_given_one_by_one() -> None:
    tau = np.array([5.0, 10.0, 20.0, 40.0])
    circuit = pcn.build_circuit(mlp().graph, tau={"h1": tau})
    assert circuit.nx.nodes["h1.value"]["tau"] == tuple(tau)
    assert circuit.nx.nodes["out.value"]["tau"] == 10.0
    assert "5-40" in str(circuit)


def test_vertices_of_every_operation_have_the_weights_where_they_are() -> None:
    circuit = pcn.build_circuit(mlp().graph, vertices="all")
    actual = by_ends(circuit)
    assert (actual["x", "matmul"].parameters, actual["x", "matmul"].hebbian) == (("W1",), True)
    assert (actual["add", "h1"].parameters, actual["add", "h1"].synapses) == ((), 4)
    assert circuit.nx.nodes["add.error"]["parameters"] == ("b1",)


def test_algorithms_of_networkx() -> None:
    graph = mlp().nx
    kinds = nx.get_edge_attributes(graph, "kind")
    vertex = nx.get_node_attributes(graph, "vertex")
    predictions = nx.DiGraph((vertex[a], vertex[b]) for (a, b, _), kind in kinds.items() if kind == "prediction")
    assert list(nx.topological_sort(predictions)) == ["x", "h1", "out"]
    assert nx.is_weakly_connected(graph)
    assert nx.shortest_path(graph, "x.value", "out.value") == [
        "x.value",
        "h1.error",
        "h1.value",
        "out.error",
        "out.value",
    ]
    assert nx.descendants(graph, "out.error") == {"out.value", "h1.value", "h1.error"}


@pytest.mark.parametrize("make", [mlp, shared, diamond])
def test_graphml_round_trip(make, tmp_path) -> None:
    circuit = make()
    circuit.write_graphml(tmp_path / "circuit.graphml")
    back = nx.read_graphml(tmp_path / "circuit.graphml")
    graph = circuit.nx
    assert set(back) == set(graph)
    assert {(a, b) for a, b in back.edges} == {(a, b) for a, b, _ in graph.edges}
    for name, attributes in graph.nodes(data=True):
        assert back.nodes[name]["size"] == attributes["size"]
        assert back.nodes[name]["tau"] == attributes["tau"]
        assert tuple(int(n) for n in back.nodes[name]["shape"].split(",") if n) == attributes["shape"]
    for a, b, attributes in graph.edges(data=True):
        assert tuple(p for p in back.edges[a, b]["parameters"].split(",") if p) == attributes["parameters"]
        same = ("kind", "plastic", "hebbian", "delay", "synapses")
        assert [back.edges[a, b][k] for k in same] == [attributes[k] for k in same]


def test_graphml_is_not_written_over(tmp_path) -> None:
    path = tmp_path / "circuit.graphml"
    mlp().write_graphml(path)
    with pytest.raises(OutputError, match="exists already"):
        mlp().write_graphml(path)
    mlp().write_graphml(path, overwrite=True)


def test_no_two_edges_of_one_direction() -> None:
    graph = diamond(3).nx
    assert graph.number_of_edges() == nx.DiGraph(graph).number_of_edges()


def test_table() -> None:
    lines = str(mlp()).splitlines()
    assert lines[0] == "Circuit of 2 vertices and 1 input"
    assert lines[1].split()[:2] == ["neurons", "19"], "5 + 2 * 4 + 2 * 3"
    assert lines[2].split()[:2] == ["synapses", "58"], "20 + 12 predicted, 12 fed back, 2 * 4 + 2 * 3 within"
    assert lines[3].split()[:2] == ["plastic", "32"]
    assert lines[4].split() == ["parameters", "36", "in", "W1,", "b1,", "W2"]
    assert "h1          hidden  (4,)       4      4      20" in lines
    assert "x -> h1     prediction            W1                20  plastic" in lines
    assert "h1 -> out   prediction, feedback  W2                12  Hebbian" in lines


def test_table_of_a_long_circuit_says_what_it_leaves_out() -> None:
    def line(x, w):
        for k in range(300):
            x = pcn.vertex(w * x, f"a_population_with_a_name_that_is_far_too_long_{k}")
        return x

    text = str(pcn.build_circuit(pcn.trace(line, x=pcn.Input(()), w=pcn.Parameter(1.0))))
    assert "... 241 more ..." in text
    assert "... 240 more ..." in text
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.splitlines()) < 140


def test_of_an_array_that_several_are_joined_into_each_has_the_synapses_that_read_it() -> None:
    def network(x, y, W, V, K):
        joined = pcn.vertex(np.tanh(np.concatenate([x, y])) @ W, "joined")
        stacked = pcn.vertex(np.stack([joined, 2 * joined]) @ V, "stacked")
        part = pcn.vertex(np.concatenate([y[2:5], x]) @ K, "part")
        return {"stacked": stacked, "part": part}

    leaves = {"W": np.ones((10, 3)), "V": np.ones((3, 2)), "K": np.ones((7, 5))}
    inputs = {"x": pcn.Input((4,)), "y": pcn.Input((6,))}
    graph = pcn.trace(network, **inputs, **{k: pcn.Parameter(v) for k, v in leaves.items()})
    found = by_ends(pcn.build_circuit(graph))
    counts = {"x joined": 12, "y joined": 18, "x part": 20, "y part": 15, "joined stacked": 12}
    assert {" ".join(ends): p.synapses for ends, p in found.items()} == counts


def test_synapses_of_all_delays_are_those_of_the_matrix_and_one_row_of_the_table() -> None:
    nodes = pandas.DataFrame({"population": list("EEEEEEIII"), "x": np.arange(9.0), "bias": 0.5})
    pre, post = np.random.default_rng(0).permutation(81)[:30].reshape(1, -1) // np.array([[9], [1]]) % 9
    edges = pandas.DataFrame({"source": pre, "target": post, "weight": 1.0, "delay": 1.0})
    circuit = pcn.from_tables(nodes, edges, dt=1.0, velocity=2.0)
    edges_of = circuit.nx.edges(data=True)
    assert sum(d["synapses"] for *_, d in edges_of if d["kind"] == "prediction") == 30
    delays = np.rint(1.0 + np.abs(pre - post) / 2.0)
    for source, of in (("E", pre < 6), ("I", pre >= 6)):
        for target, at in (("E", post < 6), ("I", post >= 6)):
            here = delays[of & at]
            (row,) = [line for line in str(circuit).splitlines() if line.startswith(f"{source} -> {target}")]
            low, high = here.min(), here.max()
            assert row.split()[-3:] == [str(here.size), "Hebbian", f"{low:g}-{high:g}" if low < high else f"{low:g}"]
