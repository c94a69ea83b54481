"""What goes wrong: divergence, unstable steps, Ctrl-C, bad input. One line each, and nothing is lost."""

from __future__ import annotations

import copy
import os
import pickle
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
from tests.archives_for_tests import rewrite
from tests.circuits_for_tests import chain, data_for, diverges, engines, same, three_layers


@pytest.fixture(scope="module")
def network():
    return three_layers()


@diverges
@engines
def test_divergence_under_fixed_prediction_names_its_population(engine):
    """Errors that outgrow the floating-point range on the way back: the first population that does is named."""
    circuit = pcn.build_circuit(chain(6, 1e10))
    sim = pcn.Simulator(circuit, dtype=np.float32, engine=engine, integrator=pcn.Euler(10.0))
    result = sim.run(100.0, inputs={"x": 1e-35}, targets={"v6": 1e30})
    assert result.status is pcn.Status.DIVERGED
    assert "population 'v" in result.message


@diverges
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
    assert "run() goes on from there" in result.message
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
    with pytest.warns(pcn.PcneuroWarning, match=r"1e-07 ms is no multiple of dt = 1 ms: running 1 steps, 1 ms"):
        sim.run(1e-7)
    assert sim.time == 11.0
    assert sim.run(0.0).time == 11.0


BAD = [
    (
        {"inputs": {"x": np.zeros((2, 4))}},
        ShapeError,
        r"input 'x' has shape \(2, 4\); needed is \(5,\), or \(batch, 5\)",
    ),
    ({"inputs": {"y": np.zeros(5)}}, UnknownNameError, "unknown input 'y'"),
    ({"inputs": {}}, UnknownNameError, r"inputs lack x of shape \(5,\): give .* every"),
    ({"inputs": {"x": [0, np.nan, np.inf, 0, 0]}}, DataError, r"input 'x' has 2 of 5 values.*first at \(0, 1\)"),
    ({"inputs": {"x": np.zeros((2, 5))}, "targets": {"out": np.zeros((3, 3))}}, ShapeError, "batch sizes differ.*2.*3"),
    ({"inputs": {"x": np.zeros((0, 5))}}, ShapeError, "empty batch"),
    ({"inputs": {"x": np.zeros(5)}, "targets": {"oud": np.zeros(3)}}, UnknownNameError, "did you mean 'out'"),
    ({"inputs": {"x": np.zeros(5)}, "clamp": {"h3": np.zeros(7)}}, UnknownNameError, "did you mean 'h"),
    ({"inputs": {"x": ["a"] * 5}}, DataError, "dtype"),
    ({"inputs": np.zeros(5)}, ParameterError, "values of inputs= are a ndarray; give a dict"),
    ({"record": [pcn.Record("h9")]}, UnknownNameError, "did you mean"),
    ({"record": [pcn.Record("h1", "eror")]}, UnknownNameError, "did you mean 'error'"),
    ({"record": [pcn.Record("h1", every=0.3)]}, ParameterError, "multiple of dt"),
    ({"record": [pcn.Record("h1", units=[7])]}, ShapeError, "outside"),
    ({"record": ["h1"]}, ParameterError, "record= has 'h1'; give Record objects"),
    ({"record": "h1"}, ParameterError, "record= has 'h1'; give Record objects"),
    ({"record": 3}, ParameterError, "record= has 3; give Record objects"),
    ({"record": None}, ParameterError, "record= has None; give Record objects"),
    ({"targets": [np.zeros(3)]}, ParameterError, "values of targets= are a list; give a dict"),
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


def test_what_is_left_of_the_last_run_is_called_so(network):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    sim.run(5.0, inputs=inputs, targets=targets)
    (name,) = inputs
    with pytest.raises(ShapeError, match=r"'x' has 3 samples, .* 'out' of the last run has 2"):
        sim.run(5.0, inputs={name: np.zeros((3, 5))})
    with pytest.raises(ShapeError, match=r"'x' of the last run has 2 samples, .* 'out' has 3"):
        sim.run(5.0, targets={"out": np.zeros((3, 3))})


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


@pytest.mark.parametrize(
    "duration", [-1.0, np.nan, np.inf, "long", "10", None, 1e300, 10**400, np.complex128(1), np.zeros((3, 1))]
)
def test_bad_durations(network, duration):
    with pytest.raises(ParameterError, match="duration is") as caught:
        pcn.Simulator(network).run(duration, inputs={"x": np.zeros(5)})
    assert "\n" not in str(caught.value)


def test_batch_size_cannot_change_on_the_way(network):
    sim = pcn.Simulator(network)
    sim.run(5.0, inputs={"x": np.zeros((2, 5))})
    with pytest.raises(ShapeError, match=r"2 to 3.*reset"):
        sim.run(5.0, inputs={"x": np.zeros((3, 5))})
    sim.reset()
    assert sim.run(5.0, inputs={"x": np.zeros((3, 5))}).values["h1"].shape == (3, 7)


def test_bad_settings(network):
    for settings, text in (
        ({"dtype": np.int32}, "dtype is int32; choose"),
        ({"dtype": int}, "dtype is int64; choose"),
        ({"dtype": "foo"}, "dtype is 'foo'; choose np.float64 or np.float32"),
        ({"dtype": [1]}, "dtype is a list; choose"),
        ({"dynamics": "strict"}, "Dynamics object"),
        ({"dynamics": np.zeros((2, 1))}, "dynamics is a ndarray; needed is a Dynamics object"),
        ({"engine": 0}, "engine is 0; needed is an Engine object"),
        ({"integrator": pcn.Euler}, "Integrator object"),
        ({"engine": "kernel"}, "Engine object"),
    ):
        with pytest.raises(ParameterError, match=text) as caught:
            pcn.Simulator(network, **settings)
        assert "\n" not in str(caught.value)
    for bad in (0, -1, 1.5):
        with pytest.raises(ParameterError, match="threads"):
            pcn.Kernel(threads=bad)
    sim = pcn.Simulator(network)
    with pytest.raises(ParameterError, match="parameters are a list; give a dict"):
        sim.set_parameters([1])
    with pytest.raises(UnknownNameError, match="did you mean 'W1'"):
        sim.set_parameters({"w1": np.zeros((5, 7))})
    with pytest.raises(ShapeError, match="needed"):
        sim.set_parameters({"W1": np.zeros((7, 5))})
    with pytest.raises(DataError, match="parameter 'W1' has 1 of 35"):
        sim.set_parameters({"W1": np.where(np.arange(35).reshape(5, 7) == 9, np.nan, 0.0)})


def test_a_refused_call_changes_nothing_at_all(network):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    sim.run(5.0, inputs=inputs, targets=targets)
    before = sim.values
    for wrong in ({"record": [pcn.Record("zz")]}, {"report": "loud"}, {"record": [pcn.Record("h1"), pcn.Record("h1")]}):
        with pytest.raises((UnknownNameError, ParameterError)):
            sim.run(5.0, inputs={"x": 2 * inputs["x"]}, **wrong)
        assert same(before, sim.values)


@diverges
def test_a_gradient_that_is_not_finite_is_no_completed_run():
    graph = pcn.trace(lambda x, w: np.sqrt(w * x) * 2, x=pcn.Input((2,)), w=pcn.Parameter([1.0, 1.0]))
    sim = pcn.Simulator(pcn.build_circuit(graph))
    result = sim.run(10.0, inputs={"x": [1.0, 0.0]}, targets={"out": [0.0, 1.0]})
    assert result.status is pcn.Status.DIVERGED


def test_a_vertex_name_is_the_vertex_and_not_the_output_of_that_name():
    def function(x, W):
        h = pcn.vertex(np.tanh(x @ W), "h")
        return {"h": h, "o": pcn.vertex(np.sin(h) * 3, "o")}

    graph = pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(np.eye(3)))
    sim = pcn.Simulator(pcn.build_circuit(graph))
    inputs, targets = {"x": [0.1, 0.2, 0.3]}, {"o": [0.0, 0.0, 0.0]}
    result = sim.run(50.0, inputs=inputs, targets=targets, record=[pcn.Record("h", "error")])
    np.testing.assert_array_equal(result.records["h.error"][-1], result.errors["h"])
    held = pcn.Simulator(pcn.build_circuit(graph)).run(10.0, inputs=inputs, clamp={"h": [0.5, 0.5, 0.5]})
    np.testing.assert_allclose(held.predictions["o"], np.sin(0.5) * 3 * np.ones((1, 3)))


def test_snapshots_that_lie_are_refused(network, tmp_path):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    sim.run(5.0, inputs=inputs, targets=targets)
    before = sim.values
    changes = (
        lambda f, a: f.update(batch=0),
        lambda f, a: f.update(step=-5),
        lambda f, a: f.update(step=10**30),
        lambda f, a: a.pop("inputs/x"),
        lambda f, a: a.update({"clamped/zz": np.zeros((2, 1))}),
        lambda f, a: a.update({"inputs/x": np.zeros((2, 4))}),
        lambda f, a: a.update({"state/buf": a["state/buf"].astype(complex)}),
    )
    for number, change in enumerate(changes):
        path = tmp_path / str(number)
        sim.store(path)
        rewrite(path, change)
        with pytest.raises(CircuitFileError):
            sim.restore(path)
        assert same(before, sim.values)


def test_links_keep_and_devices_stay(network, tmp_path):
    network.save(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OutputError, match="exists already"):
        network.save(tmp_path / "link")
    network.save(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="no regular file"):
        network.save(tmp_path / "pipe", overwrite=True)


def test_learned_parameters_must_be_finite(network):
    with pytest.raises(DataError, match="parameter 'b1' has 7 of 7"):
        network.with_parameters({"b1": np.full(7, np.nan)})


@pytest.mark.parametrize("path", [None, 5, b"name", "a\0b"])
def test_what_names_no_file_is_refused(network, path):
    """A number would be taken for an open file, and closed."""
    sim = pcn.Simulator(network)
    for write in (network.save, network.write_graphml, sim.store):
        with pytest.raises(OutputError, match=r"the path of a file is .*; give a name"):
            write(path)
    for read in (pcn.load_circuit, sim.restore):
        with pytest.raises(CircuitFileError, match=r"the path of a file is .*; give a name"):
            read(path)


def test_operators_take_numbers():
    for wrong in ("a", None, [[1.0, 2.0], [3.0]]):
        with pytest.raises(DataError, match="relu of a"):
            pcn.ops.relu(wrong)


def test_a_simulator_is_neither_copied_nor_pickled(network):
    """Addresses of compiled code would go along, into a process that has something else there."""
    sim = pcn.Simulator(network)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(ParameterError, match=r"store\(\) and restore\(\)"):
            attempt(sim)


# Latents that fixed prediction does not infer
