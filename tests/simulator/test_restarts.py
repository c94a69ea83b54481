"""Restarts: neurons go back to the sweep in the midst of a run, as in a new simulation."""

import warnings

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from tests.simulator.net_for_tests import two_layers

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def circuit():
    return two_layers()


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
@pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=repr)
def test_restarts_are_new_simulations(circuit, engine, dynamics):
    """Neurons go back to the sweep of what is given then: what follows is a simulation of its own."""
    x = RNG.normal(size=(3, 20, 5))
    simulator = pcn.Simulator(circuit, dynamics=dynamics, engine=engine)
    record = [pcn.Record("h"), pcn.Record("y", "error")]
    timed = pcn.TimedArray(x, 10.0)
    data = {"inputs": {"x": timed}, "targets": {"y": np.zeros((20, 3))}}
    whole = simulator.run(30.0, restarts=[0.0, 10.0, 20.0], record=record, **data)
    for trial in range(3):
        alone = pcn.Simulator(circuit, dynamics=dynamics, engine=engine).run(
            10.0, inputs={"x": x[trial]}, targets={"y": np.zeros((20, 3))}, record=record
        )
        for name in ("h.value", "y.error"):
            got = whole.records[name].values[10 * trial : 10 * trial + 10]
            np.testing.assert_array_equal(got, alone.records[name].values[:-1])
    simulator.reset()
    parted = [simulator.run(t, restarts=[0.0, 10.0, 20.0], record=record, **data) for t in (10.0, 7.0, 13.0)]
    np.testing.assert_array_equal(parted[-1].values["h"], whole.values["h"])


@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.RungeKutta4(1.0)], ids=repr)
@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_with_a_tolerance_a_restart_has_sent_nothing_yet(circuit, dynamics, integrator):
    """Neurons that come to where they were once before a restart send that again."""
    data = {"inputs": {"x": RNG.normal(size=(3, 5))}, "targets": {"y": np.zeros((3, 3))}}
    record = [pcn.Record("h"), pcn.Record("y", "error")]
    exact, near = (
        pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, engine=engine).run(
            12.0, restarts=[2.0, 3.0, 8.0], record=record, **data
        )
        for engine in (pcn.Kernel(), pcn.Kernel(tolerance=1e-9))
    )
    for name, rows in exact.records.data_vars.items():
        np.testing.assert_allclose(near.records[name], rows, atol=1e-7)


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_latents_restart_at_their_priors(dynamics):
    graph = pcn.trace(
        lambda z, W: pcn.vertex(np.tanh(z @ W), "y"),
        z=pcn.Latent((2,), prior=[0.5, -0.2]),
        W=pcn.Parameter(RNG.normal(size=(2, 3))),
    )
    circuit = pcn.build_circuit(graph)
    y = RNG.normal(size=(2, 3))
    record = [pcn.Record("z")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole, reference = (
            pcn.Simulator(circuit, dynamics=dynamics, engine=engine).run(
                20.0, targets={"y": pcn.TimedArray(y, 10.0)}, restarts=[10.0], record=record
            )
            for engine in (pcn.Kernel(), pcn.Reference())
        )
        alone = pcn.Simulator(circuit, dynamics=dynamics).run(10.0, targets={"y": y[1]}, record=record)
    np.testing.assert_array_equal(whole.records["z.value"].values[10:], alone.records["z.value"].values)
    np.testing.assert_allclose(whole.values["z"], reference.values["z"], rtol=1e-12)


@pytest.mark.parametrize("restarts", [[5.0, 3.0], [1.5], [-1.0], ["a"], [np.nan], [2.0, 2.0], [1e300]])
def test_wrong_restarts_are_refused(circuit, restarts):
    with pytest.raises(ParameterError, match=r"restart|times are not told apart"):
        pcn.Simulator(circuit).run(10.0, inputs={"x": np.zeros(5)}, restarts=restarts)


def test_what_leaves_its_beginning_for_zero_in_one_step_is_sent():
    """With a tolerance, zero is what was sent before anything was: neurons that come to just that are sent, too."""
    read = pcn.ops.stop_feedback
    graph = pcn.trace(lambda x, W: read(pcn.vertex(x * W, "h")) * 2.0, x=pcn.Input((2,)), W=pcn.Parameter(np.ones(2)))
    circuit = pcn.build_circuit(graph, tau=10.0)
    found = []
    for tolerance in (0.0, 1e-12):
        engine = pcn.Kernel(tolerance=tolerance)
        simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(10.0), engine=engine)
        zero = np.zeros((1, 2))
        record = [pcn.Record("out", "prediction")]
        given = {"inputs": {"x": zero}, "clamp": {"out": zero}, "initial": {"h": np.ones((1, 2))}}
        found.append(simulator.run(30.0, **given, record=record).records["out.prediction"].values)
    np.testing.assert_array_equal(found[0][:, 0, 0], [2.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(found[1], found[0])
