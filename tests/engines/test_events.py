"""Events against steps: how results converge, what they are bounded by, and how they are counted."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from pcneuro.errors import CircuitFileError, ParameterError, PcneuroError, ShapeError
from tests.circuits_for_tests import chain, data_for, mlp, random_dag, same, three_layers

MODES = [pcn.TimeBinned(), pcn.Exact()]
modes = pytest.mark.parametrize("mode", MODES, ids=lambda m: type(m).__name__)


def by_events(circuit, data, duration, threshold, mode, **settings) -> pcn.Result:
    engine = pcn.EventDriven(threshold, mode)
    return pcn.Simulator(circuit, engine=engine, **settings).run(duration, **data)


def clocked(circuit, data, duration, mode) -> pcn.Result:
    """What thresholds of zero lead to: Euler's steps, or continuous time by the closed form."""
    if isinstance(mode, pcn.TimeBinned):
        return pcn.Simulator(circuit).run(duration, **data)
    return pcn.Simulator(circuit, integrator=pcn.RungeKutta4(0.25)).run(duration, **data)


def examples():
    yield "mlp", pcn.build_circuit(mlp((5, 7, 6, 3))), 1.0
    yield "precision and tau", three_layers(), 1.0
    for seed in (1, 3, 6):
        yield f"dag {seed}", pcn.build_circuit(random_dag(seed), vertices="all"), 0.3


def data_of(circuit, batch=2, scale=1.0):
    inputs, targets = data_for(circuit.graph, batch, scale=scale)
    return {"inputs": inputs, "targets": targets}


def labelled(circuit, batch, scale):
    (output,) = circuit.graph.outputs.values()
    inputs, _ = data_for(circuit.graph, batch, scale=scale)
    return {"inputs": inputs, "targets": {"out": np.broadcast_to(np.eye(output.shape[-1])[1], (batch, *output.shape))}}


def away(found: pcn.Result, wanted: pcn.Result) -> float:
    """Over all gradients together."""
    pairs = [(found.gradients[n].ravel(), g.ravel()) for n, g in wanted.gradients.items()]
    ours, theirs = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def order(circuit, data, mode, duration=200.0) -> float:
    """Late, when what is left are changes too small to send; early, a bin's change is larger than any threshold."""
    thresholds = np.geomspace(1e-4, 1e-1, 16)
    wanted = clocked(circuit, data, duration, mode)
    found = [away(by_events(circuit, data, duration, t, mode), wanted) for t in thresholds]
    return float(np.polyfit(np.log(thresholds), np.log(found), 1)[0])


@modes
@pytest.mark.parametrize(("name", "circuit", "scale"), list(examples()), ids=lambda x: x if isinstance(x, str) else "")
def test_errors_fall_with_thresholds(mode, name, circuit, scale):
    assert abs(order(circuit, data_of(circuit, 4, scale), mode) - 1.0) < 0.2


@modes
def test_errors_fall_with_thresholds_in_an_lstm_and_a_cnn(mode):
    for circuit, scale in (
        (lstm(length=2, vocabulary=4, hidden=3), 0.5),
        (cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5)), 1.0),
    ):
        assert abs(order(circuit, labelled(circuit, 2, scale), mode) - 1.0) < 0.2


def test_bins_without_thresholds_are_steps():
    for _, circuit, scale in examples():
        data = data_of(circuit, 3, scale)
        wanted = pcn.Simulator(circuit).run(25.0, **data)
        found = by_events(circuit, data, 25.0, 0.0, pcn.TimeBinned())
        for part in ("values", "errors", "predictions", "gradients"):
            for name, array in getattr(wanted, part).items():
                limit = 1e-13 * (np.abs(array).max() or 1.0)
                np.testing.assert_allclose(getattr(found, part)[name], array, rtol=0, atol=limit)


def test_exact_events_follow_the_erlang_curve():
    from scipy.special import gammainc

    circuit = pcn.build_circuit(chain(4, weight=0.8), tau=8.0)
    data = {"inputs": {"x": np.array(1.0)}, "targets": {"v4": np.array(2.0)}}
    record = [pcn.Record(f"v{k}", "error", every=5.0) for k in (1, 2, 3)]
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(pcn.Absolute(1e-6), pcn.Exact()))
    result = sim.run(40.0, **data, record=record)
    top = float(result.errors["v4"][0])
    for hops, name in ((1, "v3"), (2, "v2"), (3, "v1")):
        time = result.records["time"].values
        wanted = top * 0.8**hops * gammainc(hops, time / 8.0)
        # What others know is a threshold off at each hop.
        np.testing.assert_allclose(result.records[f"{name}.error"].values.ravel(), wanted, rtol=0, atol=3e-6)


@modes
@pytest.mark.parametrize("threshold", [0.3, 0.03])
def test_bounds_hold(mode, threshold):
    tight = []
    for _, circuit, scale in examples():
        data = data_of(circuit, 2, scale)
        sim = pcn.Simulator(circuit, engine=pcn.EventDriven(threshold, mode))
        for duration in (5.0, 15.0, 180.0):
            found = sim.run(duration, **data)
            wanted = clocked(circuit, data, sim.time, mode)
            errors, gradients = sim._engine.bounds()
            for name, bound in errors.items():
                difference = np.abs(found.errors[name] - wanted.errors[name])
                # Runge-Kutta's own error
                assert (difference <= bound + 1e-7).all(), name
            for name, bound in gradients.items():
                assert (np.abs(found.gradients[name] - wanted.gradients[name]) <= bound + 1e-7).all(), name
        shares = (np.abs(found.errors[n] - wanted.errors[n]).max() / b.max() for n, b in errors.items() if b.any())
        tight.append(max(shares, default=0.0))
    assert max(tight) > 0.1


@modes
def test_operations_are_events_times_synapses(mode):
    """Of dense projections: what ``circuit.nx`` says of their number, a share for each neuron that sends."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    stats = by_events(circuit, data_of(circuit, 3), 50.0, 0.02, mode).stats
    wanted = 0
    for source, target, edge in circuit.nx.edges(data=True):
        if edge["kind"] == "feedback" and target != "x.value":
            wanted += stats["events"][source] * edge["synapses"] // circuit.nx.nodes[source]["size"]
    assert stats["synaptic_operations"] == wanted > 0
    # The first hidden layer has nobody to send to but its input, which is clamped.
    assert stats["events"]["out.error"] == 9


@modes
def test_a_run_goes_on_and_is_restored(mode, tmp_path):
    circuit = three_layers()
    data = data_of(circuit, 2)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.01, mode))
    sim.run(12.0, **data)
    sim.store(tmp_path / "state")
    first = sim.run(20.0)
    sim.restore(tmp_path / "state")
    again = sim.run(20.0)
    assert again.stats["events"] == first.stats["events"]
    whole = by_events(circuit, data, 32.0, 0.01, mode)
    assert whole.stats["events"] == first.stats["events"]
    for part in ("values", "errors", "gradients"):
        assert same(getattr(first, part), getattr(again, part))
    for name, error in whole.errors.items():
        np.testing.assert_allclose(first.errors[name], error, rtol=1e-12, atol=1e-15)


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
    found = by_events(circuit, {"inputs": data["inputs"], "targets": {"out": out}}, 50.0, pcn.Absolute(1e-6), mode)
    assert found.stats["synaptic_operations"] == 0
    assert set(found.stats["events"].values()) == {0}
    # Few events once there is equilibrium.
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.01, mode))
    before = sim.run(300.0, **data).stats["events"]
    assert sim.run(300.0).stats["events"] == before


def test_thresholds_by_vertex():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = data_of(circuit, 1)
    both = {"h2": pcn.Absolute(np.full(6, 1e6)), "h1": 0.001}
    found = by_events(circuit, data, 100.0, both, pcn.TimeBinned())
    assert found.stats["events"]["h2.error"] == 0
    assert found.stats["events"]["out.error"] == 3
    assert not found.errors["h1"].any()


def test_latents_without_a_prior():
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((3,)), W=pcn.Parameter(np.eye(3)))
    circuit = pcn.build_circuit(graph)
    data = {"targets": {"out": np.array([0.3, 0.2, 0.1])}}
    with pytest.warns(pcn.PcneuroWarning):
        wanted = pcn.Simulator(circuit).run(7.0, **data)
    with pytest.warns(pcn.PcneuroWarning):
        found = by_events(circuit, data, 7.0, 1e-9, pcn.TimeBinned())
    np.testing.assert_allclose(found.values["z"], wanted.values["z"], rtol=1e-7)


def test_what_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    data = data_of(circuit, 1)
    for text, make in (
        ("at least 0", lambda: pcn.EventDriven(-0.1)),
        ("at least 0", lambda: pcn.EventDriven(float("nan"))),
        ("at least 0", lambda: pcn.Absolute(np.array([1.0, -1.0]))),
        ("give a number", lambda: pcn.EventDriven("small")),
        ("give TimeBinned", lambda: pcn.EventDriven(0.1, "exact")),
        ("unknown vertex with errors 'h9'", lambda: by_events(circuit, data, 1.0, {"h9": 0.1}, pcn.TimeBinned())),
        ("order is 3", lambda: pcn.Exact(order=3)),
        ("order=2", lambda: by_events(circuit, data, 1.0, 0.1, pcn.Exact(order=2), dynamics=pcn.Strict())),
        ("threads=0", lambda: pcn.EventDriven(threads=0)),
        ("stages", lambda: by_events(circuit, data, 1.0, 0.1, pcn.TimeBinned(), integrator=pcn.RungeKutta4(1.0))),
        ("needs thresholds above 0", lambda: by_events(circuit, data, 1.0, 0.0, pcn.Exact())),
        ("Parallel", lambda: by_events(circuit, data, 1.0, 0.1, pcn.TimeBinned(), schedule=pcn.Sequential())),
    ):
        with pytest.raises(PcneuroError, match=text):
            make()
    with pytest.raises(ShapeError, match=r"shape \(3,\); the population has \(4,\)"):
        by_events(circuit, data, 1.0, {"h1": pcn.Absolute(np.ones(3))}, pcn.TimeBinned())
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.1), integrator=pcn.Euler(15.0))
    sim.run(15.0, **data)
    with pytest.raises(ParameterError, match="no bound"):
        sim._engine.bounds()
