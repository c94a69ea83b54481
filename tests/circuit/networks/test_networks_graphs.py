"""Circuits of networkx graphs: rate networks against SciPy's integrator, predictive-coding graphs against algebra."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from scipy import integrate, sparse

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import (
    CapacityError,
    DataError,
    ExpressionError,
    GraphError,
    ParameterError,
    ShapeError,
    UnknownNameError,
)

ENGINES = pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=["kernel", "reference"])
KERNEL_FIRST = pytest.mark.parametrize(
    "engine", [pcn.Kernel(), pytest.param(pcn.Reference(), marks=pytest.mark.long)], ids=["kernel", "reference"]
)
"""For what takes the reference long: it is held to the same closed forms in tests/engines."""
RNG = np.random.default_rng(0)
W_EE, W_EI, W_IE = RNG.random((5, 5)) / 4, RNG.random((5, 3)) / 3, RNG.random((3, 5)) / 2
W_XE = RNG.normal(size=(2, 5))


def balanced(form=np.asarray) -> networkx.DiGraph:
    """Excitatory and inhibitory rate neurons, and an input; weights are given as ``form`` has them."""
    graph = networkx.DiGraph()
    graph.add_node("E", size=5, transfer="tanh", tau=np.linspace(8.0, 12.0, 5), bias=0.3, sign="excitatory")
    graph.add_node("I", size=3, transfer="log(1 + exp(x))", tau=4.0, sign="inhibitory")
    graph.add_node("x", kind="input", size=2)
    graph.add_edge("E", "E", weight=form(W_EE))
    graph.add_edge("E", "I", weight=form(W_EI))
    graph.add_edge("I", "E", weight=form(W_IE))
    graph.add_edge("x", "E", weight=form(W_XE))
    return graph


def simulated(circuit, engine=None, dt=0.05, duration=20.0, **data):
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(dt), engine=engine or pcn.Kernel())
    return sim.run(duration, **data)


def expected_of_balanced(x, duration):
    """Values of E and I from 0 on, by SciPy."""
    tau = np.concatenate([np.linspace(8.0, 12.0, 5), np.full(3, 4.0)])

    def slope(_, v):
        e, i = v[:5], v[5:]
        drive = np.tanh(e @ W_EE - i @ W_IE + x @ W_XE + 0.3), np.log1p(np.exp(e @ W_EI))
        return (np.concatenate(drive) - v) / tau

    return integrate.solve_ivp(slope, (0, duration), np.zeros(8), method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]


FORMS = {
    "dense": np.asarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
    "coo matrix": sparse.coo_matrix,
}


@KERNEL_FIRST
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_rate_network_is_that_of_scipy(form, engine):
    x = np.array([0.7, -0.2])
    start = {"E": np.zeros(5), "I": np.zeros(3)}
    result = simulated(pcn.from_networkx(balanced(form)), engine, inputs={"x": x}, initial=start)
    got = np.concatenate([result.values["E"][0], result.values["I"][0]])
    np.testing.assert_allclose(got, expected_of_balanced(x, 20.0), rtol=1e-9)


def test_signs_are_in_the_weights_and_plasticity_keeps_them():
    graph = balanced()
    graph.edges["I", "E"]["plasticity"] = pcn.Hebbian(tau=5.0)
    circuit = pcn.from_networkx(graph)
    np.testing.assert_array_equal(circuit.parameters["W_I_E"], -W_IE)
    np.testing.assert_array_equal(circuit.parameters["W_E_I"], W_EI)
    assert circuit.plasticity["W_I_E"].bounds == (-np.inf, 0.0)
    learned = simulated(circuit, duration=300.0, dt=0.5, inputs={"x": np.ones(2)}).parameters["W_I_E"]
    assert (learned <= 0).all()
    assert (learned == 0).any()
    graph.edges["I", "E"]["plasticity"] = pcn.Hebbian(tau=5.0, bounds=(-1.0, 1.0))
    with pytest.raises(ParameterError, match=r"'I' -> 'E' has bounds .* lose their sign: give bounds within"):
        pcn.from_networkx(graph)


def ring() -> networkx.DiGraph:
    graph = networkx.DiGraph()
    for source, target in ("ab", "bc", "ca"):
        graph.add_edge(source, target, weight=0.5, kind="prediction")
    return graph


@ENGINES
def test_a_ring_of_three(engine):
    """Each predicts the next one by half; of one that is clamped at 1 the others are 2/3, exactly."""
    result = simulated(pcn.from_networkx(ring()), engine, dt=1.0, duration=600.0, clamp={"a": np.ones(1)})
    for name in "bc":
        np.testing.assert_allclose(result.values[name], 2 / 3, rtol=1e-12)


@KERNEL_FIRST
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_query_by_conditioning_on_a_fully_connected_graph(form, engine):
    """What is not clamped settles at v_free = -A_ff^-1 A_fc v_c, with A = (I - M)^T Pi (I - M)."""
    rng = np.random.default_rng(2)
    sizes, precisions = {"a": 3, "b": 2, "c": 2, "d": 1}, {"a": 1.0, "b": 2.0, "c": 0.5, "d": 1.5}
    graph, M = networkx.DiGraph(), np.zeros((8, 8))
    first = dict(zip(sizes, np.cumsum([0, 3, 2, 2]), strict=True))
    for name, size in sizes.items():
        graph.add_node(name, size=size, precision=precisions[name])
    for source, n in sizes.items():
        for target, m in sizes.items():
            weight = 0.2 * rng.normal(size=(n, m))
            graph.add_edge(source, target, weight=form(weight), kind="prediction")
            M[first[target] : first[target] + m, first[source] : first[source] + n] = weight.T
    every = np.repeat(list(precisions.values()), list(sizes.values()))
    A = (np.eye(8) - M).T @ np.diag(every) @ (np.eye(8) - M)
    held = rng.normal(size=4)
    clamped = np.array([3, 4, 5, 6])
    free = np.setdiff1d(np.arange(8), clamped)
    wanted = -np.linalg.solve(A[np.ix_(free, free)], A[np.ix_(free, clamped)] @ held)
    clamp = {"b": held[:2], "c": held[2:]}
    result = simulated(pcn.from_networkx(graph), engine, dt=1.0, duration=2000.0, clamp=clamp)
    np.testing.assert_allclose([*result.values["a"][0], *result.values["d"][0]], wanted, rtol=1e-9)


def test_without_cycles_it_is_the_function_that_it_stands_for():
    rng = np.random.default_rng(3)
    W, V, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=3)
    graph = networkx.DiGraph()
    graph.add_node("out", size=2)
    graph.add_node("h", size=3, transfer="tanh", bias=b)
    graph.add_node("x", kind="input", size=4)
    graph.add_edge("h", "out", weight=V, kind="prediction")
    graph.add_edge("x", "h", weight=W, kind="prediction")
    circuit = pcn.from_networkx(graph)

    def function(x, W, V, b):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W + b), "h") @ V, "out")

    leaves = {"W": pcn.Parameter(W), "V": pcn.Parameter(V), "b": pcn.Parameter(b)}
    other = pcn.build_circuit(pcn.trace(function, x=pcn.Input((4,)), **leaves))
    data = {"inputs": {"x": rng.normal(size=4)}, "targets": {"out": rng.normal(size=2)}}
    expected = pcn.backprop(other, **data).gradients
    got = pcn.backprop(circuit, **data).gradients
    for name, wanted in {"W_x_h": "W", "W_h_out": "V", "b_h": "b"}.items():
        np.testing.assert_array_equal(got[name], expected[wanted])


@pytest.mark.parametrize("name", ["tanh", "linear", "x", "relu", "x*tanh(x/2)"])
def test_transfer_functions_of_nodes_and_edges(name):
    graph = networkx.DiGraph()
    graph.add_node("a", size=2, bias=[0.4, -0.3])
    graph.add_node("b", size=2, transfer=name)
    weight = np.array([[0.5, 1.0], [-1.0, 0.25]])
    graph.add_edge("a", "b", weight=weight, transfer=name)
    functions = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "x*tanh(x/2)": lambda x: x * np.tanh(x / 2)}
    f = functions.get(name, lambda x: x)
    result = simulated(pcn.from_networkx(graph), dt=1.0, duration=1000.0, inputs={})
    np.testing.assert_allclose(result.values["b"][0], f(f(np.array([0.4, -0.3])) @ weight), rtol=1e-12)


def delayed(weights, delay, **more):
    """Two units that drive two others, which nothing else does; and those units decay, as nothing drives them."""
    graph = networkx.DiGraph()
    graph.add_node("a", size=2, bias=1.0, **({"positions": [[0.0], [3.0]]} if "velocity" in more else {}))
    graph.add_node("b", size=2, **({"positions": [[4.0], [0.0]]} if "velocity" in more else {}))
    graph.add_edge("a", "b", weight=weights, delay=delay, **more)
    return graph


DELAYS = np.array([[2.0, 5.0], [0.0, 3.0]])
WEIGHTS = np.array([[0.5, -1.0], [2.0, 0.25]])


@KERNEL_FIRST
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csc_array], ids=["dense", "csr", "csc"])
def test_each_synapse_has_its_delay(form, engine):
    """By Euler's method a step is what the equation of difference says, with a as it was."""
    stored = DELAYS + 1.0
    circuit = pcn.from_networkx(delayed(form(WEIGHTS), form(stored)), dt=1.0)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(1.0), engine=engine)
    start = {"a": np.zeros(2), "b": np.zeros(2)}
    record = [pcn.Record("b", "value", every=1.0)]
    got = sim.run(12.0, inputs={}, initial=start, record=record).records["b.value"].values[:, 0]
    a, b, rows = [np.zeros(2)], np.zeros(2), []
    for step in range(12):
        then = [[a[step - int(d)] if step >= d else np.zeros(2) for d in row] for row in stored]
        sums = np.array([sum(WEIGHTS[i, j] * then[i][j][i] for i in range(2)) for j in range(2)])
        rows.append(b)
        b = b + 0.1 * (sums - b)
        a.append(a[-1] + 0.1 * (1.0 - a[-1]))
    rows.append(b)
    np.testing.assert_allclose(got, rows[-len(got) :], atol=1e-15)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_delays_of_distances_are_those_of_an_array(form):
    """|target - source| / velocity + delay, rounded to whole steps."""
    apart = np.abs(np.array([[4.0, 0.0], [1.0, 3.0]]))
    by_hand = np.rint(apart / 0.7 + 1.0)
    runs = [
        simulated(pcn.from_networkx(graph, dt=1.0), dt=1.0, duration=9.0, inputs={}).values["b"]
        for graph in (delayed(form(WEIGHTS), 1.0, velocity=0.7), delayed(form(WEIGHTS), form(by_hand)))
    ]
    np.testing.assert_array_equal(*runs)


def test_predictions_without_cycles_have_conduction_delays_both_ways():
    graph = networkx.DiGraph()
    graph.add_node("a", size=2, positions=[[0.0, 0.0], [3.0, 4.0]], prior=0.5)
    graph.add_node("b", size=1, positions=[[0.0, 0.0]])
    graph.add_edge("a", "b", weight=1.0, kind="prediction", delay=1.0)
    circuit = pcn.from_networkx(graph, velocity=2.0)
    (block,) = [block for block in circuit.synapses() if block.source == "a"]
    np.testing.assert_allclose(block.delay, [1.0, 3.5])
    np.testing.assert_allclose(block.feedback_delay, [1.0, 3.5])


def test_populations_of_a_shape_a_drive_and_whole_numbers_as_names():
    graph = networkx.MultiDiGraph()
    graph.add_node(0, shape=(2, 3), drive=True, transfer="sin")
    graph.add_node(1, size=2, prior=np.ones(2))
    graph.add_edge(1, 0, weight=0.25)
    graph.add_edge(1, 0, weight=0.5)
    circuit = pcn.from_networkx(graph)
    assert circuit.vertices == ("n1", "n0")
    assert sorted(circuit.parameters) == ["W_n1_n0", "W_n1_n0_1"]
    drive = np.arange(6.0).reshape(2, 3)
    result = simulated(circuit, dt=1.0, duration=800.0, inputs={"n0_drive": drive})
    np.testing.assert_allclose(result.values["n0"][0], np.sin(drive + 1.5), rtol=1e-12)


def changed(change, graph=None):
    graph = balanced() if graph is None else graph
    change(graph)
    return graph


def test_fixed_prediction_refuses_what_goes_around():
    """A loop without delay has no feedforward sweep."""
    sim = pcn.Simulator
    with pytest.raises(ParameterError, match=r"FixedPrediction\(\).*'E_now' is a Recurrent of 'E'.*pcn.Strict"):
        sim(pcn.from_networkx(balanced()), dynamics=pcn.FixedPrediction()).run(1.0, inputs={"x": np.ones(2)})


def apart(graph, distance):
    """Put the populations so far from each other; returns the edge from E to I, which has a velocity."""
    graph.nodes["E"].update(positions=np.zeros((5, 1)))
    graph.nodes["I"].update(positions=np.full((3, 1), distance))
    graph.edges["E", "I"].update(velocity=1.0)
    return graph.edges["E", "I"]


WRONG = [
    (lambda g: g.add_edge("E", "J", weight=1.0), UnknownNameError, "node of an edge.*'J'"),
    (lambda g: g.add_edge("E", "x"), ParameterError, "edge 'E' -> 'x': 'x' is an input"),
    (lambda g: g.edges["I", "E"].update(weight=-W_IE), ParameterError, "'I' -> 'E' are negative.*'I' is inhibitory"),
    (lambda g: g.edges["I", "E"].update(sign=1), ParameterError, "another sign than all weights of 'I'"),
    (lambda g: g.edges["E", "I"].update(weight=W_EI.T), ShapeError, r"shape \(3, 5\); needed is \(5, 3\)"),
    (lambda g: g.edges["E", "I"].update(weight=sparse.csr_array(W_EI.T)), ShapeError, r"needed is \(5, 3\)"),
    (lambda g: g.edges["E", "I"].update(weight=np.full((5, 3), np.nan)), DataError, "15 of 15 values that are NaN"),
    (lambda g: g.edges["E", "I"].update(weight=sparse.csr_array((5, 3))), ShapeError, "no stored weight"),
    (lambda g: g.edges["E", "I"].update(wieght=1.0), UnknownNameError, "'wieght': did you mean 'weight'"),
    (lambda g: g.edges["E", "I"].update(kind="excite"), UnknownNameError, "kind of edge 'E' -> 'I': 'excite'"),
    (lambda g: g.edges["E", "I"].update(delay=-1.0), ParameterError, "delay of edge 'E' -> 'I'"),
    (
        lambda g: g.edges["E", "I"].update(delay=2.5),
        ParameterError,
        "2.5 ms, which is no multiple of dt = 1 ms: give 2",
    ),
    (lambda g: g.edges["E", "I"].update(delay=W_EI), ParameterError, "no multiple of dt"),
    (lambda g: g.edges["E", "I"].update(velocity=1.0), ParameterError, "'E' no positions"),
    (
        lambda g: g.edges["E", "I"].update(delay=pcn.DistanceDelay(np.ones((4, 2)), np.ones((3, 2)), 1.0)),
        ShapeError,
        "'E' -> 'I': DistanceDelay has 4 positions of its source, and a synapse is at unit 4",
    ),
    (lambda g: g.edges["x", "E"].update(delay=2.0), ParameterError, "'x' is an input: .*TimedArray"),
    (lambda g: g.edges["E", "I"].update(plasticity="Hebbian"), ParameterError, "needed is a Plasticity object"),
    (lambda g: g.nodes["E"].update(transfer="sigmoyd"), UnknownNameError, "'sigmoyd': did you mean 'sigmoid'"),
    (lambda g: g.nodes["E"].update(transfer="__import__('os')"), ExpressionError, "transfer of population 'E'"),
    (lambda g: g.nodes["E"].update(transfer=3), ParameterError, "transfer of population 'E' is 3"),
    (lambda g: g.nodes["E"].update(taw=3.0), UnknownNameError, "'taw': did you mean 'tau'"),
    (lambda g: g.nodes["E"].update(tau=-3.0), ParameterError, "tau of vertex 'E'"),
    (lambda g: g.nodes["E"].update(size=2.5), ParameterError, "size of population 'E' is 2.5"),
    (lambda g: g.nodes["E"].update(shape=(5,)), ParameterError, "a size and a shape"),
    (lambda g: g.nodes["E"].update(sign="both"), ParameterError, "sign of population 'E' is 'both'"),
    (lambda g: g.nodes["E"].update(bias=[1.0, 2.0]), ShapeError, "bias of population 'E'"),
    (lambda g: g.nodes["E"].update(prior=1.0), ParameterError, "prior of population 'E'"),
    (lambda g: g.nodes["E"].update(positions=np.ones((4, 2))), ShapeError, "positions of population 'E' are 4"),
    (lambda g: g.nodes["x"].update(tau=1.0), ParameterError, "'x' is an input, which has no tau"),
    (lambda g: g.edges["E", "I"].update(weight=np.nan), DataError, "15 of 15 values that are NaN"),
    (lambda g: g.edges["E", "I"].update(delay=np.float32("nan")), ParameterError, "delay of edge 'E' -> 'I'"),
    (lambda g: g.nodes["E"].update(tau=np.nan), ParameterError, "tau of vertex 'E'"),
    (lambda g: g.nodes["E"].update(bias=np.nan), DataError, "bias of population 'E'"),
    (lambda g: g.nodes["E"].update(kind=np.array(["input", "x"])), ParameterError, "kind of population 'E' is a nd"),
    (lambda g: g.nodes["E"].update(sign=1 + 0j), ParameterError, "sign of population 'E'"),
    (lambda g: g.nodes["E"].update(size=10**12), CapacityError, "population 'E' is of shape"),
    (lambda g: g.add_node("a", shape=(1,) * 70, bias=1.0), CapacityError, "population 'a' has a shape of 70 axes"),
    (lambda g: g.add_node("a", shape=(2**40,) * 2, bias=1.0), CapacityError, "population 'a' is of shape"),
    (lambda g: apart(g, 1.0).update(delay=W_EI), ParameterError, "'E' -> 'I' has a velocity, and delays of its syn"),
    (lambda g: apart(g, 1e200), ParameterError, "unit 0 to unit 0 would take infinitely long"),
    (lambda g: apart(g, 1.0).update(velocity=1e-320), ParameterError, "unit 0 to unit 0 would take infinitely long"),
    (
        lambda g: g.edges["I", "E"].update(weight=sparse.coo_array(([-1.0, 2.0], ([0, 0], [1, 1])), shape=(3, 5))),
        ParameterError,
        "'I' -> 'E' are negative, -1 as their least",
    ),
    (lambda g: g.add_node("1a", size=1), GraphError, "'1a' is no name"),
    (lambda g: g.add_node((1, 2), size=1), ParameterError, "is no name"),
]


@pytest.mark.parametrize(("change", "error", "text"), WRONG, ids=[text for *_, text in WRONG])
def test_what_does_not_fit_is_refused_by_name(change, error, text):
    with pytest.raises(error, match=text) as caught:
        pcn.from_networkx(changed(change), dt=1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [-5, 10**6])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array, sparse.bsr_array, sparse.coo_array])
def test_sparse_weights_at_places_that_there_are_not(form, place):
    """SciPy converts such a matrix by writing beyond its arrays."""
    matrix = form(W_EI)
    places = matrix.coords[0] if form is sparse.coo_array else matrix.indices
    places[0] = place
    graph = balanced()
    graph.edges["E", "I"].update(weight=matrix)
    with pytest.raises(DataError, match="weights of edge 'E' -> 'I' are a damaged sparse matrix"):
        pcn.from_networkx(graph, dt=1.0)


def test_what_readers_of_graphml_call_an_edge_is_none_of_its_attributes(tmp_path):
    graph = networkx.MultiDiGraph()
    graph.add_node("a", bias=1.0, transfer="tanh")
    graph.add_node("b", size=2)
    graph.add_edge("a", "b", weight=0.5, delay=2.0)
    networkx.write_graphml(graph, tmp_path / "plain.graphml")
    back = networkx.read_graphml(tmp_path / "plain.graphml", force_multigraph=True)
    assert fingerprint(pcn.from_networkx(back)) == fingerprint(pcn.from_networkx(graph))
    with_id = networkx.DiGraph(graph)
    with_id.edges["a", "b"]["id"] = "e0"
    assert fingerprint(pcn.from_networkx(with_id)) == fingerprint(pcn.from_networkx(graph))


@pytest.mark.parametrize("form", ["lil", "dok", "dia", "bsr"])
def test_magnitudes_are_looked_at_in_sparse_matrices_of_any_kind(form):
    graph = balanced()
    graph.edges["I", "E"].update(weight=sparse.csr_array(W_IE).asformat(form))
    np.testing.assert_array_equal(pcn.from_networkx(graph).parameters["W_I_E"], -W_IE.T.ravel())
    graph.edges["I", "E"].update(weight=sparse.csr_array(-W_IE).asformat(form))
    with pytest.raises(ParameterError, match="are negative"):
        pcn.from_networkx(graph)


def test_graphs_that_are_none():
    for wrong, text in (("ring", "graph is 'ring'"), (networkx.Graph([("a", "b")]), "has no directions")):
        with pytest.raises(GraphError, match=text):
            pcn.from_networkx(wrong)
    lone = networkx.DiGraph()
    lone.add_node("a", size=2)
    with pytest.raises(GraphError, match="nothing is predicted"):
        pcn.from_networkx(lone)
    twice = networkx.DiGraph()
    twice.add_nodes_from(["n1", 1], size=1)
    with pytest.raises(GraphError, match="two nodes of the name 'n1'"):
        pcn.from_networkx(twice)
    large = networkx.DiGraph()
    large.add_nodes_from("ab", size=100_000)
    large.add_edge("a", "b", weight=0.5)
    with pytest.raises(CapacityError, match="give a sparse matrix"):
        pcn.from_networkx(large)
