"""Events against steps: how results converge, what they are bounded by, and how they are counted."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from pcneuro.engines.events.topology import UNITS
from pcneuro.errors import ParameterError, PcneuroError, ShapeError
from tests.circuits_for_tests import chain, mlp, random_dag, three_layers
from tests.engines.events.event_runs import (
    MODES,
    all_modes,
    away,
    both,
    by_events,
    clocked,
    data_of,
    equal,
    examples,
    labelled,
    modes,
)


def order(circuit, data, mode, duration=200.0, **settings) -> float:
    """Late, when what is left are changes too small to send; early, a bin's change is larger than any threshold."""
    thresholds = np.geomspace(1e-4, 1e-1, 8)
    wanted = clocked(circuit, data, duration, mode, **settings)
    actual = [away(by_events(circuit, data, duration, t, mode, **settings), wanted) for t in thresholds]
    return float(np.polyfit(np.log(thresholds), np.log(actual), 1)[0])


@pytest.mark.halved
@pytest.mark.parametrize("mode", [*MODES, pcn.Exact(order=2)], ids=repr)
@pytest.mark.parametrize(("name", "circuit", "scale"), list(examples()), ids=lambda x: x if isinstance(x, str) else "")
def test_errors_fall_with_thresholds(mode, name, circuit, scale):
    assert abs(order(circuit, data_of(circuit, 4, scale), mode) - 1.0) < 0.2


@modes
def test_errors_fall_with_thresholds_under_strict_dynamics(mode):
    for circuit, scale in ((pcn.build_circuit(mlp((5, 7, 6, 3))), 1.0), (three_layers(), 1.0)):
        assert abs(order(circuit, data_of(circuit, 4, scale), mode, dynamics=pcn.Strict()) - 1.0) < 0.2


@modes
def test_errors_fall_with_thresholds_in_an_lstm_and_a_cnn(mode):
    for circuit, scale in (
        (lstm(length=2, vocabulary=4, hidden=3), 0.5),
        (cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5)), 1.0),
    ):
        assert abs(order(circuit, labelled(circuit, 2, scale), mode) - 1.0) < 0.2


@modes
@pytest.mark.parametrize("kind", ["lstm", "cnn", "dag"])
def test_strict_events_follow_strict_steps_for_every_operator(mode, kind):
    circuit, data = {
        "lstm": lambda: (c := lstm(length=2, vocabulary=4, hidden=3), labelled(c, 2, 0.5)),
        "cnn": lambda: (
            c := cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5)),
            labelled(c, 2, 1.0),
        ),
        "dag": lambda: (c := pcn.build_circuit(random_dag(3), vertices="all"), data_of(c, 2, 0.3)),
    }[kind]()
    wanted = clocked(circuit, data, 30.0, mode, dynamics=pcn.Strict())
    actual = [away(by_events(circuit, data, 30.0, t, mode, dynamics=pcn.Strict()), wanted) for t in (1e-2, 1e-4)]
    assert actual[1] < 0.03 * actual[0] < 0.01


@both
def test_bins_without_thresholds_are_steps_bit_for_bit(dynamics):
    for _, circuit, scale in examples():
        data = data_of(circuit, 3, scale)
        for settings in ({}, {"dtype": np.float32}, {"integrator": pcn.ExponentialEuler(2.0)}):
            wanted = pcn.Simulator(circuit, dynamics=dynamics, **settings).run(24.0, **data)
            assert equal(by_events(circuit, data, 24.0, 0.0, pcn.TimeBinned(), dynamics=dynamics, **settings), wanted)


@both
def test_the_smallest_thresholds_are_steps_to_rounding(dynamics):
    """What events bring, change by change, against sums taken anew; and both count the same."""
    for _, circuit, scale in examples():
        data = data_of(circuit, 3, scale)
        actual, wanted = (
            by_events(circuit, data, 25.0, pcn.Absolute(t), pcn.TimeBinned(), dynamics=dynamics) for t in (1e-300, 0.0)
        )
        for part in ("values", "errors", "predictions", "gradients"):
            for name, array in getattr(wanted, part).items():
                limit = 1e-13 * (np.abs(array).max() or 1.0)
                np.testing.assert_allclose(getattr(actual, part)[name], array, rtol=0, atol=limit)
        if isinstance(dynamics, pcn.FixedPrediction):
            for key in ("events", "Effective_MACs", "by_kind", "Dense"):
                assert actual.stats[key] == wanted.stats[key]


@both
def test_delays_in_events_are_those_of_the_reference(dynamics):
    """With nothing held back, against the reference's histories, synapse by synapse; ``Kernel`` is the same."""
    for _, circuit, scale in examples():
        data = data_of(circuit, 2, scale)
        for delays in (2.0, pcn.UniformDelay(1.0, 6.0, seed=3)):
            delayed = circuit.with_delays(delays)
            wanted = pcn.Simulator(delayed, dynamics=dynamics, engine=pcn.Reference()).run(30.0, **data)
            for engine in (pcn.Kernel(), pcn.EventDriven(pcn.Absolute(1e-300))):
                actual = pcn.Simulator(delayed, dynamics=dynamics, engine=engine).run(30.0, **data)
                for part in ("values", "errors", "predictions", "gradients"):
                    for name, array in getattr(wanted, part).items():
                        limit = 1e-12 * max(np.abs(array).max(), 1e-3)
                        np.testing.assert_allclose(getattr(actual, part)[name], array, rtol=0, atol=limit)
            assert actual.stats["most_events_under_way"] > 0


@both
def test_exact_events_with_delays_follow_fine_steps(dynamics):
    circuit = three_layers().with_delays(2.0)
    data = data_of(circuit, 2)
    fine = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.Reference(), integrator=pcn.Euler(0.02))
    wanted = fine.run(20.0, **data)
    actual = by_events(circuit, data, 20.0, 1e-4, pcn.Exact(), dynamics=dynamics)
    for name, error in wanted.errors.items():
        np.testing.assert_allclose(actual.errors[name], error, rtol=0, atol=3e-3 * np.abs(error).max())


@pytest.mark.parametrize("delay", [0.0, 3.7])
def test_exact_events_follow_the_erlang_curve(delay):
    """To 1e-9 where events carry slopes and the threshold is 1e-10; with delays the curve is shifted by their sum."""
    from scipy.special import gammainc

    circuit = pcn.build_circuit(chain(4, weight=0.8), tau=8.0, delays=delay)
    data = {"inputs": {"x": np.array(1.0)}, "targets": {"v4": np.array(2.0)}}
    record = [pcn.Record(f"v{k}", "error", every=5.0) for k in (1, 2, 3)]
    for mode, threshold, limit in ((pcn.Exact(), 1e-6, 3e-6), (pcn.Exact(order=2), 1e-10, 1e-9)):
        sim = pcn.Simulator(circuit, engine=pcn.EventDriven(pcn.Absolute(threshold), mode))
        result = sim.run(40.0, **data, record=record)
        top = float(result.errors["v4"][0])
        for hops, name in ((1, "v3"), (2, "v2"), (3, "v1")):
            time = np.maximum(result.records["time"].values - hops * delay, 0.0)
            wanted = top * 0.8**hops * gammainc(hops, time / 8.0)
            # What others know is a threshold off at each hop.
            np.testing.assert_allclose(result.records[f"{name}.error"].values.ravel(), wanted, rtol=0, atol=limit)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 6))])
def test_first_arrivals_are_shortest_paths(seed):
    """In bins, of which a value neuron takes one, exactly; at exact times not before the sum of delays."""
    rng = np.random.default_rng(seed)
    graph = random_dag(seed)
    plain = pcn.build_circuit(graph, vertices="all")
    feedback = [(a, b) for a, b, kind in plain.nx.edges(keys=True) if kind == "feedback"]
    circuit = plain.with_delays({edge: float(rng.integers(1, 9)) for edge in feedback})
    data = data_of(circuit, 1, 0.3)
    paths = nx.DiGraph()
    for a, b in feedback:
        delay = circuit.nx.edges[a, b, "feedback"]["delay"]
        paths.add_edge(a.removesuffix(".error"), b.removesuffix(".value"), delay=delay, binned=delay + 1.0)
    outputs = [n.name for n in graph.outputs.values()]
    for mode, passing in ((pcn.TimeBinned(), 1.0), (pcn.Exact(order=2), 0.0)):
        sim = pcn.Simulator(circuit, engine=pcn.EventDriven(pcn.Absolute(1e-12 if passing else 1e-9), mode))
        sim.run(80.0 if passing else 30.0, **data)
        actual = {name: float(a.min()) for name, a in sim._engine.arrivals().items() if np.isfinite(a).any()}
        lengths = nx.multi_source_dijkstra_path_length(paths, outputs, weight="binned" if passing else "delay")
        for name in set(actual) - set(outputs):
            bound = lengths[name] - passing
            if passing:
                assert actual[name] == bound
            else:
                assert bound <= actual[name] <= bound + 1.0
        assert set(actual) - set(outputs)


@pytest.mark.halved
@all_modes
@pytest.mark.parametrize("threshold", [0.3, 0.03])
def test_bounds_hold(mode, threshold):
    tight = []
    for _, circuit, scale in examples():
        data = data_of(circuit, 2, scale)
        sim = pcn.Simulator(circuit, engine=pcn.EventDriven(threshold, mode))
        for duration in (5.0, 15.0, 180.0):
            actual = sim.run(duration, **data)
            wanted = clocked(circuit, data, sim.time, mode)
            errors, gradients = sim.bounds()
            assert gradients.keys() == actual.gradients.keys()
            for name, bound in errors.items():
                difference = np.abs(actual.errors[name] - wanted.errors[name])
                # Runge-Kutta's own error
                assert (difference <= bound + 1e-7).all(), name
            for name, bound in gradients.items():
                assert (np.abs(actual.gradients[name] - wanted.gradients[name]) <= bound + 1e-7).all(), name
        shares = (np.abs(actual.errors[n] - wanted.errors[n]).max() / b.max() for n, b in errors.items() if b.any())
        tight.append(max(shares, default=0.0))
    # What is summed over bins is told long before its threshold, when there is time.
    assert max(tight) > (0.001 if mode == pcn.TimeBinned(cumulative=True) else 0.1)


def test_cumulative_thresholds_tell_small_differences_that_stay():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = data_of(circuit, 3)
    wanted = pcn.Simulator(circuit).run(300.0, **data)
    plain, cumulative = (
        away(by_events(circuit, data, 300.0, 0.1, pcn.TimeBinned(cumulative=c)), wanted) for c in (False, True)
    )
    assert cumulative < 0.01 * plain


def test_order_two_takes_far_fewer_events():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = data_of(circuit, 2)
    first, second = (
        sum(by_events(circuit, data, 100.0, 1e-4, pcn.Exact(order=k)).stats["events"].values()) for k in (1, 2)
    )
    assert second < 0.05 * first


@all_modes
def test_single_precision(mode):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = data_of(circuit, 2)
    single, double = (by_events(circuit, data, 60.0, 0.01, mode, dtype=t) for t in (np.float32, np.float64))
    assert single.errors["h1"].dtype == np.float32
    assert away(single, double) < 2e-3


@modes
@pytest.mark.parametrize("delay", [0.0, 3.0])
def test_events_settle(mode, delay):
    circuit = three_layers().with_delays(delay)
    data = data_of(circuit, 2)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.001, mode))
    result = sim.run(until=pcn.Settled(rtol=1e-3), **data)
    assert result.status == "completed"
    assert away(result, pcn.backprop(circuit, **data)) < 0.01


def test_thresholds_by_vertex():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = data_of(circuit, 1)
    chosen = {"h2": pcn.Absolute(np.full(6, 1e6)), "h1": 0.001}
    actual = by_events(circuit, data, 100.0, chosen, pcn.TimeBinned())
    assert actual.stats["events"]["h2.error"] == 0
    assert actual.stats["events"]["out.error"] == 3
    assert not actual.errors["h1"].any()


def test_latents_without_a_prior():
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((3,)), W=pcn.Parameter(np.eye(3)))
    circuit = pcn.build_circuit(graph)
    data = {"targets": {"out": np.array([0.3, 0.2, 0.1])}}
    with pytest.warns(pcn.PcneuroWarning):
        wanted = pcn.Simulator(circuit).run(7.0, **data)
    with pytest.warns(pcn.PcneuroWarning):
        actual = by_events(circuit, data, 7.0, 1e-9, pcn.TimeBinned())
    np.testing.assert_allclose(actual.values["z"], wanted.values["z"], rtol=1e-7)


def test_what_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    data = data_of(circuit, 1)
    short = pcn.build_circuit(mlp((3, 4, 3, 2)), delays=0.5)
    strict = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.EventDriven(0.1))
    for text, make in (
        ("at least 0", lambda: pcn.EventDriven(-0.1)),
        ("at least 0", lambda: pcn.EventDriven(float("nan"))),
        ("at least 0", lambda: pcn.Absolute(np.array([1.0, -1.0]))),
        ("give a number of at least 0", lambda: pcn.EventDriven("small")),
        ("give TimeBinned", lambda: pcn.EventDriven(0.1, "exact")),
        ("unknown vertex with errors 'h9'", lambda: by_events(circuit, data, 1.0, {"h9": 0.1}, pcn.TimeBinned())),
        ("order is 3", lambda: pcn.Exact(order=3)),
        ("order=2", lambda: by_events(circuit, data, 1.0, 0.1, pcn.Exact(order=2), dynamics=pcn.Strict())),
        ("threads is 0", lambda: pcn.EventDriven(threads=0)),
        ("stages", lambda: by_events(circuit, data, 1.0, 0.1, pcn.TimeBinned(), integrator=pcn.RungeKutta4(1.0))),
        ("needs thresholds above 0", lambda: by_events(circuit, data, 1.0, 0.0, pcn.Exact())),
        ("delay of 0.5 ms, shorter than dt = 1 ms", lambda: by_events(short, data, 1.0, 0.1, pcn.TimeBinned())),
        ("cumulative is 1", lambda: pcn.TimeBinned(cumulative=1)),
        ("Kernel holds nothing back", lambda: pcn.Simulator(circuit).bounds()),
        ("no bound under Strict", lambda: strict.bounds()),
        ("Parallel", lambda: by_events(circuit, data, 1.0, 0.1, pcn.TimeBinned(), schedule=pcn.Sequential())),
    ):
        with pytest.raises(PcneuroError, match=text):
            make()
    with pytest.raises(ShapeError, match=r"shape \(3,\); the population has \(4,\)"):
        by_events(circuit, data, 1.0, {"h1": pcn.Absolute(np.ones(3))}, pcn.TimeBinned())
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.1), integrator=pcn.Euler(15.0))
    sim.run(15.0, **data)
    with pytest.raises(ParameterError, match="no bound"):
        sim.bounds()


def test_an_operator_without_events_is_refused_by_name(monkeypatch):
    from pcneuro.ops.base import AbstractOperator
    from pcneuro.ops.maps import Map

    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    UNITS.clear()  # of other tests, which have listed such a circuit
    monkeypatch.setattr(Map, "units", AbstractOperator.units)
    with pytest.raises(ParameterError, match=r"^operator '.+' has no equivalent in single units .* run by events$"):
        by_events(circuit, data_of(circuit, 1), 1.0, 0.1, pcn.TimeBinned())
