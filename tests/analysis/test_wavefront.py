"""The wavefront of a run: closed forms on chains, arrivals where the lower bound says, and what is reported."""

from __future__ import annotations

import copy
import itertools
import json
import math
import signal

import networkx
import numpy as np
import pytest
from scipy.stats import binom

import pcneuro as pcn
from pcneuro.analysis.wavefront.distance import Clock, least_ways
from pcneuro.analysis.wavefront.report import growth
from pcneuro.errors import ParameterError, UnknownNameError
from tests.circuits_for_tests import chain, data_for, diverges, engines, every_dynamics, mlp, random_dag

SHARES = (0.01, 0.1, 0.5)
INTEGRATORS = [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)]
every_integrator = pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)


def dense_dag(seed: int) -> pcn.Graph:
    """A random graph of dense tanh layers: many ways of different lengths, and no derivative is zero."""
    rng = np.random.default_rng(seed)
    n = 3
    weights = {f"W{k}": pcn.Parameter(rng.normal(size=(n, n)) / 3) for k in range(8)}

    def function(x, **w):
        draw = copy.deepcopy(rng)
        pool = [x]
        for k in range(7):
            i, j = draw.integers(len(pool), size=2)
            pool.append(pcn.vertex(np.tanh(pool[i] @ w[f"W{k}"] + 0.5 * pool[j]), f"v{k}"))
        some = draw.integers(1, len(pool), size=2)
        return {"a": pcn.vertex(pool[-1] @ w["W7"], "a"), "b": pcn.vertex(pool[some[0]] - 0.3 * pool[some[1]], "b")}

    return pcn.trace(function, x=pcn.Input((n,)), **weights)


def steps_to(share, hops, eta, steps):
    """First number of steps after which P[Binomial(n, eta) >= hops] is that share of what it is at the end."""
    n = np.arange(steps + 1)
    reached = binom.sf(hops - 1, n, eta)
    return int(np.argmax(reached >= share * reached[-1]))


@engines
@pytest.mark.parametrize(
    ("integrator", "eta"),
    [(pcn.Euler(2.0), 0.2), (pcn.ExponentialEuler(2.0), 1 - math.exp(-0.2))],
    ids=["Euler", "exp"],
)
def test_times_on_a_chain_are_those_of_the_binomial(engine, integrator, eta):
    length, steps = 7, 150
    sim = pcn.Simulator(pcn.build_circuit(chain(length, 1.3)), integrator=integrator, engine=engine)
    report = pcn.wavefront(sim, 2.0 * steps, inputs={"x": 0.7}, targets={"v7": 2.0})
    assert report.status == "completed"
    n = np.arange(steps + 1)
    for k in range(1, length + 1):
        hops, row = length - k, report[f"v{k}"]
        assert row.hops == hops
        assert row.arrival == row.bound == 2.0 * max(hops - 1, 0)
        assert row.times == tuple(2.0 * steps_to(share, hops, eta, steps) for share in SHARES)
        assert row.path == tuple(f"v{i}" for i in range(length, k - 1, -1))
        reached = binom.sf(hops - 1, n, eta)
        np.testing.assert_allclose(report.curves.sel(vertex=f"v{k}"), reached / reached[-1], atol=1e-11)
    assert report.critical == [(f"v{k}", report[f"v{k}"].arrival, report[f"v{k}"].times[2]) for k in range(7, 0, -1)]


@engines
def test_a_share_is_the_gradients(engine):
    """<e(t), e_end> / <e_end, e_end> over batch and units, from records; the simulator is at its end."""
    circuit = pcn.build_circuit(mlp((4, 6, 5, 3)))
    inputs, targets = data_for(circuit.graph, 5)
    sim = pcn.Simulator(circuit, engine=engine)
    names = circuit.vertices
    result = sim.run(60.0, inputs=inputs, targets=targets, record=[pcn.Record(n, "error", every=2.0) for n in names])
    report = pcn.wavefront(sim, 60.0, every=2.0, shares=[0.9, 0.2])
    assert report.shares == (0.2, 0.9)
    for name in names:
        rows = result.records[f"{name}.error"].values.reshape(31, -1)
        share = rows @ rows[-1] / (rows[-1] @ rows[-1])
        np.testing.assert_allclose(report.curves.sel(vertex=name), share, rtol=1e-12, atol=1e-15)
        assert report[name].times == tuple(2.0 * np.argmax(share >= s) for s in (0.2, 0.9))
        assert report[name].final_norm == pytest.approx(np.linalg.norm(rows[-1]))
    np.testing.assert_array_equal(report.curves.time, np.arange(0, 61, 2.0))
    assert report.energy.values[-1] == pytest.approx(result.energy)
    assert sim.time == 60.0
    assert all(np.array_equal(sim.errors[name], result.errors[name]) for name in names)


@pytest.mark.halved
@engines
@every_dynamics
@every_integrator
def test_errors_arrive_at_the_bound(engine, dynamics, integrator):
    """Without delays and dead units the bound is reached, to the bit; without a target for b, too."""
    for seed in range(4):
        circuit = pcn.build_circuit(dense_dag(seed))
        inputs, targets = data_for(circuit.graph, 2, seed, 0.5)
        if seed % 2:
            targets.pop("b")
        sim = pcn.Simulator(circuit, integrator=integrator, dynamics=dynamics, engine=engine)
        report = pcn.wavefront(sim, 10.0, inputs=inputs, targets=targets)
        assert {r.vertex: r.arrival for r in report.rows} == {r.vertex: r.bound for r in report.rows}
        reached = [r for r in report.rows if r.path]
        assert max(r.hops for r in reached) > 1
        assert all(len(r.path) == r.hops + 1 and r.path[-1] == r.vertex for r in reached)


def test_nothing_is_earlier_than_the_bound():
    """With derivatives that are zero here and there, on graphs of every kind of operator."""
    later = 0
    for seed, vertices in itertools.product(range(12), ("auto", "all")):
        circuit = pcn.build_circuit(random_dag(seed), vertices=vertices)
        inputs, targets = data_for(circuit.graph, 2, seed, 0.4)
        for dynamics in (pcn.FixedPrediction(), pcn.Strict()):
            report = pcn.wavefront(pcn.Simulator(circuit, dynamics=dynamics), 8.0, inputs=inputs, targets=targets)
            assert all(row.arrival >= row.bound for row in report.rows)
            later += sum(row.arrival > row.bound for row in report.rows)
    assert later  # else this is no other test than the one above


@pytest.mark.parametrize("linear", [True, False], ids=["fixed", "strict"])
def test_the_bound_with_delays_is_the_least_of_all_ways(linear):
    """Delays are read from the edges; every simple way is tried."""
    for seed in range(5):
        circuit = pcn.build_circuit(dense_dag(seed))
        rng = np.random.default_rng(seed)
        for _, _, edge in circuit.nx.edges(data=True):
            edge["delay"] = float(rng.integers(0, 5)) if edge["kind"] in ("prediction", "feedback") else 0.0
        clamped = {"a", "b"}
        actual = least_ways(circuit, ["a", "b"], clamped, linear, Clock(1.0, 1))
        graph = networkx.DiGraph()
        for start, end, edge in circuit.nx.edges(data=True):
            value = start.endswith(".value")
            if not (value and start.removesuffix(".value") in {*clamped, "x"}):
                if not (linear and edge["kind"] == "prediction"):
                    graph.add_edge(start, end, cost=edge["delay"] + value)
        for name in circuit.vertices:
            costs = [0.0] if name in clamped else []
            for source in ("a.error", "b.error"):
                for end in () if name in clamped else (f"{name}.value", f"{name}.error"):
                    if graph.has_node(end):
                        ways = networkx.all_simple_paths(graph, source, end)
                        costs += [networkx.path_weight(graph, way, "cost") for way in ways]
            assert (actual[name].bound if name in actual else None) == min(costs, default=None), name


@pytest.mark.halved
@pytest.mark.parametrize(("delay", "taken"), [(1.05, 1.0), (1.24, 1.0), (1.4, 1.5)])
@every_dynamics
def test_the_bound_takes_delays_in_whole_steps_as_runs_do(dynamics, delay, taken):
    """A step of 0.5 ms a population of value neurons, and each delay as the nearest number of steps, less or more."""
    circuit = pcn.build_circuit(chain(3), delays=delay)
    sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(0.5))
    inputs, targets = data_for(circuit.graph, 2, 0, 0.4)
    report = pcn.wavefront(sim, 20.0, inputs=inputs, targets=targets)
    expected = [max(hops * taken + (hops - 1) * 0.5, 0.0) for hops in (row.hops for row in report.rows)]
    assert [row.bound for row in report.rows] == expected == [row.arrival for row in report.rows]


def test_a_step_of_several_stages_goes_several_hops():
    assert [Clock(2.0, 4).bound(0.0, passed) for passed in (0, 1, 4, 5)] == [0.0, 2.0, 2.0, 4.0]
    assert Clock(0.1, 1).bound(sum([0.1] * 3), 3) == pytest.approx(0.6)
    assert Clock(1.0, 0).bound(2.5, 7) == 2.5


def test_a_clamped_hidden_vertex_sends_errors_and_stops_them():
    circuit = pcn.build_circuit(chain(6))
    sim = pcn.Simulator(circuit)
    report = pcn.wavefront(sim, 30.0, inputs={"x": 0.7}, targets={"v6": 2.0}, clamp={"v3": 1.0})
    assert report["v3"].path == ("v3",)
    assert report["v1"].path == ("v3", "v2", "v1")
    assert report["v4"].path == ("v6", "v5", "v4")
    still = pcn.wavefront(sim, 30.0, inputs={"x": 0.7}, targets={"v6": 2.0}, clamp={"v3": 0.7})
    for name in ("v1", "v2", "v3"):
        assert still[name].arrival == still[name].bound == math.inf
        assert np.isnan(still[name].times).all()
    assert still["v4"].arrival == 1.0


@engines
@every_dynamics
def test_nothing_arrives_where_the_target_is_the_output(engine, dynamics):
    circuit = pcn.build_circuit(chain(3))
    sim = pcn.Simulator(circuit, engine=engine, dynamics=dynamics)
    report = pcn.wavefront(sim, 20.0, inputs={"x": 0.5}, targets={"v3": 0.5})
    assert [row.arrival for row in report.rows] == [math.inf] * 3
    assert all(math.isnan(time) for row in report.rows for time in row.times)
    assert report.critical == []
    assert not report.curves.notnull().any()
    assert "Critical" not in str(report)
    json.dumps(report.as_dict(), allow_nan=False)


def test_small_errors_have_shares_too():
    """1e-170 has a square that float64 does not have."""
    sim = pcn.Simulator(pcn.build_circuit(chain(3, 1e-85)))
    report = pcn.wavefront(sim, 200.0, inputs={"x": 0.0}, targets={"v3": 1.0})
    assert report["v1"].times == tuple(float(steps_to(share, 2, 0.1, 200)) for share in SHARES)


def test_other_schedules_and_engines():
    circuit = pcn.build_circuit(mlp((3, 4, 4, 2)))
    inputs, targets = data_for(circuit.graph, 3)
    given = {"inputs": inputs, "targets": targets}
    expected = pcn.wavefront(pcn.Simulator(circuit), 100.0, **given)
    leapt = pcn.wavefront(pcn.Simulator(circuit, schedule=pcn.FastForward()), 100.0, **given)
    assert [(r.arrival, r.bound, r.times) for r in leapt.rows] == [(r.arrival, r.bound, r.times) for r in expected.rows]
    np.testing.assert_allclose(leapt.curves, expected.curves, atol=1e-12)
    np.testing.assert_allclose(leapt.energy, expected.energy, rtol=1e-12)
    smooth = pcn.wavefront(pcn.Simulator(circuit, schedule=pcn.FastForward(continuous=True)), 100.0, **given)
    assert [row.bound for row in smooth.rows] == [0.0] * 3
    assert [row.hops for row in smooth.rows] == [2, 1, 0]
    sent = pcn.wavefront(pcn.Simulator(circuit, engine=pcn.EventDriven()), 100.0, **given)
    assert all(row.arrival >= other.bound for row, other in zip(sent.rows, expected.rows, strict=True))
    single = pcn.wavefront(pcn.Simulator(circuit, dtype=np.float32), 100.0, **given)
    assert [row.times for row in single.rows] == [row.times for row in expected.rows]


def test_an_engine_that_knows_arrivals_is_asked(monkeypatch):
    sim = pcn.Simulator(pcn.build_circuit(chain(3)))
    known = {"v1": np.array([[7.25, math.inf]]), "v2": np.array([[math.inf]]), "v3": np.array([[0.0]])}
    monkeypatch.setattr(sim._engine, "arrivals", lambda: known)
    monkeypatch.setattr(type(sim._engine), "in_steps", False)
    report = pcn.wavefront(sim, 20.0, inputs={"x": 0.7}, targets={"v3": 2.0})
    assert [(row.arrival, row.bound) for row in report.rows] == [(7.25, 0.0), (math.inf, 0.0), (0.0, 0.0)]


def test_memory_does_not_grow_with_the_duration(monkeypatch):
    """What is kept of a long run is a few hundred times; what is handed over at once is bounded."""
    from pcneuro.analysis.wavefront import passes
    from pcneuro.simulator import stream

    monkeypatch.setattr(stream, "CHUNK_BYTES", 10_000)
    largest, take = [], passes.GradientShares._take
    monkeypatch.setattr(
        passes.GradientShares,
        "_take",
        lambda self, chunk: (largest.append(sum(part.rows.nbytes for part in chunk.recorded)), take(self, chunk)),
    )
    sim = pcn.Simulator(pcn.build_circuit(mlp((3, 5, 5, 2))))
    inputs, targets = data_for(sim.circuit.graph, 2)
    report = pcn.wavefront(sim, 4321.0, inputs=inputs, targets=targets)
    assert max(largest) <= 10_000
    assert 300 < report.curves.sizes["time"] <= 502
    assert report.curves.time[-1] == 4321.0
    assert 50 < report.energy.sizes["energy_time"] <= 102
    assert report.energy.energy_time[-1] == 4321.0


@diverges
def test_divergence_is_reported():
    sim = pcn.Simulator(pcn.build_circuit(chain(3, 10.0)), dynamics=pcn.Strict())
    report = pcn.wavefront(sim, 500.0, inputs={"x": 1.0}, targets={"v3": 0.0})
    result = pcn.Simulator(sim.circuit, dynamics=pcn.Strict()).run(500.0, inputs={"x": 1.0}, targets={"v3": 0.0})
    assert report.status == "diverged"
    assert report.message == result.message
    assert report.time == result.time < 500.0
    assert [row.arrival for row in report.rows] == [row.bound for row in report.rows] == [1.0, 0.0, 0.0]
    assert all(math.isnan(time) for row in report.rows for time in (*row.times, row.final_norm))
    assert report.growth > 0
    json.dumps(report.as_dict(), allow_nan=False)


@pytest.mark.parametrize(("at", "which"), [(0.2, "first"), (0.8, "second")])
def test_control_c_returns_what_is_known(at, which):
    sim = pcn.Simulator(pcn.build_circuit(mlp((3, 4, 2))))
    inputs, targets = data_for(sim.circuit.graph, 2)
    shares = []

    def report(elapsed, completed, start, duration):
        shares.append(completed)
        assert (start, duration) == (0.0, 3000.0)
        if completed > at and not any(share > at for share in shares[:-1]):
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    actual = pcn.wavefront(sim, 3000.0, inputs=inputs, targets=targets, report=report, report_period=1e-9)
    assert signal.getsignal(signal.SIGINT) is before
    assert actual.status == "interrupted"
    assert f"in the {which} of two runs" in actual.message
    assert [row.arrival for row in actual.rows] == [0.0, 0.0]
    if which == "first":
        assert actual.time < 3000.0
        assert all(math.isnan(time) for row in actual.rows for time in row.times)
    else:
        assert actual.rows[0].times[2] == 7.0
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] < 1.0


def test_progress_ends_at_one():
    shares = []
    sim = pcn.Simulator(pcn.build_circuit(chain(3)))
    given = {"inputs": {"x": 0.2}, "targets": {"v3": 1.0}}
    pcn.wavefront(sim, 100.0, **given, report=lambda *a: shares.append(a[1]), report_period=1e-9)
    assert shares == sorted(shares)
    assert shares.count(0.0) == shares.count(1.0) == 1


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"duration": -1.0}, "duration"),
        ({"duration": 0.0}, "try 1 ms"),
        ({"duration": 10.0, "every": 4.0}, "duration 10 ms is no multiple of every = 4 ms: try 12 ms"),
        ({"every": 0.5}, "multiple of dt = 1 ms, such as 1"),
        ({"every": "often"}, "every is 'often'"),
        ({"every": -1.0}, "every is -1.0"),
        ({"shares": ()}, "shares"),
        ({"shares": 0.5}, "shares is 0.5"),
        ({"shares": (0.5, 2.0)}, "shares"),
        ({"shares": "half"}, "shares is 'half'"),
        ({"report": "loud"}, "report is 'loud'"),
    ],
)
def test_bad_arguments_leave_the_simulator_as_it_was(settings, text):
    sim = pcn.Simulator(pcn.build_circuit(chain(3)))
    sim.run(5.0, inputs={"x": 0.2}, targets={"v3": 1.0})
    with pytest.raises(ParameterError, match=text.replace("(", r"\(")):
        pcn.wavefront(sim, **{"duration": 10.0, **settings})
    assert sim.time == 5.0


def test_turns_have_no_wave():
    sim = pcn.Simulator(pcn.build_circuit(chain(3)), schedule=pcn.Sequential())
    with pytest.raises(ParameterError, match="take turns"):
        pcn.wavefront(sim, 10.0, inputs={"x": 0.2}, targets={"v3": 1.0})


def test_growth_is_the_rate_of_an_exponential():
    time = np.linspace(0, 300, 101)
    assert growth(time, 3 + np.exp(-0.02 * time)) == pytest.approx(-0.02)
    assert growth(time, 3 + 1e-3 * np.exp(0.05 * time)) == pytest.approx(0.05)
    assert math.isnan(growth(time, np.full(101, 2.0)))
    assert math.isnan(growth(time[:2], time[:2]))


def test_a_circuit_at_rest_does_not_swing():
    """Strict dynamics of a chain of two: F comes to rest at twice the rate of v, (1 + w^2)/tau."""
    sim = pcn.Simulator(pcn.build_circuit(chain(2, 0.5)), dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(1.0))
    report = pcn.wavefront(sim, 60.0, inputs={"x": 1.0}, targets={"v2": 1.0})
    assert report.growth == pytest.approx(-2 * (1 + 0.5**2) / 10, rel=1e-4)
    assert 0 < report.swing < 1e-3


def test_the_report_as_text_numbers_and_arrays():
    sim = pcn.Simulator(pcn.build_circuit(chain(80, 1.0)), integrator=pcn.Euler(10.0))
    report = pcn.wavefront(sim, 1000.0, inputs={"x": 1.0}, targets={"v80": 2.0})
    lines = str(report).splitlines()
    assert lines[2].split() == ["population", "hops", "bound/ms", "arrival/ms", "1", "%/ms", "10", "%/ms", "50", "%/ms"]
    table = lines[2:-2]
    assert len(table) == 2 + 60 + 1
    assert "20 more" in table[32]
    assert len({len(line) for line in (*table[:32], *table[33:])}) == 1
    assert lines[-1].endswith("v2 (780) -> v1 (790)")
    assert "more ..." in lines[-1]
    assert report["v80"].times == (0.0, 0.0, 0.0)
    with pytest.raises(UnknownNameError, match="did you mean 'v80'"):
        report["V80"]
    actual = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert actual["populations"]["v1"] == {
        "arrival": 780.0,
        "times": [790.0] * 3,
        "hops": 79,
        "bound": 780.0,
        "from": "v2",
        "final_norm": 1.0,
    }
    assert actual["populations"]["v80"]["from"] is None
    assert actual["critical"][0] == {"vertex": "v80", "arrival": 0.0, "time": 0.0}
    data = report.to_dataset()
    assert {data[name].attrs["units"] for name in ("arrival", "bound", "time_to_share", "time", "energy_time")} == {
        "ms"
    }
    assert data["time_to_share"].sel(vertex="v1", share=0.5) == 790.0
    assert data["gradient_share"].sel(vertex="v1").values[-1] == 1.0
    assert len(report) == 80


def test_a_vertex_can_be_passed_that_has_no_errors():
    """A latent without a prior: under strict dynamics it moves, and brings errors to its other children."""

    def function(z, W):
        return {"a": pcn.vertex(np.tanh(z @ W), "a"), "b": pcn.vertex(2.0 * z, "b")}

    graph = pcn.trace(function, z=pcn.Latent((2,)), W=pcn.Parameter(np.eye(2)))
    sim = pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict())
    report = pcn.wavefront(sim, 20.0, targets={"a": [0.3, 0.2]})
    assert [row.vertex for row in report.rows] == ["a", "b"]
    assert report["b"].path == ("a", "z", "b")
    assert report["b"].arrival == report["b"].bound == 1.0
    assert [name for name, _, _ in report.critical] in (["a"], ["a", "b"])
