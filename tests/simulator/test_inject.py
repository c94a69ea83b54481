"""Currents into value neurons: closed forms, the reference, and what they are refused by."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError, PcneuroWarning, ShapeError, UnknownNameError
from tests.circuits_for_tests import same

RNG = np.random.default_rng(8)
TAU = 10.0
ENGINES = [pcn.Kernel(threads=1), pcn.Reference()]
BY_EVENTS = [pcn.EventDriven(0.05), pcn.EventDriven(0.05, pcn.Exact()), pcn.EventDriven(0.0)]
engines = pytest.mark.parametrize("engine", ENGINES, ids=repr)
both = pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)


def unit(**settings):
    """A unit that only leaks towards its prediction, 0."""
    graph = pcn.trace(lambda x: pcn.vertex(1.0 * x, "v"), x=pcn.Input(()))
    return pcn.build_circuit(graph, tau=TAU, **settings)


W1, W2 = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))


def net():
    graph = pcn.trace(
        lambda x, W1, W2: pcn.vertex(pcn.vertex(np.tanh(x @ W1), "h") @ W2, "out"),
        x=pcn.Input((4,)),
        W1=pcn.Parameter(W1),
        W2=pcn.Parameter(W2),
    )
    return pcn.build_circuit(graph, precision={"h": 2.0})


@engines
@both
def test_a_leaky_unit_charges(engine, dynamics):
    """v(t) = I / Pi (1 - exp(-Pi t / tau)); behind the stop it falls back."""
    current, precision = 0.7, 1.5
    integrator = pcn.RungeKutta4(0.25)
    sim = pcn.Simulator(unit(precision={"v": precision}), dynamics=dynamics, integrator=integrator, engine=engine)
    result = sim.run(
        40.0,
        inputs={"x": 0.0},
        perturb=[pcn.Inject("v", current, start=5.0, stop=25.0)],
        record=[pcn.Record("v", every=5.0)],
    )
    t = np.arange(9) * 5.0
    rate = precision / TAU
    charged = current / precision * (1 - np.exp(-rate * np.clip(t - 5.0, 0.0, 20.0)))
    wanted = charged * np.exp(-rate * np.clip(t - 25.0, 0.0, None))
    np.testing.assert_allclose(result.records["v.value"].values.ravel(), wanted, rtol=0, atol=1e-8)


@engines
def test_a_linear_circuit_moves_as_its_matrix_says(engine):
    """tau dv/dt = J v + I, v from the sweep: a current into a hidden population drives its parent, too."""
    A = RNG.normal(size=(2, 2)) / 2
    graph = pcn.trace(
        lambda u, A, B: pcn.vertex(pcn.vertex(u @ B, "a") @ A, "b"),
        u=pcn.Input((2,)),
        B=pcn.Parameter(np.eye(2)),
        A=pcn.Parameter(A),
    )
    sim = pcn.Simulator(
        pcn.build_circuit(graph, tau=TAU), dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(0.25), engine=engine
    )
    current = np.array([0.3, -0.8])
    result = sim.run(15.0, inputs={"u": np.zeros(2)}, perturb=[pcn.Inject("b", current)])
    # e_a = a, e_b = b - a A; tau da/dt = -e_a + e_b A^T, tau db/dt = -e_b + I; of the row (a, b)
    J = np.block([[-np.eye(2) - A @ A.T, A], [A.T, -np.eye(2)]])
    drive = np.concatenate([np.zeros(2), current])
    wanted = np.linalg.solve(J, expm(J * 15.0 / TAU) @ drive - drive)
    got = np.concatenate([result.values["a"][0], result.values["b"][0]])
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-8)


@both
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)], ids=repr)
def test_kernel_is_the_reference(dynamics, integrator):
    """Numbers, arrays by sample, streams and windows, which add up; also at vertices that nothing else drives."""
    batch = 5
    timed = pcn.TimedArray(RNG.normal(size=(4, batch, 5)), 4.0, periodic=True)
    perturb = [
        pcn.Inject("h", 0.2),
        pcn.Inject("h", timed, start=3.0),
        pcn.Inject("h", RNG.normal(size=(batch, 5)), stop=9.0),
        pcn.Inject("out", RNG.normal(size=3), start=2.0, stop=11.0),
    ]
    x = pcn.TimedArray(RNG.normal(size=(3, batch, 4)), 5.0, periodic=True)
    record = [pcn.Record("h", "feedback"), pcn.Record("out"), pcn.Record("out", "feedback")]
    ends = [
        pcn.Simulator(net(), dynamics=dynamics, integrator=integrator, engine=engine).run(
            20.0, inputs={"x": x}, perturb=perturb, record=record
        )
        for engine in (pcn.Kernel(threads=2), pcn.Reference())
    ]
    for part in ("values", "errors", "gradients"):
        for name, array in getattr(ends[0], part).items():
            np.testing.assert_allclose(array, getattr(ends[1], part)[name], rtol=1e-11, atol=1e-12)
    for name, array in ends[0].records.data_vars.items():
        np.testing.assert_allclose(array, ends[1].records[name], rtol=1e-11, atol=1e-12)
    assert np.abs(ends[0].records["out.value"].values[-1] - ends[0].predictions["out"]).max() > 1e-3


@pytest.mark.halved
@pytest.mark.parametrize("engine", [*ENGINES, *BY_EVENTS], ids=repr)
@both
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_stream_is_the_runs_in_a_row(engine, dynamics, dtype):
    """Bit for bit; and so are a window and the runs with a current and with none, and pieces."""
    current, x = RNG.normal(size=(12, 2, 5)), RNG.normal(size=(2, 4))
    settings = {"dynamics": dynamics, "engine": engine, "dtype": dtype}
    data = {"inputs": {"x": x}, "targets": {"out": np.ones((2, 3))}}
    whole = pcn.Simulator(net(), **settings).run(12.0, **data, perturb=[pcn.Inject("h", pcn.TimedArray(current, 1.0))])
    row, parted = pcn.Simulator(net(), **settings), pcn.Simulator(net(), **settings)
    for step in range(12):
        last = row.run(1.0, **data, perturb=[pcn.Inject("h", current[step])])
    parted.run(5.0, **data, perturb=[pcn.Inject("h", pcn.TimedArray(current, 1.0))])
    pieces = parted.run(7.0)
    window = pcn.Simulator(net(), **settings).run(12.0, **data, perturb=[pcn.Inject("h", 0.5, start=4.0, stop=8.0)])
    sim = pcn.Simulator(net(), **settings)
    for duration, strength in ((4.0, 0.0), (4.0, 0.5), (4.0, 0.0)):
        three = sim.run(duration, **data, perturb=[pcn.Inject("h", strength)])
    for one, other in ((whole, last), (whole, pieces), (window, three)):
        for part in ("values", "errors", "gradients"):
            assert same(getattr(one, part), getattr(other, part))


@pytest.mark.parametrize("engine", [*ENGINES, pcn.EventDriven(0.0)], ids=repr)
def test_currents_stay_until_they_are_taken_away(engine, tmp_path):
    sim = pcn.Simulator(net(), engine=engine)
    data = {"inputs": {"x": np.ones(4)}, "targets": {"out": np.ones(3)}}
    sim.run(3.0, **data, perturb=[pcn.Inject("h", 1.0)])
    sim.store(tmp_path / "state")
    other = pcn.Simulator(net(), engine=engine)
    other.restore(tmp_path / "state")
    ends = [each.run(3.0) for each in (sim, other)]
    assert same(ends[0].values, ends[1].values)
    free = pcn.Simulator(net(), engine=engine)
    still = free.run(200.0, **data, perturb=[])
    assert not np.allclose(still.values["h"], sim.run(200.0).values["h"], atol=0.01)
    np.testing.assert_allclose(sim.run(300.0, perturb=[]).values["h"], still.values["h"], atol=1e-6)


def test_delays_in_the_reference():
    """A current moves its own neurons at once, and others once it has arrived."""
    circuit = net().with_delays(3.0)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.Reference())
    data = {"inputs": {"x": np.ones(4)}}
    result = sim.run(8.0, **data, perturb=[pcn.Inject("h", 1.0)], record=[pcn.Record("h"), pcn.Record("out")])
    h, out = (result.records[f"{name}.value"].values[:, 0] for name in ("h", "out"))
    assert (h[1] != h[0]).all()
    assert np.abs(out[:5] - out[0]).max() < 1e-12
    assert (out[5] != out[0]).all()


def currents(batch: int) -> dict:
    """A stream by sample, and a window that all samples share."""
    timed = pcn.TimedArray(RNG.normal(size=(4, batch, 5)), 3.0, periodic=True)
    return {
        "inputs": {"x": pcn.TimedArray(RNG.normal(size=(2, 4)), 7.0, periodic=True)},
        "targets": {"out": np.ones((batch, 3))},
        "perturb": [pcn.Inject("h", timed, start=2.0), pcn.Inject("h", 0.4, stop=11.0)],
    }


@both
@pytest.mark.parametrize("mode", [pcn.TimeBinned(), pcn.Exact()], ids=repr)
def test_events_of_small_thresholds(mode, dynamics):
    """Units that sleep, or are due later, are brought to the present where a current changes."""
    data = currents(2)
    integrator = pcn.Euler(1.0) if mode.binned else pcn.RungeKutta4(0.25)
    wanted = pcn.Simulator(net(), dynamics=dynamics, integrator=integrator).run(20.0, **data)
    engine = pcn.EventDriven(pcn.Absolute(1e-5), mode)
    actual = pcn.Simulator(net(), dynamics=dynamics, engine=engine).run(20.0, **data)
    for name, error in wanted.errors.items():
        np.testing.assert_allclose(actual.errors[name], error, rtol=0, atol=2e-4)


@both
def test_events_of_every_change_are_the_kernel(dynamics):
    data = currents(2)
    ends = [
        pcn.Simulator(net(), dynamics=dynamics, engine=engine).run(20.0, **data)
        for engine in (pcn.Kernel(), pcn.EventDriven(0.0))
    ]
    for part in ("values", "errors", "gradients"):
        assert same(getattr(ends[0], part), getattr(ends[1], part))


@both
def test_a_unit_that_nothing_reaches_charges_by_events(dynamics):
    """At exact times as exponentials have it, whatever the threshold: a current is no event."""
    sim = pcn.Simulator(unit(), dynamics=dynamics, engine=pcn.EventDriven(pcn.Absolute(0.5), pcn.Exact()))
    result = sim.run(
        40.0,
        inputs={"x": 0.0},
        perturb=[pcn.Inject("v", 0.7, start=5.0, stop=25.0)],
        record=[pcn.Record("v", every=5.0)],
    )
    t = np.arange(9) * 5.0
    charged = 0.7 * (1 - np.exp(-np.clip(t - 5.0, 0.0, 20.0) / TAU))
    wanted = charged * np.exp(-np.clip(t - 25.0, 0.0, None) / TAU)
    np.testing.assert_allclose(result.records["v.value"].values.ravel(), wanted, rtol=0, atol=1e-12)


@both
def test_delays_in_the_kernel_are_the_references(dynamics):
    data = currents(2)
    circuit = net().with_delays(3.0)
    ends = [
        pcn.Simulator(circuit, dynamics=dynamics, engine=engine).run(20.0, **data)
        for engine in (pcn.Kernel(), pcn.Reference())
    ]
    for part in ("values", "errors"):
        for name, array in getattr(ends[0], part).items():
            np.testing.assert_allclose(array, getattr(ends[1], part)[name], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("schedule", [pcn.FastForward(), pcn.Sequential()], ids=repr)
def test_schedules_without_currents_say_so(schedule):
    with pytest.raises(ParameterError, match=r"has no currents .*Parallel\(\)"):
        pcn.Simulator(net(), schedule=schedule).run(
            1.0, inputs={"x": np.ones(4)}, targets={"out": np.ones(3)}, perturb=[pcn.Inject("h", 1.0)]
        )


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: pcn.Inject("g", 1.0), UnknownNameError, "vertex of Inject"),
        (lambda: pcn.Inject("out", 1.0), ParameterError, "which is clamped"),
        (lambda: pcn.Inject("h", np.ones(4)), ShapeError, "current into 'h'"),
        (lambda: pcn.Inject("h", np.ones((3, 5))), ShapeError, "of 3 samples; the run has 1"),
        (lambda: pcn.Inject("h", np.nan), ParameterError, "current into .h.*finite"),
        (lambda: pcn.Inject("h", np.full(5, np.nan)), DataError, "current into .h.*NaN"),
        (lambda: pcn.Inject("h", 1.0, start=1.5), ParameterError, "no multiple of dt = 1 ms"),
        (lambda: pcn.Inject("h", 1.0, start=3.0, stop=3.0), ParameterError, "stop behind the start"),
        (lambda: pcn.Inject("h", 1.0, start=-1.0), ParameterError, "start of Inject"),
        (lambda: pcn.Inject("h", pcn.TimedArray(np.ones((2, 4)), 1.0)), ShapeError, "needed is"),
        (lambda: pcn.Inject("h", pcn.TimedArray(np.ones((2, 5)), 0.3)), ParameterError, "no multiple"),
        (lambda: pcn.Inject(3, 1.0), ParameterError, "name of a vertex"),
        (lambda: 1.0, ParameterError, r"perturb="),
    ],
)
def test_wrong_ones_are_refused(make, error, match):
    with pytest.raises(error, match=match) as caught:
        pcn.Simulator(net()).run(5.0, inputs={"x": np.ones(4)}, targets={"out": np.ones(3)}, perturb=[make()])
    assert "\n" not in str(caught.value)


def test_the_end_of_a_stream_is_told_of():
    timed = pcn.TimedArray(np.ones((2, 5)), 1.0)
    data = {"inputs": {"x": np.ones(4)}}
    with pytest.warns(PcneuroWarning, match=r"current into 'h': its TimedArray ends at 2 ms"):
        pcn.Simulator(net()).run(5.0, **data, perturb=[pcn.Inject("h", timed)])
    pcn.Simulator(net()).run(5.0, **data, perturb=[pcn.Inject("h", timed, stop=2.0)])


@pytest.mark.parametrize("engine", [*ENGINES, pcn.EventDriven(0.0)], ids=repr)
@both
@pytest.mark.parametrize("perturb", [[], [pcn.Inject("h", 0.3)]], ids=["taken away", "given"])
def test_neurons_go_on_where_nothing_but_currents_begins_or_ends(engine, dynamics, perturb):
    sim = pcn.Simulator(net(), dynamics=dynamics, engine=engine)
    other = [] if perturb else [pcn.Inject("h", -0.2)]
    sim.run(10.0, inputs={"x": np.ones(4)}, targets={"out": np.ones(3)}, perturb=perturb or None)
    sim.run(10.0, perturb=other)
    before = sim.values["h"]
    sim.run(0.0, perturb=perturb)
    np.testing.assert_allclose(sim.values["h"], before, rtol=1e-14, atol=0)


@engines
def test_predictions_are_of_the_activities_once_weights_are_others(engine):
    sim = pcn.Simulator(net(), dynamics=pcn.Strict(), engine=engine)
    sim.run(10.0, inputs={"x": np.ones(4)}, targets={"out": np.ones(3)})
    sim.set_parameters({"W2": 2 * W2})
    np.testing.assert_allclose(sim.predictions["out"], 2 * sim.values["h"] @ W2, rtol=1e-13)
