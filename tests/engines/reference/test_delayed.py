"""Conduction delays in the reference engine: closed forms, paths of networkx, loops by hand, and the engine without."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.stats import binom

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from pcneuro.circuit.synapses import synapse_groups
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines.data import RunData
from pcneuro.engines.reference.delayed import DelayedReference
from pcneuro.engines.reference.engine import ReferenceEngine
from pcneuro.simulator.result import Status
from pcneuro.simulator.stability import Stability
from tests.circuits_for_tests import chain, data_for, every_dynamics, mlp, random_dag, scalar_graph

REFERENCE = pcn.Reference()


def simulator(circuit: pcn.Circuit, **settings) -> pcn.Simulator:
    return pcn.Simulator(circuit, engine=REFERENCE, **settings)


class Delayed(pcn.engines.Engine):
    """The engine with delays, also for a circuit without any."""

    def make(self, *args):
        return DelayedReference(*args, "Delayed")


# Without delays


def ready(name: str) -> tuple[pcn.Circuit, dict, dict]:
    if name.startswith("dag"):
        graph = random_dag(int(name[3:]))
        vertices = "all" if int(name[3:]) % 2 else "marked"
        return pcn.build_circuit(graph, vertices=vertices), *data_for(graph, 2, scale=0.5)
    circuit = {
        "mlp": lambda: pcn.build_circuit(mlp((4, 5, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0}),
        "scalar": lambda: pcn.build_circuit(scalar_graph()),
        "cnn": lambda: cnn(channels=2, size=8, kernel=3, features=(2, 3), hidden=(6, 5)),
        "lstm": lambda: lstm(length=2, vocabulary=4, hidden=3),
        "latent": latent,
        "derived": derived,
    }[name]()
    inputs, targets = data_for(circuit.graph, 2, scale=0.5)
    for output, node in circuit.graph.outputs.items():
        if isinstance(circuit.energies[node.name], pcn.SoftmaxCrossEntropy):
            targets[output] = np.broadcast_to(np.eye(node.shape[-1])[1], (2, *node.shape))
    return circuit, inputs, targets


def latent() -> pcn.Circuit:
    """Roots with a prior and without, and an output that is compared by its logits."""

    def function(z, y, W):
        h = pcn.vertex(np.tanh(z @ W) + y, "h")
        return pcn.vertex(h @ W.T, "out")

    W = pcn.Parameter(np.random.default_rng(0).normal(size=(3, 3)))
    graph = pcn.trace(function, z=pcn.Latent((3,), prior=0.4), y=pcn.Latent((3,)), W=W)
    return pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})


def derived() -> pcn.Circuit:
    """Weights that are computed from parameters: products, sums, moved and joined ones."""

    def function(x, W, U, b, s):
        gain = np.tanh(b * s) + np.concatenate([b[1:], s.reshape(1)])
        h = pcn.vertex(np.tanh(x @ (W @ U) + gain), "h")
        g = pcn.vertex(np.concatenate([h[:2], b[:1]]) * pcn.ops.softmax(b) + np.sum(W * U, axis=0), "g")
        return pcn.vertex(g @ U.T + s * h, "out")

    rng = np.random.default_rng(1)
    leaves = {"W": (3, 3), "U": (3, 3), "b": (3,), "s": ()}
    graph = pcn.trace(
        function, x=pcn.Input((3,)), **{name: pcn.Parameter(rng.normal(size=shape)) for name, shape in leaves.items()}
    )
    return pcn.build_circuit(graph)


@pytest.mark.filterwarnings("ignore::pcneuro.PcneuroWarning")
@every_dynamics
@pytest.mark.parametrize("name", ["mlp", "scalar", "cnn", "lstm", "latent", "derived", "dag0", "dag1"])
def test_without_delays_it_is_the_reference(name, dynamics):
    circuit, inputs, targets = ready(name)
    rng = np.random.default_rng(2)
    free = [v for v in circuit.vertices if v not in {node.name for node in circuit.graph.outputs.values()}]
    # Those of the scalar graph, under a root, may be no others.
    started = [] if name == "scalar" else free[:2]
    initial = {v: 0.3 * rng.normal(size=(2, *circuit.graph.nodes[v].shape)) for v in started}
    # A step that is stable for the steepest of these graphs.
    integrator = pcn.Euler(0.05) if name.startswith(("dag", "scalar")) else pcn.ExponentialEuler(1.0)
    actual = []
    for engine in (REFERENCE, Delayed()):
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, engine=engine)
        assert type(sim._engine) is (ReferenceEngine if engine is REFERENCE else DelayedReference)
        actual.append(sim.run(20 * integrator.dt, inputs=inputs, targets=targets, initial=initial))
    for part in ("values", "errors", "predictions", "gradients"):
        one, other = (getattr(result, part) for result in actual)
        assert one.keys() == other.keys()
        for key, array in one.items():
            assert other[key].shape == array.shape
            scale = max(1.0, np.abs(array).max())
            np.testing.assert_allclose(other[key] / scale, array / scale, rtol=0, atol=1e-13, err_msg=f"{part} {key}")
    assert actual[0].status is Status.COMPLETED
    assert actual[1].loss == pytest.approx(actual[0].loss, rel=1e-12)


def test_its_crossings_are_those_of_every_engine():
    """Parameters that are populations number the others anew, and leave their order."""
    for seed in range(20):
        circuit = pcn.build_circuit(random_dag(seed), vertices="marked" if seed % 2 else "all")
        own, plain = (
            [(c.operand, c.parent, c.children, c.synapses) for c in synapse_groups(UnitGraph(circuit, plastic))]
            for plastic in (circuit.graph.parameters, ())
        )
        assert own == plain


# Closed forms and paths


@pytest.mark.parametrize("integrator", [pcn.Euler(2.0), pcn.Euler(10.0), pcn.ExponentialEuler(3.0)])
def test_a_chain_follows_the_shifted_binomial(integrator):
    """k hops from the output an error comes so much later as the feedback on its way took."""
    length, dt, weight, delays = 5, integrator.dt, 1.3, {2: 1, 3: 4, 4: 0, 5: 7}
    eta = float(integrator.gain(np.array(10.0), np.array(1.0)))
    feedback = {(f"v{k}.error", f"v{k - 1}.value"): d * dt for k, d in delays.items()}
    # Predictions are held, and so it does not matter how long they take.
    forth = {(f"v{k - 1}.value", f"v{k}.error"): 3 * dt for k in delays}
    circuit = pcn.build_circuit(chain(length, weight), delays=feedback | forth | {("x.value", "v1.error"): 5 * dt})
    records = [pcn.Record(f"v{k}", "error") for k in range(1, length + 1)]
    sim = simulator(circuit, integrator=integrator)
    result = sim.run(60 * dt, inputs={"x": 0.7}, targets={"v5": 2.0}, record=records)
    output = 2.0 - 0.7 * weight**length
    for k in range(1, length + 1):
        hops, late = length - k, sum(d for child, d in delays.items() if child > k)
        n = np.maximum(np.arange(61) - late, 0)
        expected = output * weight**hops * binom.sf(hops - 1, n, eta) * (1.0 if not hops else n > 0)
        np.testing.assert_allclose(result.records[f"v{k}.error"][:, 0, 0], expected, rtol=0, atol=1e-14)


def first(array: np.ndarray) -> float:
    """The number of the first row with anything but zeros."""
    rows = np.flatnonzero(array.reshape(len(array), -1).any(axis=1))
    return float(rows[0]) if rows.size else np.inf


@pytest.mark.parametrize("seed", range(12))
def test_first_arrivals_are_shortest_paths(seed):
    """Feedback reaches a vertex one step a hop after the delays of the quickest way there from a clamped output."""
    graph, rng, dt = random_dag(seed), np.random.default_rng(seed), 0.5
    circuit = pcn.build_circuit(graph, vertices="all")
    edges = [(a, b) for a, b, kind in circuit.nx.edges(keys=True) if kind == "feedback"]
    circuit = circuit.with_delays({edge: dt * float(rng.integers(6)) for edge in edges})
    inputs, targets = data_for(graph, 1, seed)
    clamped = [node.name for node in graph.outputs.values()]
    records = [pcn.Record(name, "feedback", every=dt) for name in circuit.vertices if name not in clamped]
    sim = simulator(circuit, integrator=pcn.Euler(dt))
    actual = sim.run(60 * dt, inputs=inputs, targets=targets, record=records).records
    paths = nx.DiGraph()
    paths.add_nodes_from(f"{name}.error" for name in circuit.vertices)
    for a, b, kind, d in circuit.nx.edges(keys=True, data=True):
        if kind == "feedback":
            paths.add_edge(a, b, steps=round(d["delay"] / dt) + 1)
        elif kind == "excite":
            paths.add_edge(a, b, steps=0)
    arrivals = nx.multi_source_dijkstra_path_length(paths, {f"{name}.error" for name in clamped}, weight="steps")
    assert len(records) > 3
    assert max(arrivals.values()) > 4
    for record in records:
        # What arrives in step n has moved the neuron after it: the last hop's step is still to come.
        expected = arrivals.get(f"{record.vertex}.value", np.inf) - 1
        assert first(actual[f"{record.vertex}.feedback"].values) == expected


# Loops by hand


def two_layers(delays: dict) -> tuple[pcn.Circuit, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def function(x, W, V):
        return pcn.vertex(np.tanh(pcn.vertex(x @ W, "h")) @ V, "out")

    graph = pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(W), V=pcn.Parameter(V))
    return pcn.build_circuit(graph, vertices="marked", delays=delays), W, V


FORTH, BACK = ("h.value", "out.error"), ("out.error", "h.value")


def by_hand(W, V, x, y, steps, eta, forth, back, free=None):
    """h and the two errors at each step, strict; delays in steps of each unit of h, one to one through its tanh.

    The output is clamped to y, or with ``free`` starts from there.
    """
    h, out = [x @ W], [y if free is None else free]
    errors, sent, gradients = [], [], None
    for n in range(steps + 1):
        seen = np.array([h[max(n - d, 0)][j] for j, d in enumerate(forth)])
        e = out[n] - np.tanh(seen) @ V
        sent.append((1 - np.tanh(seen) ** 2) * (V @ e))
        feedback = np.array([sent[n - d][j] if n >= d else 0.0 for j, d in enumerate(back)])
        own = h[n] - x @ W
        errors.append((own, e))
        gradients = -np.outer(x, own), -np.outer(np.tanh(seen), e)
        h.append(h[n] + eta * (feedback - own))
        out.append(y if free is None else out[n] - eta * e)
    return h[steps], errors[steps], gradients


@pytest.mark.parametrize("free", [False, True])
def test_strict_with_delays_of_its_own_for_each_unit(free):
    forth, back = np.array([0, 2, 5, 1]), np.array([3, 0, 1, 4])
    delays = {FORTH: pcn.SynapticDelays(2.0 * forth), BACK: pcn.SynapticDelays(2.0 * back)}
    circuit, W, V = two_layers(delays)
    x, y = np.array([0.5, -1.0, 0.3]), np.array([0.8, -0.2])
    sim = simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(2.0))
    start = y if free else None
    given = {"initial": {"out": y}} if free else {"targets": {"out": y}}
    for steps in (0, 1, 4, 30):
        sim.reset()
        result = sim.run(2.0 * steps, inputs={"x": x}, **given)
        h, errors, gradients = by_hand(W, V, x, y, steps, 0.2, forth, back, start)
        np.testing.assert_allclose(result.values["h"][0], h, rtol=0, atol=1e-13)
        for name, error in zip(("h", "out"), errors, strict=True):
            np.testing.assert_allclose(result.errors[name][0], error, rtol=0, atol=1e-13)
        for name, gradient in zip("WV", gradients, strict=True):
            np.testing.assert_allclose(result.gradients[name], gradient, rtol=0, atol=1e-13)


@every_dynamics
def test_every_synapse_has_its_own_delay(dynamics):
    """A dense projection h @ W between two vertices, against a loop over its synapses."""
    rng = np.random.default_rng(4)
    W, x, y, eta, steps = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=4), 0.1, 25
    forth, back = rng.integers(0, 6, size=(2, 3, 4))
    delays = {FORTH: pcn.SynapticDelays(1.0 * forth), BACK: pcn.SynapticDelays(1.0 * back)}
    graph = pcn.trace(lambda x, W: pcn.vertex(pcn.vertex(2 * x, "h") @ W, "out"), x=pcn.Input((3,)), W=pcn.Parameter(W))
    result = simulator(pcn.build_circuit(graph, delays=delays), dynamics=dynamics).run(
        1.0 * steps, inputs={"x": x}, targets={"out": y}
    )
    h, error = [2 * x], []
    for n in range(steps + 1):
        strict = not dynamics.holds_predictions
        seen = np.array([[h[max(n - d, 0) if strict else 0][i] for d in row] for i, row in enumerate(forth)])
        error.append(y - np.sum(W * seen, axis=0))
        late = [[error[n - d][j] if n >= d else 0.0 for j, d in enumerate(row)] for row in back]
        h.append(h[n] + eta * (np.sum(W * late, axis=1) - (h[n] - 2 * x)))
    np.testing.assert_allclose(result.values["h"][0], h[steps], rtol=0, atol=1e-13)
    np.testing.assert_allclose(result.errors["out"][0], error[steps], rtol=0, atol=1e-13)
    np.testing.assert_allclose(result.gradients["W"], -seen * error[steps], rtol=0, atol=1e-13)


def test_initial_values_are_seen_a_delay_later():
    """Before time zero all was as in the sweep, whatever the values start from."""
    circuit, _, V = two_layers({FORTH: 3.0})
    x, start = np.array([0.5, -1.0, 0.3]), np.full(4, 0.2)
    sim = simulator(circuit, dynamics=pcn.Strict())
    sweep = sim.run(0.0, inputs={"x": x}).predictions["out"][0]
    sim.reset()
    record = [pcn.Record("out", "prediction")]
    actual = sim.run(4.0, initial={"h": start}, record=record).records["out.prediction"][:, 0]
    np.testing.assert_allclose(actual[:3], np.tile(sweep, (3, 1)), rtol=0, atol=1e-15)
    np.testing.assert_allclose(actual[3], np.tanh(start) @ V, rtol=0, atol=1e-15)


# Equilibrium


def test_linear_strict_comes_to_the_same_equilibrium():
    circuit = pcn.build_circuit(chain(4, 0.8), precision={"v1": 1.5, "v2": 0.5, "v3": 2.0})
    given = {"inputs": {"x": 1.0}, "targets": {"v4": -1.0}}
    results = [
        simulator(each, dynamics=pcn.Strict()).run(500.0, **given)
        for each in (circuit, circuit.with_delays(pcn.UniformDelay(1.0, 6.0)))
    ]
    for name, value in results[0].values.items():
        np.testing.assert_allclose(results[1].values[name], value, rtol=1e-9)
    np.testing.assert_allclose(results[1].gradients["w"], results[0].gradients["w"], rtol=1e-8)


def test_fixed_prediction_comes_to_backprop():
    graph = mlp((4, 5, 6, 3))
    circuit = pcn.build_circuit(graph, delays=pcn.LognormalDelay(4.0, 0.5, least=1.0))
    inputs, targets = data_for(graph, 3)
    result = simulator(circuit, integrator=pcn.Euler(1.0)).run(600.0, inputs=inputs, targets=targets)
    assert pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst < 1e-12


@pytest.mark.parametrize("engine", [REFERENCE, pcn.Kernel(), pcn.EventDriven(0.0)], ids=repr)
def test_it_has_settled_when_nothing_is_on_its_way(engine):
    """At first all hidden neurons are at rest, as the error of the output takes 20 ms to each of them."""
    circuit = pcn.build_circuit(chain(3), delays=20.0)
    sim = pcn.Simulator(circuit, engine=engine)
    result = sim.run(until=pcn.Settled(rtol=1e-6), inputs={"x": 1.0}, targets={"v3": 2.0})
    assert result.status is Status.COMPLETED
    np.testing.assert_allclose(result.errors["v1"], result.errors["v3"], rtol=1e-5)
    assert 2 * 20.0 + 100.0 < result.stats["settled_ms"][0] < 500.0
    # Once there, it has to be quiet for as long as anything could take.
    assert sim.run(until=pcn.Settled(rtol=1e-6)).stats["settled_ms"] == [20.0]
    assert sim.run(until=pcn.Settled(rtol=1e-6, limit=10.0)).status is Status.UNSETTLED


@every_dynamics
@pytest.mark.parametrize("delay", [6.0, pcn.UniformDelay(1.0, 9.0, seed=2)], ids=repr)
def test_engines_stop_at_the_same_step(dynamics, delay):
    """Not where rounding alone goes on, long after: all changes are sent, and some always are on their way."""
    circuit = pcn.build_circuit(mlp((3, 4, 4, 2), scale=0.5), delays=delay)
    inputs, targets = data_for(circuit.graph, 1)
    wanted, *results = (
        pcn.Simulator(circuit, dynamics=dynamics, engine=engine).run(
            until=pcn.Settled(limit=3000.0), inputs=inputs, targets=targets
        )
        for engine in (REFERENCE, pcn.Kernel(), pcn.EventDriven(0.0))
    )
    assert wanted.status is Status.COMPLETED
    assert wanted.time > 20.0
    for result in results:
        assert result.stats["steps"] == wanted.stats["steps"]
        assert result.stats["settled_ms"] == wanted.stats["settled_ms"]
        assert pcn.compare(result, wanted).worst < 1e-9


def test_delays_can_make_strict_dynamics_diverge():
    """Neurons that answer each other late, and by more than they are told: without delays they come to rest."""
    circuit, integrator = pcn.build_circuit(chain(3, 4.0), delays=5.0), pcn.Euler(0.5)
    data = RunData(1, {"x": np.ones(1)}, {"v3": np.full(1, 2.0)})
    text = Stability(circuit, pcn.Strict(), integrator, data, circuit.parameters).advice()
    assert text.startswith("without conduction delays it might not")
    assert "\n" not in text
    late, at_once = (
        simulator(each, dynamics=pcn.Strict(), integrator=integrator).run(400.0, inputs={"x": 1.0}, targets={"v3": 2.0})
        for each in (circuit, circuit.with_delays(0.0))
    )
    assert np.abs(late.values["v1"]).max() > 1e20
    assert np.abs(at_once.values["v1"]).max() < 10
