"""NEST's rate neurons against the kernel at every step, and against closed forms."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import binom

import pcneuro as pcn
from circuits.cnn import cnn
from pcneuro.errors import MissingExtraError, ParameterError
from pcneuro.export import nest
from pcneuro.export.targets import RunRequest, targets
from tests.circuits_for_tests import chain, data_for, every_dynamics, mlp, not_inferred, random_dag
from tests.export import agreement
from tests.export.agreement import close
from tests.export.linear_circuits import given, linear, per_unit
from tests.extras import with_nest

pytestmark = with_nest
STRICT = pcn.Strict()


def agree(circuit: pcn.Circuit, data: dict, steps: int = 12, dynamics=None, integrator=None, silent=False) -> None:
    """As the kernel has it at every step."""
    settings = {"dynamics": dynamics or pcn.FixedPrediction(), "integrator": integrator or pcn.Euler(1.0)}

    def run(records, duration):
        return nest.network(circuit, record=records, **data, **settings).run(duration)

    agreement.agree(run, circuit, steps=steps, settings=settings, silent=silent, **data)


# Against closed forms


def test_chain_is_binomial():
    """Euler under fixed prediction, k hops from the clamped end: e = P[Binomial(n, dt/tau) >= k] e_eq."""
    length, steps, eta = 5, 40, 0.1
    circuit = pcn.build_circuit(chain(length, 0.8))
    records = [pcn.Record(f"v{k}", "error") for k in range(1, length + 1)]
    data = {"inputs": {"x": np.array(1.0)}, "targets": {"v5": np.array(2.0)}}
    actual = nest.network(circuit, record=records, **data).run(steps * 1.0)
    n = np.arange(steps + 1)
    for hops in range(length):
        wanted = binom.sf(hops - 1, n, eta) * 0.8**hops * (2.0 - 0.8**length)
        close(actual.records[f"v{length - hops}.error"].values.ravel(), wanted, f"{hops} hops", 1e-13)


def test_equilibrium_of_fixed_prediction_is_backprop():
    """Of nonlinear circuits, too."""
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = given(circuit.graph, 2)
    wanted = pcn.backprop(circuit.graph, **data)
    actual = nest.network(circuit, **data, integrator=pcn.Euler(5.0)).run(500.0)
    for name, array in wanted.gradients.items():
        close(actual.gradients[name], array, name)


def test_equilibrium_of_strict_dynamics_is_least_squares():
    """A chain at rest: F is a quadratic form of v1 ... v4, and its minimum is the solution of a linear system."""
    weight, x, target = 0.8, 1.3, 2.0
    circuit = pcn.build_circuit(chain(5, weight))
    data = {"inputs": {"x": np.array(x)}, "targets": {"v5": np.array(target)}}
    actual = nest.network(circuit, dynamics=STRICT, integrator=pcn.Euler(4.0), **data).run(4000.0)
    # Rows: e = differences @ (v1 ... v4) + what is clamped
    differences = np.eye(5, 4) - weight * np.eye(5, 4, -1)
    clamped = np.array([-weight * x, 0.0, 0.0, 0.0, target])
    values = np.linalg.lstsq(differences, -clamped, rcond=None)[0]
    close([actual.values[f"v{k}"][0] for k in range(1, 5)], values, "values", 1e-13)
    close([actual.errors[f"v{k}"][0] for k in range(1, 6)], differences @ values + clamped, "errors", 1e-13)


# Against the kernel


@every_dynamics
@pytest.mark.parametrize("batch", [1, 2])
def test_linear_circuit(dynamics, batch):
    circuit = per_unit(linear())
    agree(circuit, given(circuit.graph, batch), dynamics=dynamics)


@every_dynamics
def test_linear_circuit_at_rest(dynamics):
    """Values, errors and gradients within 1e-10 of the largest, for long runs."""
    circuit = per_unit(linear())
    data = given(circuit.graph)
    wanted = pcn.Simulator(circuit, dynamics=dynamics).run(3000.0, **data)
    actual = nest.network(circuit, dynamics=dynamics, **data).run(3000.0)
    for part in ("values", "errors", "gradients"):
        for name, array in getattr(wanted, part).items():
            close(getattr(actual, part)[name], array, f"{part} of {name}", 1e-10)


@every_dynamics
def test_exponential_euler(dynamics):
    circuit = per_unit(linear())
    agree(circuit, given(circuit.graph), dynamics=dynamics, integrator=pcn.ExponentialEuler(1.5))


@pytest.mark.parametrize("dt", [0.37, 0.0125, 7.0])
def test_steps_that_are_whole_numbers_of_tics(dt):
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    agree(circuit, given(circuit.graph), integrator=pcn.Euler(dt))


def test_mlp_with_tanh():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0})
    agree(circuit, given(circuit.graph, 2))


@pytest.mark.parametrize("seed", range(15))
def test_random_graphs(seed):
    circuit = pcn.build_circuit(random_dag(seed), vertices=("auto", "all")[seed % 2])
    # Some vertices lead to no output.
    agree(circuit, given(circuit.graph, scale=0.3), steps=8, silent=True)


def test_small_errors_at_large_values():
    """An error is a state of its own, and no difference of large numbers."""
    circuit = pcn.build_circuit(chain(4))
    data = {"inputs": {"x": np.array(2.0**20)}, "targets": {"v4": np.array(2.0**20 + 2.0**-20)}}
    agree(circuit, data, steps=300)


def test_convolutions_and_an_energy_of_its_own():
    circuit = cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5))
    inputs, _ = data_for(circuit.graph, 2)
    agree(circuit, {"inputs": inputs, "targets": {"out": np.eye(10)[[3, 1]]}})


@pytest.mark.parametrize(
    ("function", "scale"),
    [
        (np.tanh, 1.0),
        (pcn.ops.sigmoid, 1.0),
        (pcn.ops.relu, 300.0),  # NEST's threshold-linear units may have a ceiling
        (lambda a: 0.5 * np.maximum(0.1, 2.0 * a) - np.tanh(a) / 4.0, 1.0),
    ],
)
def test_transfer_functions_of_inputs(function, scale):
    """NEST's own."""
    circuit = per_unit(linear(function))
    agree(circuit, given(circuit.graph, scale=scale), dynamics=STRICT)


def test_names_of_inputs():
    """No population of ours stands in the way of an input's."""
    graph = pcn.trace(
        lambda one, memory, w: np.tanh(one) * w + pcn.vertex(w * memory - 1.0, "value"),
        one=pcn.Input((3,)),
        memory=pcn.Input((3,)),
        w=pcn.Parameter(np.array([0.5, -1.0, 2.0])),
    )
    agree(pcn.build_circuit(graph), given(graph), dynamics=STRICT)


@every_dynamics
def test_clamped_in_the_middle(dynamics):
    """Behind a clamped vertex strict dynamics may have a transfer function, as behind an input."""
    circuit = pcn.build_circuit(mlp((3, 4, 4, 2)))
    clamp = {"h1": np.full((1, 4), 0.3)}
    agree(circuit, {**given(circuit.graph), "clamp": clamp}, dynamics=dynamics)


@not_inferred
@every_dynamics
@pytest.mark.parametrize("prior", [0.25, None])
@pytest.mark.filterwarnings("ignore:FixedPrediction holds")  # nothing brings a latent without a prior to rest
def test_generative(dynamics, prior):
    """The outputs are clamped, the root is free: with a prior, and without, so that it has no error."""
    rng = np.random.default_rng(2)
    graph = pcn.trace(
        lambda z, W, U: pcn.vertex(z @ W, "h") @ U,
        z=pcn.Latent((3,), prior=prior),
        W=pcn.Parameter(0.5 * rng.normal(size=(3, 4))),
        U=pcn.Parameter(0.5 * rng.normal(size=(4, 2))),
    )
    data = {"targets": {"out": np.array([0.3, 0.2])}, "initial": {"z": np.array([0.1, 0.0, -0.4])}}
    agree(pcn.build_circuit(graph), data, dynamics=dynamics)


@every_dynamics
def test_initial_values(dynamics):
    circuit = per_unit(linear())
    initial = {"h1": np.array([0.5, -0.5, 1.0, 0.0]), "h2": np.ones(4)}
    agree(circuit, {**given(circuit.graph), "initial": initial}, dynamics=dynamics)


@every_dynamics
def test_outputs_may_be_free(dynamics):
    circuit = per_unit(linear())
    inputs, _ = data_for(circuit.graph, 1)
    agree(circuit, {"inputs": inputs, "initial": {"h2": np.ones(4)}}, dynamics=dynamics, silent=True)


@every_dynamics
def test_a_run_goes_on(dynamics):
    circuit = per_unit(linear())
    data = given(circuit.graph, 2)
    record = [
        pcn.Record("h1", "error", every=3.0, units=[2, 0], samples=[1]),
        pcn.Record("h2", "feedback"),
        pcn.Record("out", "prediction", every=2.0),
    ]
    network = nest.network(circuit, record=record, dynamics=dynamics, **data)
    sim = pcn.Simulator(circuit, dynamics=dynamics)
    for duration in (4.0, 0.0, 1.0, 7.0):
        wanted = sim.run(duration, record=record, **data)
        actual = network.run(duration)
        for name in wanted.records.variables:
            close(actual.records[name], wanted.records[name], name)
        close(actual.values["h1"], wanted.values["h1"], "h1")
    assert actual.time == 12.0


def test_target():
    """As ``pcneuro check --against nest`` finds it."""
    circuit = per_unit(linear())
    data, record = given(circuit.graph, 2), [pcn.Record("h1", "error", every=2.0)]
    request = RunRequest(circuit, STRICT, pcn.Euler(1.0), 9.0, **data, clamp={}, records=record)
    actual, wanted = (targets()[name]().run(request) for name in ("nest", "reference"))
    close(actual.records["h1.error"], wanted.records["h1.error"], "h1")
    for name, array in wanted.gradients.items():
        close(actual.gradients[name], array, name)


def test_populations_are_nests_own():
    circuit = pcn.build_circuit(mlp((3, 4, 2)), tau={"h1": 7.0})
    network = nest.network(circuit, **given(circuit.graph))
    network.build()
    assert sorted(network.populations) == ["h1.error", "h1.value", "out.error", "out.value"]
    assert network.populations["h1.error"].model[0] == "lin_rate_ipn"
    np.testing.assert_allclose(network.populations["h1.error"].tau, 7.0, rtol=1e-15)


@every_dynamics
def test_too_large(dynamics, monkeypatch):
    """Refused by the shapes alone, before there are weights; and by the weights, of which products make more."""
    circuit = per_unit(linear())
    graph = pcn.trace(
        lambda x, w: pcn.vertex(w * x, "h") - np.mean(pcn.vertex(w + x, "g")),
        x=pcn.Input((300,)),
        w=pcn.Parameter(np.ones(300)),
    )
    dense = pcn.build_circuit(graph)
    text = r"[\d,]+ neurons and [\d,]+ synapses would take about [\d.]+ GB in NEST, more than the .* of memory="
    with pytest.raises(ParameterError, match=text) as caught:
        nest.network(dense, dynamics=dynamics, memory=1.5e7, **given(graph))
    assert int(str(caught.value).split()[3].replace(",", "")) > 300**2
    monkeypatch.setattr(nest, "made", None)
    with pytest.raises(ParameterError, match=text):
        nest.network(circuit, dynamics=dynamics, memory=1000, **given(circuit.graph))


# What is refused


def test_what_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 4, 2)))
    data = given(circuit.graph)
    for text, more in (
        ("RungeKutta4 has several stages", {"integrator": pcn.RungeKutta4(1.0)}),
        ("NEST's time step would be 0.3333333333333333 ms", {"integrator": pcn.Euler(1 / 3)}),
        (r"20 neurons and \d+ synapses would take about .* more than the 1e-06 GB of memory=", {"memory": 1000}),
        (r"node 'h2' \(tanh\): 'tanh' of what free .* use FixedPrediction\(\)", {"dynamics": STRICT}),
        ("dynamics is the class Strict", {"dynamics": pcn.Strict}),
        ("integrator is 1.0", {"integrator": 1.0}),
    ):
        with pytest.raises(ParameterError, match=text) as caught:
            nest.network(circuit, **data, **more)
        assert "\n" not in str(caught.value)
    with pytest.raises(ParameterError, match="circuit is a Graph"):
        nest.network(circuit.graph, **data)


def test_energies_that_are_not_squared():
    """Their errors are not linear in the prediction; held, or of what is clamped, they are numbers."""
    circuit = pcn.build_circuit(linear(), energies={"out": pcn.Bernoulli()})
    inputs, _ = data_for(circuit.graph, 1)
    data = {"inputs": inputs, "targets": {"out": np.array([1.0, 0.0])}}
    with pytest.raises(ParameterError, match="'sigmoid' of what free vertices send"):
        nest.network(circuit, dynamics=STRICT, **data)
    agree(circuit, data)
    agree(circuit, {**data, "clamp": {"h1": np.full(4, 0.2), "h2": np.full(4, -0.7)}}, dynamics=STRICT)


def test_a_missing_library(monkeypatch):
    circuit = pcn.build_circuit(linear())
    monkeypatch.setitem(sys.modules, "nest", None)
    with pytest.raises(MissingExtraError, match=r"python -m pip install 'pcneuro\[nest\]'"):
        nest.network(circuit, **given(circuit.graph))


def test_nothing_is_imported_before_and_nothing_printed():
    code = """
import sys, numpy as np, pcneuro as pcn
from pcneuro.export import nest
assert "nest" not in sys.modules
graph = pcn.trace(lambda x, w: pcn.vertex(w * x, "h") * 2.0, x=pcn.Input(()), w=pcn.Parameter(0.5))
nest.network(pcn.build_circuit(graph), inputs={"x": np.array(1.0)}, targets={"out": np.array(1.0)}).run(3.0)
assert "nest" in sys.modules
"""
    environment = {name: text for name, text in os.environ.items() if name != "PYNEST_QUIET"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def seen(x, W1, W2, W3):
    """Predictions that are tanh of the input, and linear in all else."""
    h1 = pcn.vertex(np.tanh(x @ W1) + x @ W3, "h1")
    return pcn.vertex(h1 @ W2, "out")


@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(0.5)], ids=repr)
def test_data_that_change_with_time(integrator):
    """At every step as the kernel has it, in one run and in two, the second of which begins with a change."""
    rng = np.random.default_rng(6)
    weights = {"W1": (3, 4), "W2": (4, 2), "W3": (3, 4)}
    graph = pcn.trace(
        seen, x=pcn.Input((3,)), **{name: pcn.Parameter(rng.normal(size=s)) for name, s in weights.items()}
    )
    circuit = pcn.build_circuit(graph, precision={"h1": 1.5})
    data = {
        "inputs": {"x": pcn.TimedArray(rng.normal(size=(4, 2, 3)), 2.0, periodic=True)},
        "targets": {"out": pcn.TimedArray(rng.normal(size=(5, 2)), 3.0)},
    }
    settings = {"dynamics": pcn.Strict(), "integrator": integrator}
    agree(circuit, data, steps=round(13.0 / integrator.dt), **settings)
    network = nest.network(circuit, **data, **settings, record=[pcn.Record("h1"), pcn.Record("h1", "error")])
    parts = [network.run(6.0), network.run(7.0)]
    wanted = pcn.Simulator(circuit, **settings).run(13.0, **data, record=[pcn.Record("h1"), pcn.Record("h1", "error")])
    for name in wanted.records.data_vars:
        rows = np.concatenate([parts[0].records[name].values[:-1], parts[1].records[name].values])
        np.testing.assert_allclose(rows, wanted.records[name].values, rtol=0, atol=1e-12)


def test_what_cannot_change_with_time_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    _, targets = data_for(circuit.graph, 1)
    timed = {"x": pcn.TimedArray(np.zeros((3, 3)), 1.0)}
    with pytest.raises(ParameterError, match="new feedforward sweep"):
        nest.network(circuit, inputs=timed, targets=targets)
