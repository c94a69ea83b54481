"""NIR graphs, written, read back, and run by an integrator of NIR's primitives that knows nothing of pcneuro."""

from __future__ import annotations

import sys

import nir as library
import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from pcneuro.errors import MissingExtraError, OutputError, ParameterError
from pcneuro.export import nir
from pcneuro.export.nir_steps import Executed
from pcneuro.export.spiking import Decoding, IntegrateAndFire, LeakyIntegrateAndFire, Seeded, SendOnDelta, Spiking
from tests.circuits_for_tests import data_for, mlp, not_inferred, random_dag, scalar_graph
from tests.export.agreement import close


def round_trip(tmp_path, circuit: pcn.Circuit, **settings):
    """The graph as it is read back from its file, with NIR's own check of types."""
    path = tmp_path / "circuit.nir"
    nir.write(circuit, path, overwrite=True, **settings)
    return library.read(path)


def agree(tmp_path, circuit: pcn.Circuit, inputs: dict, targets: dict, steps: int = 12, dt: float = 1.0, **more):
    """Errors of all vertices at every step, within 1e-12 of the largest; returns the graph."""
    graph = round_trip(tmp_path, circuit, inputs=inputs, targets=targets, **more)
    actual = Executed(graph, dt * 1e-3, nir.drives(graph), nir.states(graph)).run(steps)
    more.pop("sample", None)
    vertices = [name for name in circuit.vertices if circuit.has_prediction(name)]
    records = [pcn.Record(name, "error") for name in vertices]
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(dt), dtype=np.float64)
    wanted = sim.run(steps * dt, inputs=inputs, targets=targets, record=records, **more).records
    for name in vertices:
        errors = wanted[f"{name}.error"].values[:, -1].reshape(steps + 1, -1)
        if name in actual:
            close(actual[name], errors, name)
        else:
            assert not errors.any(), name
    return graph


def count(graph, kind: str) -> int:
    return sum(type(node).__name__ == kind for node in graph.nodes.values())


@pytest.mark.parametrize("dt", [1.0, 0.3])
def test_mlp(tmp_path, dt):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0})
    graph = agree(tmp_path, circuit, *data_for(circuit.graph, 1), steps=200, dt=dt)
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    assert kinds == {
        **{"out_error": "Input", "h2_error": "LI", "h1_error": "LI"},
        **{"W3_transposed": "Linear", "W2_transposed": "Linear", "h2_error_slope": "Scale"},
        **{"out_output": "Output", "h2_output": "Output", "h1_output": "Output"},
    }
    np.testing.assert_array_equal(graph.nodes["W2_transposed"].weight, circuit.parameters["W2"])
    np.testing.assert_allclose(graph.nodes["h1_error"].tau, 0.01 / 1.5)
    assert {node.weight.dtype for node in graph.nodes.values() if hasattr(node, "weight")} == {np.dtype(np.float64)}


def test_one_sample_of_a_batch(tmp_path):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    agree(tmp_path, circuit, *data_for(circuit.graph, 3), sample=2)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(tmp_path, seed):
    circuit = pcn.build_circuit(random_dag(seed), vertices=("auto", "all")[seed % 2])
    agree(tmp_path, circuit, *data_for(circuit.graph, 1, scale=0.3), steps=20)


def test_scalar_graph(tmp_path):
    agree(tmp_path, pcn.build_circuit(scalar_graph()), {}, {"v4": np.array(1.0)}, steps=50)


def test_lstm_cell(tmp_path):
    circuit = lstm(length=2, vocabulary=4, hidden=3)
    inputs, _ = data_for(circuit.graph, 1, scale=0.5)
    agree(tmp_path, circuit, inputs, {"out": np.broadcast_to(np.eye(4)[1], (2, 4))}, steps=40)


def test_cnn(tmp_path):
    """Two layers of convolutions and three of weights behind them: no weight of the second is spelled out."""
    circuit = cnn(channels=1, size=12, kernel=3, features=(2, 3), hidden=(6, 5))
    inputs, _ = data_for(circuit.graph, 1)
    graph = agree(tmp_path, circuit, inputs, {"out": np.eye(10)[3]}, steps=40)
    kernel = graph.nodes["K2_transposed"]
    np.testing.assert_array_equal(kernel.weight, circuit.parameters["K2"].transpose(1, 0, 2, 3)[:, :, ::-1, ::-1])
    # The window of a pooling goes back to the unit that was the largest.
    assert [n for n, node in graph.nodes.items() if isinstance(node, library.Linear)] == ["pool_error_transposed"]


def images(*layers, size: int = 9, seed: int = 0) -> pcn.Circuit:
    """A circuit of convolutions (shape of the kernel, settings), each with tanh, over an image of two channels."""
    rng = np.random.default_rng(seed)
    kernels = {f"K{k}": pcn.Parameter(rng.normal(size=shape) / 3) for k, (shape, _) in enumerate(layers, 1)}

    def function(x, **weights):
        h = pcn.vertex(np.sin(x), "h0")
        for k, (_, settings) in enumerate(layers, 1):
            h = pcn.vertex(np.tanh(pcn.ops.conv2d(h, weights[f"K{k}"], **settings)), f"h{k}")
        return h

    return pcn.build_circuit(pcn.trace(function, x=pcn.Input((2, size, size)), **kernels))


@pytest.mark.parametrize(
    ("layers", "kinds"),
    [
        ([((3, 2, 3, 3), {"padding": 1}), ((4, 3, 3, 3), {})], {"Conv2d": 2, "Linear": 0}),
        ([((4, 1, 3, 3), {"groups": 2}), ((4, 2, 3, 3), {"groups": 2, "dilation": 2})], {"Conv2d": 2, "Linear": 0}),
        ([((3, 2, 3, 3), {"stride": 2})], {"Conv2d": 0, "Linear": 1}),
        ([((3, 2, 2, 3), {})], {"Conv2d": 0, "Linear": 1}),
        ([((3, 2, 1, 1), {"padding": 1})], {"Conv2d": 0, "Linear": 1}),
        ([((3, 2, 3, 3), {}), ((3, 3, 3, 3), {"stride": 2}), ((3, 3, 2, 2), {})], {"Conv2d": 4, "Linear": 0}),
    ],
    ids=["plain", "groups", "stride", "oblong", "padded beyond its reach", "stride between"],
)
def test_convolutions(tmp_path, layers, kinds):
    circuit = images(*layers)
    graph = agree(tmp_path, circuit, *data_for(circuit.graph, 1))
    assert {kind: count(graph, kind) for kind in kinds} == kinds


def test_maps_that_are_folded_differently(tmp_path):
    """A convolution over what another gives, in other channels."""

    def function(x, K, L):
        h = pcn.vertex(np.tanh(pcn.ops.conv2d(np.sin(pcn.vertex(x * x, "h0")), K)), "h1")
        return pcn.ops.conv2d(h.reshape(16, 4, 4), L) + np.mean(h)

    rng = np.random.default_rng(0)
    graph = pcn.trace(
        function,
        x=pcn.Input((2, 10, 10)),
        K=pcn.Parameter(rng.normal(size=(4, 2, 3, 3))),
        L=pcn.Parameter(rng.normal(size=(2, 16, 3, 3))),
    )
    made = agree(tmp_path, pcn.build_circuit(graph), *data_for(graph, 1))
    assert {"K_transposed", "L_transposed"} <= made.nodes.keys()


def test_names_that_meet(tmp_path):
    """Vertices called as parts of others would be."""

    def function(x, W, b):
        first = pcn.vertex(np.tanh(x @ W), "a")
        second = pcn.vertex(first * b, "a_error")
        return pcn.vertex(np.tanh(second @ W + first), "a_drive")

    rng = np.random.default_rng(0)
    W, b = pcn.Parameter(rng.normal(size=(3, 3))), pcn.Parameter(rng.normal(size=3))
    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((3,)), W=W, b=b))
    inputs, targets = data_for(circuit.graph, 1)
    agree(tmp_path, circuit, inputs, targets)
    spiking_agrees(circuit, {"inputs": inputs, "targets": targets}, 0.05)


def test_clamps_and_starts(tmp_path):
    """Of a clamped vertex no feedback is kept; errors and latents start where they are told to."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 4, 3)), precision={"h3": 2.0})
    inputs, targets = data_for(circuit.graph, 1)
    rng = np.random.default_rng(1)
    clamp, initial = {"h2": rng.normal(size=6)}, {"h3": rng.normal(size=4), "h1": rng.normal(size=7)}
    graph = agree(tmp_path, circuit, inputs, targets, clamp=clamp, initial=initial)
    assert "W3_transposed" not in graph.nodes
    np.testing.assert_array_equal(graph.nodes["h1_error"].metadata["initial"], nir.states(graph)["h1_error"])
    agree(tmp_path, circuit, inputs, {}, initial={"h1": rng.normal(size=7)})


@not_inferred
def test_latents(tmp_path):
    """With a prior there is an error; without, values that nothing predicts: an integrator of its own."""
    rng = np.random.default_rng(0)
    z, W = rng.normal(size=3), rng.normal(size=(3, 4))
    for prior in (0.2, None):
        graph = pcn.trace(lambda z, W: np.tanh(z @ W), z=pcn.Latent((3,), prior=prior), W=pcn.Parameter(W))
        circuit = pcn.build_circuit(graph)
        targets, initial = {"out": rng.normal(size=4)}, {"z": z}
        if prior is not None:
            agree(tmp_path, circuit, {}, targets, initial=initial)
            continue
        made = round_trip(tmp_path, circuit, targets=targets, initial=initial)
        assert isinstance(made.nodes["z_value"], library.I)
        actual = Executed(made, 1e-3, nir.drives(made), {"z_value": z}).run(10)
        sim = pcn.Simulator(circuit)
        wanted = sim.run(10.0, targets=targets, initial=initial, record=[pcn.Record("z", "value")])
        np.testing.assert_allclose(actual["z"], wanted.records["z.value"].values[:, 0], atol=1e-12)


def test_delays(tmp_path):
    """Errors of the MLP with all feedback 3 ms late, by hand."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    inputs, targets = data_for(circuit.graph, 1)
    graph = round_trip(tmp_path, circuit, inputs=inputs, targets=targets, delay=3.0)
    assert {float(n.delay[0]) for n in graph.nodes.values() if isinstance(n, library.Delay)} == {0.003}
    actual = Executed(graph, 1e-3, nir.drives(graph)).run(30)
    h2, h1, p = np.zeros((31, 6)), np.zeros((31, 7)), circuit.parameters
    activity = np.tanh(inputs["x"][0] @ p["W1"] + p["b1"])
    slope = 1 - np.tanh(activity @ p["W2"] + p["b2"]) ** 2
    for k in range(30):
        h2[k + 1] = h2[k] + 0.1 * ((p["W3"] @ actual["out"][0] if k >= 3 else 0) - h2[k])
        h1[k + 1] = h1[k] + 0.1 * ((p["W2"] @ (slope * h2[k - 3]) if k >= 3 else 0) - h1[k])
    np.testing.assert_allclose(actual["h2"], h2, atol=1e-12)
    np.testing.assert_allclose(actual["h1"], h1, atol=1e-12)


# Spikes


def spiking_agrees(circuit: pcn.Circuit, data: dict, within: float, spiking: Spiking | None = None, **reading):
    """Decoded errors, means over the last 250 of 500 ms, against the rate solution: norms, relative."""
    graph = nir.graph(circuit, spiking=spiking or Spiking(), **data)
    reading = {"dt": 1e-3, "inputs": nir.drives(graph), "states": nir.states(graph)} | reading
    steps = round(0.5 / reading["dt"])
    actual = Executed(graph, **reading).run(steps)
    wanted = pcn.Simulator(circuit).run(500.0, **data).errors
    for name, errors in actual.items():
        error = np.linalg.norm(errors[steps // 2 :].mean(axis=0) - wanted[name].ravel())
        assert error <= within * np.linalg.norm(wanted[name]), (name, error / np.linalg.norm(wanted[name]))
    return graph


def three_hidden(seed: int = 0) -> tuple[pcn.Circuit, dict]:
    circuit = pcn.build_circuit(mlp((20, 15, 12, 10, 4), seed, 2.0), precision={"h2": 1.5}, tau={"h1": 7.0})
    inputs, targets = data_for(circuit.graph, 1, seed)
    return circuit, {"inputs": inputs, "targets": targets}


@pytest.mark.parametrize(
    ("reading", "within", "seed"),
    [
        ({}, 0.03, 0),
        ({}, 0.03, 1),
        ({}, 0.03, 2),
        ({"dt": 2e-4}, 0.015, 0),
        ({"subtract": True}, 0.015, 0),
        ({"subtract": True}, 0.015, 1),
        ({"subtract": True}, 0.015, 2),
    ],
)
def test_decoded_errors(reading, within, seed):
    circuit, data = three_hidden(seed)
    graph = spiking_agrees(circuit, data, within, **reading)
    assert not nir.states(graph)
    assert count(graph, "IF") == 8
    assert graph.nodes["h1_on"].r.shape == (1500,)


def test_spiking_files(tmp_path):
    circuit, data = three_hidden()
    spiking = Spiking(IntegrateAndFire(units=20, scale={"h1": 2.0}), decoding=Decoding(filter=5.0))
    made, read = nir.graph(circuit, spiking=spiking, **data), round_trip(tmp_path, circuit, spiking=spiking, **data)
    actual = Executed(made, 1e-3, nir.drives(made), nir.states(made)).run(50)
    again = Executed(read, 1e-3, nir.drives(read), nir.states(read)).run(50)
    for name in actual:
        np.testing.assert_array_equal(actual[name], again[name])
    drive, decode = read.nodes["h1_drive_on"].weight, read.nodes["h1_decode_off"].weight
    np.testing.assert_allclose(drive[:15], np.eye(15) * 50 / 2.0 * 0.525)
    np.testing.assert_allclose(decode @ drive, np.eye(15) * -1.0)
    np.testing.assert_array_equal(read.nodes["h1_decoded"].tau, np.full(15, 0.005))


def test_spikes_that_are_one(tmp_path):
    circuit, data = three_hidden()
    impulses, ones = (nir.graph(circuit, spiking=Spiking(IntegrateAndFire(10)), step=s, **data) for s in (None, 0.5))
    actual = Executed(impulses, 5e-4, nir.drives(impulses), nir.states(impulses)).run(200)
    again = Executed(ones, 5e-4, nir.drives(ones), nir.states(ones), height=1.0).run(200)
    for name in actual:
        np.testing.assert_allclose(again[name], actual[name], atol=1e-9)


def test_errors_that_change_their_sign():
    """By the short way comes the opposite of what comes by the long one, and nearly as much."""

    def function(x, w):
        a = h = pcn.vertex(np.tanh(x), "a")
        for k in range(3):
            h = pcn.vertex(1.0 * h, f"h{k}")
        return h * w - a

    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((3,)), w=pcn.Parameter([1.2, 1.1, 1.3])))
    data = {"inputs": {"x": np.array([0.1, 0.2, 0.3])}, "targets": {"out": np.array([1.0, 1.0, -1.0])}}
    errors = pcn.Simulator(circuit).run(500.0, **data, record=[pcn.Record("a", "error")]).records["a.error"]
    assert (errors.min(dim="time") < -0.05).any()
    spiking_agrees(circuit, data, 0.03, subtract=True)


def test_spiking_maps():
    """Neurons of maps are channels of maps."""
    circuit = images(((3, 2, 3, 3), {}), ((2, 3, 3, 3), {}), size=6)
    inputs, targets = data_for(circuit.graph, 1)
    spiking = Spiking(IntegrateAndFire(units=30))
    graph = spiking_agrees(circuit, {"inputs": inputs, "targets": targets}, 0.05, spiking, subtract=True)
    assert graph.nodes["h1_on"].r.shape == (90, 4, 4)
    assert [n for n, node in graph.nodes.items() if isinstance(node, library.Linear)] == [
        *("h0_drive_on", "h0_decode_on", "h0_drive_off", "h0_decode_off")
    ]


# What is refused


def small() -> tuple[pcn.Circuit, dict]:
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    return circuit, {"inputs": inputs, "targets": targets}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("dynamics is a Strict: .* functions and products, which NIR does not have", {"dynamics": pcn.Strict()}),
        ("a batch of 2 samples, and NIR has none: choose one, sample=0 to 1", {"sample": None}),
        ("sample is 2; needed is a whole number from 0 to 1", {"sample": 2}),
        ("would take about .* GB in NIR", {"memory": 100}),
        ("delay is -1.0", {"delay": -1.0}),
        ("step is 0", {"step": 0}),
        ("spiking is True", {"spiking": True}),
        ("errors is LeakyIntegrateAndFire: .* no linear function", {"spiking": Spiking(LeakyIntegrateAndFire())}),
        ("noise is 0.1", {"spiking": Spiking(IntegrateAndFire(noise=0.1))}),
        ("baseline is 5 Hz", {"spiking": Spiking(IntegrateAndFire(baseline=5.0))}),
        ("phases is Seeded", {"spiking": Spiking(IntegrateAndFire(phases=Seeded(1)))}),
        ("values is SendOnDelta", {"spiking": Spiking(values=SendOnDelta())}),
        ("there is no error in this circuit", {"targets": None}),
    ],
)
def test_settings_that_are_refused(text, more):
    circuit, data = small()
    with pytest.raises(ParameterError, match=text) as caught:
        nir.graph(circuit, **{"sample": 0} | data | more)
    assert "\n" not in str(caught.value)


def test_circuits_that_are_refused():
    circuit, data = small()
    with pytest.raises(ParameterError, match="circuit is a Graph"):
        nir.graph(circuit.graph, **data)
    with pytest.raises(ParameterError, match="unknown vertex 'h2'"):
        nir.graph(circuit, **data, sample=0, spiking=Spiking(IntegrateAndFire(scale={"h2": 1.0})))
    root = pcn.trace(lambda x: pcn.vertex(np.sqrt(pcn.vertex(1.0 * x, "h")), "out"), x=pcn.Input((2,)))
    with pytest.raises(ParameterError, match="derivative of node 'out' is not finite"):
        nir.graph(pcn.build_circuit(root), inputs={"x": [0.0, 1.0]}, targets={"out": [1.0, 1.0]})


def test_operators_that_are_refused(monkeypatch):
    """Those that have not said what they are in single units."""
    circuit = images(((3, 2, 3, 3), {}))
    inputs, targets = data_for(circuit.graph, 1)
    monkeypatch.delattr(type(circuit.graph.nodes["conv2d"].operator), "units")
    with pytest.raises(ParameterError, match="operator 'conv2d' has no equivalent in single units"):
        nir.graph(circuit, inputs=inputs, targets=targets)


def test_weights_that_are_not_finite(monkeypatch):
    circuit, data = small()
    broken = dict(circuit.parameters, W1=np.full((3, 4), np.nan))
    monkeypatch.setattr(pcn.Circuit, "parameters", broken)
    with pytest.raises(ParameterError, match="parameter 'W1' is not finite"):
        nir.graph(circuit, **data, sample=0)


def test_files(tmp_path):
    circuit, data = small()
    path = tmp_path / "circuit.nir"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        nir.write(circuit, path, sample=0, **data)
    assert path.read_text() == "mine"
    nir.write(circuit, path, sample=0, overwrite=True, **data)
    assert library.read(path).nodes.keys() == nir.graph(circuit, sample=0, **data).nodes.keys()


def test_without_the_library(monkeypatch):
    circuit, data = small()
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(MissingExtraError, match=r"python -m pip install 'pcneuro\[nir\]'"):
        nir.graph(circuit, **data)


def test_what_cannot_be_run_is_named():
    ends = {"in": library.Input({"input": np.array([2])}), "out": library.Output({"output": np.array([2])})}
    edges = [("in", "x"), ("x", "out")]
    for node, text in (
        (library.CubaLIF(*np.ones((6, 2))), r"node 'x' of the NIR graph is a CubaLIF; those that can be run are I, LI"),
        (library.Delay(np.array([1e-3, 2e-3])), "node 'x' of the NIR graph, a Delay, has several"),
    ):
        with pytest.raises(ParameterError, match=text):
            Executed(library.NIRGraph({**ends, "x": node}, edges), 1e-3, {"in": np.ones(2)})
