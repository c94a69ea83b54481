"""The closed form of the errors and the gradients' history, each against the simulator itself."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.analysis.expectation import expectation
from pcneuro.analysis.relaxation import ErrorRelaxation, error_records, recorded
from pcneuro.circuit.gradient_history import gradient_history
from pcneuro.simulator.schedules.hops import binomial_share, erlang_share
from tests.circuits_for_tests import data_for, mlp, random_dag, scalar_graph

DT = 0.5


def relaxed(circuit, integrator, inputs, targets, duration=20.0, **settings):
    simulator = pcn.Simulator(circuit, integrator=integrator, engine=pcn.Reference(), **settings)
    records = error_records(simulator, None, "value", "error")
    return simulator, simulator.run(duration, inputs=inputs, targets=targets, record=records)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 8))])
def test_errors_on_random_graphs_have_their_closed_form(seed):
    graph = random_dag(seed)
    circuit = pcn.build_circuit(graph, vertices="all", tau=8.0, precision=1.6)
    inputs, targets = data_for(graph, batch=3)
    held = [graph.outputs[name].name for name in targets]
    for integrator, key, limit in (
        (pcn.Euler(DT), "deviation_stepped", 1e-11),
        (pcn.ExponentialEuler(DT), "deviation_stepped", 1e-11),
        (pcn.RungeKutta4(DT), "deviation_continuous", 1e-5),
    ):
        simulator, result = relaxed(circuit, integrator, inputs, targets)
        relaxation = ErrorRelaxation.of(simulator, result, inputs, held)
        assert max(row[key] for row in relaxation.numbers().values()) < limit


def test_the_equilibrium_is_backprop_and_hops_are_counted():
    circuit = pcn.build_circuit(mlp((4, 5, 6, 3)))
    inputs, targets = data_for(circuit.graph, batch=2)
    simulator, result = relaxed(circuit, pcn.Euler(), inputs, targets)
    relaxation = ErrorRelaxation.of(simulator, result, inputs, ["out"])
    exact = pcn.backprop(circuit, inputs, targets).errors
    for name, final in relaxation.final.items():
        np.testing.assert_allclose(final, exact[name], rtol=1e-12, atol=1e-14)
    assert {name: row["hops"] for name, row in relaxation.numbers().items()} == {"h1": 2, "h2": 1, "out": 0}


def test_settling_is_within_one_percent_for_good():
    circuit = pcn.build_circuit(mlp((4, 5, 3)))
    inputs, targets = data_for(circuit.graph, batch=1)
    simulator, result = relaxed(circuit, pcn.Euler(1.0), inputs, targets, duration=100.0)
    row = ErrorRelaxation.of(simulator, result, inputs, ["out"]).numbers()["h1"]
    # One hop: 0.9^n is below 0.01 from n = 44 on.
    assert row["settling_time"] == 44.0
    simulator, result = relaxed(circuit, pcn.Euler(1.0), inputs, targets, duration=43.0)
    assert ErrorRelaxation.of(simulator, result, inputs, ["out"]).numbers()["h1"]["settling_time"] is None


@pytest.mark.parametrize(
    ("circuit", "dynamics"),
    [
        (pcn.build_circuit(mlp((4, 5, 3))), pcn.Strict()),
        (pcn.build_circuit(mlp((4, 5, 6, 3)), tau={"h1": 3.0}), pcn.FixedPrediction()),
        (pcn.build_circuit(mlp((4, 5, 6, 3)), precision={"h2": 2.0}), pcn.FixedPrediction()),
    ],
    ids=["strict", "several tau", "several precisions"],
)
def test_where_there_is_no_closed_form_there_is_none(circuit, dynamics):
    inputs, targets = data_for(circuit.graph, batch=2)
    simulator, result = relaxed(circuit, pcn.Euler(), inputs, targets, dynamics=dynamics)
    assert expectation(simulator, inputs, {"out": targets["out"]}) is None
    relaxation = ErrorRelaxation.of(simulator, result, inputs, ["out"])
    dataset = relaxation.dataset()
    assert "expected_norm" not in dataset
    np.testing.assert_allclose(dataset["error_norm"][:, -1], dataset["final_norm"], rtol=1e-14)


def test_shares_that_arrive_are_distribution_functions():
    time = np.linspace(0.0, 50.0, 11)
    np.testing.assert_allclose(erlang_share(np.array(1), 0.1 * time), 1 - np.exp(-0.1 * time), rtol=1e-13)
    steps = np.arange(5.0)
    np.testing.assert_allclose(binomial_share(np.array(2), steps, 0.5), [0, 0, 1 / 4, 1 / 2, 11 / 16], rtol=1e-13)
    np.testing.assert_array_equal(binomial_share(np.array(0), steps, 0.5), np.ones(5))
    np.testing.assert_array_equal(binomial_share(np.array(2), steps, 1.0), [0, 0, 1, 1, 1])


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("seed", range(5))
def test_the_history_of_gradients_is_what_stepping_gives(seed, dynamics):
    graph = random_dag(seed) if seed else scalar_graph()
    circuit = pcn.build_circuit(graph, vertices="auto" if seed % 2 else "all")
    inputs, targets = data_for(graph, batch=2 if seed else 1)
    _, result = relaxed(circuit, pcn.Euler(DT), inputs, targets, duration=4.0, dynamics=dynamics)
    batched = {n: np.reshape(a, (-1, *graph.inputs[n].shape)) for n, a in inputs.items()}
    names = list(graph.parameters)
    history = gradient_history(circuit, dynamics, batched, recorded(result, "value"), recorded(result, "error"), names)
    simulator = pcn.Simulator(circuit, integrator=pcn.Euler(DT), engine=pcn.Reference(), dynamics=dynamics)
    for k in range(9):
        simulator.run(DT if k else 0.0, inputs=inputs, targets=targets)
        for name, value in simulator.gradients.items():
            scale = np.abs(history[name]).max()
            np.testing.assert_allclose(history[name][k], value, rtol=1e-10, atol=1e-12 * scale)
