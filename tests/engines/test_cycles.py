"""Cycles: circuits with leaves that are the activity of a vertex, by the engines that have them."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CapacityError, DataError, GraphError, ParameterError, ShapeError, UnknownNameError
from tests.cycles_for_tests import network, ring
from tests.helpers import assert_all_close, assert_close

STRICT = {"dynamics": pcn.Strict()}
every_engine = pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=["kernel", "reference"])


# The kernel against the reference, and what does not change results

DATA = {"inputs": {"x": np.random.default_rng(8).normal(size=(5, 4))}}
TARGETS = {"out": np.random.default_rng(9).normal(size=(5, 4))}


def run(circuit, engine=None, integrator=None, pieces=(20.0,), dtype=np.float64, **data):
    sim = pcn.Simulator(
        circuit, engine=engine or pcn.Kernel(threads=1), integrator=integrator or pcn.Euler(1.0), dtype=dtype, **STRICT
    )
    for duration in pieces:
        result = sim.run(duration, **(DATA | {"targets": TARGETS} | data))
    return sim, result


def same(got, expected, tolerance):
    for part in ("values", "errors", "predictions", "gradients"):
        assert_all_close(getattr(got, part), getattr(expected, part), tolerance, part)


VARIANTS = ({}, {"feedback": False}, {"delay": 1.0}, {"delay": 4.0}, {"delay": 4.0, "feedback": False})
every_kind = pytest.mark.parametrize("kind", VARIANTS, ids=str)


@pytest.mark.halved
@every_kind
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(0.5), pcn.RungeKutta4(1.0)], ids=repr)
def test_kernel_is_the_reference(kind, integrator):
    circuit = network(np.random.default_rng(7), **kind)
    for data in ({}, {"targets": {}, "clamp": {"h": np.full((5, 4), 0.3)}}, {"initial": {"h": np.full((5, 4), -0.5)}}):
        _, expected = run(circuit, pcn.Reference(), integrator, **data)
        _, got = run(circuit, integrator=integrator, **data)
        assert got.status == "completed"
        same(got, expected, 1e-12)


@every_kind
def test_float32_and_a_tolerance(kind):
    circuit = network(np.random.default_rng(7), **kind)
    _, expected = run(circuit, pcn.Reference())
    _, got = run(circuit, dtype=np.float32)
    same(got, expected, 1e-5)
    _, got = run(circuit, pcn.Kernel(threads=1, tolerance=1e-9))
    same(got, expected, 1e-6)


@every_kind
@every_engine
def test_runs_in_pieces_are_one_run(kind, engine):
    circuit = network(np.random.default_rng(7), **kind)
    _, whole = run(circuit, engine)
    sim, pieces = run(circuit, engine, pieces=(1.0, 6.0, 13.0))
    same(pieces, whole, 0.0)
    sim.reset()
    same(sim.run(20.0), whole, 0.0)


@every_kind
@every_engine
def test_changed_data_takes_the_past_along(kind, engine, tmp_path):
    """As the reference has it; and a state that was stored and restored goes on bit for bit."""
    circuit = network(np.random.default_rng(7), **kind)
    ends = []
    for each in (engine, pcn.Reference()):
        sim, _ = run(circuit, each)
        sim.run(7.0, inputs={"x": np.full((5, 4), 0.3)}, clamp={"y": np.full((5, 4), 0.1)})
        sim.store(tmp_path / f"{type(each).__name__}", overwrite=True)
        ends.append(sim.run(9.0, clamp={}, targets={}))
        again = pcn.Simulator(circuit, engine=each, **STRICT)
        again.restore(tmp_path / f"{type(each).__name__}")
        same(again.run(9.0, clamp={}, targets={}), ends[-1], 0.0)
    same(ends[0], ends[1], 1e-12)


@every_kind
def test_threads_and_the_order_of_samples_change_nothing(kind):
    circuit = network(np.random.default_rng(7), **kind)
    x = np.random.default_rng(1).normal(size=(70, 4))
    data = {"inputs": {"x": x}, "targets": {"out": np.cos(x)}}
    _, one = run(circuit, pcn.Kernel(threads=1), **data)
    _, two = run(circuit, pcn.Kernel(threads=2), **data)
    same(two, one, 0.0)
    order = np.random.default_rng(2).permutation(70)
    _, other = run(circuit, inputs={"x": x[order]}, targets={"out": np.cos(x)[order]})
    for name, values in one.values.items():
        assert_close(other.values[name], values[order], 0.0, name)


@every_engine
@pytest.mark.parametrize("delay", [0.0, 5.0])
def test_until_it_has_settled(engine, delay):
    """What is on its way through a delay has come, and has moved nothing, before a circuit has settled."""
    sim = pcn.Simulator(ring(delay=delay), engine=engine, **STRICT)
    result = sim.run(until=pcn.Settled(1e-10), clamp={"a": np.ones(1)})
    assert result.status == "completed"
    assert_close(result.values["b"], [[2 / 3]], 1e-7)
    assert result.stats["settled_ms"][0] >= delay


def test_gradients_are_those_of_the_free_energy_at_the_present_activities():
    """By complex steps of 1e-30 in every weight, the activities held."""
    circuit = network(np.random.default_rng(7))
    sim, result = run(circuit)
    v = sim.values
    weights = {name: array.astype(complex) for name, array in circuit.parameters.items()}

    def energy(W, V, U):
        h = np.tanh(DATA["inputs"]["x"] + v["h"] @ W + np.square(v["y"]) @ V)
        parts = [(v["h"] - h, 1.0), (v["y"] - np.tanh(v["h"] @ U) * v["h"], 1.3)]
        parts += [(v["out"] - np.sin(v["y"]) @ V - 0.1 * v["y"], 1.0)]
        return sum(0.5 * np.sum(weight * e * e) for e, weight in parts)

    for name, array in weights.items():
        expected = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            stepped = array.copy()
            stepped[index] += 1e-30j
            expected[index] = energy(**(weights | {name: stepped})).imag / 1e-30
        assert_close(result.gradients[name], expected, 1e-11, name)


# What is refused


def traced(leaf, name="h"):
    return pcn.trace(lambda x, past: pcn.vertex(np.tanh(x + past), name), x=pcn.Input((3,)), past=leaf)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("h", (3,), -1.0), ParameterError, "delay of the Recurrent of 'h' is -1"),
        (("h", (3,), np.nan), ParameterError, "delay of the Recurrent of 'h'"),
        (("h", (0,)), ShapeError, "Recurrent of 'h'"),
        (("", (3,)), GraphError, "is no name for the vertex of a Recurrent"),
        (("h", (3,), 0.0, "yes"), ParameterError, "feedback of the Recurrent of 'h' is 'yes'; give True or False"),
        (("h", (3,), 0.0, True, np.ones(2)), ShapeError, r"of 'h' of shape \(3,\) has an initial of shape \(2,\)"),
        (("h", (3,), 0.0, True, np.nan), DataError, "initial of the Recurrent of 'h' has 1 of 1 values that are NaN"),
    ],
)
def test_leaves_that_are_none(arguments, error, message):
    with pytest.raises(error, match=message):
        pcn.Recurrent(*arguments)


def test_vertices_that_are_none():
    with pytest.raises(UnknownNameError, match=r"vertex of the Recurrent 'past': 'g': known: h"):
        pcn.build_circuit(traced(pcn.Recurrent("g", (3,))))
    with pytest.raises(ShapeError, match=r"Recurrent 'past' of vertex 'h' has shape \(1,\); its is \(3,\)"):
        pcn.build_circuit(traced(pcn.Recurrent("h", (1,))))
    with pytest.raises(GraphError, match="'past' is of 'x', which is an input: read that itself"):
        pcn.build_circuit(traced(pcn.Recurrent("x", (3,))))


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference(), pcn.EventDriven()], ids=["k", "r", "e"])
def test_cycles_that_cannot_be_run(engine):
    circuit = pcn.build_circuit(traced(pcn.Recurrent("h", (3,))))
    with pytest.raises(ParameterError, match=r"FixedPrediction\(\).* 'past' is a Recurrent of 'h': use .*pcn.Strict"):
        pcn.Simulator(circuit, engine=engine)
    late = pcn.build_circuit(traced(pcn.Recurrent("h", (3,), delay=2.5)))
    with pytest.raises(ParameterError, match=r"'past' has a delay of 2.5 ms, .* dt = 1 ms: give 2 ms, the nearest"):
        pcn.Simulator(late, engine=engine, **STRICT)
    with pytest.raises(ParameterError, match="a circuit with conduction delays has no cycles"):
        pcn.Simulator(circuit.with_delays(1.0), engine=engine, **STRICT)


@pytest.mark.parametrize("settings", [{}, {"threshold": 0.0, "mode": pcn.Exact()}], ids=["thresholds", "exact"])
def test_events_have_no_cycles(settings):
    circuit = pcn.build_circuit(traced(pcn.Recurrent("h", (3,))))
    with pytest.raises(ParameterError):
        pcn.Simulator(circuit, engine=pcn.EventDriven(**settings), **STRICT)
    with pytest.raises(ParameterError, match=r"has no cycles, .* use EventDriven\(threshold=0.0\) or Kernel\(\)"):
        pcn.Simulator(circuit, engine=pcn.EventDriven(), **STRICT)


@every_kind
def test_events_of_every_change_are_the_kernel(kind, tmp_path):
    """Bit for bit, after a snapshot, too; value neurons send whenever they change, but for outputs nobody reads."""
    circuit = network(np.random.default_rng(7), **kind)
    _, expected = run(circuit)
    engine = pcn.EventDriven(threshold=0.0, threads=1)
    records = [pcn.Record(name, "value") for name in ("h", "y")]
    sim, got = run(circuit, engine, record=records)
    same(got, expected, 0.0)
    for name in ("h", "y"):
        changes = np.diff(got.records[f"{name}.value"].values[:20], axis=0) != 0
        assert got.stats["events"][f"{name}.value"] == changes.sum()
    assert got.stats["events"]["out.value"] == 0
    sim.store(tmp_path / "s")
    again = pcn.Simulator(circuit, engine=engine, **STRICT)
    again.restore(tmp_path / "s")
    same(again.run(5.0), sim.run(5.0), 0.0)
    assert again.run(5.0).stats["events"] == sim.run(5.0).stats["events"]


def test_a_past_that_finds_no_room():
    circuit = pcn.build_circuit(traced(pcn.Recurrent("h", (3,), delay=1e9)))
    with pytest.raises(CapacityError, match="'past' has a delay of 1000000000 steps: a past of 24 GB a sample"):
        pcn.Simulator(circuit, **STRICT)


def test_backprop_goes_through_time_where_it_is_unrolled():
    with pytest.raises(ParameterError, match=r"'past' is a Recurrent of 'h': give graph.unrolled\(steps\)"):
        pcn.backprop(traced(pcn.Recurrent("h", (3,))), {"x": np.ones(3)})


@every_kind
@every_engine
def test_a_stream_is_the_runs_in_a_row(kind, engine):
    """Inputs that change, and a clamp of the vertex that a leaf has the past of."""
    circuit = network(np.random.default_rng(7), **kind)
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(6, 5, 4)), rng.normal(size=(6, 5, 4))
    sim = pcn.Simulator(circuit, engine=engine, **STRICT)
    streams = {"inputs": {"x": pcn.TimedArray(x, 3.0)}, "clamp": {"y": pcn.TimedArray(y, 3.0)}}
    whole = sim.run(18.0, targets=TARGETS, **streams)
    pieces = pcn.Simulator(circuit, engine=engine, **STRICT)
    for k in range(6):
        result = pieces.run(3.0, targets=TARGETS, inputs={"x": x[k]}, clamp={"y": y[k]})
    same(whole, result, 0.0)


@every_kind
@every_engine
def test_what_restarts_has_no_past(kind, engine):
    """Trials from the sweep in one run are runs of their own, bit for bit."""
    circuit = network(np.random.default_rng(7), **kind)
    x = np.random.default_rng(12).normal(size=(3, 5, 4))
    sim = pcn.Simulator(circuit, engine=engine, **STRICT)
    whole = sim.run(21.0, inputs={"x": pcn.TimedArray(x, 7.0)}, targets=TARGETS, restarts=[7.0, 14.0])
    last = pcn.Simulator(circuit, engine=engine, **STRICT).run(7.0, inputs={"x": x[2]}, targets=TARGETS)
    same(whole, last, 0.0)


@every_kind
def test_error_neurons_with_a_time_constant(kind):
    circuit = network(np.random.default_rng(7), **kind)
    leaky = pcn.build_circuit(circuit.graph, tau={"h": 5.0}, precision={"y": 1.3}, error_tau={"h": 4.0, "out": 6.0})
    _, expected = run(leaky, pcn.Reference())
    _, got = run(leaky)
    same(got, expected, 1e-12)


@every_kind
def test_noise(kind):
    circuit = network(np.random.default_rng(7), **kind)
    noisy = pcn.build_circuit(circuit.graph, noise={"h": pcn.WhiteNoise(0.3), "y": pcn.OrnsteinUhlenbeck(0.2, 5.0)})
    ends = []
    for engine in (pcn.Reference(), pcn.Kernel(threads=1), pcn.Kernel(threads=2)):
        sim = pcn.Simulator(noisy, engine=engine, seed=3, **STRICT)
        ends.append(sim.run(15.0, **DATA, targets=TARGETS))
    same(ends[1], ends[0], 1e-12)
    same(ends[2], ends[1], 0.0)


# What the past is where something else about the circuit changes

PERTURBED = {
    "a current begins": [pcn.Inject("h", 0.3, start=0.0)],
    "a current from the begin, an error silenced": [
        pcn.Inject("h", 0.3),
        pcn.Silence("out.error", start=0.0, stop=9.0),
    ],
    "a feedback is cut": [pcn.Cut(("y.error", "h.value"), start=3.0, stop=30.0)],
}


@pytest.mark.parametrize("perturb", PERTURBED.values(), ids=PERTURBED)
def test_the_past_goes_on_whatever_is_perturbed(perturb):
    circuit = network(np.random.default_rng(7), delay=4.0)

    def ended(engine, pieces):
        sim = pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(1.0), **STRICT)
        sim.run(3.0, **DATA, targets=TARGETS)
        for number, duration in enumerate(pieces):
            sim.run(duration, perturb=None if number else perturb)
        return sim.values | {f"error of {name}": error for name, error in sim.errors.items()}

    whole = ended(pcn.Kernel(threads=1), [12.0])
    assert_all_close(whole, ended(pcn.Reference(), [12.0]), 1e-12)
    in_pieces = ended(pcn.Kernel(threads=1), [1.0, 2.0, 4.0, 5.0])
    for name, array in whole.items():
        np.testing.assert_array_equal(in_pieces[name], array, err_msg=name)
