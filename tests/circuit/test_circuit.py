"""Which nodes become vertices, and with which constants."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import GraphError, ParameterError, ShapeError, UnknownNameError
from tests.circuits_for_tests import data_for, mlp, random_dag, same, scalar_graph


def trace(function, **leaves):
    return pcn.trace(function, **leaves)


RNG = np.random.default_rng(0)
W = pcn.Parameter(RNG.normal(size=(3, 3)))
B = pcn.Parameter(np.zeros(3))


def vertices(function, mode="auto", **leaves):
    leaves = leaves or {"x": pcn.Input((3,)), "w": W, "b": B}
    return pcn.build_circuit(trace(function, **leaves), vertices=mode).vertices


def test_marked_vertices_are_taken_where_there_are_any():
    def function(x, w, b):
        h = pcn.vertex(np.tanh(x @ w + b), "h")
        return np.sin(np.cos(h @ w))

    assert vertices(function) == ("h", "out")
    assert vertices(function, "marked") == ("h", "out")
    assert len(vertices(function, "all")) == 6


def test_without_marks_an_affine_group_with_its_elementwise_function_is_one_vertex():
    assert vertices(lambda x, w, b: np.tanh(x @ w + b) @ w) == ("tanh", "out")
    # Two projections to one population, as in a recurrent network, are one group.
    assert vertices(lambda x, w, b: np.tanh(x @ w + np.tanh(x) @ w + b)) == ("tanh", "out")
    # A gain and an offset belong to the group; what follows a nonlinear function does not.
    assert vertices(lambda x, w, b: np.sin(np.tanh(2 * (x @ w) - 1))) == ("tanh", "out")
    # Two projections in a row are two populations.
    assert vertices(lambda x, w, b: x @ w @ w) == ("matmul", "out")


def test_other_operations_have_vertices_of_their_own():
    def gates(x, w, b):
        f, i = pcn.ops.sigmoid(x @ w), pcn.ops.sigmoid(x @ w + b)
        c = f * i
        return np.tanh(c) * f

    names = vertices(gates)
    assert names == ("sigmoid", "sigmoid_1", "multiply", "tanh", "out")
    assert vertices(lambda x, w, b: pcn.ops.softmax(x @ w)) == ("matmul", "out")


def test_moved_parameters_are_read_in_the_dendrite():
    assert vertices(lambda x, w, b: np.tanh(x @ w.T + b[::-1])) == ("out",)
    assert len(vertices(lambda x, w, b: np.tanh(x @ w.T + b[::-1]), "all")) == 5


def test_a_node_with_two_users_has_neurons():
    def function(x, w, b):
        a = x @ w
        return np.tanh(a) + np.sin(a)

    assert vertices(function) == ("matmul", "tanh", "sin", "out")


def test_constants_by_number_array_and_vertex():
    graph = mlp((3, 4, 2))
    circuit = pcn.build_circuit(graph, tau={"h1": 5.0, "out": np.array([1.0, 2.0])}, precision=3.0)
    np.testing.assert_array_equal(circuit.tau["h1"], np.full(4, 5.0))
    np.testing.assert_array_equal(circuit.tau["out"], [1.0, 2.0])
    np.testing.assert_array_equal(circuit.precision["h1"], np.full(4, 3.0))
    assert pcn.build_circuit(graph, tau={"h1": 5.0}).tau["out"][0] == 10.0
    same = pcn.build_circuit(trace(lambda x: pcn.vertex(x * 2, "a") * 3, x=pcn.Input((2,))), tau=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(same.tau["a"], [1.0, 2.0])


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"tau": 0.0}, ParameterError, "tau of vertex 'h1' must be positive"),
        ({"tau": {"h1": -1.0}}, ParameterError, "positive"),
        ({"tau": np.nan}, ParameterError, "positive and finite"),
        ({"tau": np.ones(3)}, ParameterError, "of shape"),
        ({"tau": "slow"}, ParameterError, "give a number"),
        ({"tau": "5"}, ParameterError, "is '5': give a number"),
        ({"tau": [1.0, [2.0, 3.0]]}, ParameterError, "is a list: give a number"),
        ({"tau": np.ones((3, 1, 2))}, ParameterError, r"is of shape \(3, 1, 2\): give a number"),
        ({"tau": {"h2": 1.0}}, UnknownNameError, "did you mean 'h1'"),
        ({"precision": {"H1": 1.0}}, UnknownNameError, "did you mean 'h1'"),
        ({"precision": 0.0}, ParameterError, "precision of vertex 'h1' must be positive"),
        ({"vertices": "some"}, ParameterError, "choose 'auto', 'marked' or 'all'"),
        ({"energies": {"oout": pcn.SquaredError()}}, UnknownNameError, "did you mean 'out'"),
        ({"energies": {"out": "softmax"}}, ParameterError, "give an object"),
        ({"energies": {"out": pcn.SquaredError}}, ParameterError, "is the class SquaredError; give an object"),
        ({"energies": pcn.SquaredError()}, ParameterError, "energies is a SquaredError; give a dict .*{'out'"),
        ({"energies": "softmax"}, ParameterError, "energies is 'softmax'; give a dict"),
        ({"energies": [pcn.SquaredError()]}, ParameterError, "energies is a list; give a dict"),
    ],
)
def test_bad_settings(settings, error, text):
    with pytest.raises(error, match=text) as caught:
        pcn.build_circuit(mlp((3, 4, 2)), **settings)
    assert "\n" not in str(caught.value)


def test_only_graphs_become_circuits():
    with pytest.raises(GraphError, match="needs a Graph"):
        pcn.build_circuit(lambda x: x)


def test_with_parameters_gives_a_new_circuit():
    circuit = pcn.build_circuit(scalar_graph())
    other = circuit.with_parameters({"theta": 3.0})
    assert other.parameters["theta"] == 3.0
    assert circuit.parameters["theta"] == 2.0
    with pytest.raises(UnknownNameError, match="theta"):
        circuit.with_parameters({"thta": 1.0})


def test_a_latent_without_a_prior_has_no_precision():
    def generative(**settings):
        return trace(lambda z, w: z @ w, z=pcn.Latent((3,), **settings), w=W)

    with pytest.raises(
        ParameterError, match=r"precision of 'z', a latent without a prior: .* pcn\.Latent\(\(3,\), prior="
    ):
        pcn.build_circuit(generative(), precision={"z": 4.0})
    assert not pcn.build_circuit(generative(), precision=4.0).precision["z"].any()
    assert (pcn.build_circuit(generative(prior=0.0), precision={"z": 4.0}).precision["z"] == 4.0).all()


SPARSE = scipy.sparse.random_array((6, 4), density=0.5, rng=np.random.default_rng(0), format="csr")


def sparse_circuit():
    graph = trace(
        lambda x, s, v: np.tanh(x @ s) @ v, x=pcn.Input((6,)), s=pcn.Parameter(SPARSE), v=pcn.Parameter(np.eye(4))
    )
    return pcn.build_circuit(graph)


def setters(circuit):
    """The two ways to give new parameters, and from each what it has then."""
    sim = pcn.Simulator(circuit)

    def set_parameters(values):
        sim.set_parameters(values)
        return sim.parameters

    return [set_parameters, lambda values: circuit.with_parameters(values).parameters]


@pytest.mark.parametrize("origin", ["traced", "from a file", "with parameters"])
def test_a_sparse_parameter_takes_a_matrix_of_its_own_pattern(origin, tmp_path):
    circuit = sparse_circuit()
    if origin == "from a file":
        circuit.save(tmp_path / "c.pcn")
        circuit = pcn.load_circuit(tmp_path / "c.pcn")
    elif origin == "with parameters":
        circuit = circuit.with_parameters({"s": np.ones(SPARSE.nnz)})
    other = scipy.sparse.random_array((6, 4), density=0.5, rng=np.random.default_rng(1), format="csr")
    wider = scipy.sparse.csr_array((SPARSE.data, SPARSE.indices, SPARSE.indptr), shape=(6, 5))
    for give in setters(circuit):
        np.testing.assert_array_equal(give({"s": 2 * SPARSE})["s"], 2 * SPARSE.data)
        np.testing.assert_array_equal(give({"s": 3 * SPARSE.tocoo()})["s"], 3 * SPARSE.data)
        np.testing.assert_array_equal(give({"s": 4 * SPARSE.data})["s"], 4 * SPARSE.data)
        for wrong in (other, SPARSE.T, wider):
            with pytest.raises(
                ShapeError, match=r"not all of them where those traced are \(shape \(6, 4\), 12 weights\)"
            ):
                give({"s": wrong})
        with pytest.raises(ShapeError, match=r"parameter 'v' is an array of shape \(4, 4\).*toarray"):
            give({"v": scipy.sparse.eye_array(4)})
        with pytest.raises(ShapeError, match=r"parameter 's' has shape \(6, 4\); needed is \(12,\)"):
            give({"s": SPARSE.toarray()})
        with pytest.raises(ParameterError, match="parameters are a list; give a dict"):
            give([1.0])


@pytest.mark.parametrize("make", [lambda: pcn.build_circuit(random_dag(3), tau=5.0, precision=2.0), sparse_circuit])
def test_circuits_and_graphs_are_copied_and_pickled(make):
    circuit = make()
    circuit.nx  # noqa: B018 - what was computed once is no hindrance
    assert copy.deepcopy(circuit) is circuit
    assert copy.deepcopy({"a": [circuit]})["a"][0] is circuit
    inputs, targets = data_for(circuit.graph, 2)
    expected = pcn.Simulator(circuit).run(30.0, inputs=inputs, targets=targets)
    for other in (copy.copy(circuit), pickle.loads(pickle.dumps(circuit))):
        assert fingerprint(other) == fingerprint(circuit)
        assert other.energies == circuit.energies
        got = pcn.Simulator(other).run(30.0, inputs=inputs, targets=targets)
        assert same(got.gradients, expected.gradients)
    for graph in (copy.deepcopy(circuit.graph), copy.copy(circuit.graph), pickle.loads(pickle.dumps(circuit.graph))):
        assert list(graph.nodes) == list(circuit.graph.nodes)
        assert same(*(pcn.backprop(g, inputs, targets).gradients for g in (graph, circuit.graph)))


def test_outputs_that_others_use_are_read_out_by_vertices_of_their_own():
    """The loss at an output that also feeds another one adds to what comes back from there."""

    def function(x, w, b):
        h = pcn.vertex(np.tanh(x @ w + b), "h")
        return {"h": h, "y": h @ w}

    circuit = pcn.build_circuit(trace(function, x=pcn.Input((3,)), w=W, b=B))
    assert set(circuit.vertices) == {"h", "h_readout", "y"}
    assert circuit.graph.outputs["h"].name == "h_readout"
    inputs = {"x": np.array([0.3, -0.2, 0.5])}
    targets = {"h": np.array([1.0, 0.0, -1.0]), "y": np.zeros(3)}
    reference = pcn.backprop(circuit, inputs, targets)
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10.0))
    assert pcn.compare(sim.run(50.0, inputs=inputs, targets=targets), reference).worst < 1e-13
