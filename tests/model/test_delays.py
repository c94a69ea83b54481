"""Conduction delays of circuits: what there is to give, where they end up, and what is refused."""

from __future__ import annotations

import copy
import itertools
import pickle

import networkx as nx
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.circuit.synapses import delays_at, steps_at, synapse_groups
from pcneuro.circuit.units import UnitGraph
from pcneuro.errors import ParameterError, ShapeError, UnknownNameError
from pcneuro.model.delays import DELAYS, Places
from tests.circuits_for_tests import mlp, random_dag

FORTH, BACK = ("h1.value", "h2.error"), ("h2.error", "h1.value")
ALL_KINDS = {
    ("x.value", "h1.error"): 2.0,
    FORTH: pcn.SynapticDelays(np.arange(15.0).reshape(3, 5)),
    BACK: pcn.UniformDelay(1.0, 5.0, seed=3),
    ("h2.value", "out.error"): pcn.ConstantDelay(4.0),
    ("out.error", "h2.value"): pcn.LognormalDelay(2.0, 0.5, least=1.0),
}


def layers(**settings) -> pcn.Circuit:
    return pcn.build_circuit(mlp((4, 3, 5, 2)), **settings)


def at(circuit: pcn.Circuit, parent: str, child: str, kind: str) -> list:
    """Delays at all synapse groups of a projection, one after the other."""
    units = UnitGraph(circuit)
    return [
        delays_at(units, group, kind)
        for group in synapse_groups(units)
        if group.parent == parent and child in group.children
    ]


# What a delay is


def test_draws_are_of_their_distribution_and_projection():
    uniform, key = pcn.UniformDelay(1.0, 5.0, seed=3), "h1.value>h2.error"
    actual = uniform.of(20_000, key)
    assert actual.dtype == np.float64
    assert actual.shape == (20_000,)
    assert 1.0 <= actual.min() < 1.01 < 4.99 < actual.max() <= 5.0
    assert actual.mean() == pytest.approx(3.0, abs=5 * 4 / np.sqrt(12 * 20_000))
    np.testing.assert_array_equal(actual, uniform.of(20_000, key))
    for other in (uniform.of(20_000, "h2.error>h1.value"), pcn.UniformDelay(1.0, 5.0, seed=4).of(20_000, key)):
        assert abs(np.corrcoef(actual, other)[0, 1]) < 5 / np.sqrt(20_000)
    assert uniform.bounds(Places(20_000), key) == (actual.min(), actual.max())


def test_the_stream_of_a_projection_is_the_same_in_every_process():
    """The numbers themselves: a digest that changes with the interpreter's hash seed would give others."""
    from hashlib import sha256

    digest = int.from_bytes(sha256(b"a.value>b.error").digest()[:8], "little")
    expected = np.random.default_rng([7, digest]).uniform(1.0, 2.0, 4)
    np.testing.assert_array_equal(pcn.UniformDelay(1.0, 2.0, seed=7).of(4, "a.value>b.error"), expected)


def test_lognormal_delays_are_skewed_about_their_median():
    delay = pcn.LognormalDelay(median=2.0, sigma=0.8, seed=1, least=0.5)
    z = (np.log((delay.of(20_000, "a>b") - 0.5) / 2.0)) / 0.8
    assert abs(z.mean()) < 5 / np.sqrt(20_000)
    assert z.std() == pytest.approx(1.0, abs=5 / np.sqrt(40_000))
    assert delay.of(20_000, "a>b").min() > 0.5


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pcn.ConstantDelay(-1.0), ParameterError, "ms of ConstantDelay is -1.0"),
        (lambda: pcn.ConstantDelay(np.nan), ParameterError, "ms of ConstantDelay is nan"),
        (lambda: pcn.ConstantDelay("2"), ParameterError, "ms of ConstantDelay is '2'"),
        (lambda: pcn.ConstantDelay(True), ParameterError, "ms of ConstantDelay is True"),
        (lambda: pcn.UniformDelay(3.0, 1.0), ParameterError, "low is above high"),
        (lambda: pcn.UniformDelay(0.0, np.inf), ParameterError, "high of UniformDelay is inf"),
        (lambda: pcn.UniformDelay(0.0, 1.0, seed=-1), ParameterError, "seed of UniformDelay is -1"),
        (lambda: pcn.UniformDelay(0.0, 1.0, seed=0.5), ParameterError, "seed of UniformDelay is 0.5"),
        (lambda: pcn.LognormalDelay(0.0, 1.0), ParameterError, "median of LognormalDelay is 0.0; .* positive"),
        (lambda: pcn.LognormalDelay(1.0, -1.0), ParameterError, "sigma of LognormalDelay is -1.0"),
        (lambda: pcn.LognormalDelay(1.0, 1.0, least=-1.0), ParameterError, "least of LognormalDelay is -1.0"),
        (lambda: pcn.LognormalDelay(1.0, 1e4).of(9, "a>b"), ParameterError, "'a' -> 'b': .* not finite"),
        (lambda: pcn.SynapticDelays([]), ParameterError, "empty array"),
        (lambda: pcn.SynapticDelays([1.0, -2.0]), ParameterError, "a delay of -2 ms"),
        (lambda: pcn.SynapticDelays([1.0, np.nan]), ParameterError, "a delay of nan ms"),
        (lambda: pcn.SynapticDelays(["1"]), ParameterError, "an array of numbers"),
        (lambda: pcn.SynapticDelays([[1.0], [1.0, 2.0]]), ParameterError, "an array of numbers"),
        (lambda: pcn.SynapticDelays(3.0), ShapeError, "ConstantDelay"),
        (lambda: pcn.SynapticDelays([1.0]).of(2, "a>b"), ShapeError, r"'a' -> 'b': .* \(1,\); needed is \(2,\)"),
    ],
)
def test_what_is_no_delay_is_refused_in_one_line(make, error, text):
    with pytest.raises(error, match=text) as caught:
        make()
    assert "\n" not in str(caught.value)


# Delays of a circuit


def test_a_number_is_for_all_projections_both_ways():
    circuit = layers(delays=3)
    edges = {(a, b) for a, b, d in circuit.nx.edges(data=True) if d["kind"] in ("prediction", "feedback")}
    assert circuit.delays == dict.fromkeys(edges, pcn.ConstantDelay(3.0))
    assert circuit.delayed
    for a, b, d in circuit.nx.edges(data=True):
        assert d["delay"] == d["delay_max"] == (3.0 if (a, b) in edges else 0.0)
    assert not circuit.with_delays(0.0).delayed
    assert not layers().delayed


def test_a_kind_of_delay_has_a_name_of_its_own():
    with pytest.raises(ParameterError, match=r"^there is a kind of delay 'UniformDelay' already: choose another name$"):
        type("UniformDelay", (pcn.ConstantDelay,), {})
    for _ in range(2):
        again = type("OfACell", (pcn.ConstantDelay,), {})
    assert DELAYS.pop("OfACell") is again


def test_what_is_zero_is_left_out():
    zeros = {FORTH: 0, BACK: pcn.SynapticDelays(np.zeros(15)), ("h2.value", "out.error"): pcn.UniformDelay(0.0, 0.0)}
    assert layers(delays=zeros).delays == {}
    assert list(layers(delays=zeros | {BACK: 1.0}).delays) == [BACK]


def test_delays_are_part_of_the_circuit():
    circuit = layers(delays=ALL_KINDS)
    same = [
        pickle.loads(pickle.dumps(circuit)),
        copy.deepcopy(circuit),
        circuit.with_parameters({"b1": np.ones(3)}),
        layers(delays=dict(reversed(ALL_KINDS.items()))),
    ]
    for other in same:
        assert other.delays == circuit.delays
        assert fingerprint(other) == fingerprint(circuit)
    others = [circuit.with_delays(ALL_KINDS | {BACK: pcn.UniformDelay(1.0, 5.0, seed=4)}), layers(), layers(delays=1.0)]
    others.append(circuit.with_delays(ALL_KINDS | {FORTH: pcn.SynapticDelays(np.arange(1.0, 16.0).reshape(3, 5))}))
    assert len({fingerprint(other) for other in (circuit, *others)}) == 5
    assert circuit.with_delays({BACK: 2.0}).delays == {BACK: pcn.ConstantDelay(2.0)}


@pytest.mark.parametrize(
    ("delays", "error", "text"),
    [
        (-1.0, ParameterError, "delays is -1.0; give a delay, .* or a finite number"),
        (np.nan, ParameterError, "delays is nan"),
        ("2 ms", ParameterError, "delays is '2 ms'"),
        (True, ParameterError, "delays is True"),
        ({FORTH: None}, ParameterError, r"delays of \('h1.value', 'h2.error'\) is None"),
        ({3: 1.0}, ParameterError, "key 3; give edges"),
        ({"h1": 1.0}, ParameterError, "key 'h1'; give edges"),
        ({("h1.value", "h1.error"): 1.0}, ParameterError, "own value and error neurons"),
        ({("h1.error", "h1.value"): 1.0}, ParameterError, "own value and error neurons"),
        ({("h1.value", "h2.errors"): 1.0}, UnknownNameError, "did you mean 'h1.value -> h2.error'"),
        ({("h1.error", "x.value"): 1.0}, UnknownNameError, "unknown edge"),
        ({FORTH: pcn.SynapticDelays(np.ones((5, 3)))}, ShapeError, r"\(5, 3\); needed is \(15,\), or \(3, 5\)"),
        ({BACK: pcn.SynapticDelays(np.ones(14))}, ShapeError, "'h2.error' -> 'h1.value': its delays have shape"),
        (pcn.SynapticDelays(np.ones(15)), ShapeError, "'x.value' -> 'h1.error'"),
    ],
)
def test_what_does_not_fit_a_circuit_is_refused_in_one_line(delays, error, text):
    circuit = layers()
    with pytest.raises(error, match=text) as caught:
        circuit.with_delays(delays)
    assert "\n" not in str(caught.value)


# Which synapse has which


@pytest.mark.parametrize("kind", ["prediction", "feedback"])
@pytest.mark.parametrize("transposed", [False, True])
def test_an_array_like_the_weights_is_by_weight(kind, transposed):
    """Of every synapse of h @ W, looked up by the two units that it connects; and so where W.T stands in the code."""
    values = np.arange(15.0).reshape(3, 5)

    def function(x, W):
        return pcn.vertex(np.tanh(pcn.vertex(2 * x, "h") @ (W.T if transposed else W)), "out")

    weights = pcn.Parameter(np.ones((5, 3) if transposed else (3, 5)))
    edge = ("h.value", "out.error") if kind == "prediction" else ("out.error", "h.value")
    graph = pcn.trace(function, x=pcn.Input((3,)), W=weights)
    circuit = pcn.build_circuit(graph, delays={edge: pcn.SynapticDelays(values)})
    units = UnitGraph(circuit)
    (group,) = [c for c in synapse_groups(units) if c.parent == "h"]
    assert (group.children, group.synapses, group.operand) == (("out",), 15, None)
    synapses = units.populations[group.population]
    np.testing.assert_array_equal(delays_at(units, group, kind), values[synapses.pre, synapses.post])
    assert delays_at(units, group, "feedback" if kind == "prediction" else "prediction") == 0.0


def test_an_array_like_a_kernel_is_by_tap():
    def function(x, K):
        return pcn.ops.conv2d(pcn.vertex(2 * x, "h"), K, padding=1)

    values = np.arange(18.0).reshape(2, 1, 3, 3)
    graph = pcn.trace(function, x=pcn.Input((1, 4, 4)), K=pcn.Parameter(np.ones((2, 1, 3, 3))))
    circuit = pcn.build_circuit(graph, delays={("h.value", "out.error"): pcn.SynapticDelays(values)})
    units = UnitGraph(circuit)
    (group,) = [c for c in synapse_groups(units) if c.parent == "h"]
    delays, synapses = delays_at(units, group, "prediction"), units.populations[group.population]
    for delay, pre, post in zip(delays, synapses.pre, synapses.post, strict=True):
        (i, j), (feature, y, x) = divmod(pre, 4), np.unravel_index(post, (2, 4, 4))
        assert delay == values[feature, 0, i - y + 1, j - x + 1]


def test_synapse_groups_of_a_projection_share_an_array_in_their_order():
    """h is read by a sum over synapses, and twice by a function, one to one."""

    def function(x, W):
        h = pcn.vertex(2 * x, "h")
        return pcn.vertex(np.tanh(h @ W) + h * h, "out")

    graph = pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(np.ones((3, 3))))
    edge = ("h.value", "out.error")
    circuit = pcn.build_circuit(graph, delays={edge: pcn.SynapticDelays(np.arange(15.0))})
    units = UnitGraph(circuit)
    actual = [c for c in synapse_groups(units) if c.parent == "h"]
    assert [(c.operand, c.synapses) for c in actual] == [(None, 9), ("x", 3), ("y", 3)]
    parts = at(circuit, "h", "out", "prediction")
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(15.0))
    drawn = pcn.UniformDelay(1.0, 2.0)
    parts = at(circuit.with_delays({edge: drawn}), "h", "out", "prediction")
    np.testing.assert_array_equal(np.concatenate(parts), drawn.of(15, "h.value>out.error"))
    with pytest.raises(ShapeError, match=r"\(3, 3\); needed is \(15,\)"):
        circuit.with_delays({edge: pcn.SynapticDelays(np.ones((3, 3)))})


def test_an_array_like_a_population_is_by_unit():
    def function(x):
        return pcn.vertex(np.sin(pcn.vertex(2 * x, "h")), "out")

    values = np.arange(6.0).reshape(2, 3)
    delays = {("h.value", "out.error"): pcn.SynapticDelays(values)}
    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((2, 3))), delays=delays)
    np.testing.assert_array_equal(at(circuit, "h", "out", "prediction"), [values.ravel()])


def test_a_shared_dendrite_has_one_delay():
    def function(x):
        shared = np.tanh(pcn.vertex(2 * x, "h"))
        return {"a": pcn.vertex(np.sin(shared), "a"), "b": pcn.vertex(np.cos(shared), "b")}

    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((3,))), delays=2.0)
    units = UnitGraph(circuit)
    (group,) = [c for c in synapse_groups(units) if c.parent == "h"]
    assert group.children == ("a", "b")
    assert delays_at(units, group, "feedback") == 2.0
    with pytest.raises(ParameterError, match=r"in the dendrites of 'a' and 'b', .* prediction delays of 'h' differ"):
        circuit.with_delays(pcn.UniformDelay(1.0, 2.0))
    different = circuit.with_delays({("a.error", "h.value"): 2.0})
    with pytest.raises(ParameterError, match=r"feedback delays of 'h' differ"):
        delays_at(UnitGraph(different), group, "feedback")


def test_every_projection_of_random_graphs_has_synapse_groups():
    """Synapse groups and networkx's edges name the same pairs, and there is one delay for each synapse."""
    for seed, vertices in itertools.product(range(20), ("all", "marked")):
        circuit = pcn.build_circuit(random_dag(seed), vertices=vertices)
        units = UnitGraph(circuit)
        actual = {(c.parent, child) for c in synapse_groups(units) for child in c.children}
        edges = [(a, b) for a, b, kind in circuit.nx.edges(keys=True) if kind == "prediction"]
        assert actual == {(a.removesuffix(".value"), b.removesuffix(".error")) for a, b in edges}
        for group in synapse_groups(units):
            population = units.populations[group.population]
            assert group.synapses == (population.pre.size if group.operand is None else population.size)
            source = population.source if group.operand is None else population.operands[group.operand]
            assert units.populations[source].name == group.parent


# In steps


def test_delays_in_steps_are_rounded_and_none_is_lost():
    circuit = layers(delays={FORTH: pcn.SynapticDelays(np.linspace(0.3, 3.1, 15)), BACK: 0.3})
    units = UnitGraph(circuit)
    (group,) = [c for c in synapse_groups(units) if c.parent == "h1"]
    for dt in (0.1, 0.3):
        steps = steps_at(units, group, "prediction", dt)
        assert steps.dtype == np.int64
        np.testing.assert_array_equal(steps, np.round(delays_at(units, group, "prediction") / dt))
    # A delay of 3 dt that rounding has made less than that.
    assert steps_at(units, group, "feedback", 0.1) == 3
    assert steps_at(units, group, "feedback", 0.1 + 0.2) == 1
    text = r"'h1.value' -> 'h2.error' has a delay of 0.3 ms, shorter than dt = 0.4 ms"
    with pytest.raises(ParameterError, match=text):
        steps_at(units, group, "prediction", 0.4)
    with pytest.raises(ParameterError, match="too many steps"):
        steps_at(units, group, "feedback", 1e-12)


# As networkx, text and file


def test_networkx_has_shortest_and_longest(tmp_path):
    circuit = layers(delays=ALL_KINDS)
    for (source, target), delay in ALL_KINDS.items():
        (edge,) = circuit.nx.get_edge_data(source, target).values()
        count = edge["synapses"]
        if not isinstance(delay, float):
            low, high = (
                (0.0, 14.0)
                if isinstance(delay, pcn.SynapticDelays)
                else delay.bounds(Places(count), f"{source}>{target}")
            )
            assert (edge["delay"], edge["delay_max"]) == (low, high)
        assert type(edge["delay"]) is type(edge["delay_max"]) is float
    path = nx.shortest_path_length(circuit.nx, "x.value", "out.error", weight="delay")
    assert path == 2.0 + 0.0 + 4.0
    circuit.write_graphml(tmp_path / "c.graphml")
    back = nx.read_graphml(tmp_path / "c.graphml")
    assert back.edges[BACK]["delay"] == circuit.nx.get_edge_data(*BACK)["feedback"]["delay"]


def test_the_table_has_a_column_where_there_are_delays():
    text = str(layers(delays=ALL_KINDS))
    assert "delay/ms" in text
    assert "0-14, " in next(line for line in text.splitlines() if line.startswith("h1 -> h2"))
    assert "delay" not in str(layers())


def test_the_equations_tell_of_delays():
    lines = layers(delays=ALL_KINDS).equations().splitlines()
    assert "# delay: what comes from x.value left it 2 ms before" in lines
    assert "# delay: what comes from h1.value left it 0 to 14 ms before" in lines
    assert not [line for line in layers().equations().splitlines() if "delay" in line]
