"""Brian2 at the level of rates against the kernel, at every step."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from pcneuro.errors import OutputError, ParameterError
from pcneuro.export import brian2
from tests.circuits_for_tests import data_for, every_dynamics, mlp, not_inferred, random_dag, scalar_graph
from tests.export import agreement
from tests.export.agreement import close

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def agree(
    circuit: pcn.Circuit,
    inputs: dict,
    targets: dict,
    steps: int = 12,
    target: str = "numpy",
    silent: bool = False,
    initial: dict | None = None,
    **settings,
) -> None:
    """As the kernel has it at every step."""
    data = {"inputs": inputs, "targets": targets, "initial": initial}

    def run(records, duration):
        return brian2.rate(circuit, **data, record=records, target=target, **settings).run(duration)

    agreement.agree(run, circuit, steps=steps, settings=settings, silent=silent, **data)


EVERY = ("numpy", *(pytest.param(t, marks=pytest.mark.long) for t in ("cython", "cpp_standalone")))
every_target = pytest.mark.parametrize("target", EVERY)


@every_dynamics
@every_target
def test_mlp_batch(dynamics, target):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0})
    agree(circuit, *data_for(circuit.graph, 3), dynamics=dynamics, target=target)


@every_dynamics
@every_target
def test_scalar_graph(dynamics, target):
    circuit = pcn.build_circuit(scalar_graph())
    agree(circuit, {}, {"v4": np.array(1.0)}, steps=20, dynamics=dynamics, target=target)


def agree_on_random_graph(seed, dynamics, target):
    circuit = pcn.build_circuit(random_dag(seed), vertices=("auto", "all")[seed % 2])
    # Some vertices lead to no output.
    data = data_for(circuit.graph, 1, scale=0.3)
    agree(circuit, *data, steps=6, dynamics=dynamics, target=target, silent=True)


@every_dynamics
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 50), marks=pytest.mark.long)])
def test_random_graphs(dynamics, seeds):
    for seed in seeds:
        agree_on_random_graph(seed, dynamics, "numpy")


@pytest.mark.long
@every_dynamics
@pytest.mark.parametrize("seed", [*range(16), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(16, 50))])
def test_random_graphs_in_cython(dynamics, seed):
    agree_on_random_graph(seed, dynamics, "cython")


@every_dynamics
@every_target
def test_projections_that_meet(dynamics, target):
    """Two on one population, one of them twice with the same weights, and two that go back to one population."""

    def function(x, W, U, V):
        h = pcn.vertex(np.tanh(x @ W), "h")
        k = pcn.vertex(np.tanh(h @ U + x @ V), "k")
        return pcn.vertex(h @ U + k @ U, "out")

    rng = np.random.default_rng(0)
    theta = {name: pcn.Parameter(0.5 * rng.normal(size=(4, 4))) for name in "WUV"}
    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((4,)), **theta))
    agree(circuit, *data_for(circuit.graph, 1), dynamics=dynamics, target=target)


@every_dynamics
@every_target
def test_convolutions_and_pooling(dynamics, target):
    """Two layers of convolutions."""
    circuit = cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5))
    if dynamics == pcn.Strict():
        # Silent units of a window are equal, and which of them is its largest is up to the last bit of their values,
        # which compiled code rounds otherwise. With these no unit of the first layer is silent.
        theta = circuit.parameters
        circuit = circuit.with_parameters({**theta, "c1": theta["c1"] + 3.0})
    inputs, _ = data_for(circuit.graph, 2)
    agree(circuit, inputs, {"out": np.eye(10)[[3, 1]]}, dynamics=dynamics, target=target)


@every_dynamics
@every_target
def test_lstm_cell(dynamics, target):
    circuit = lstm(length=2, vocabulary=4, hidden=3)
    (output,) = circuit.graph.outputs.values()
    inputs, _ = data_for(circuit.graph, 1, scale=0.5)
    labels = np.broadcast_to(np.eye(output.shape[-1])[1], output.shape)
    agree(circuit, inputs, {"out": labels}, steps=8, dynamics=dynamics, target=target)


@pytest.mark.parametrize(
    "dynamics", [pcn.Strict(), pytest.param(pcn.FixedPrediction(), marks=pytest.mark.long)], ids=repr
)
def test_cython(dynamics, quickly_compiled):
    """Of as few pieces of code as a circuit with a hidden vertex has: each is compiled."""

    def function(x, W, V):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "out")

    rng = np.random.default_rng(0)
    leaves = {name: pcn.Parameter(rng.normal(size=(2, 2))) for name in "WV"}
    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((2,)), **leaves))
    inputs, targets = data_for(circuit.graph, 1)
    data = {"inputs": inputs, "targets": targets}
    record = [pcn.Record("h", "error")]
    network = brian2.rate(circuit, **data, record=record, dynamics=dynamics, target="cython")
    actual, wanted = network.run(4.0), pcn.Simulator(circuit, dynamics=dynamics).run(4.0, **data, record=record)
    close(actual.records["h.error"], wanted.records["h.error"], "h.error")
    for part in agreement.PARTS:
        for name, array in getattr(wanted, part).items():
            close(getattr(actual, part)[name], array, f"{part} of {name}", activity=1.0)


@every_dynamics
def test_initial_values(dynamics):
    circuit = pcn.build_circuit(mlp((3, 4, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    agree(circuit, inputs, targets, initial={"h1": np.linspace(-1.0, 1.0, 8).reshape(2, 4)}, dynamics=dynamics)


def test_exponential_euler():
    circuit = pcn.build_circuit(mlp((3, 4, 4, 2)), tau={"h1": 3.0})
    agree(circuit, *data_for(circuit.graph, 1), integrator=pcn.ExponentialEuler(2.0))


@every_dynamics
def test_a_run_goes_on_and_a_reset_takes_other_data_and_parameters(dynamics):
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    record = [pcn.Record("h1", "error", every=3.0)]
    network = brian2.rate(circuit, inputs=inputs, targets=targets, record=record, dynamics=dynamics)
    sim = pcn.Simulator(circuit, dynamics=dynamics)
    for duration in (4.0, 0.0, 5.0):
        wanted = sim.run(duration, inputs=inputs, targets=targets, record=record)
        actual = network.run(duration)
        np.testing.assert_array_equal(actual.records["time"], wanted.records["time"])
        close(actual.records["h1.error"], wanted.records["h1.error"], "h1.error")
        close(actual.values["h1"], wanted.values["h1"], "h1")
    assert actual.time == 9.0
    other = {name: 0.5 * array for name, array in circuit.parameters.items()}
    data = {"inputs": {"x": inputs["x"] + 1.0}, "targets": {"out": targets["out"] - 1.0}}
    network.reset(**data, parameters=other)
    actual = network.run(5.0)
    wanted = pcn.Simulator(circuit.with_parameters(other), dynamics=dynamics).run(5.0, **data, record=record)
    close(actual.records["h1.error"], wanted.records["h1.error"], "h1.error")
    close(actual.values["h1"], wanted.values["h1"], "h1")
    for name in wanted.gradients:
        close(actual.gradients[name], wanted.gradients[name], name)


@every_dynamics
def test_weights_can_be_written(dynamics):
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 1)
    network = brian2.rate(circuit, inputs=inputs, targets=targets, dynamics=dynamics)
    (synapses,) = [s for name, s in network.synapses.items() if name.startswith("h1_to_out")]
    synapses.w = 2 * np.array(synapses.w)
    sim = pcn.Simulator(circuit.with_parameters({"W2": 2 * circuit.parameters["W2"]}), dynamics=dynamics)
    wanted, actual = sim.run(5.0, inputs=inputs, targets=targets), network.run(5.0)
    close(actual.errors["h1"], wanted.errors["h1"], "h1")
    for name in wanted.gradients:
        close(actual.gradients[name], wanted.gradients[name], name)


@every_dynamics
def test_a_script_runs_without_pcneuro(dynamics, tmp_path):
    circuit = pcn.build_circuit(mlp((3, 4, 2)), tau={"h1": 7.0})
    inputs, targets = data_for(circuit.graph, 1)
    data = {"inputs": inputs, "targets": targets}
    script = tmp_path / "circuit.py"
    brian2.script(circuit, script, 6.0, dynamics=dynamics, **data)
    assert "pcneuro" not in re.sub(r'^""".*?"""', "", script.read_text(), flags=re.DOTALL)
    ending = "\nif 'h1' in groups:\n    np.save('h1.npy', np.array(groups['h1'].v[:]))\n"
    script.write_text(script.read_text() + ending)
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = pcn.Simulator(circuit, dynamics=dynamics).run(6.0, **data)
    close(np.load(tmp_path / "h1.npy"), wanted.values["h1"][0], "h1")
    with pytest.raises(OutputError, match="exists already"):
        brian2.script(circuit, script, 6.0, **data)


def test_what_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 1)
    data = {"inputs": inputs, "targets": targets}
    for text, more in (
        ("several stages", {"integrator": pcn.RungeKutta4(1.0)}),
        ("choose one of 'numpy', 'cython', 'cpp_standalone'", {"target": "fortran"}),
        ("20 synapses would take", {"memory": 100}),
    ):
        with pytest.raises(ParameterError, match=text):
            brian2.rate(circuit, **data, **more)
    with pytest.raises(ParameterError, match="circuit is a Graph"):
        brian2.rate(circuit.graph, **data)


@every_dynamics
def test_names_that_brian2_has_and_one_unit(dynamics):
    """Parameters and vertices called as attributes of groups, Brian2's functions, or our own variables."""

    def function(x, events, order, w):
        t = pcn.vertex(np.tanh(x * events + order), "t")
        rate = pcn.vertex(pcn.ops.gelu(t), "rate")
        softmax_7 = pcn.vertex(np.sum(rate, keepdims=True) * w, "softmax_7")
        return pcn.vertex(pcn.ops.softmax(rate * 1.5) * np.sum(softmax_7), "out")

    graph = pcn.trace(
        function,
        x=pcn.Input((3,)),
        events=pcn.Parameter([0.5, 1.0, 2.0]),
        order=pcn.Parameter([0.1, 0.2, 0.3]),
        w=pcn.Parameter([0.7]),
    )
    agree(pcn.build_circuit(graph), *data_for(graph, 1), steps=4, dynamics=dynamics)


@not_inferred
@every_dynamics
def test_latents_with_one_prior_for_all(dynamics):
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((3,), prior=0.0), W=pcn.Parameter(np.eye(3)))
    agree(pcn.build_circuit(graph), {}, {"out": np.array([0.3, 0.2, 0.1])}, steps=4, dynamics=dynamics)


def test_a_reset_to_what_does_not_fit_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    network = brian2.rate(circuit, inputs=inputs, targets=targets)
    for text, given in (
        ("1 samples for a network of 2", {"inputs": {"x": np.ones(3)}, "targets": {"out": np.ones(2)}}),
        ("other vertices are clamped", {"clamp": {"h1": np.ones((2, 4))}}),
        ("unknown parameter 'W9'", {"parameters": {"W9": 1.0}}),
    ):
        with pytest.raises(ParameterError, match=text):
            network.reset(**given)


def test_a_single_synapse_has_a_weight():
    graph = pcn.trace(lambda x, W: x @ W, x=pcn.Input((1,)), W=pcn.Parameter([[0.5]]))
    network = brian2.rate(pcn.build_circuit(graph), inputs={"x": [1.0]})
    assert [np.array(s.w).tolist() for s in network.synapses.values()] == [[0.5]]


def shared_twice():
    """W is used by two projections; V through a product with a parameter."""

    def function(x, W, V, s, b):
        h = pcn.vertex(np.tanh(x @ W + 2 * b), "h")
        k = pcn.vertex(np.tanh(h @ W), "k")
        return pcn.vertex(k @ (s * V) + h * (s * s), "out")

    rng = np.random.default_rng(0)
    theta = {"W": 0.5 * rng.normal(size=(3, 3)), "V": 0.5 * rng.normal(size=(3, 3)), "s": 0.7, "b": np.zeros(3)}
    graph = pcn.trace(function, x=pcn.Input((3,)), **{name: pcn.Parameter(a) for name, a in theta.items()})
    return pcn.build_circuit(graph)


@every_dynamics
def test_what_is_computed_from_parameters_can_be_reset(dynamics):
    circuit = shared_twice()
    inputs, targets = data_for(circuit.graph, 2)
    network = brian2.rate(circuit, inputs=inputs, targets=targets, dynamics=dynamics)
    network.run(2.0)
    other = {"s": np.array(-0.4), "b": np.array([0.1, 0.2, 0.3])}
    network.reset(parameters=other)
    actual = network.run(8.0)
    wanted = pcn.Simulator(circuit.with_parameters({**circuit.parameters, **other}), dynamics=dynamics).run(
        8.0, inputs=inputs, targets=targets
    )
    for name, error in wanted.errors.items():
        close(actual.errors[name], error, name, activity=1.0)


@every_dynamics
def test_weights_that_differ_between_copies_are_refused(dynamics):
    circuit = shared_twice()
    inputs, targets = data_for(circuit.graph, 2)

    def network():
        return brian2.rate(circuit, inputs=inputs, targets=targets, dynamics=dynamics)

    one = network()
    name = next(n for n in one.synapses if n.startswith("h_to_k"))
    one.synapses[name].w = 2 * np.array(one.synapses[name].w)
    if dynamics == pcn.Strict():
        # It is the other projection of W that is left as it was.
        with pytest.raises(ParameterError, match="share parameter 'W'"):
            one.run(2.0)
    sample = network()
    weights = np.array(sample.synapses[name].w)
    weights[np.array(sample.synapses[name].i) < 3] *= 2
    sample.synapses[name].w = weights
    with pytest.raises(ParameterError, match="share parameter 'W'"):
        sample.run(2.0)
    computed = network()
    name = next(n for n in computed.synapses if n.startswith("k_to_out"))
    computed.synapses[name].w = 2 * np.array(computed.synapses[name].w)
    with pytest.raises(ParameterError, match="computed or constant"):
        computed.run(2.0)


def test_names_that_belong_to_others():
    def function(x, W):
        chain = pcn.vertex(np.tanh(x @ W), "h")
        for name in ("h_stateupdater", "h_value_monitor", "h_error_in", "h_to_out_0", "h_error", "in"):
            chain = pcn.vertex(np.tanh(chain), name)
        return pcn.vertex(chain @ W, "out")

    graph = pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(np.eye(3) / 2))
    circuit = pcn.build_circuit(graph)
    agree(circuit, *data_for(graph, 1), steps=9)
    inputs, targets = data_for(graph, 1)
    brian2.spiking(circuit, inputs=inputs, targets=targets).run(260.0)


def test_what_is_not_finite_is_refused(tmp_path):
    def function(x, W, s):
        return pcn.vertex(pcn.vertex(np.log(x @ W), "h") @ (W / s), "out")

    leaves = {"x": pcn.Input((3,)), "W": pcn.Parameter(np.eye(3)), "s": pcn.Parameter(0.0)}
    circuit = pcn.build_circuit(pcn.trace(function, **leaves))
    data = {"inputs": {"x": np.ones(3)}, "targets": {"out": np.ones(3)}}
    with pytest.raises(ParameterError, match="weights or constants are not finite"):
        brian2.rate(circuit, **data)
    good = circuit.with_parameters({**circuit.parameters, "s": np.array(1.0)})
    for make in (brian2.rate, brian2.spiking, lambda c, **d: brian2.script(c, tmp_path / "x.py", 9.0, **d)):
        with pytest.raises(ParameterError, match="'h' is not finite in the feedforward sweep of sample 0"):
            make(good, inputs={"x": -np.ones(3)}, targets=data["targets"])
    for text, more in (
        ("dynamics is", {"dynamics": "strict"}),
        ("integrator is", {"integrator": 1.0}),
        ("memory is", {"memory": float("nan")}),
    ):
        with pytest.raises(ParameterError, match=text):
            brian2.rate(good, **data, **more)
