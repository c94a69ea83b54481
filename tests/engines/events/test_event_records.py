"""Events as they are recorded, counted, stored and taken up again."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CircuitFileError
from tests.circuits_for_tests import mlp, same, three_layers
from tests.engines.events.event_runs import all_modes, by_events, data_of, equal, modes, modes_of_both, record_all


def fans(circuit, data, result) -> dict[str, np.ndarray]:
    """Of each error neuron: value neurons that are free times the synapses to them, from derivatives taken by
    differences."""
    graph, actual = circuit.graph, {}
    free = [n for n in circuit.vertices if n not in graph.outputs]
    values = {n: result.values[n][0] for n in circuit.vertices} | {
        n: np.asarray(a)[0] for n, a in data["inputs"].items()
    }
    for name in circuit.vertices:
        counts = np.zeros(graph.nodes[name].size, dtype=int)
        for parent in free:
            for k in range(values[parent].size):
                moved = {n: v.copy() for n, v in values.items()}
                moved[parent].ravel()[k] += 1e-3
                change = predicted(circuit, moved, name) - predicted(circuit, values, name)
                counts += change.ravel() != 0
        actual[name] = counts
    return actual


def predicted(circuit, values, vertex) -> np.ndarray:
    """A vertex' prediction from its parents' values."""
    known = {n: p[None] for n, p in circuit.parameters.items()} | {n: v[None] for n, v in values.items() if n != vertex}
    for name, node in circuit.graph.nodes.items():
        if name == vertex:
            return node.compute(*(known[o] for o in node.operands))[0]
        if name not in known and not node.is_leaf:
            known[name] = node.compute(*(known[o] for o in node.operands))
        elif name not in known:
            known[name] = np.asarray(node.source.value)[None]
    raise AssertionError(vertex)


@modes
def test_operations_of_strict_events(mode):
    """Values go to predictions, errors back, each with its share of the synapses of ``circuit.nx``."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    result = record_all(circuit, data_of(circuit, 3), 50.0, mode, dynamics=pcn.Strict())
    per_unit = pcn.events_per_unit(result.events, circuit)
    wanted = {"prediction": 0, "feedback": 0}
    for source, target, edge in circuit.nx.edges(data=True):
        if edge["kind"] in wanted and "x.value" not in (source, target):
            fan_out = edge["synapses"] // circuit.nx.nodes[source]["size"]
            wanted[edge["kind"]] += int(per_unit[source].sum()) * fan_out
    assert {kind: result.stats["by_kind"][kind]["Effective_MACs"] for kind in wanted} == wanted
    assert min(wanted.values()) > 0


@modes
def test_operations_are_recorded_events_times_synapses(mode):
    """Of dense projections: what ``circuit.nx`` says of their number, a share for each neuron that sends."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    result = record_all(circuit, data_of(circuit, 3), 50.0, mode)
    per_unit = pcn.events_per_unit(result.events, circuit)
    wanted = 0
    for source, target, edge in circuit.nx.edges(data=True):
        if edge["kind"] == "feedback" and target != "x.value":
            assert per_unit[source].sum() == result.stats["events"][source]
            fan_out = edge["synapses"] // circuit.nx.nodes[source]["size"]
            wanted += int(per_unit[source].sum()) * fan_out
    assert result.stats["Effective_MACs"] == result.stats["by_kind"]["feedback"]["Effective_MACs"] == wanted > 0
    # The first hidden layer has nobody to send to but its input, which is clamped.
    assert result.stats["events"]["out.error"] == 9
    assert result.stats["events"]["h1.error"] == 0


@modes
def test_operations_of_convolutions_and_pools(mode):
    rng = np.random.default_rng(0)

    def network(x, K, W):
        h = pcn.vertex(pcn.ops.softplus(pcn.ops.conv2d(x, K, padding=1)), "h")
        p = pcn.vertex(pcn.ops.avg_pool2d(h, 2), "p")
        return pcn.vertex(np.tanh(p.reshape(-1)) @ W, "out")

    leaves = {"K": pcn.Parameter(rng.normal(size=(2, 1, 3, 3))), "W": pcn.Parameter(rng.normal(size=(8, 3)))}
    circuit = pcn.build_circuit(pcn.trace(network, x=pcn.Input((1, 4, 4)), **leaves))
    data = data_of(circuit, 1)
    result = record_all(circuit, data, 60.0, mode)
    per_unit = pcn.events_per_unit(result.events, circuit)
    counts = fans(circuit, data, result)
    wanted = sum(int((per_unit[f"{n}.error"].reshape(-1) * c).sum()) for n, c in counts.items())
    assert result.stats["Effective_MACs"] == wanted > 0


@modes_of_both
def test_recorded_events_sum_to_what_is_known(mode, dynamics):
    """Changes add up to an error within its threshold; under strict dynamics those of values, too."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    sim = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(pcn.Absolute(0.01), mode))
    data = data_of(circuit, 2)
    result = sim.run(300.0, **data, events=pcn.RecordEvents())
    sweep = pcn.Simulator(circuit, dynamics=dynamics).run(0.0, **data).values
    names = list(result.events["population_name"].values)
    assert sum(result.stats["events"].values()) == result.events.sizes["event"]
    assert len(set(result.events["sample"].values)) == 2
    checks = {"h2.error": result.errors["h2"]} if isinstance(dynamics, pcn.FixedPrediction) else {}
    checks |= {} if checks else {n: result.values[n[:2]] - sweep[n[:2]] for n in ("h1.value", "h2.value")}
    if mode == pcn.Exact(order=2):
        return  # in between what is known changes, too
    for name, wanted in checks.items():
        total = np.zeros(wanted.shape)
        own = result.events.where(result.events["population"] == names.index(name), drop=True)
        np.add.at(total, (own["sample"].values.astype(int), own["unit"].values.astype(int)), own["change"].values)
        assert np.abs(total - wanted).max() < 0.01 + 1e-9
        assert np.abs(wanted).max() > 0.02


@modes_of_both
def test_no_event_depends_on_threads(mode, dynamics):
    circuit = three_layers().with_delays(pcn.UniformDelay(1.0, 4.0))
    data = data_of(circuit, 5)
    results = []
    for threads in (1, 2, 4):
        sim = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(0.03, mode, threads=threads))
        results.append(sim.run(25.0, **data, events=pcn.RecordEvents()))
    for other in results[1:]:
        assert other.events.equals(results[0].events)
        assert equal(other, results[0])


@modes_of_both
@pytest.mark.parametrize("delays", [0.0, pcn.UniformDelay(1.0, 9.0, seed=2)], ids=["at once", "delays"])
def test_a_run_goes_on_and_is_restored(mode, dynamics, delays, tmp_path):
    circuit = three_layers().with_delays(delays)
    data = data_of(circuit, 2)
    sim = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(0.01, mode))
    sim.run(12.0, **data)
    sim.store(tmp_path / "state")
    first = sim.run(20.0, events=pcn.RecordEvents())
    sim.restore(tmp_path / "state")
    again = sim.run(20.0, events=pcn.RecordEvents())
    assert again.events.equals(first.events)
    assert again.events.sizes["event"] > 0
    assert again.stats["events"] == first.stats["events"]
    other = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(0.01, mode))
    other.restore(tmp_path / "state")
    assert other.run(20.0, events=pcn.RecordEvents()).events.equals(first.events)
    whole = by_events(circuit, data, 32.0, 0.01, mode, dynamics=dynamics)
    assert whole.stats["events"] == first.stats["events"]
    for part in ("values", "errors", "gradients"):
        assert same(getattr(first, part), getattr(again, part))
    for name, error in whole.errors.items():
        np.testing.assert_allclose(first.errors[name], error, rtol=1e-9, atol=1e-12)


@all_modes
def test_data_that_changes_on_the_way(mode):
    """Errors go on from where they are, at the time that it is, and so do counts; the new sweep is counted as sent."""
    circuit = three_layers()
    data, other = data_of(circuit, 2), {"targets": {"out": np.full((2, 3), 0.4)}}
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(1e-4, mode))
    wanted = pcn.Simulator(circuit, integrator=pcn.Euler(1.0) if mode.binned else pcn.RungeKutta4(0.25))
    sim.run(40.0, **data)
    wanted.run(40.0, **data)
    for duration in (3.0, 9.0):
        actual, steps = sim.run(duration, **other), wanted.run(duration, **other)
        for name, error in steps.errors.items():
            np.testing.assert_allclose(actual.errors[name], error, rtol=0, atol=1e-3)
    assert max(np.abs(e).max() for e in steps.errors.values()) > 0.1
    edges = circuit.nx.edges(data=True)
    synapses = sum(d["synapses"] for _, t, d in edges if d["kind"] == "feedback" and t != "x.value")
    swept = sum(d["synapses"] for _, _, d in edges if d["kind"] == "prediction")
    assert actual.stats["Dense"] == 2 * 52 * synapses + 2 * swept


@modes
def test_damaged_snapshots_are_refused(mode, tmp_path):
    """Indices in them are read by compiled code: none may lead outside of an array."""
    circuit = three_layers().with_delays(3.0)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.EventDriven(0.01, mode))
    sim.run(6.0, **data_of(circuit, 1))
    good = sim._engine.state()
    sim._engine.set_state(sim._data, good)
    key = "events.0.down.key"
    assert good[key].size
    for name, change in (
        (key, lambda a: a + (1 << 50)),
        (key, lambda a: a | 0xFFFFFF),
        (key, lambda a: -1 - a),
        (key, lambda a: a[:-1]),
        ("events.awake", lambda a: a + 1000),
        ("events.since", lambda a: np.zeros_like(a)),
        ("events.counts", lambda a: a + 10**6),
        ("events.x", lambda a: a[:, :-1]),
        ("events.0.down.time", lambda a: a * np.nan),
    ):
        with pytest.raises(ValueError, match="its"):
            sim._engine.set_state(sim._data, good | {name: change(good[name])})


def test_events_that_outgrow_memory_stop_the_run(monkeypatch):
    from pcneuro.engines.events import engine as events

    monkeypatch.setattr(events, "MOST_BYTES", 20_000)
    circuit = three_layers().with_delays(20.0)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(pcn.Absolute(1e-5), pcn.Exact()))
    with pytest.raises(pcn.PcneuroError, match=r"events are under way at .* ms, .* are sent a ms: .*raise thresholds"):
        sim.run(100.0, **data_of(circuit, 1))


def test_an_event_under_way_takes_24_bytes():
    circuit = three_layers().with_delays(30.0)
    for dtype, most in ((np.float64, 24), (np.float32, 20)):
        sim = pcn.Simulator(circuit, engine=pcn.EventDriven(1e-3, pcn.Exact()), dtype=dtype)
        sim.run(45.0, **data_of(circuit, 1))
        (sample,) = sim._engine.samples
        own = [sample._queue("down", name) for name in ("time", "change", "key", "slope")]
        assert sum(a.itemsize for a in own if a.size) == most
        assert sample.under_way > 20


def test_snapshots_of_other_settings_are_refused(tmp_path):
    circuit, wanted = three_layers(), pcn.EventDriven(0.01, pcn.Exact())
    sim = pcn.Simulator(circuit, engine=wanted)
    sim.run(5.0, **data_of(circuit, 2))
    sim.store(tmp_path / "state")
    for other in (pcn.EventDriven(0.01), pcn.EventDriven(0.02, pcn.Exact()), pcn.Reference()):
        with pytest.raises(CircuitFileError):
            pcn.Simulator(circuit, engine=other).restore(tmp_path / "state")


@modes
def test_nothing_to_say_is_not_said(mode):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = data_of(circuit, 2)
    out = pcn.Simulator(circuit).run(0.0, **data).predictions["out"]
    actual = by_events(circuit, {"inputs": data["inputs"], "targets": {"out": out}}, 50.0, pcn.Absolute(1e-6), mode)
    assert actual.stats["synaptic_operations"] == 0
    assert set(actual.stats["events"].values()) == {0}
    # Few events once there is equilibrium.
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.01, mode))
    before = sim.run(300.0, **data).stats["events"]
    assert sim.run(300.0).stats["events"] == before
