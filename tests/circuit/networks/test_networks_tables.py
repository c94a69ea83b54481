"""Circuits of tables: the same as of the graph that they stand for, and what does not fit, by name."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from scipy import sparse

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import DataError, GraphError, ParameterError, UnknownNameError

RNG = np.random.default_rng(0)
COUNTS = {"E": 6, "I": 3}
TAU = np.linspace(8.0, 12.0, 9)
BIAS = RNG.normal(size=9)


def neurons() -> pandas.DataFrame:
    """Nine neurons in two populations, whose rows are mixed."""
    order = RNG.permutation(9)
    table = pandas.DataFrame(
        {
            "id": [f"cell {i}" for i in range(9)],
            "population": ["E"] * 6 + ["I"] * 3,
            "transfer": ["tanh"] * 6 + ["relu"] * 3,
            "tau": TAU,
            "bias": BIAS,
            "sign": ["excitatory"] * 6 + ["inhibitory"] * 3,
            "x": np.arange(9.0),
            "y": 0.5 * np.arange(9.0),
        }
    )
    return table.iloc[order]


def synapses(count=30) -> pandas.DataFrame:
    """Random synapses, several between some pairs."""
    rng = np.random.default_rng(1)
    pre, post = rng.integers(9, size=(2, count))
    weights = rng.random(count)
    return pandas.DataFrame({"source": [f"cell {i}" for i in pre], "target": [f"cell {i}" for i in post]}).assign(
        weight=weights
    )


def by_hand(nodes: pandas.DataFrame, edges: pandas.DataFrame) -> dict[str, np.ndarray]:
    """Weights (neurons before, behind) by pairs of populations, in the order of the rows."""
    ids = {name: nodes.id[nodes.population == name].tolist() for name in COUNTS}
    where = {cell: (name, i) for name, cells in ids.items() for i, cell in enumerate(cells)}
    W = {f"{a}_{b}": np.zeros((COUNTS[a], COUNTS[b])) for a in COUNTS for b in COUNTS}
    for row in edges.itertuples():
        (a, i), (b, j) = where[row.source], where[row.target]
        W[f"{a}_{b}"][i, j] += row.weight * (1 if a == "E" else -1)
    return W


def test_neurons_and_synapses_are_grouped_by_population():
    nodes, edges = neurons(), synapses()
    circuit = pcn.from_tables(nodes, edges)
    tau = {name: nodes.tau[nodes.population == name].to_numpy() for name in COUNTS}
    bias = {name: nodes.bias[nodes.population == name].to_numpy() for name in COUNTS}
    for name, count in COUNTS.items():
        assert circuit.graph.nodes[name].shape == (count,)
        np.testing.assert_array_equal(circuit.tau[name], tau[name])
        np.testing.assert_array_equal(circuit.parameters[f"b_{name}"], bias[name])
    W = by_hand(nodes, edges)
    state = {"E": np.full(6, 0.5), "I": np.full(3, 0.25)}
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(1.0))
    after = sim.run(1.0, inputs={}, initial=state).values
    for name, f in (("E", np.tanh), ("I", lambda x: np.maximum(x, 0))):
        sums = sum(state[a] @ W[f"{a}_{name}"] for a in COUNTS) + bias[name]
        np.testing.assert_allclose(after[name][0], state[name] + (f(sums) - state[name]) / tau[name], rtol=1e-12)


def test_tables_of_populations_are_graphs():
    nodes = pandas.DataFrame({"id": ["E", "I"], "size": [4, 2], "tau": [10.0, None], "transfer": ["tanh", "relu"]})
    matrix = sparse.random_array((4, 2), density=0.5, rng=np.random.default_rng(0))
    edges = pandas.DataFrame({"source": ["E", "I"], "target": ["I", "E"], "weight": [matrix, 0.5], "delay": [0.0, 2.0]})
    circuit = pcn.from_tables(nodes, edges, plasticity={("I", "E"): pcn.Hebbian(tau=100.0)})
    import networkx

    graph = networkx.DiGraph()
    graph.add_node("E", size=4, tau=10.0, transfer="tanh")
    graph.add_node("I", size=2, transfer="relu")
    graph.add_edge("E", "I", weight=matrix)
    graph.add_edge("I", "E", weight=0.5, delay=2.0, plasticity=pcn.Hebbian(tau=100.0))
    expected = pcn.from_networkx(graph)
    assert fingerprint(circuit) == fingerprint(expected)
    np.testing.assert_array_equal(circuit.parameters["W_E_I"], expected.parameters["W_E_I"])


def test_whole_numbers_and_other_orders_of_rows_are_the_same_network():
    nodes, edges = neurons().sort_values("id"), synapses()
    by_number = edges.assign(**{c: edges[c].str[5:].astype(int) for c in ("source", "target")})
    plain = nodes.drop(columns="id").reset_index(drop=True)
    circuits = [
        pcn.from_tables(nodes, edges),
        pcn.from_tables(plain, by_number),
        pcn.from_tables(plain, by_number.sample(frac=1.0, random_state=1)),
        pcn.from_tables(dict(plain), by_number.to_dict("records")),
    ]
    for other in circuits[1:]:
        assert fingerprint(other) == fingerprint(circuits[0])
        for name, value in circuits[0].parameters.items():
            np.testing.assert_allclose(other.parameters[name], value, rtol=1e-15)


def test_delays_of_distances_and_of_single_synapses():
    nodes = pandas.DataFrame({"population": ["E"] * 4, "x": [0.0, 1.0, 2.0, 5.0], "y": 0.0, "bias": 0.5})
    edges = pandas.DataFrame({"source": [0, 1, 2, 3], "target": [1, 2, 3, 0], "weight": [0.5, -1.0, 0.25, 2.0]})
    by_velocity = pcn.from_tables(nodes, edges.assign(delay=1.0), dt=1.0, velocity=1.0)
    by_hand = pcn.from_tables(nodes, edges.assign(delay=[2.0, 2.0, 4.0, 6.0]), dt=1.0)
    results = [
        pcn.Simulator(c, dynamics=pcn.Strict(), integrator=pcn.Euler(1.0)).run(15.0, inputs={}).values["E"]
        for c in (by_velocity, by_hand)
    ]
    np.testing.assert_array_equal(*results)
    leaves = [leaf.source.delay for leaf in by_hand.graph.recurrent.values()]
    assert leaves == [2.0, 4.0, 6.0]


WRONG = [
    (lambda n, e: (pandas.concat([n, n.iloc[:1]]), e), GraphError, "nodes have the id 'cell .' twice"),
    (lambda n, e: (n, e.assign(target="cell 99")), GraphError, "edges have the target 'cell 99' in row 0"),
    (lambda n, e: (n, e.drop(columns="source")), ParameterError, "edges have no column 'source'"),
    (lambda n, e: (n, e.rename(columns={"weight": "wieght"})), UnknownNameError, "column of edges: 'wieght': did you"),
    (lambda n, e: (n.rename(columns={"tau": "taau"}), e), UnknownNameError, "column of nodes: 'taau': did you mean"),
    (lambda n, e: (n.assign(transfer=np.where(n.id == "cell 0", "relu", "tanh")), e), ParameterError, "one for all"),
    (lambda n, e: (n.assign(tau=n.tau.where(n.id != "cell 3")), e), DataError, "'tau' of nodes has no value for some"),
    (lambda n, e: (n.assign(population=n.population.where(n.id != "cell 3")), e), DataError, "without a population"),
    (lambda n, e: (n, e.assign(weight=-e.weight)), ParameterError, "weights of edge '[EI]' -> '[EI]' are negative"),
    (lambda n, e: (n, e.assign(weight=np.nan)), DataError, "values that are NaN"),
    (lambda n, e: (n, e.assign(weight="strong")), DataError, "weights of edges 'E' -> 'E' have what is no number"),
    (lambda n, e: (n, e.assign(delay=np.where(e.index == 0, 1.0, np.nan))), DataError, "'delay' of edges"),
    (lambda n, e: (n, e.assign(delay=1.0 + e.index)), ParameterError, "several synapses between the same two"),
    (lambda n, e: (n, e.assign(delay=0.3)), ParameterError, "0.3 ms, which is no multiple of dt = 1 ms"),
    (lambda n, e: (n.assign(x="left"), e), DataError, "columns x, y of nodes"),
    (lambda n, e: (n.assign(x=1j), e), DataError, "columns x, y of nodes"),
    (lambda n, e: (n.assign(x=pandas.Timestamp(0)), e), DataError, "columns x, y of nodes have what is no number"),
    (lambda n, e: (n.assign(x="1"), e), DataError, "columns x, y of nodes have what is no number"),
    (lambda n, e: (n.assign(tau="fast"), e), DataError, "column 'tau' of nodes has, in population '[EI]', what is no"),
    (lambda n, e: (n.assign(tau=[[1.0]] * 9), e), DataError, "column 'tau' of nodes has, in population '[EI]', what"),
    (lambda n, e: (n.assign(population=[["E"]] * 9), e), DataError, "'population' of nodes has what is no name"),
    (lambda n, e: (n.assign(transfer=[["tanh"] for _ in range(9)]), e), ParameterError, "'transfer' of nodes has"),
    (lambda n, e: (n.assign(noise=[[1.0]] * 9), e), ParameterError, "noise of 'E.value' is a list"),
    (lambda n, e: (n, e.assign(delay=[[1.0]] * 30)), DataError, "delays of edges 'E' -> 'E' have what is no number"),
    (lambda n, e: (n, e.assign(weight=np.where(e.index == 0, -0.1, 1.0))), ParameterError, "'E' are negative, -0.1 "),
    (lambda n, e: (n, e.assign(source=[[1]] * len(e))), DataError, "'source' of edges has what is no id"),
    (lambda n, e: (n, e.assign(kind=[["rate"]] * len(e))), DataError, "'kind' of edges has what is no text"),
    (
        lambda n, e: (n.assign(population=[1, *["n1"] * 8]), e),
        GraphError,
        "two populations of the name 'n1'",
    ),
    (
        lambda n, e: (n.reset_index(drop=True).drop(columns="id"), e.assign(source=pandas.array([pandas.NA] * 30))),
        GraphError,
        "edges have the source <NA> in row 0",
    ),
    (
        lambda n, e: (n.drop(columns="id").set_index(["population", "x"], drop=False), e),
        GraphError,
        "which is no id of nodes",
    ),
    (lambda n, e: (n.iloc[:0], e), GraphError, "nodes have no rows"),
    (lambda n, e: (3, e), ParameterError, "nodes is 3; give a data frame"),
]


@pytest.mark.parametrize(("change", "error", "text"), WRONG, ids=[text for *_, text in WRONG])
def test_what_does_not_fit_is_refused_by_name(change, error, text):
    with pytest.raises(error, match=text) as caught:
        pcn.from_tables(*change(neurons(), synapses()), dt=1.0)
    assert "\n" not in str(caught.value)


def test_a_negative_magnitude_is_not_hidden_by_another_synapse():
    nodes = pandas.DataFrame({"population": ["a", "b"], "sign": ["inhibitory", None]})
    edges = pandas.DataFrame({"source": [0, 0], "target": [1, 1], "weight": [-1.0, 2.0]})
    with pytest.raises(ParameterError, match="'a' -> 'b' are negative, -1 as their least, and 'a' is inhibitory"):
        pcn.from_tables(nodes, edges)


@pytest.mark.parametrize("floats", ["source", "id"])
def test_ids_beyond_what_floats_tell_apart(floats):
    """As a column has them that once had a gap: pandas finds 2^53 + 1 by the float 2^53."""
    nodes = pandas.DataFrame({"id": [2**53 - 2, 2**53 + 2, 5], "population": ["a", "a", "b"]})
    edges = pandas.DataFrame({"source": [2**53 + 2], "target": [5]})
    (block,) = pcn.from_tables(nodes, edges).synapses()
    assert list(block.pre) == [1]
    (nodes if floats == "id" else edges)[floats] = {"id": nodes.id, "source": edges.source}[floats].astype(float)
    with pytest.raises(
        DataError, match=r"'source' of edges and the ids of nodes .*read both as whole numbers, or as te"
    ):
        pcn.from_tables(nodes, edges)


def test_columns_of_objects_are_as_good_as_the_numbers_in_them():
    nodes, edges = neurons(), synapses()
    plain = pcn.from_tables(nodes, edges)
    columns = {"tau": object, "bias": object, "x": object}
    objects = pcn.from_tables(nodes.astype(columns), edges.astype({"weight": object}))
    assert fingerprint(objects) == fingerprint(plain)
    for name, value in plain.parameters.items():
        np.testing.assert_array_equal(objects.parameters[name], value)


def test_rules_are_of_connections_that_there_are():
    for key, text in ((("E", "J"), "give pairs of populations"), (("I", "I"), "between which there is no edge")):
        edges = synapses()
        within = edges.source.str[5:].astype(int).ge(6) & edges.target.str[5:].astype(int).ge(6)
        with pytest.raises(ParameterError, match=text):
            pcn.from_tables(neurons(), edges[~within], plasticity={key: pcn.Hebbian(tau=10.0)})


@pytest.mark.parametrize(
    ("weight", "total"), [(np.int8(100), 400.0), (np.True_, 4.0), (np.float16(1000), 4000.0), (np.uint8(200), 800.0)]
)
def test_synapses_between_the_same_neurons_add_up_whatever_their_type(weight, total):
    nodes = pandas.DataFrame({"population": ["a", "b"]})
    edges = pandas.DataFrame({"source": [0] * 4, "target": [1] * 4, "weight": np.full(4, weight)})
    np.testing.assert_array_equal(pcn.from_tables(nodes, edges).parameters["W_a_b"], [total])


@pytest.mark.parametrize("none", [None, np.nan, pandas.NA, pandas.NaT], ids=str)
def test_what_is_missing_in_a_table_of_populations_is_none(none):
    """And rows of populations are their own, though the index has an entry twice."""
    nodes = pandas.DataFrame(
        {
            "id": ["a", "b"],
            "tau": pandas.Series([3.0, none], dtype=object),
            "transfer": pandas.Series([none, "tanh"], dtype=object),
            "x": [0.0, 4.0],
        }
    ).set_axis([0, 0])
    edges = pandas.DataFrame({"source": ["a"], "target": ["b"]})
    circuit = pcn.from_tables(nodes, edges, velocity=2.0, dt=1.0)
    assert [float(circuit.tau[name][0]) for name in "ab"] == [3.0, 10.0]
    assert [leaf.source.delay for leaf in circuit.graph.recurrent.values()] == [2.0]
