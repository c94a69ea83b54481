"""Masks of infinities, as in causal attention: a prediction there has no deviation, in every engine.

The oracle is the same circuit under a mask of -1000: its exponential is 0, too, and nothing else of it is large.
"""

from __future__ import annotations

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import pcneuro as pcn
from tests.helpers import assert_all_close, assert_close

rng = np.random.default_rng(0)
X, TARGET, W = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2))
CAUSAL = np.tri(3, dtype=bool)
FINITE = -1e3

ENGINES = {
    "Reference": pcn.Reference(),
    "Kernel": pcn.Kernel(),
    "Kernel with a tolerance": pcn.Kernel(tolerance=1e-12),
    "events of threshold 0": pcn.EventDriven(pcn.Absolute(0.0)),
    "events in bins": pcn.EventDriven(pcn.Absolute(1e-11)),
    "events at exact times": pcn.EventDriven(pcn.Absolute(1e-4), pcn.Exact()),
}
EXACT = ENGINES["events at exact times"]
"""As near as its threshold, since it sends an event for each."""
engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
MODES = ("auto", "all", "marked")


def attention(x, W, mask, softmax=pcn.ops.softmax, np=np):
    """Causal attention, whose scores are one vertex where every operation is."""
    scores = np.where(CAUSAL, x @ W @ x.T, mask)
    return softmax(scores) @ x


def added(x, W, mask):
    """The mask as a summand, behind it a sum that has it, too, and a softmax written out."""
    scores = pcn.vertex(x @ W @ x.T + np.where(CAUSAL, 0.0, mask), "scores")
    weights = np.exp(scores - np.mean(x))
    return (weights / np.sum(weights, axis=-1, keepdims=True)) @ x


def lowered(x, W, mask):
    """The mask as plus infinity, of what is taken away."""
    weights = np.exp(-pcn.vertex(np.where(CAUSAL, -(x @ W @ x.T), -mask), "costs"))
    return (weights / np.sum(weights, axis=-1, keepdims=True)) @ x


PROGRAMS = {"where": attention, "added": added, "lowered": lowered}
PAIRS = (
    (attention, "auto", "float64"),
    (attention, "all", "float32"),
    (attention, "marked", "float64"),
    (added, "auto", "float32"),
    (added, "all", "float64"),
    (added, "marked", "float32"),
    (lowered, "auto", "float64"),
    (lowered, "all", "float32"),
    (lowered, "marked", "float64"),
)
"""Each program with all kinds of vertices, and each of both with both dtypes."""
programs = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)


def circuit_of(program, mask=-np.inf, vertices="auto", **settings):
    graph = pcn.trace(lambda x, W: program(x, W, mask), x=pcn.Input((3, 2)), W=pcn.Parameter(W))
    return pcn.build_circuit(graph, vertices=vertices, **settings)


def run(circuit, duration=300.0, **settings):
    simulator = pcn.Simulator(circuit, **settings)
    return simulator.run(duration, inputs={"x": X}, targets={"out": TARGET})


def by_autograd():
    """The gradient of the squared error, by HIPS autograd."""

    def softmax(a):
        e = anp.exp(a - anp.max(a, axis=-1, keepdims=True))
        return e / anp.sum(e, axis=-1, keepdims=True)

    def loss(W):
        return sum(
            0.5 * anp.sum((t - attention(x, W, FINITE, softmax, anp)) ** 2) for x, t in zip(X, TARGET, strict=True)
        )

    return autograd.grad(loss)(W)


@programs
def test_backprop_is_autograds(program):
    graph = circuit_of(program).graph
    assert_close(pcn.backprop(graph, {"x": X}, {"out": TARGET}).gradients["W"], by_autograd(), 1e-12)


@pytest.mark.halved
@pytest.mark.parametrize(("program", "vertices", "dtype"), PAIRS)
@engines
def test_fixed_prediction_computes_backprops_gradients(program, vertices, dtype, engine):
    result = run(circuit_of(program, vertices=vertices), engine=engine, dtype=dtype)
    assert result.status is pcn.Status.COMPLETED, result.message
    near = 1e-3 if engine is EXACT else 1e-4 if dtype == "float32" else 1e-6
    assert_close(result.gradients["W"], by_autograd(), near)


@pytest.mark.halved
@programs
@pytest.mark.parametrize("schedule", [pcn.Sequential(), pcn.FastForward()], ids=repr)
@pytest.mark.parametrize("vertices", MODES)
@pytest.mark.parametrize("engine", [pcn.Reference(), pcn.Kernel()], ids=repr)
def test_every_schedule_does(program, schedule, vertices, engine):
    result = run(circuit_of(program, vertices=vertices), schedule=schedule, engine=engine)
    assert result.status is pcn.Status.COMPLETED, result.message
    assert_close(result.gradients["W"], by_autograd(), 1e-6)


@pytest.mark.halved
@pytest.mark.parametrize(
    ("program", "vertices"), [(attention, "auto"), (attention, "all"), (added, "marked"), (lowered, "marked")]
)
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.RungeKutta4(1.0), pcn.ExponentialEuler(1.0)], ids=repr)
@engines
def test_strict_dynamics_are_those_of_a_finite_mask(program, vertices, integrator, engine):
    if not isinstance(engine, pcn.Reference | pcn.Kernel) and not isinstance(integrator, pcn.Euler):
        pytest.skip("events take steps of Euler's method")
    settings = {"dynamics": pcn.Strict(), "integrator": integrator}
    finite = run(circuit_of(program, FINITE, vertices), 40.0, engine=pcn.Reference(), **settings)
    result = run(circuit_of(program, vertices=vertices), 40.0, engine=engine, **settings)
    assert result.status is pcn.Status.COMPLETED, result.message
    near = 1e-2 if engine is EXACT else 1e-6
    # Under a mask that is added, finite scores would have errors; here their parents are inputs, which stay.
    assert_close(result.gradients["W"], finite.gradients["W"], near)
    assert_all_close(result.errors, finite.errors, near)
    for name, values in result.values.items():
        masked = np.abs(finite.values[name]) > -FINITE / 2
        assert (values[masked] == np.copysign(np.inf, finite.values[name][masked])).all()
        assert_close(values[~masked], finite.values[name][~masked], near)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("engine", [pcn.Reference(), pcn.Kernel(), pcn.EventDriven(pcn.Absolute(0.0))], ids=repr)
def test_a_run_settles_when_it_would_under_a_finite_mask(dynamics, engine):
    times = []
    for mask in (-np.inf, FINITE):
        simulator = pcn.Simulator(circuit_of(added, mask), engine=engine, dynamics=dynamics)
        result = simulator.run(until=pcn.Settled(rtol=1e-6), inputs={"x": X}, targets={"out": TARGET})
        assert result.status is pcn.Status.COMPLETED, result.message
        times.append(result.time)
    assert times[0] == times[1] > 20.0


@pytest.mark.parametrize("engine", [pcn.Reference(), pcn.Kernel()], ids=repr)
def test_conduction_delays(engine):
    found = [
        run(circuit_of(added, mask, "all", delays=2.0), engine=engine).gradients["W"] for mask in (-np.inf, FINITE)
    ]
    assert_close(found[0], found[1], 1e-12)
    assert_close(found[0], by_autograd(), 1e-5)


def test_what_leaves_the_finite_numbers_has_diverged():
    """A state that comes to minus infinity is under no mask."""
    graph = pcn.trace(lambda x, w: -np.exp(w * x) * np.exp(w * x), x=pcn.Input(()), w=pcn.Parameter(3.0))
    simulator = pcn.Simulator(pcn.build_circuit(graph, vertices="all"), dynamics=pcn.Strict())
    with pytest.warns(pcn.PcneuroWarning, match="finite"):
        result = simulator.run(2000.0, inputs={"x": 1.0}, targets={"out": 1e6})
    assert result.status is pcn.Status.DIVERGED


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
def test_a_snapshot_and_a_saved_circuit_keep_the_mask(tmp_path, dynamics):
    circuit = circuit_of(attention, vertices="all")
    circuit.save(tmp_path / "circuit")
    simulator = pcn.Simulator(pcn.load_circuit(tmp_path / "circuit"), dynamics=dynamics)
    simulator.run(50.0, inputs={"x": X}, targets={"out": TARGET})
    simulator.store(tmp_path / "snapshot")
    again = pcn.Simulator(circuit, dynamics=dynamics)
    again.restore(tmp_path / "snapshot")
    assert_all_close(again.run(50.0).gradients, simulator.run(50.0).gradients, 0.0)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
def test_a_run_begins_where_another_has_ended(dynamics):
    circuit = circuit_of(attention, vertices="all")
    ended = run(circuit, 30.0, dynamics=dynamics)
    initial = {name: values for name, values in ended.values.items() if name != "out"}
    simulator = pcn.Simulator(circuit, dynamics=dynamics)
    result = simulator.run(30.0, inputs={"x": X}, targets={"out": TARGET}, initial=initial)
    assert result.status is pcn.Status.COMPLETED
    assert_all_close(result.gradients, run(circuit, 60.0, dynamics=dynamics).gradients, 1e-9)


def test_classes_that_are_ruled_out_cost_nothing():
    """Logits of minus infinity, under cross-entropy: as if the classes were not there."""
    logits, target = np.array([0.3, -1.0, 0.5]), np.array([0.0, 0.0, 1.0])
    mask = np.array([0.0, -np.inf, 0.0])
    graph = pcn.trace(lambda w: w + mask, w=pcn.Parameter(logits))
    circuit = pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})
    left = np.exp(logits[[0, 2]]) / np.exp(logits[[0, 2]]).sum()
    expected = np.array([left[0], 0.0, left[1] - 1.0])
    results = [pcn.backprop(circuit, targets={"out": target})]
    results += [
        pcn.Simulator(circuit, engine=e).run(10.0, targets={"out": target}) for e in (pcn.Reference(), pcn.Kernel())
    ]
    for result in results:
        assert_close(result.gradients["w"], expected, 1e-12)
        assert_close(result.loss, -np.log(left[1]), 1e-12)
