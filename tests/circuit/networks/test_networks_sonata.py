"""Circuits of SONATA files: those of the package, those of the standard with types and groups, and damaged ones."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import GraphError, ModelFileError, ParameterError, UnknownNameError
from pcneuro.export import sonata
from tests.circuits_for_tests import mlp

STRICT = {"dynamics": pcn.Strict(), "integrator": pcn.Euler(1.0)}


def test_what_the_package_writes_is_read_back(tmp_path):
    """Weights are in the file; transfer functions and biases are not, and are given."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    sonata.write(circuit, tmp_path / "c.h5")
    values = circuit.parameters
    given = {name: {"transfer": "tanh", "bias": values[f"b{k}"]} for k, name in enumerate(("h1", "h2"), 1)}
    given["out"] = {"bias": values["b3"]}
    back = pcn.from_sonata(tmp_path / "c.h5", attributes=given)
    assert set(back.vertices) == set(circuit.vertices)
    data = {"inputs": {"x": np.linspace(-1.0, 1.0, 5)}, "targets": {"out": np.ones(3)}}
    results = [pcn.Simulator(c).run(100.0, **data) for c in (circuit, back)]
    for name in circuit.vertices:
        np.testing.assert_allclose(results[1].errors[name], results[0].errors[name], rtol=1e-9, atol=1e-12)


def standard(path, *, weights=(0.5, -0.25, 2.0), positions=True):
    """Two populations of nodes in one file, edges in another, as the standard has them, and tables of their types."""
    with h5py.File(path / "nodes.h5", "w") as root:
        for name, count in (("cortex", 3), ("LGN", 2)):
            population = root.create_group(f"nodes/{name}")
            population["node_id"] = np.arange(count)[::-1]
            population["node_type_id"] = np.full(count, 100 if name == "cortex" else 200)
            population["node_group_id"] = np.zeros(count, dtype=int)
            population["node_group_index"] = np.arange(count)
            group = population.create_group("0")
            group["rotation_angle"] = np.ones(count)
            if positions:
                group["x"] = 10.0 * np.arange(count)
                group["y"] = np.zeros(count)
            if name == "cortex":
                group.create_group("dynamics_params")["tau"] = np.array([5.0, 10.0, 20.0])
    with h5py.File(path / "edges.h5", "w") as root:
        for name, pre, post in (("cc", [0, 1, 2], [1, 2, 0]), ("lc", [0, 1, 1], [0, 1, 2])):
            population = root.create_group(f"edges/{name}")
            for end, ids, nodes in (("source", pre, "cortex" if name == "cc" else "LGN"), ("target", post, "cortex")):
                population[f"{end}_node_id"] = np.array(ids, dtype=np.uint64)
                population[f"{end}_node_id"].attrs["node_population"] = nodes
            population["edge_type_id"] = np.full(3, 7 if name == "cc" else 8)
            population["edge_group_id"] = np.array([0, 0, 1])
            population["edge_group_index"] = np.array([1, 0, 0])
            population.create_group("0")["syn_weight"] = np.array(weights[:2])
            population.create_group("1")["syn_weight"] = np.array(weights[2:])
    (path / "node_types.csv").write_text(
        "node_type_id pop_name transfer kind tau\n100 cortex tanh NULL NULL\n200 LGN NULL input NULL\n"
    )
    (path / "edge_types.csv").write_text("edge_type_id syn_weight delay\n7 9.0 2.0\n8 9.0 0.0\n")
    return {name: path / f"{name}.{'h5' if name in ('nodes', 'edges') else 'csv'}" for name in FILES}


FILES = ("nodes", "edges", "node_types", "edge_types")


def test_types_groups_and_ids_of_the_standard(tmp_path):
    """Weights of edges are their own before those of their types; node ids are in another order than rows."""
    circuit = pcn.from_sonata(**standard(tmp_path), dt=1.0)
    assert circuit.vertices == ("cortex",)
    assert list(circuit.graph.inputs) == ["LGN"]
    np.testing.assert_array_equal(circuit.tau["cortex"], [5.0, 10.0, 20.0])
    (leaf,) = circuit.graph.recurrent.values()
    assert leaf.source.delay == 2.0
    W, V = np.zeros((3, 3)), np.zeros((2, 3))
    for i, j, w in ((0, 1, -0.25), (1, 2, 0.5), (2, 0, 2.0)):
        W[2 - i, 2 - j] = w
    for i, j, w in ((0, 0, -0.25), (1, 1, 0.5), (1, 2, 2.0)):
        V[1 - i, 2 - j] = w
    x, start = np.array([0.3, -0.7]), np.array([0.1, 0.2, 0.3])
    sim = pcn.Simulator(circuit, **STRICT)
    got = sim.run(3.0, inputs={"LGN": x}, initial={"cortex": start}).values["cortex"][0]
    v = [start]
    for step in range(3):
        before = v[step - 2] if step >= 2 else np.zeros(3)
        v.append(v[-1] + (np.tanh(before @ W + x @ V) - v[-1]) / np.array([5.0, 10.0, 20.0]))
    np.testing.assert_allclose(got, v[-1], rtol=1e-12)


def test_groups_without_a_number_have_that_of_the_type(tmp_path):
    """Of edges, and of nodes; and populations of edges may be empty."""
    files = standard(tmp_path, positions=False)
    with h5py.File(files["edges"], "r+") as root:
        del root["edges/cc/1/syn_weight"]
        for name in ("source_node_id", "target_node_id", "edge_type_id", "edge_group_id", "edge_group_index"):
            attributes = dict(root[f"edges/lc/{name}"].attrs)
            del root[f"edges/lc/{name}"]
            root[f"edges/lc/{name}"] = np.zeros(0, dtype=np.int64)
            root[f"edges/lc/{name}"].attrs.update(attributes)
    table(tmp_path, "kind tau\n100 NULL 7.5\n200 input NULL")
    circuit = pcn.from_sonata(**files, dt=1.0)
    np.testing.assert_array_equal(circuit.tau["cortex"], [5.0, 10.0, 7.5])
    np.testing.assert_array_equal(sorted(circuit.parameters["W_cortex_cortex"]), [-0.25, 0.5, 9.0])


def test_delays_of_distances_and_rules(tmp_path):
    files = standard(tmp_path)
    files["edge_types"] = None
    rule = pcn.Hebbian(tau=100.0)
    circuit = pcn.from_sonata(**files, dt=1.0, velocity=5.0, plasticity={("cortex", "cortex"): rule})
    assert sorted(leaf.source.delay for leaf in circuit.graph.recurrent.values()) == [2.0, 4.0]
    assert dict(circuit.plasticity) == {"W_cortex_cortex": rule}


def change(path, name, place, values, attribute=None):
    """Write something else at a place of one of the files."""
    with h5py.File(path / f"{name}.h5", "r+") as root:
        if attribute:
            root[place].attrs[attribute] = values
            return
        if place in root:
            attributes = dict(root[place].attrs)
            del root[place]
        else:
            attributes = {}
        if values is not None:
            root[place] = values
            if attributes:
                root[place].attrs.update(attributes)


def table(path, text):
    """Write other types of nodes, some of which have no tau of their own then."""
    (path / "node_types.csv").write_text(f"node_type_id {text}\n")
    change(path, "nodes", "nodes/cortex/node_group_id", np.array([0, 0, 1]))
    with h5py.File(path / "nodes.h5", "r+") as root:
        root.create_group("nodes/cortex/1")


WRONG = [
    (lambda p: change(p, "edges", "edges/cc/source_node_id", np.array([0, 1, 3])), GraphError, "node 3 .* has 3 nodes"),
    (lambda p: change(p, "edges", "edges/cc/source_node_id", np.array([0, 1])), ModelFileError, "2 entries; needed"),
    (lambda p: change(p, "edges", "edges/cc/source_node_id", "x", "node_population"), UnknownNameError, "'x'"),
    (lambda p: change(p, "edges", "edges/cc/edge_type_id", None), ModelFileError, "no array /edges/cc/edge_type_id"),
    (lambda p: change(p, "edges", "edges/cc/edge_type_id", np.full(3, 5)), ModelFileError, "type 5 is in no row"),
    (
        lambda p: change(p, "edges", "edges/cc/edge_group_index", np.array([1, 9, 0])),
        ModelFileError,
        "entry 9 is asked",
    ),
    (lambda p: change(p, "edges", "edges/cc/0/syn_weight", np.array([np.nan, 1.0])), ValueError, "NaN or infinite"),
    (lambda p: change(p, "edges", "edges/cc/0/syn_weight", np.ones((2, 2))), ModelFileError, "of one axis"),
    (lambda p: change(p, "edges", "edges/cc/0/syn_weight", h5py.ExternalLink("o.h5", "/x")), ModelFileError, "a link"),
    (lambda p: change(p, "edges", "edges/cc/source_node_id", np.array([0.0, 1.5, 2.0])), ModelFileError, "has 1.5, "),
    (lambda p: change(p, "edges", "edges/cc/source_node_id", np.array([0.0, np.nan, 2])), ModelFileError, "has nan, "),
    (lambda p: change(p, "edges", "edges/cc/edge_group_index", np.array([np.inf, 1, 0])), ModelFileError, "has inf, "),
    (lambda p: change(p, "nodes", "nodes/cortex/node_id", np.array([0, 0, 1])), GraphError, "not 0 to 2, each once"),
    (lambda p: change(p, "nodes", "nodes", None), ModelFileError, "no group /nodes"),
    (lambda p: table(p, "tau tau\n100 1 2\n200 NULL NULL"), ModelFileError, "no table: it has a column twice"),
    (lambda p: table(p, " ".join(f"c{i}" for i in range(2000))), ModelFileError, "or more than 1,000"),
    (lambda p: table(p, "tau\n100 1 2\n200 NULL 3"), ModelFileError, "no table: Length of header"),
    (lambda p: table(p, "tau\n100 fast\n200 NULL"), ModelFileError, "types have 'fast' where some nodes or edges have"),
    (lambda p: (p / "nodes.h5").write_bytes(b"no such file"), ModelFileError, "cannot read .*no HDF5 file"),
    (lambda p: (p / "nodes.h5").unlink(), ModelFileError, "cannot read .*No such file"),
    (lambda p: (p / "node_types.csv").write_text("a b\n1 2\n"), ModelFileError, "needs a column 'node_type_id'"),
    (lambda p: (p / "node_types.csv").write_bytes(b"\xff\xfe\x00"), ModelFileError, "node_types"),
]


@pytest.mark.parametrize(("damage", "error", "text"), WRONG, ids=[text for *_, text in WRONG])
def test_damaged_files_are_refused_in_one_line(damage, error, text, tmp_path):
    files = standard(tmp_path)
    damage(tmp_path)
    with pytest.raises(error, match=text) as caught:
        pcn.from_sonata(**files, dt=1.0)
    assert "\n" not in str(caught.value)


def test_names_of_populations_may_be_text_of_a_fixed_length(tmp_path):
    files = standard(tmp_path)
    wanted = pcn.from_sonata(**files, dt=1.0)
    change(tmp_path, "edges", "edges/cc/source_node_id", np.bytes_("cortex"), "node_population")
    assert fingerprint(pcn.from_sonata(**files, dt=1.0)) == fingerprint(wanted)


def test_an_array_of_no_bytes_is_not_believed(tmp_path):
    files = standard(tmp_path)
    with h5py.File(tmp_path / "nodes.h5", "r+") as root:
        del root["nodes/cortex/node_type_id"]
        root.create_dataset("nodes/cortex/node_type_id", shape=(2**40,), dtype=np.int64, chunks=(2**20,))
    with pytest.raises(ModelFileError, match="more than the file has bytes for"):
        pcn.from_sonata(**files)


def test_any_cut_is_refused(tmp_path):
    files = standard(tmp_path)
    whole = files["edges"].read_bytes()
    for length in range(0, len(whole), max(len(whole) // 25, 1)):
        files["edges"].write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"edges\.h5|edges"):
            pcn.from_sonata(**files)


def test_attributes_are_of_populations_and_known(tmp_path):
    files = standard(tmp_path)
    for given, error, text in (
        ({"retina": {"tau": 3.0}}, UnknownNameError, "population in attributes 'retina'"),
        ({"cortex": {"taau": 3.0}}, UnknownNameError, "attribute of population 'cortex': 'taau': did you mean 'tau'"),
        ({"cortex": {"tau": [3.0, 2.0]}}, ParameterError, "one for each of its 3 nodes"),
        ({"cortex": 3.0}, ParameterError, "attributes of 'cortex' are 3.0"),
        (3, ParameterError, "attributes are 3"),
    ):
        with pytest.raises(error, match=text):
            pcn.from_sonata(**files, attributes=given)


def test_a_circuit_with_dendrites_is_refused_by_name(tmp_path):
    rng = np.random.default_rng(0)
    graph = pcn.trace(
        lambda x, W, V: pcn.vertex(np.tanh(x @ W) @ V, "y"),
        x=pcn.Input((2,)),
        W=pcn.Parameter(rng.normal(size=(2, 2))),
        V=pcn.Parameter(rng.normal(size=(2, 2))),
    )
    sonata.write(pcn.build_circuit(graph), tmp_path / "c.h5")
    with pytest.raises(ModelFileError, match=r"is a dendrite of a circuit.*pcn.load_circuit"):
        pcn.from_sonata(tmp_path / "c.h5")
