"""Plasticity in Brian2 at the level of rates, against the kernel."""

import subprocess
import sys

import numpy as np
import pytest

import pcneuro as pcn
from circuits.prediction_error_neurons import prediction_error_neurons
from pcneuro.errors import ParameterError
from pcneuro.export import brian2, nir

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")

TOLERANCE = {"rtol": 0, "atol": 1e-10}


def net(x, W1, b1, W2, B2, W3, s, b2):
    h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
    return pcn.vertex(pcn.ops.project(h, W2, feedback=B2) + s * np.tanh(x @ W3) + b2, "y")


def rules(often: dict, seldom: dict) -> dict:
    """All rules: of weights, a bias, a gain of all units, and a vertex; ``often`` and ``seldom``: their intervals."""
    return {
        "W1": pcn.Oja(tau=60.0, decay=0.2, **often),
        "b1": pcn.Hebbian(tau=40.0, bounds=(-0.9, 0.6), **seldom),
        "W2": pcn.Hebbian(tau=40.0, bounds=(-0.5, 0.6), **often),
        "B2": pcn.LearnedFeedback("W2", tau=50.0, **often),
        "s": pcn.Hebbian(tau=30.0, decay=0.5, **often),
        "b2": pcn.Homeostasis("h", target=0.2, tau=50.0, **seldom),
        "h": pcn.LearnedVariance(tau=20.0, **often),
    }


def learner(plasticity: object) -> pcn.Circuit:
    rng = np.random.default_rng(5)
    shapes = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "B2": (4, 2), "W3": (3, 2), "s": (), "b2": (2,)}
    leaves = {name: pcn.Parameter(0.7 * rng.normal(size=shape)) for name, shape in shapes.items()}
    return pcn.build_circuit(pcn.trace(net, x=pcn.Input((3,)), **leaves), plasticity=plasticity)


def stream() -> dict:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(8, 2))
    return {"inputs": {"x": pcn.TimedArray(x, 2.0, periodic=True)}, "targets": {"y": pcn.TimedArray(y, 5.0)}}


RECORDS = [
    pcn.Record("h"),
    pcn.Record("y", "error"),
    pcn.Record("W2", "parameter", every=5.0),
    pcn.Record("h.variance", "parameter"),
    pcn.Record("W3", "parameter", every=5.0),
]
INTERVALS = [
    pytest.param({}, {}, id="in each step"),
    # As in the runs in a row below.
    pytest.param({"every": 3.0}, {"every": 5.0}, marks=pytest.mark.long, id="by intervals"),
    pytest.param({}, {"every": 5.0}, marks=pytest.mark.long, id="mixed"),
]


def check(network, exported, result) -> None:
    for name, wanted in result.parameters.items():
        np.testing.assert_allclose(network.parameters[name], wanted, **TOLERANCE, err_msg=name)
    for name, wanted in result.gradients.items():
        np.testing.assert_allclose(exported.gradients[name], wanted, **TOLERANCE, err_msg=name)
    for name in result.records:
        np.testing.assert_allclose(exported.records[name], result.records[name], **TOLERANCE, err_msg=name)


@pytest.mark.parametrize(("often", "seldom"), INTERVALS)
def test_all_rules_are_the_kernels(often, seldom):
    """At every step, of streams, and again from the start."""
    circuit = learner(rules(often, seldom))
    network = brian2.rate(circuit, dynamics=pcn.Strict(), record=RECORDS, **stream())
    exported = network.run(30.0)
    result = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(30.0, record=RECORDS, **stream())
    for name in circuit.rules:
        assert np.abs(result.parameters[name] - circuit.learned[name]).max() > 1e-3, name
    check(network, exported, result)
    network.reset()
    check(network, network.run(30.0), result)


def test_runs_in_a_row_are_one_run():
    """A change at the end of a run is made then, and once."""
    circuit = learner(rules({"every": 3.0}, {"every": 5.0}))
    network = brian2.rate(circuit, dynamics=pcn.Strict(), **stream())
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict())
    # Of both intervals a multiple, none between, and of one of them a multiple.
    for duration in (15.0, 0.0, 6.0):
        exported, result = network.run(duration), sim.run(duration, **stream())
        if duration:
            check(network, exported, result)


@pytest.mark.long
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_compiled_all_rules_are_the_kernels(target, quickly_compiled):
    """A standalone program, too, makes no change more than those of its run, and starts again."""
    circuit = learner(rules({"every": 3.0}, {}))
    network = brian2.rate(circuit, dynamics=pcn.Strict(), record=RECORDS, target=target, **stream())
    result = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(30.0, record=RECORDS, **stream())
    check(network, network.run(30.0), result)
    network.reset()
    check(network, network.run(30.0), result)


def test_a_weight_between_clamped_ends_has_its_closed_form():
    """w(n) = y/x + (w(0) - y/x) (1 - x^2 dt/tau)^n, and with every = T the same with T for dt."""
    x, y, w, tau = 1.5, 0.6, -1.0, 40.0
    for dt, every in ((1.0, None), (4.0, 4.0)):
        graph = pcn.trace(lambda x, w: pcn.vertex(x @ w, "y"), x=pcn.Input((1,)), w=pcn.Parameter([[w]]))
        circuit = pcn.build_circuit(graph, plasticity={"w": pcn.Hebbian(tau=tau, every=every)})
        network = brian2.rate(circuit, inputs={"x": [x]}, targets={"y": [y]}, dynamics=pcn.Strict())
        network.run(20.0)
        wanted = y / x + (w - y / x) * (1 - x**2 * dt / tau) ** (20.0 / dt)
        np.testing.assert_allclose(network.parameters["w"], [[wanted]], rtol=1e-13)


def test_a_bias_that_units_share_sums_what_comes_back():
    """A bias of all rows, and one of a cycle whose past is not revised."""
    rng = np.random.default_rng(3)
    leaves = {"b": rng.normal(size=3), "W": rng.normal(size=(2, 3))}
    graph = pcn.trace(
        lambda x, b, W: pcn.vertex(np.tanh(x + b), "h") * 2.0 + (x[:, :2] @ W),
        x=pcn.Input((2, 3)),
        **{name: pcn.Parameter(array) for name, array in leaves.items()},
    )
    circuit = pcn.build_circuit(graph, plasticity=pcn.Hebbian(tau=30.0))
    (output,) = circuit.graph.outputs
    data = {"inputs": {"x": rng.normal(size=(2, 3))}, "targets": {output: rng.normal(size=(2, 3))}}
    with pytest.raises(ParameterError, match=r"plasticity of 'W' .*its 6 entries are shared by 12 synapses"):
        brian2.rate(circuit, dynamics=pcn.Strict(), **data)
    circuit = circuit.with_plasticity({"b": pcn.Hebbian(tau=30.0)})
    network = brian2.rate(circuit, dynamics=pcn.Strict(), **data)
    exported = network.run(12.0)
    check(network, exported, pcn.Simulator(circuit, dynamics=pcn.Strict()).run(12.0, **data))


def test_a_script_learns(tmp_path):
    circuit = learner(rules({}, {}))
    script = tmp_path / "circuit.py"
    brian2.script(circuit, script, 11.0, dynamics=pcn.Strict(), **stream())
    script.write_text(script.read_text() + "\nnp.save('b1.npy', np.array(groups['h'].b1[:]))\n")
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(11.0, **stream())
    np.testing.assert_allclose(np.load(tmp_path / "b1.npy"), wanted.parameters["b1"], **TOLERANCE)
    with pytest.raises(ParameterError, match="plasticity of 'b1' has every="):
        brian2.script(
            learner(rules({}, {"every": 5.0})), tmp_path / "other.py", 11.0, dynamics=pcn.Strict(), **stream()
        )


def test_what_has_no_equation_of_single_synapses_is_refused():
    circuit, strict = learner({"W1": pcn.Hebbian(tau=1.0)}), {"dynamics": pcn.Strict()}
    data = {"inputs": {"x": np.ones(3)}, "targets": {"y": np.ones(2)}}
    with pytest.raises(ParameterError, match=r"FixedPrediction\(\) in Brian2, where each change .* has no plasticity"):
        brian2.rate(circuit, **data)
    with pytest.raises(ParameterError, match=r"a batch in Brian2, whose samples are copies .* give one sample"):
        brian2.rate(circuit, **strict, inputs={"x": np.ones((2, 3))})
    with pytest.raises(ParameterError, match="this export has no plasticity"):
        nir.graph(circuit, **data)
    follower = circuit.with_plasticity({"b2": pcn.LearnedFeedback("b2", tau=1.0)})
    brian2.rate(follower, **strict, **data)
    with pytest.raises(ParameterError, match=r"'W2' .*follows 'B2', and not as the way back"):
        brian2.rate(circuit.with_plasticity({"W2": pcn.LearnedFeedback("B2", tau=1.0)}), **strict, **data)
    variances = circuit.with_plasticity({"h": pcn.LearnedVariance(tau=9.0)})
    with pytest.raises(ParameterError, match=r"LearnedVariance of 'h' in Brian2 .* ExponentialEuler"):
        brian2.rate(variances, **strict, **data, integrator=pcn.ExponentialEuler(1.0))
    leaves = {"s": pcn.Parameter(1.0), "W": pcn.Parameter(np.eye(2))}
    graph = pcn.trace(lambda x, s, W: pcn.vertex(x @ (s * W), "y"), x=pcn.Input((2,)), **leaves)
    computed = pcn.build_circuit(graph, plasticity={"s": pcn.Hebbian(tau=1.0)})
    with pytest.raises(ParameterError, match="are computed from parameters with rules"):
        brian2.rate(computed, **strict, inputs={"x": np.ones(2)})


def test_inhibition_that_learns_a_target_is_the_kernels():
    """The delta rule within a rate network with cycles, of excitatory cells and three types of interneurons."""
    circuit = prediction_error_neurons(faster=20.0)
    drawn = np.random.default_rng(4).uniform(0.0, 100.0, (10, 2, 1))
    streams = {"seen": pcn.TimedArray(drawn[:, 0], 20.0), "predicted": pcn.TimedArray(drawn[:, 1], 20.0)}
    settings = {"dynamics": pcn.Strict(), "integrator": pcn.Euler(0.5)}
    records = [pcn.Record("excitatory"), pcn.Record("wDS", "parameter")]
    network = brian2.rate(circuit, inputs=streams, record=records, **settings)
    exported = network.run(200.0)
    result = pcn.Simulator(circuit, **settings).run(200.0, inputs=streams, record=records)
    for name in circuit.rules:
        assert np.abs(result.parameters[name] - circuit.learned[name]).max() > 1e-3, name
    check(network, exported, result)
