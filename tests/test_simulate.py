"""The simulator: data, clamps, continuing, records, snapshots, threads, failures."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import (
    CircuitFileError,
    DataError,
    OutputError,
    ParameterError,
    ShapeError,
    UnknownNameError,
    UnstableStepError,
)
from tests.circuits_for_tests import chain, data_for, mlp, random_dag, scalar_graph

ENGINES = [pcn.Reference(), pcn.Kernel()]
engines = pytest.mark.parametrize("engine", ENGINES, ids=lambda e: type(e).__name__)
DYNAMICS = [pcn.FixedPrediction(), pcn.Strict()]
every_dynamics = pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)


@pytest.fixture(scope="module")
def network():
    graph = mlp((5, 7, 6, 3))
    return pcn.build_circuit(graph, precision={"h1": 1.5}, tau={"h2": 7.0})


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


# Continuing


@engines
@every_dynamics
def test_two_runs_are_one_long_run(network, engine, dynamics):
    inputs, targets = data_for(network.graph, 3)
    once = pcn.Simulator(network, dynamics=dynamics, engine=engine).run(40.0, inputs=inputs, targets=targets)
    sim = pcn.Simulator(network, dynamics=dynamics, engine=engine)
    sim.run(15.0, inputs=inputs, targets=targets)
    twice = sim.run(25.0, inputs=inputs, targets=targets)
    assert same(once.values, twice.values)
    assert same(once.gradients, twice.gradients)
    assert twice.time == 40.0


@engines
def test_reset_goes_back_to_the_start(network, engine):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network, dynamics=pcn.Strict(), engine=engine)
    first = sim.run(20.0, inputs=inputs, targets=targets)
    sim.run(13.0)
    sim.reset()
    assert sim.time == 0.0
    again = sim.run(20.0)
    assert same(first.values, again.values)


@engines
@every_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_store_run_restore_run_repeats_bit_for_bit(network, engine, dynamics, dtype, tmp_path):
    inputs, targets = data_for(network.graph, 3)
    sim = pcn.Simulator(network, dynamics=dynamics, integrator=pcn.RungeKutta4(1.0), dtype=dtype, engine=engine)
    sim.run(10.0, inputs=inputs, targets=targets)
    sim.store(tmp_path / "state")
    one = sim.run(20.0)
    sim.restore(tmp_path / "state")
    assert sim.time == 10.0
    assert same(one.values, sim.run(20.0).values)
    fresh = pcn.Simulator(network, dynamics=dynamics, integrator=pcn.RungeKutta4(1.0), dtype=dtype, engine=engine)
    fresh.restore(tmp_path / "state")
    other = fresh.run(20.0)
    assert same(one.values, other.values)
    assert same(one.gradients, other.gradients)


def test_store_refuses_what_exists_and_restore_what_is_foreign(network, tmp_path):
    path = tmp_path / "state"
    sim = pcn.Simulator(network)
    sim.store(path)
    with pytest.raises(OutputError, match="exists already"):
        sim.store(path)
    sim.store(path, overwrite=True)
    for other in (
        pcn.Simulator(network, dynamics=pcn.Strict()),
        pcn.Simulator(network, dtype=np.float32),
        pcn.Simulator(network, integrator=pcn.Euler(0.5)),
        pcn.Simulator(pcn.build_circuit(scalar_graph())),
    ):
        before = other.time
        with pytest.raises(CircuitFileError, match="another"):
            other.restore(path)
        assert other.time == before
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"nonsense", whole[:-30] + b"x" * 30):
        path.write_bytes(damaged)
        with pytest.raises(CircuitFileError):
            sim.restore(path)


@engines
@every_dynamics
def test_changed_targets_take_the_state_along(network, engine, dynamics):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network, dynamics=dynamics, engine=engine)
    before = sim.run(10.0, inputs=inputs, targets=targets)
    after = sim.run(0.0, targets={"out": targets["out"] + 1})
    np.testing.assert_allclose(after.values["h1"], before.values["h1"], rtol=1e-13)
    assert after.time == 10.0
    end = sim.run(1000.0)
    direct = pcn.Simulator(network, dynamics=dynamics, engine=engine)
    expected = direct.run(1000.0, inputs=inputs, targets={"out": targets["out"] + 1})
    np.testing.assert_allclose(end.gradients["W1"], expected.gradients["W1"], rtol=1e-6, atol=1e-9)


@engines
def test_new_parameters_hold_at_once(network, engine):
    network = pcn.build_circuit(network.graph)
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network, integrator=pcn.Euler(10.0), engine=engine)
    sim.run(10.0, inputs=inputs, targets=targets)
    rng = np.random.default_rng(3)
    values = {n: rng.normal(size=v.shape) for n, v in network.parameters.items()}
    sim.reset()
    sim.set_parameters(values)
    got = sim.run(100.0, inputs=inputs, targets=targets)
    expected = pcn.backprop(network, inputs, targets, parameters=values)
    assert pcn.compare(got, expected).worst < 1e-13
    assert same(sim.parameters, values)
    learned = pcn.Simulator(network.with_parameters(values), integrator=pcn.Euler(10.0), engine=engine)
    assert same(got.gradients, learned.run(100.0, inputs=inputs, targets=targets).gradients)


# Batches and threads


@every_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_batch_is_its_samples(network, dynamics, dtype):
    inputs, targets = data_for(network.graph, 33)
    run = {"dynamics": dynamics, "dtype": dtype}
    whole = pcn.Simulator(network, **run).run(30.0, inputs=inputs, targets=targets)
    total = {n: np.zeros_like(g) for n, g in whole.gradients.items()}
    tolerance = 1e-12 if dtype == np.float64 else 3e-5
    for k in range(33):
        one = pcn.Simulator(network, **run).run(30.0, inputs={"x": inputs["x"][k]}, targets={"out": targets["out"][k]})
        assert one.values["h1"].shape == (1, 7)
        for name in ("h1", "h2", "out"):
            np.testing.assert_allclose(whole.values[name][k], one.values[name][0], rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(whole.errors[name][k], one.errors[name][0], rtol=tolerance, atol=tolerance)
        total = {n: total[n] + one.gradients[n] for n in total}
    for name, gradient in total.items():
        np.testing.assert_allclose(whole.gradients[name], gradient, rtol=10 * tolerance, atol=10 * tolerance)


@every_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_results_are_bitwise_equal_for_every_number_of_threads(dynamics, dtype):
    # Large enough that the Hebbian sums are split between threads.
    circuit = pcn.build_circuit(mlp((100, 200, 5)))
    inputs, targets = data_for(circuit.graph, 150)
    results = [
        pcn.Simulator(circuit, dynamics=dynamics, dtype=dtype, engine=pcn.Kernel(threads=n)).run(
            5.0, inputs=inputs, targets=targets, record=[pcn.Record("h1", "error")]
        )
        for n in (1, 2, 4)
    ]
    for other in results[1:]:
        assert same(results[0].gradients, other.gradients)
        assert same(results[0].values, other.values)
        assert results[0].records.identical(other.records)


@every_dynamics
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)], ids=str)
@pytest.mark.parametrize("vertices", ["auto", "all"])
def test_kernel_equals_reference(dynamics, integrator, vertices):
    for seed in range(100, 112):
        graph = random_dag(seed)
        circuit = pcn.build_circuit(graph, vertices=vertices, tau=20.0)
        inputs, targets = data_for(graph, 5, seed, 0.4)
        results = [
            pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, engine=engine).run(
                20.0, inputs=inputs, targets=targets
            )
            for engine in ENGINES
        ]
        if results[0].status is not pcn.Status.COMPLETED:
            assert results[1].status is results[0].status
            continue
        for name in circuit.vertices:
            for kind in ("values", "errors", "predictions"):
                a, b = (getattr(r, kind)[name] for r in results)
                np.testing.assert_allclose(
                    a, b, rtol=1e-9, atol=1e-11 * (1 + np.abs(a).max()), err_msg=f"{seed} {name}"
                )
        for name, gradient in results[0].gradients.items():
            scale = 1 + np.abs(gradient).max()
            np.testing.assert_allclose(results[1].gradients[name], gradient, atol=1e-10 * scale)
        assert results[0].energy == pytest.approx(results[1].energy, rel=1e-9)


def test_a_second_graph_compiles_nothing():
    from pcneuro.kernels import dispatch, loop

    def run(graph):
        circuit = pcn.build_circuit(graph)
        inputs, targets = data_for(graph, 4)
        for dynamics in DYNAMICS:
            pcn.Simulator(circuit, dynamics=dynamics).run(5.0, inputs=inputs, targets=targets)

    run(mlp((3, 4, 2)))
    compiled = {f: list(f.signatures) for f in (loop.execute, loop.advance)}
    table = dispatch.table(np.dtype(np.float64))
    assert all(compiled.values())
    run(random_dag(7))
    gate = pcn.elementwise("x*tanh(x/2) + y", ("x", "y"))
    graph = pcn.trace(
        lambda x, w: gate(np.outer(x, w).sum(0), w) / 2, x=pcn.Input((3,)), w=pcn.Parameter(np.arange(1.0, 5.0))
    )
    run(graph)
    assert {f: list(f.signatures) for f in (loop.execute, loop.advance)} == compiled
    assert dispatch.table(np.dtype(np.float64)) is table


# Clamped and free


@engines
@every_dynamics
def test_a_clamped_hidden_vertex_stays_and_is_seen_by_its_children(network, engine, dynamics):
    inputs, targets = data_for(network.graph, 2)
    held = np.full((2, 7), 0.25)
    sim = pcn.Simulator(network, dynamics=dynamics, engine=engine)
    result = sim.run(30.0, inputs=inputs, targets=targets, clamp={"h1": held})
    np.testing.assert_array_equal(result.values["h1"], held)
    p = network.parameters
    h2 = np.tanh(held @ p["W2"] + p["b2"])
    np.testing.assert_allclose(result.predictions["h2"], h2, rtol=1e-13)
    np.testing.assert_allclose(result.errors["h1"], 1.5 * (held - np.tanh(inputs["x"] @ p["W1"] + p["b1"])), rtol=1e-12)
    freed = sim.run(10.0, clamp={})
    assert not np.array_equal(freed.values["h1"], held)


@engines
def test_generative_model_infers_its_latent_root(engine):
    """With a linear readout and a Gaussian prior the equilibrium is the posterior mean: the normal equations."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 6))
    graph = pcn.trace(
        lambda z, W: z @ W, z=pcn.Latent((3,), prior=np.array([0.5, 0.0, -0.5])), W=pcn.Parameter(weights)
    )
    circuit = pcn.build_circuit(graph, precision={"z": 2.0, "out": 1.5})
    seen = rng.normal(size=(4, 6))
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    result = sim.run(600.0, targets={"out": seen})
    prior = np.array([0.5, 0.0, -0.5])
    left = 1.5 * weights @ weights.T + 2.0 * np.eye(3)
    expected = np.linalg.solve(left, 1.5 * weights @ seen.T + 2.0 * prior[:, None]).T
    np.testing.assert_allclose(result.values["z"], expected, rtol=1e-8)


@engines
def test_latent_without_a_prior_finds_the_least_squares(engine):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(2, 5))
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((2,)), W=pcn.Parameter(weights))
    circuit = pcn.build_circuit(graph)
    seen = rng.normal(size=5)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.ExponentialEuler(0.5), engine=engine)
    start = np.array([[3.0, -2.0]])
    result = sim.run(600.0, targets={"out": seen}, initial={"z": start})
    expected = np.linalg.lstsq(weights.T, seen, rcond=None)[0]
    np.testing.assert_allclose(result.values["z"][0], expected, rtol=1e-7)
    assert "z" not in result.errors


@engines
def test_initial_values_are_where_free_vertices_begin(network, engine):
    inputs, targets = data_for(network.graph, 2)
    begin = np.full((2, 7), 0.1)
    for dynamics in DYNAMICS:
        sim = pcn.Simulator(network, dynamics=dynamics, engine=engine)
        result = sim.run(0.0, inputs=inputs, targets=targets, initial={"h1": begin})
        np.testing.assert_allclose(result.values["h1"], begin, rtol=1e-14)
        sim.run(3.0)
        with pytest.raises(ParameterError, match="reset"):
            sim.run(1.0, initial={"h1": begin})


def test_targets_can_be_left_out_and_taken_away(network):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    result = sim.run(20.0, inputs=inputs)
    assert result.loss == 0.0
    assert all(not g.any() for g in result.gradients.values())
    assert sim.run(20.0, targets=targets).loss > 0
    assert sim.run(2000.0, targets={}).energy == pytest.approx(0.0, abs=1e-20)


def test_state_is_readable_before_the_first_run(network):
    sim = pcn.Simulator(network)
    assert sim.time == 0.0
    p = network.parameters
    np.testing.assert_allclose(sim.values["h1"], np.tanh(p["b1"])[None], rtol=1e-14)
    assert not sim.errors["h1"].any()
    assert sim.gradients["W1"].shape == (5, 7)
    assert same(sim.parameters, p)


# Energies


@pytest.mark.parametrize("engine", ENGINES, ids=["Reference", "Kernel"])
@pytest.mark.parametrize(
    ("energy", "targets"),
    [
        (pcn.SoftmaxCrossEntropy(), np.eye(3)[[0, 2, 1, 1]]),
        (pcn.Bernoulli(), np.array([[0, 1, 1], [1, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1]])),
        (pcn.SquaredError(), np.arange(12.0).reshape(4, 3) / 6),
    ],
    ids=["softmax", "bernoulli", "squared"],
)
def test_energies_give_their_gradients(engine, energy, targets):
    graph = mlp((5, 7, 3))
    circuit = pcn.build_circuit(graph, energies={"out": energy}, precision={"out": 0.7})
    inputs, _ = data_for(graph, 4)
    result = pcn.Simulator(circuit, integrator=pcn.Euler(10.0), engine=engine).run(
        50.0, inputs=inputs, targets={"out": targets}
    )
    reference = pcn.backprop(circuit, inputs, {"out": targets})
    assert pcn.compare(result, reference).worst < 1e-12
    assert result.loss == pytest.approx(reference.loss, rel=1e-12)
    strict = [
        pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=e).run(30.0, inputs=inputs, targets={"out": targets})
        for e in ENGINES
    ]
    np.testing.assert_allclose(strict[0].errors["out"], strict[1].errors["out"], rtol=1e-10, atol=1e-13)


# Records


@engines
def test_records_have_times_at_both_ends_and_the_states_of_the_way(network, engine):
    inputs, targets = data_for(network.graph, 3)
    sim = pcn.Simulator(network, integrator=pcn.Euler(0.5), engine=engine)
    record = [pcn.Record("h1", "error", every=2.0), pcn.Record("h2", "value", units=[1, 3], samples=[2])]
    result = sim.run(6.0, inputs=inputs, targets=targets, record=record)
    errors = result.records["h1.error"]
    assert errors.shape == (4, 3, 7)
    np.testing.assert_array_equal(errors["time_h1_error"], [0.0, 2.0, 4.0, 6.0])
    assert result.records["h2.value"].shape == (13, 1, 2)
    stepped = pcn.Simulator(network, integrator=pcn.Euler(0.5), engine=engine)
    for k in range(4):
        here = stepped.run(2.0 if k else 0.0, inputs=inputs, targets=targets)
        np.testing.assert_array_equal(errors[k], here.errors["h1"])
    further = sim.run(3.0, record=pcn.Record("out", "error", every=2.0))
    np.testing.assert_array_equal(further.records["time"], [6.0, 8.0])
    assert further.records["time"].attrs["units"] == "ms"
    assert further.records["out.error"].dims == ("time", "batch", "unit")


@every_dynamics
def test_recording_changes_nothing(network, dynamics):
    inputs, targets = data_for(network.graph, 3)
    record = [pcn.Record(v, k) for v in network.vertices for k in ("value", "error", "prediction", "feedback")]
    plain = pcn.Simulator(network, dynamics=dynamics).run(25.0, inputs=inputs, targets=targets)
    recorded = pcn.Simulator(network, dynamics=dynamics).run(25.0, inputs=inputs, targets=targets, record=record)
    assert same(plain.gradients, recorded.gradients)
    for vertex in network.vertices:
        np.testing.assert_array_equal(recorded.records[f"{vertex}.value"][-1], plain.values[vertex])


def test_recorded_dynamics_are_those_of_the_model(network):
    """tau dv/dt = feedback - e, from one recorded step to the next, under both dynamics."""
    inputs, targets = data_for(network.graph, 2)
    record = [pcn.Record("h2", k) for k in ("value", "error", "feedback")]
    for dynamics in DYNAMICS:
        data = (
            pcn.Simulator(network, dynamics=dynamics).run(20.0, inputs=inputs, targets=targets, record=record).records
        )
        value, slope = data["h2.value"].values, (data["h2.feedback"] - data["h2.error"]).values
        np.testing.assert_allclose(value[1:], value[:-1] + slope[:-1] / 7.0, rtol=1e-12, atol=1e-14)


# Failures


def test_divergence_is_a_value_that_says_where_and_what_to_do():
    circuit = pcn.build_circuit(mlp((5, 40, 40, 3), scale=6.0))
    inputs, targets = data_for(circuit.graph, 4)
    for engine in ENGINES:
        sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(19.0), engine=engine)
        result = sim.run(19.0 * 2000, inputs=inputs, targets={"out": 1e3 * targets["out"]})
        if result.status is pcn.Status.COMPLETED:
            pytest.skip("saturated instead of diverging")
        assert result.status == "diverged"
        assert "is no longer finite at" in result.message


@engines
def test_divergence_under_fixed_prediction_names_its_population(engine):
    """Errors that outgrow the floating-point range on the way back: the first population that does is named."""
    circuit = pcn.build_circuit(chain(6, 1e16))
    sim = pcn.Simulator(circuit, dtype=np.float32, engine=engine, integrator=pcn.Euler(10.0))
    result = sim.run(100.0, inputs={"x": 1e-35}, targets={"v6": 1e30})
    assert result.status is pcn.Status.DIVERGED
    assert "population 'v" in result.message


def test_a_dt_that_is_named_after_divergence_works():
    def line(x, w):
        h = x
        for k in range(4):
            h = pcn.vertex(h @ w, f"v{k}")
        return h

    rng = np.random.default_rng(0)
    graph = pcn.trace(line, x=pcn.Input((6,)), w=pcn.Parameter(rng.normal(size=(6, 6))))
    circuit = pcn.build_circuit(graph)
    inputs, targets = data_for(graph, 2)
    result = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(8.0)).run(
        80000.0, inputs=inputs, targets=targets
    )
    assert result.status is pcn.Status.DIVERGED
    assert "population 'v" in result.message
    dt = float(result.message.split("dt = ")[1].split(" ms")[0])
    assert dt < 8.0
    calm = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt))
    assert calm.run(20000 * dt, inputs=inputs, targets=targets).status is pcn.Status.COMPLETED


@pytest.mark.parametrize(
    ("integrator", "stable"), [(pcn.Euler, 2.0), (pcn.RungeKutta4, 2.785), (pcn.ExponentialEuler, np.inf)]
)
def test_an_unstable_step_is_refused_with_the_population_and_a_step_that_works(integrator, stable):
    circuit = pcn.build_circuit(chain(3), tau={"v2": 4.0}, precision={"v2": 2.0})
    if np.isinf(stable):
        assert pcn.Simulator(circuit, integrator=integrator(100.0)).time == 0.0
        return
    pcn.Simulator(circuit, integrator=integrator(2.0 * stable * 0.99))
    with pytest.raises(UnstableStepError, match=r"'v2'.*needs dt <.*works"):
        pcn.Simulator(circuit, integrator=integrator(2.0 * stable * 1.01))


def test_ctrl_c_returns_what_was_simulated(network):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    result = sim.run(1e9, inputs=inputs, targets=targets, record=[pcn.Record("h1", "error", every=1e5)])
    timer.join()
    assert result.status is pcn.Status.INTERRUPTED
    assert "run again to go on" in result.message
    assert 0 < result.time < 1e9
    assert result.stats["steps"] == result.time
    assert sim.run(10.0).status is pcn.Status.COMPLETED
    assert sim.time == result.time + 10.0


def test_progress_is_reported_in_the_wording_of_brian2(network, capsys):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    sim.run(100.0, inputs=inputs, targets=targets, report="text")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Starting simulation at t=0 ms for a duration of 100 ms"
    assert lines[-1] == "100 ms (100%) simulated in < 1s"
    calls = []
    sim.run(10.0, report=lambda *a: calls.append(a))
    assert calls[0] == (0.0, 0.0, 100.0, 10.0)
    assert calls[-1][1:] == (1.0, 100.0, 10.0)
    with pytest.raises(ParameterError, match="report"):
        sim.run(10.0, report="loud")


def test_a_duration_between_steps_is_rounded_with_a_warning(network):
    sim = pcn.Simulator(network)
    with pytest.warns(pcn.PcneuroWarning, match=r"10\.4 ms is no multiple of dt = 1 ms: running 10 steps, 10 ms"):
        sim.run(10.4, inputs={"x": np.zeros(5)})
    assert sim.time == 10.0


BAD = [
    (
        {"inputs": {"x": np.zeros((2, 4))}},
        ShapeError,
        r"input 'x' has shape \(2, 4\); needed is \(5,\), or \(batch, 5\)",
    ),
    ({"inputs": {"y": np.zeros(5)}}, UnknownNameError, "unknown input 'y'"),
    ({"inputs": {}}, UnknownNameError, r"missing input\(s\): x of shape \(5,\)"),
    ({"inputs": {"x": [0, np.nan, np.inf, 0, 0]}}, DataError, r"input 'x' has 2 of 5 values.*first at \(0, 1\)"),
    ({"inputs": {"x": np.zeros((2, 5))}, "targets": {"out": np.zeros((3, 3))}}, ShapeError, "batch sizes differ.*2.*3"),
    ({"inputs": {"x": np.zeros((0, 5))}}, ShapeError, "empty batch"),
    ({"inputs": {"x": np.zeros(5)}, "targets": {"oud": np.zeros(3)}}, UnknownNameError, "did you mean 'out'"),
    ({"inputs": {"x": np.zeros(5)}, "clamp": {"h3": np.zeros(7)}}, UnknownNameError, "did you mean 'h"),
    ({"inputs": {"x": ["a"] * 5}}, DataError, "dtype"),
    ({"inputs": np.zeros(5)}, ParameterError, "inputs is a ndarray; give a dict"),
    ({"record": [pcn.Record("h9")]}, UnknownNameError, "did you mean"),
    ({"record": [pcn.Record("h1", "eror")]}, UnknownNameError, "did you mean 'error'"),
    ({"record": [pcn.Record("h1", every=0.3)]}, ParameterError, "multiple of dt"),
    ({"record": [pcn.Record("h1", units=[7])]}, ShapeError, "outside"),
    (
        {"inputs": {"x": np.zeros(5)}, "targets": {"out": np.zeros(3)}, "clamp": {"out": np.zeros(3)}},
        ParameterError,
        "both a target and clamped",
    ),
    (
        {"inputs": {"x": np.zeros(5)}, "clamp": {"h1": np.zeros(7)}, "initial": {"h1": np.zeros(7)}},
        ParameterError,
        "clamped: give one",
    ),
]


@pytest.mark.parametrize(("given", "error", "text"), BAD, ids=[t for _, _, t in BAD])
def test_bad_input_gets_one_line_and_loses_nothing(network, given, error, text):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    sim.run(5.0, inputs=inputs, targets=targets)
    before = sim.values
    with pytest.raises(error, match=text) as caught:
        sim.run(5.0, **given)
    assert "\n" not in str(caught.value)
    assert same(before, sim.values)
    assert sim.time == 5.0
    assert sim.run(5.0).status is pcn.Status.COMPLETED


@pytest.mark.parametrize("duration", [-1.0, np.nan, np.inf, "long", None])
def test_bad_durations(network, duration):
    with pytest.raises(ParameterError, match="duration"):
        pcn.Simulator(network).run(duration, inputs={"x": np.zeros(5)})


def test_batch_size_cannot_change_on_the_way(network):
    sim = pcn.Simulator(network)
    sim.run(5.0, inputs={"x": np.zeros((2, 5))})
    with pytest.raises(ShapeError, match=r"2 to 3.*reset"):
        sim.run(5.0, inputs={"x": np.zeros((3, 5))})
    sim.reset()
    assert sim.run(5.0, inputs={"x": np.zeros((3, 5))}).values["h1"].shape == (3, 7)


def test_bad_settings(network):
    for settings, text in (
        ({"dtype": np.int32}, "dtype"),
        ({"dynamics": "strict"}, "Dynamics object"),
        ({"integrator": pcn.Euler}, "Integrator object"),
        ({"engine": "kernel"}, "Engine object"),
    ):
        with pytest.raises(ParameterError, match=text):
            pcn.Simulator(network, **settings)
    for bad in (0, -1, 1.5):
        with pytest.raises(ParameterError, match="threads"):
            pcn.Kernel(threads=bad)
    sim = pcn.Simulator(network)
    with pytest.raises(UnknownNameError, match="did you mean 'W1'"):
        sim.set_parameters({"w1": np.zeros((5, 7))})
    with pytest.raises(ShapeError, match="needed"):
        sim.set_parameters({"W1": np.zeros((7, 5))})
    with pytest.raises(DataError, match="parameter 'W1' has 1 of 35"):
        sim.set_parameters({"W1": np.where(np.arange(35).reshape(5, 7) == 9, np.nan, 0.0)})
