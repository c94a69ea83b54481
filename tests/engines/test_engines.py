"""What holds for every engine: one suite of claims, each run by all of them, with conduction delays and without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.linalg import solve
from scipy.stats import binom

import pcneuro as pcn
from pcneuro.engines.reference.delayed import DelayedReference
from tests.circuits_for_tests import chain, data_for, diverges, every_dynamics, mlp, random_dag, same

DT = 1.0
STATE = ("values", "errors", "predictions", "gradients")
DELAYS = pcn.UniformDelay(1.0, 9.0, seed=2)


class WithHistories(pcn.engines.Engine):
    """The reference for circuits with delays, also where there are none."""

    def make(self, *settings):
        return DelayedReference(*settings, "WithHistories")


@dataclass(frozen=True)
class Setup:
    """An engine, and the delays of the circuits that it is tried on."""

    name: str
    engine: pcn.engines.Engine
    delays: float | pcn.UniformDelay = 0.0

    def __str__(self) -> str:
        return self.name

    def circuit(self, graph: pcn.Graph, **settings) -> pcn.Circuit:
        return pcn.build_circuit(graph, delays=self.delays, **settings)

    def simulator(self, circuit: pcn.Circuit, **settings) -> pcn.Simulator:
        """In steps that all of these engines take."""
        return pcn.Simulator(circuit, engine=self.engine, **{"integrator": pcn.Euler(DT)} | settings)

    def run(self, circuit: pcn.Circuit, duration: float, data: dict, **settings) -> pcn.Result:
        return self.simulator(circuit, **settings).run(duration, **data)


REFERENCE = Setup("reference", pcn.Reference())
DELAYED_REFERENCE = Setup("reference, delays", pcn.Reference(), DELAYS)
SETUPS = [
    REFERENCE,
    Setup("kernel", pcn.Kernel()),
    Setup("events at zero threshold", pcn.EventDriven(0.0)),
    Setup("reference with histories", WithHistories()),
    DELAYED_REFERENCE,
    Setup("kernel, delays", pcn.Kernel(), DELAYS),
]


@pytest.fixture(params=SETUPS, ids=str)
def setup(request) -> Setup:
    return request.param


@pytest.fixture
def layers(setup) -> tuple[pcn.Circuit, dict]:
    """Two hidden layers, with a precision and a time constant of their own, and data for three samples."""
    circuit = setup.circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0})
    inputs, targets = data_for(circuit.graph, 3, scale=0.5)
    return circuit, {"inputs": inputs, "targets": targets}


def equal(one: pcn.Result, other: pcn.Result) -> None:
    """To the last bit."""
    for part in STATE:
        assert same(getattr(one, part), getattr(other, part)), part


def close(actual: pcn.Result, expected: pcn.Result, tolerance: float) -> None:
    """Up to ``tolerance`` times the largest of each array, or times one where that is larger."""
    for part in STATE:
        arrays = getattr(actual, part)
        for name, array in getattr(expected, part).items():
            limit = tolerance * max(1.0, np.abs(array).max())
            np.testing.assert_allclose(arrays[name], array, rtol=0, atol=limit, err_msg=f"{part} {name}")


# Against what is known


ONE_HOT = np.eye(3)[[0, 2, 1]]


@pytest.mark.halved
@pytest.mark.parametrize(
    ("energy", "target"),
    [
        (pcn.SquaredError(), np.arange(9.0).reshape(3, 3) / 6),
        (pcn.SoftmaxCrossEntropy(), ONE_HOT),
        (pcn.Bernoulli(), 0.8 * ONE_HOT),
    ],
    ids=["squared", "softmax", "bernoulli"],
)
def test_fixed_prediction_comes_to_backprop(setup, energy, target):
    circuit = setup.circuit(mlp((4, 5, 6, 3)), energies={"out": energy}, precision={"out": 0.7})
    data = {"inputs": data_for(circuit.graph, 3)[0], "targets": {"out": target}}
    result, reference = setup.run(circuit, 400.0, data), pcn.backprop(circuit, **data)
    assert pcn.compare(result, reference).worst < 1e-11
    assert result.loss == pytest.approx(reference.loss, rel=1e-12)
    assert result.status is pcn.Status.COMPLETED


def test_a_chain_follows_the_shifted_binomial(setup):
    """k hops from the output an error comes so much later as the feedback on its way took."""
    length, weight, steps = 5, 1.3, 60
    circuit = setup.circuit(chain(length, weight))
    records = [pcn.Record(f"v{k}", "error") for k in range(1, length + 1)]
    sim = setup.simulator(circuit, integrator=pcn.Euler(DT))
    result = sim.run(steps * DT, inputs={"x": 0.7}, targets={"v5": 2.0}, record=records)
    output, late = 2.0 - 0.7 * weight**length, 0
    for hops, k in enumerate(range(length, 0, -1)):
        expected = output * weight**hops * binom.sf(hops - 1, np.maximum(np.arange(steps + 1) - late, 0), DT / 10.0)
        np.testing.assert_allclose(result.records[f"v{k}.error"][:, 0, 0], expected, rtol=0, atol=1e-13)
        if k > 1:
            late += round(circuit.nx.edges[f"v{k}.error", f"v{k - 1}.value", "feedback"]["delay"] / DT)
    assert bool(late) == circuit.delayed


def test_a_linear_strict_circuit_comes_to_its_equilibrium(setup):
    """Errors are e = Pi (M u + k) for free values u = (v1, v2, v3): at rest M' e = 0, whatever the delays."""
    pi = [1.5, 0.5, 2.0, 1.0]
    circuit = setup.circuit(chain(4, 0.8), precision={f"v{k}": p for k, p in enumerate(pi, 1)})
    m = np.array([[1, 0, 0], [-0.8, 1, 0], [0, -0.8, 1], [0, 0, -0.8]])
    k = np.array([-0.8, 0, 0, -1.0])
    rest = solve(m.T @ np.diag(pi) @ m, -m.T @ np.diag(pi) @ k)
    result = setup.run(circuit, 800.0, {"inputs": {"x": 1.0}, "targets": {"v4": -1.0}}, dynamics=pcn.Strict())
    np.testing.assert_allclose([result.values[f"v{i}"][0] for i in (1, 2, 3)], rest, rtol=1e-9)


@every_dynamics
def test_without_an_output_error_nothing_moves(setup, layers, dynamics):
    circuit, data = layers
    sweep = setup.run(circuit, 0.0, {"inputs": data["inputs"]}, dynamics=dynamics).predictions["out"]
    result = setup.run(circuit, 30.0, {"inputs": data["inputs"], "targets": {"out": sweep}}, dynamics=dynamics)
    assert all(np.abs(gradient).max() < 1e-13 for gradient in result.gradients.values())
    assert result.loss == pytest.approx(0.0, abs=1e-26)


def test_a_latent_root_comes_to_its_posterior_mean(setup):
    """With a linear readout and a Gaussian prior: the normal equations."""
    rng = np.random.default_rng(0)
    weights, prior, seen = 0.3 * rng.normal(size=(3, 6)), np.array([0.5, 0.0, -0.5]), rng.normal(size=(4, 6))
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((3,), prior=prior), W=pcn.Parameter(weights))
    circuit = setup.circuit(graph, precision={"z": 2.0, "out": 1.5})
    result = setup.run(circuit, 500.0, {"targets": {"out": seen}}, dynamics=pcn.Strict())
    left = 1.5 * weights @ weights.T + 2.0 * np.eye(3)
    expected = np.linalg.solve(left, 1.5 * weights @ seen.T + 2.0 * prior[:, None]).T
    np.testing.assert_allclose(result.values["z"], expected, rtol=1e-8)


# Against each other


@pytest.mark.halved
@pytest.mark.parametrize("setup", [s for s in SETUPS if s not in (REFERENCE, DELAYED_REFERENCE)], ids=str)
@every_dynamics
@pytest.mark.parametrize("integrator", [pcn.Euler(DT), pcn.ExponentialEuler(DT)], ids=str)
def test_it_is_the_reference(setup, dynamics, integrator):
    graphs = [mlp((4, 5, 5, 3))] if setup.delays else [random_dag(seed) for seed in (100, 103, 106, 109)]
    for graph in graphs:
        circuit = setup.circuit(graph, vertices="all", tau=20.0)
        inputs, targets = data_for(graph, 5, scale=0.4)
        actual, expected = (
            pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, engine=engine).run(
                20.0, inputs=inputs, targets=targets
            )
            for engine in (setup.engine, pcn.Reference())
        )
        close(actual, expected, 1e-10)
        assert actual.energy == pytest.approx(expected.energy, rel=1e-9)
        assert actual.time == expected.time == 20.0


@every_dynamics
def test_a_batch_is_its_samples(setup, layers, dynamics):
    circuit, data = layers
    whole = setup.run(circuit, 20.0, data, dynamics=dynamics)
    total = {name: np.zeros_like(gradient) for name, gradient in whole.gradients.items()}
    for k in range(3):
        sample = {kind: {name: a[k] for name, a in arrays.items()} for kind, arrays in data.items()}
        one = setup.run(circuit, 20.0, sample, dynamics=dynamics)
        assert one.values["h1"].shape == (1, 7)
        for part in ("values", "errors", "predictions"):
            for name in circuit.vertices:
                expected = getattr(one, part)[name][0]
                np.testing.assert_allclose(getattr(whole, part)[name][k], expected, rtol=1e-12, atol=1e-13)
        total = {name: total[name] + one.gradients[name] for name in total}
    for name, gradient in total.items():
        np.testing.assert_allclose(whole.gradients[name], gradient, rtol=1e-11, atol=1e-12)


@every_dynamics
def test_single_precision_is_close(setup, layers, dynamics):
    circuit, data = layers
    double, single = (setup.run(circuit, 30.0, data, dynamics=dynamics, dtype=t) for t in (np.float64, np.float32))
    for part in STATE:
        assert {a.dtype for a in getattr(single, part).values()} == {np.dtype(np.float32)}
    close(single, double, 1e-5)


# What is held, and where it begins


@every_dynamics
def test_a_clamped_vertex_stays_and_is_seen_by_its_children(setup, layers, dynamics):
    circuit, data = layers
    held = np.full((3, 7), 0.25)
    sim = setup.simulator(circuit, dynamics=dynamics)
    result = sim.run(30.0, **data, clamp={"h1": held})
    np.testing.assert_array_equal(result.values["h1"], held)
    p = circuit.parameters
    np.testing.assert_allclose(result.predictions["h2"], np.tanh(held @ p["W2"] + p["b2"]), rtol=1e-13)
    own = np.tanh(data["inputs"]["x"] @ p["W1"] + p["b1"])
    np.testing.assert_allclose(result.errors["h1"], 1.5 * (held - own), rtol=1e-12)
    freed = sim.run(10.0, clamp={})
    assert not np.array_equal(freed.values["h1"], held)


@every_dynamics
def test_initial_values_are_where_free_vertices_begin(setup, layers, dynamics):
    circuit, data = layers
    begin = np.full((3, 7), 0.1)
    sim = setup.simulator(circuit, dynamics=dynamics)
    result = sim.run(0.0, **data, initial={"h1": begin})
    np.testing.assert_allclose(result.values["h1"], begin, rtol=1e-14)
    sim.run(3.0)
    with pytest.raises(pcn.PcneuroError, match="reset"):
        sim.run(1.0, initial={"h1": begin})


# Runs that go on


@every_dynamics
def test_runs_one_after_the_other_are_one_run(setup, layers, dynamics):
    circuit, data = layers
    once = setup.run(circuit, 40.0, data, dynamics=dynamics)
    sim = setup.simulator(circuit, dynamics=dynamics)
    for duration in (0.0, 7.0, 1.0, 32.0):
        result = sim.run(duration, **data)
    equal(once, result)
    assert result.time == sim.time == 40.0
    sim.reset()
    assert sim.time == 0.0
    equal(sim.run(40.0), once)


@pytest.mark.halved
@every_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_restored_goes_on_bit_for_bit(setup, layers, dynamics, dtype, tmp_path):
    circuit, data = layers
    sim, other = (setup.simulator(circuit, dynamics=dynamics, dtype=dtype) for _ in range(2))
    sim.run(6.0, **data)
    sim.store(tmp_path / "state")
    first = sim.run(25.0)
    sim.restore(tmp_path / "state")
    assert sim.time == 6.0
    equal(sim.run(25.0), first)
    other.restore(tmp_path / "state")
    equal(other.run(25.0), first)


@every_dynamics
def test_changed_targets_take_the_state_along(setup, layers, dynamics):
    circuit, data = layers
    sim = setup.simulator(circuit, dynamics=dynamics)
    before = sim.run(10.0, **data)
    other = {"out": data["targets"]["out"] + 0.2}
    after = sim.run(0.0, targets=other)
    np.testing.assert_allclose(after.values["h1"], before.values["h1"], rtol=1e-13)
    assert after.time == 10.0
    # Values that errors change, which come late, settle slowly.
    duration = 900.0 if circuit.delayed and dynamics == pcn.Strict() else 300.0
    expected = setup.run(circuit, duration, {"inputs": data["inputs"], "targets": other}, dynamics=dynamics)
    close(sim.run(duration), expected, 1e-4)


def test_changed_inputs_take_values_along(setup, layers):
    """And with delays what is on its way, too: another run of the reference than one that begins with these values."""
    circuit, data = layers
    sim = setup.simulator(circuit)
    before = sim.run(30.0, **data)
    changed = {"x": data["inputs"]["x"] + 1.0}
    carried = {name: value for name, value in before.values.items() if name != "out"}
    expected = setup.simulator(circuit).run(5.0, inputs=changed, targets=data["targets"], initial=carried)
    after = sim.run(5.0, inputs=changed)
    if circuit.delayed:
        assert np.abs(after.errors["h1"] - expected.errors["h1"]).max() > 0.01
    else:
        close(after, expected, 1e-12)


def test_new_parameters_hold_at_once(setup, layers):
    circuit, data = layers
    rng = np.random.default_rng(3)
    parameters = {name: 0.5 * rng.normal(size=value.shape) for name, value in circuit.parameters.items()}
    sim = setup.simulator(circuit)
    sim.run(10.0, **data)
    sim.reset()
    sim.set_parameters(parameters)
    result = sim.run(400.0, **data)
    assert pcn.compare(result, pcn.backprop(circuit, **data, parameters=parameters)).worst < 1e-11
    assert same(sim.parameters, parameters)
    equal(setup.run(circuit.with_parameters(parameters), 400.0, data), result)


# Records


@every_dynamics
def test_records_are_the_states_of_the_way_and_change_nothing(setup, layers, dynamics):
    circuit, data = layers
    record = [pcn.Record(v, k) for v in circuit.vertices for k in ("value", "error", "prediction", "feedback")]
    plain = setup.run(circuit, 12.0, data, dynamics=dynamics)
    recorded = setup.simulator(circuit, dynamics=dynamics).run(12.0, **data, record=record)
    equal(plain, recorded)
    stepped = setup.simulator(circuit, dynamics=dynamics)
    for k in range(13):
        here = stepped.run(DT if k else 0.0, **data)
        for name in circuit.vertices:
            for kind, part in (("value", "values"), ("error", "errors"), ("prediction", "predictions")):
                np.testing.assert_array_equal(recorded.records[f"{name}.{kind}"][k], getattr(here, part)[name])


def test_records_have_times_at_both_ends(setup, layers):
    circuit, data = layers
    sim = setup.simulator(circuit, integrator=pcn.Euler(0.5))
    record = [pcn.Record("h1", "error", every=2.0), pcn.Record("h2", "value", units=[1, 3], samples=[2])]
    result = sim.run(6.0, **data, record=record)
    assert result.records["h1.error"].shape == (4, 3, 7)
    np.testing.assert_array_equal(result.records["h1.error"]["time_2ms"], [0.0, 2.0, 4.0, 6.0])
    assert result.records["h2.value"].shape == (13, 1, 2)
    further = sim.run(3.0, record=pcn.Record("out", "error", every=2.0))
    np.testing.assert_array_equal(further.records["time"], [6.0, 8.0])
    assert further.records["time"].attrs["units"] == "ms"
    assert further.records["out.error"].dims == ("time", "batch", "out_unit")


# How runs end


def test_a_run_until_it_has_settled(setup, layers):
    """With delays not before what is under way has arrived."""
    circuit, data = layers
    sim = setup.simulator(circuit)
    result = sim.run(until=pcn.Settled(rtol=1e-5), **data)
    assert result.status is pcn.Status.COMPLETED
    assert result.stats["settled_ms"] == [result.time]
    assert result.time > 20.0
    assert pcn.compare(result, pcn.backprop(circuit, **data)).worst < 1e-4


@diverges
@every_dynamics
def test_what_diverges_is_told_with_its_population(setup, dynamics):
    """Strict: weights of 10 against leaks of 1; fixed: weights so large that errors overflow on the way back."""
    strict = dynamics == pcn.Strict()
    circuit = setup.circuit(chain(6, 10.0 if strict else 1e60))
    data = {"inputs": {"x": 1.0 if strict else 1e-300}, "targets": {"v6": 0.0 if strict else 1e30}}
    result = setup.run(circuit, 3000.0, data, dynamics=dynamics)
    assert result.status is pcn.Status.DIVERGED
    assert result.time < 3000.0
    assert "is no longer finite at" in result.message
    assert "population 'v" in result.message


@diverges
@pytest.mark.parametrize("duration", [0.0, 10.0])
def test_what_is_not_finite_in_the_sweep_is_no_completed_run(setup, duration):
    graph = pcn.trace(lambda x, w: np.log(x * w), x=pcn.Input((2,)), w=pcn.Parameter([1.0, -1.0]))
    result = setup.run(setup.circuit(graph), duration, {"inputs": {"x": [1.0, 1.0]}, "targets": {"out": [0.0, 0.0]}})
    assert result.status is pcn.Status.DIVERGED
    assert "of 'out' is not finite" in result.message
    assert "\n" not in result.message
