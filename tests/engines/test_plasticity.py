"""Plasticity in the loop: against closed forms, an adaptive solver, and the optimizer's steps."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn
from pcneuro.kernels.arguments import PRE

RNG = np.random.default_rng(7)
WEIGHTS = {"W1": RNG.normal(size=(3, 4)), "b1": RNG.normal(size=4), "W2": RNG.normal(size=(4, 2))}
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
ENGINES = [pcn.Kernel(threads=2), pcn.Reference()]
by_engine = pytest.mark.parametrize("engine", ENGINES, ids=repr)
by_dynamics = pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)


def net(x, W1, b1, W2):
    h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
    return pcn.vertex(h @ W2, "y")


def circuit_of(plasticity=None, **settings):
    graph = pcn.trace(net, x=pcn.Input((3,)), **{name: pcn.Parameter(w) for name, w in WEIGHTS.items()})
    return pcn.build_circuit(graph, plasticity=plasticity, **settings)


def both_ends_clamped(plasticity):
    graph = pcn.trace(lambda x, w: pcn.vertex(x * w, "y"), x=pcn.Input(()), w=pcn.Parameter(0.3))
    return pcn.build_circuit(graph, plasticity={"w": plasticity})


@by_engine
@by_dynamics
def test_both_ends_clamped(engine, dynamics):
    """w(t) = y/x + (w0 - y/x) exp(-x^2 t / tau_w), and its discrete form by Euler's method exactly."""
    x, y, tau, steps, dt = 1.5, 2.0, 50.0, 80, 0.5
    circuit = both_ends_clamped(pcn.Hebbian(tau=tau))
    simulator = pcn.Simulator(circuit, engine=engine, dynamics=dynamics, integrator=pcn.Euler(dt))
    record = pcn.Record("w", "parameter")
    result = simulator.run(steps * dt, inputs={"x": x}, targets={"y": y}, record=record)
    discrete = y / x + (0.3 - y / x) * (1 - dt * x**2 / tau) ** np.arange(steps + 1)
    assert result.records["w.parameter"].dims == ("time",)
    np.testing.assert_allclose(result.records["w.parameter"], discrete, rtol=1e-13)
    if not dynamics.holds_predictions:
        finer = pcn.Simulator(circuit, engine=engine, dynamics=dynamics, integrator=pcn.RungeKutta4(dt / 4))
        result = finer.run(steps * dt, inputs={"x": x}, targets={"y": y})
        np.testing.assert_allclose(
            result.parameters["w"], y / x + (0.3 - y / x) * np.exp(-(x**2) * steps * dt / tau), rtol=1e-11
        )


def slopes(tau, variance):
    """dz/dt of (h, W1, b1, W2, variance of h), both written out and flat."""

    def flow(time, z):
        h, w1, b1, w2, sigma = np.split(z, np.cumsum([20, 12, 4, 8]))
        h, w1, w2 = h.reshape(5, 4), w1.reshape(3, 4), w2.reshape(4, 2)
        predicted = np.tanh(X @ w1 + b1)
        error, out = (h - predicted) / sigma, Y - h @ w2
        back = error * (1 - predicted**2)
        parts = [(out @ w2.T - error) / 10, (X.T @ back - 0.1 * w1) / tau, (0.2 - h.mean()) / tau * np.ones(4)]
        # The last one by Oja's rule, whose neurons behind are clamped.
        parts += [(h.T @ Y - w2 * (Y**2).sum(axis=0)) / tau, (((h - predicted) ** 2).mean(0) - sigma) / variance]
        return np.concatenate([part.ravel() for part in parts])

    return flow


@by_engine
def test_neurons_and_weights_together(engine):
    """Strict dynamics, each rule on its own parameter, against DOP853; fourth order in dt."""
    tau, variance, duration = 200.0, 100.0, 20.0
    rules = {
        "W1": pcn.Hebbian(tau=tau, decay=0.1),
        "b1": pcn.Homeostasis("h", target=0.2, tau=tau),
        "W2": pcn.Oja(tau=tau),
        "h": pcn.LearnedVariance(tau=variance),
    }
    begun = np.tanh(X @ WEIGHTS["W1"] + WEIGHTS["b1"])
    start = np.concatenate([begun.ravel(), *(w.ravel() for w in WEIGHTS.values()), np.ones(4)])
    exact = solve_ivp(slopes(tau, variance), (0, duration), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    off = []
    for dt in (0.2, 0.1, 0.05):
        simulator = pcn.Simulator(
            circuit_of(rules), engine=engine, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(dt)
        )
        result = simulator.run(duration, inputs={"x": X}, targets={"y": Y})
        ends = result.values["h"], *(result.parameters[name] for name in (*WEIGHTS, "h.variance"))
        off.append(np.abs(np.concatenate([end.ravel() for end in ends]) - exact).max())
    assert off[-1] < 1e-8
    assert 10 < off[0] / off[1] < 25


ALL = {
    "W1": pcn.Hebbian(tau=90.0, decay=0.1),
    "b1": pcn.Homeostasis("h", target=0.2, tau=100.0),
    "W2": pcn.Oja(tau=200.0),
    "h": pcn.LearnedVariance(tau=80.0),
}


@pytest.mark.halved
@by_dynamics
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)], ids=repr)
@pytest.mark.parametrize("every", [None, 2.0])
@pytest.mark.parametrize("batch", [1, 40])
def test_the_kernel_does_what_the_reference_does(dynamics, integrator, every, batch):
    """Each rule, with stimuli that change and neurons that restart; and the same bits in any number of threads."""
    rules = {name: replace(rule, every=every) for name, rule in ALL.items()}
    draw = np.random.default_rng(batch)
    stream = pcn.TimedArray(draw.normal(size=(3, batch, 3)), 4.0, periodic=True)
    data = {"inputs": {"x": stream}, "targets": {"y": draw.normal(size=(batch, 2))}, "restarts": [6.0]}
    noise = pcn.WhiteNoise(0.1) if len(integrator.weights) == 1 and not integrator.exact_leak else None
    settings = {"dynamics": dynamics, "integrator": integrator, "seed": 3}
    results = []
    for engine in (pcn.Kernel(threads=1), pcn.Kernel(threads=2), pcn.Reference()):
        simulator = pcn.Simulator(circuit_of(rules, noise=noise), engine=engine, **settings)
        results.append(simulator.run(11.0, record=pcn.Record("b1", "parameter"), **data))
    one, two, reference = results
    for group in ("parameters", "values", "errors", "gradients"):
        for name, wanted in getattr(reference, group).items():
            np.testing.assert_allclose(getattr(one, group)[name], wanted, rtol=1e-9, atol=1e-10)
            np.testing.assert_array_equal(getattr(one, group)[name], getattr(two, group)[name])
    np.testing.assert_allclose(one.energy, reference.energy, rtol=1e-9)
    np.testing.assert_allclose(one.records["b1.parameter"], reference.records["b1.parameter"], rtol=1e-9)


@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0)], ids=repr)
def test_variances_of_error_neurons_with_a_time_constant(integrator):
    """tau_e de/dt = v - prediction - Sigma e, with a Sigma that is learned, by Euler's method written out."""
    graph = pcn.trace(lambda x, b: pcn.vertex(x + b, "y"), x=pcn.Input(()), b=pcn.Parameter(0.5))
    circuit = pcn.build_circuit(graph, error_tau=8.0, precision=0.5, plasticity={"y": pcn.LearnedVariance(tau=30.0)})
    sigma, error, off, history = 2.0, 0.0, 3.0 - 1.5, []
    for _ in range(20):
        history.append(error)
        leak = sigma / 8.0
        gain = -np.expm1(-leak) / sigma if integrator.exact_leak else 1.0 / 8.0
        error, sigma = error + gain * (off - sigma * error), sigma + (off**2 - sigma) / 30.0
    for engine in ENGINES:
        simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=integrator, engine=engine)
        result = simulator.run(20.0, inputs={"x": 1.0}, targets={"y": 3.0}, record=pcn.Record("y", "error"))
        np.testing.assert_allclose(result.records["y.error"].values.ravel(), [*history, error], rtol=1e-12)
        np.testing.assert_allclose(result.parameters["y.variance"], sigma, rtol=1e-12)


@pytest.mark.halved
@by_engine
@by_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch", [1, 5, 40])
def test_one_change_is_a_step_of_gradient_descent(engine, dynamics, dtype, batch):
    """After ``every`` ms, with the state and stimulus there, bit for bit; the neurons then go on as from new data."""
    tau, every = 40.0, 6.0
    x, y = np.random.default_rng(batch).normal(size=(batch, 3)), np.random.default_rng(2).normal(size=(batch, 2))
    settings = {"engine": engine, "dynamics": dynamics, "dtype": dtype}
    plastic = pcn.Simulator(circuit_of(pcn.Hebbian(tau=tau, every=every)), **settings)
    plain = pcn.Simulator(circuit_of(), **settings)
    for k in range(3):
        data = {"inputs": {"x": x}, "targets": {"y": y}} if k == 0 else {}
        learned = plastic.run(every, **data)
        result = plain.run(every, **data)
        optimizer = pcn.SGD(every / tau)
        changed = {
            name: optimizer.update(value, result.gradients[name], (), every / tau, 1)[0]
            for name, value in plain.parameters.items()
        }
        plain.set_parameters(changed)
        for name, value in changed.items():
            np.testing.assert_array_equal(learned.parameters[name], value)
        for name, value in plain.values.items():
            np.testing.assert_array_equal(learned.values[name], value)
        for name, value in plain.errors.items():
            np.testing.assert_array_equal(learned.errors[name], value)


@by_engine
@by_dynamics
def test_slow_plasticity_leaves_gradients_as_they_are(engine, dynamics):
    settings = {"engine": engine, "dynamics": dynamics}
    slow = pcn.Simulator(circuit_of(pcn.Hebbian(tau=1e14)), **settings)
    still = pcn.Simulator(circuit_of(), **settings)
    data = {"inputs": {"x": X}, "targets": {"y": Y}}
    result, wanted = slow.run(100.0, **data), still.run(100.0, **data)
    for name, gradient in wanted.gradients.items():
        np.testing.assert_allclose(result.gradients[name], gradient, rtol=1e-9)


@by_engine
@by_dynamics
def test_weights_are_held_where_they_are_not_to_learn(engine, dynamics):
    """learn=False is the circuit without rules, bit for bit; bounds hold at all times."""
    rules = {"W1": pcn.Hebbian(tau=5.0, bounds=(-0.5, 0.5)), "W2": pcn.Hebbian(tau=5.0, bounds=(-0.4, 0.3), every=2.0)}
    settings = {"engine": engine, "dynamics": dynamics}
    data = {"inputs": {"x": X}, "targets": {"y": Y}}
    plastic, plain = (pcn.Simulator(circuit_of(rule), **settings) for rule in (rules, None))
    result, wanted = plastic.run(20.0, learn=False, **data), plain.run(20.0, **data)
    np.testing.assert_array_equal(result.values["h"], wanted.values["h"])
    np.testing.assert_array_equal(result.parameters["W1"], WEIGHTS["W1"])
    records = [pcn.Record("W1", "parameter"), pcn.Record("W2", "parameter", units=[0, -1])]
    learned = plastic.run(20.0, record=records)
    for name, low, high in (("W1", -0.5, 0.5), ("W2", -0.4, 0.3)):
        array = learned.records[f"{name}.parameter"].values
        assert (array[3:] >= low).all()
        assert (array[3:] <= high).all()
        assert (array[3:] == low).any() or (array[3:] == high).any()
    assert learned.records["W1.parameter"].dims == ("time", "W1_axis0", "W1_axis1")
    assert learned.records["W2.parameter"].shape == (21, 2)
    plastic.set_parameters(plastic.circuit.learned)
    np.testing.assert_array_equal(plastic.parameters["W1"], WEIGHTS["W1"])


@by_engine
@by_dynamics
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)], ids=repr)
def test_pieces_snapshots_and_streams(engine, dynamics, integrator, tmp_path):
    """A run in pieces, in between stored and restored, is the run; with stimuli that change, too."""
    rules = {
        "W1": pcn.Hebbian(tau=90.0, every=3.0),
        "b1": pcn.Homeostasis("h", target=0.1, tau=100.0, every=2.0),
        "W2": pcn.Hebbian(tau=70.0),
        "h": pcn.LearnedVariance(tau=80.0),
    }
    stream = pcn.TimedArray(RNG.normal(size=(4, 5, 3)), 5.0, periodic=True)

    def simulator():
        return pcn.Simulator(circuit_of(rules), engine=engine, dynamics=dynamics, integrator=integrator)

    whole = simulator().run(30.0, inputs={"x": stream}, targets={"y": Y})
    parted = simulator()
    parted.run(7.0, inputs={"x": stream}, targets={"y": Y})
    parted.run(8.0)
    parted.store(tmp_path / "snapshot")
    other = parted.run(15.0)
    parted.restore(tmp_path / "snapshot")
    again = parted.run(15.0, inputs={"x": stream})
    for result in (other, again):
        for group in ("parameters", "values", "errors", "gradients"):
            for name, wanted in getattr(whole, group).items():
                np.testing.assert_array_equal(getattr(result, group)[name], wanted, err_msg=f"{group} {name}")


@by_engine
def test_what_diverges_is_named(engine):
    """Weights that grow without bound."""
    simulator = pcn.Simulator(both_ends_clamped(pcn.Hebbian(tau=1e-6)), engine=engine)
    with pytest.warns(pcn.PcneuroWarning, match="'w', which plasticity changes, is not finite"):
        result = simulator.run(500.0, inputs={"x": 2.0}, targets={"y": 1.0})
    assert result.status is pcn.Status.DIVERGED


def test_events_of_every_change(tmp_path):
    """Without thresholds they are the kernel's steps, with a count of the entries that change."""
    circuit = circuit_of({"W1": pcn.Hebbian(tau=90.0), "W2": pcn.Hebbian(tau=50.0, every=4.0)})
    data = {"inputs": {"x": X}, "targets": {"y": Y}}
    events = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.EventDriven(0.0))
    kernel = pcn.Simulator(circuit, dynamics=pcn.Strict())
    result, wanted = events.run(10.0, **data), kernel.run(10.0, **data)
    for name, values in wanted.parameters.items():
        np.testing.assert_array_equal(result.parameters[name], values)
    # Nothing has an error in the first step but the output.
    assert result.stats["plasticity_operations"] == 9 * 12 + 2 * 8
    with pytest.raises(pcn.errors.ParameterError, match=r"EventDriven under FixedPrediction.* has no plasticity"):
        pcn.Simulator(circuit, engine=pcn.EventDriven(0.0))


def test_a_long_run_in_one_call_is_many_short_ones():
    """A thousand steps of a batch of one, whose weights change in one pass."""
    generator = np.random.default_rng(0)
    circuit = circuit_of(pcn.Hebbian(tau=500.0))
    x, y = pcn.TimedArray(generator.normal(size=(200, 3)), 5.0), pcn.TimedArray(generator.normal(size=(200, 2)), 5.0)
    whole, parted = pcn.Simulator(circuit), pcn.Simulator(circuit)
    result = whole.run(1000.0, inputs={"x": x}, targets={"y": y})
    for k in range(200):
        other = parted.run(5.0, **({"inputs": {"x": x}, "targets": {"y": y}} if k == 0 else {}))
    for name, values in result.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], values)


@by_engine
@by_dynamics
@pytest.mark.parametrize("every", [None, 3.0])
def test_learned_feedback_aligns(engine, dynamics, every):
    """(W - B)_n = (1 - rate decay)^n (W - B)_0 for any data (Kolen & Pollack 1994): both get the same drive."""
    tau, decay, steps = 300.0, 2.0, 30
    generator = np.random.default_rng(4)
    W1, W2, B = generator.normal(size=(3, 4)), generator.normal(size=(4, 2)), generator.normal(size=(4, 2))

    def fed_back(x, W1, W2, B):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(pcn.ops.project(h, W2, feedback=B), "y")

    graph = pcn.trace(fed_back, x=pcn.Input((3,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2), B=pcn.Parameter(B))
    given = {"tau": tau, "decay": decay, "every": every}
    rules = {"W1": pcn.Hebbian(tau=tau), "W2": pcn.Hebbian(**given), "B": pcn.LearnedFeedback("W2", **given)}
    circuit = pcn.build_circuit(graph, plasticity=rules)
    simulator = pcn.Simulator(circuit, engine=engine, dynamics=dynamics)
    stream = pcn.TimedArray(generator.normal(size=(6, 5, 3)), 5.0)
    learned = simulator.run(float(steps), inputs={"x": stream}, targets={"y": Y}).parameters
    rate, changes = (every or 1.0) / tau, steps // int(every or 1)
    wanted = (1 - rate * decay) ** changes * (W2 - B)
    np.testing.assert_allclose(learned["W2"] - learned["B"], wanted, rtol=1e-9, atol=1e-12)
    assert np.abs(learned["W2"] - W2).max() > 0.01


def test_records_of_parameters_that_find_no_room():
    simulator = pcn.Simulator(circuit_of(pcn.Hebbian(tau=10.0)), engine=pcn.Reference())
    with pytest.raises(pcn.errors.CapacityError, match=r"the record of W1.parameter would take 96 GB.* give every="):
        simulator.run(1e9, inputs={"x": X}, record=pcn.Record("W1", "parameter"))
    stream = simulator.stream(1e9, inputs={"x": X}, record=pcn.Record("W1", "parameter"))
    assert next(stream).recorded[0].rows.shape[1:] == (1, 12)
    stream.close()


@pytest.mark.parametrize("given", [slice(0, 1), slice(None)], ids=["one sample", "five samples"])
def test_dense_weights_change_in_one_pass(given):
    """That it is so is no matter of results, but of memory that is gone through: so the tables of the loop say it."""
    simulator = pcn.Simulator(circuit_of(pcn.Hebbian(tau=10.0)))
    simulator.run(1.0, inputs={"x": X[given]}, targets={"y": Y[given]})
    outer = {p.name: row[PRE] >= 0 for p, row in zip(*rules_in(simulator), strict=True)}
    assert outer == {"W1": True, "b1": False, "W2": True}


def of_all_kinds(x, W1, K, W2, b2):
    """A dense layer wider than the vectors that sum, a convolution, and a small layer with a bias."""
    h = pcn.vertex(np.tanh(x @ W1), "h")
    image = pcn.ops.conv2d(h.reshape(1, 6, 7), K)
    return pcn.vertex(np.tanh(image.ravel()) @ W2 + b2, "y")


@by_dynamics
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.RungeKutta4(1.0)], ids=repr)
@pytest.mark.parametrize("every", [None, 3.0])
@pytest.mark.parametrize("batch", [1, 70])
def test_threads_change_no_bit(dynamics, integrator, every, batch, monkeypatch):
    """However small a step is, it is divided here: among more threads than there are blocks of samples, too."""
    monkeypatch.setattr("pcneuro.engines.kernel.blocks.WORTHWHILE", 0.0)
    monkeypatch.setattr("pcneuro.engines.kernel.learning.SHARED_STEP", 0.0)
    draw = np.random.default_rng(3)
    shapes = {"W1": (5, 42), "K": (2, 1, 3, 3), "W2": (40, 3), "b2": (3,)}
    weights = {name: pcn.Parameter(0.3 * draw.normal(size=shape)) for name, shape in shapes.items()}
    graph = pcn.trace(of_all_kinds, x=pcn.Input((5,)), **weights)
    rules = {
        "W1": pcn.Hebbian(tau=500.0, decay=0.1, bounds=(-0.5, 0.5)),
        "K": pcn.Hebbian(tau=900.0, every=every),
        "W2": pcn.Hebbian(tau=400.0, every=every),
        "b2": pcn.Hebbian(tau=300.0),
        "h": pcn.LearnedVariance(tau=80.0),
    }
    noise = pcn.WhiteNoise(0.1) if len(integrator.weights) == 1 else None
    circuit = pcn.build_circuit(graph, plasticity=rules, noise=noise)
    stream = pcn.TimedArray(draw.normal(size=(3, batch, 5)), 4.0, periodic=True)
    data = {"inputs": {"x": stream}, "targets": {"y": draw.normal(size=(batch, 3))}, "restarts": [6.0]}
    results = []
    for threads in (1, 2, 3, 8):
        engine = pcn.Kernel(threads=threads)
        simulator = pcn.Simulator(circuit, engine=engine, dynamics=dynamics, integrator=integrator, seed=5)
        record = [pcn.Record("W2", "parameter"), pcn.Record("h", "error")]
        results.append(simulator.run(10.0, record=record, **data))
    one, *others = results
    assert all(np.abs(one.parameters[name] - circuit.parameters[name]).max() > 1e-6 for name in circuit.parameters)
    for other in others:
        for group in ("parameters", "values", "errors", "gradients", "records"):
            for name, wanted in getattr(one, group).items():
                np.testing.assert_array_equal(getattr(other, group)[name], wanted)


def test_what_diverges_in_many_threads_is_named(monkeypatch):
    """Weights, which one of them changes, and neurons, which another moves."""
    monkeypatch.setattr("pcneuro.engines.kernel.blocks.WORTHWHILE", 0.0)
    monkeypatch.setattr("pcneuro.engines.kernel.learning.SHARED_STEP", 0.0)
    data = {"inputs": {"x": np.tile(X, (10, 1))}, "targets": {"y": np.tile(Y, (10, 1))}}
    results = []
    for threads in (1, 3):
        simulator = pcn.Simulator(circuit_of(pcn.Hebbian(tau=0.1)), engine=pcn.Kernel(threads=threads))
        with pytest.warns(pcn.PcneuroWarning, match="is not finite"):
            results.append(simulator.run(500.0, **data))
    assert [result.status for result in results] == [pcn.Status.DIVERGED] * 2
    assert results[0].time == results[1].time < 500.0


def rules_in(simulator):
    """Rules in the compiled loop's order, and the table of them."""
    rules = simulator._engine.rules
    return rules.plastic, rules.fields["table"]
