"""Stimuli that change with time: a stream in one run is the runs in a row, bit for bit."""

import warnings

import numpy as np
import pytest
import xarray
from scipy.linalg import expm

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError, PcneuroWarning, ShapeError
from tests.simulator.net_for_tests import two_layers

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def circuit():
    return two_layers()


def in_a_row(simulator, inputs, targets, steps, records=()):
    """One run for each step, of what is given in it: the last result, and by record all rows."""
    rows = [[] for _ in records]
    for step in range(steps):
        result = simulator.run(1.0, inputs={"x": inputs(step)}, targets={"y": targets(step)}, record=records)
        for taken, record in zip(rows, records, strict=True):
            taken.append(result.records[record.name].values[0])
    return result, [np.stack(taken) for taken in rows]


@pytest.mark.halved
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.RungeKutta4(1.0), pcn.ExponentialEuler(1.0)], ids=repr)
@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
@pytest.mark.parametrize("engine", [pcn.Kernel(threads=2), pcn.Reference()], ids=repr)
def test_a_stream_is_the_runs_in_a_row(circuit, engine, dynamics, integrator, dtype):
    """For inputs by sample, every step, and targets that all samples share, every five."""
    batch, steps = (40, 14) if isinstance(engine, pcn.Kernel) else (3, 14)
    x, y = RNG.normal(size=(10, batch, 5)), RNG.normal(size=(3, 3))
    records = [pcn.Record("h"), pcn.Record("h", "prediction"), pcn.Record("y", "error")]
    settings = {"dynamics": dynamics, "integrator": integrator, "engine": engine, "dtype": dtype}
    simulator = pcn.Simulator(circuit, **settings)
    with pytest.warns(PcneuroWarning, match="ends at 10 ms, and the run at 14 ms"):
        whole = simulator.run(
            float(steps),
            inputs={"x": pcn.TimedArray(x, 1.0)},
            targets={"y": pcn.TimedArray(y, 5.0)},
            record=records,
        )
    last, rows = in_a_row(
        pcn.Simulator(circuit, **settings),
        lambda step: x[min(step, 9)],
        lambda step: np.broadcast_to(y[step // 5], (batch, 3)),
        steps,
        records,
    )
    for record, wanted in zip(records, rows, strict=True):
        np.testing.assert_array_equal(whole.records[record.name].values[:-1], wanted)
    for name, gradient in last.gradients.items():
        np.testing.assert_array_equal(whole.gradients[name], gradient)


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_pieces_and_snapshots(circuit, dynamics, tmp_path):
    """A run in pieces, in between stored, is the run; and a stream goes on where nothing else is given."""
    x = pcn.TimedArray(RNG.normal(size=(4, 5)), 3.0, periodic=True)
    y = np.zeros((2, 3))

    def simulator():
        return pcn.Simulator(circuit, dynamics=dynamics)

    whole = simulator().run(40.0, inputs={"x": x}, targets={"y": y})
    parted = simulator()
    parted.run(7.0, inputs={"x": x}, targets={"y": y})
    parted.run(6.0)
    parted.store(tmp_path / "state")
    other = simulator()
    other.restore(tmp_path / "state")
    ends = [parted.run(27.0), other.run(27.0, inputs={"x": x})]
    for end in ends:
        np.testing.assert_array_equal(end.values["h"], whole.values["h"])
        np.testing.assert_array_equal(end.gradients["W1"], whole.gradients["W1"])
    parted.reset()
    again = parted.run(40.0)
    np.testing.assert_array_equal(again.values["h"], whole.values["h"])
    chunks = list(simulator().stream(40.0, inputs={"x": x}, targets={"y": y}, record=[pcn.Record("h")]))
    assert sum(chunk.steps for chunk in chunks) == 40
    np.testing.assert_array_equal(chunks[-1].records["h.value"].values[-1], whole.values["h"])


def test_what_does_not_change_sends_nothing(circuit):
    """Equal values one after the other are as one that stays: no new sweep, and no bit is another."""
    x = RNG.normal(size=5)
    for dynamics in (pcn.Strict(), pcn.FixedPrediction()):
        data = {"targets": {"y": np.ones(3)}}
        held = pcn.Simulator(circuit, dynamics=dynamics).run(30.0, inputs={"x": x}, **data)
        timed = pcn.TimedArray(np.repeat(x[None], 30, axis=0), 1.0)
        stream = pcn.Simulator(circuit, dynamics=dynamics).run(30.0, inputs={"x": timed}, **data)
        np.testing.assert_array_equal(stream.values["h"], held.values["h"])


@pytest.mark.parametrize("schedule", [pcn.FastForward(), pcn.Sequential()], ids=repr)
def test_other_schedules(circuit, schedule):
    """What does not take step after step does the steps between two changes."""
    x, y = RNG.normal(size=(3, 2, 5)), np.ones((2, 3))
    whole, row = (pcn.Simulator(circuit, schedule=schedule) for _ in range(2))
    result = whole.run(12.0, inputs={"x": pcn.TimedArray(x, 4.0)}, targets={"y": y})
    for each in x:
        last = row.run(4.0, inputs={"x": each}, targets={"y": y})
    for name, gradient in last.gradients.items():
        np.testing.assert_array_equal(result.gradients[name], gradient)


def test_steps_of_a_linear_circuit():
    """Against the matrix exponential from one value of the stimulus to the next; each stage sees that of its step."""
    M = RNG.normal(size=(3, 3)) / 2
    graph = pcn.trace(
        lambda u, W1, W2: pcn.vertex(pcn.vertex(u @ W1, "a") @ W2, "b"),
        u=pcn.Input((3,)),
        W1=pcn.Parameter(np.eye(3)),
        W2=pcn.Parameter(M),
    )
    u, b, tau = RNG.normal(size=(4, 3)), RNG.normal(size=3), 10.0
    circuit = pcn.build_circuit(graph, tau=tau)
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(0.125))
    result = simulator.run(20.0, inputs={"u": pcn.TimedArray(u, 5.0)}, clamp={"b": b})
    # tau da/dt = -(a - u) + M (b - a M)
    J = -(np.eye(3) + M @ M.T) / tau
    a = u[0].copy()
    for each in u:
        rest = np.linalg.solve(-J * tau, each + M @ b)
        a = rest + expm(5.0 * J) @ (a - rest)
    np.testing.assert_allclose(result.values["a"][0], a, rtol=0, atol=1e-8)


def test_sinusoid_through_a_linear_circuit():
    """Gain and phase of a stimulus of one frequency are those of C (i w I - J)^-1 B."""
    M, tau, dt, period = np.array([[0.8, -0.4], [0.3, 0.5]]), 5.0, 0.05, 40.0
    graph = pcn.trace(
        lambda u, W1, W2: pcn.vertex(pcn.vertex(u @ W1, "a") @ W2, "b"),
        u=pcn.Input((2,)),
        W1=pcn.Parameter(np.eye(2)),
        W2=pcn.Parameter(M),
    )
    circuit = pcn.build_circuit(graph, tau=tau)
    # Each value holds for a step: taken at its middle, which is right to the second order.
    times = (np.arange(round(period / dt)) + 0.5) * dt
    u = np.stack([np.sin(2 * np.pi * times / period), np.zeros_like(times)], axis=1)
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(dt))
    simulator.run(3 * period, inputs={"u": pcn.TimedArray(u, dt, periodic=True)}, clamp={"b": np.zeros(2)})
    result = simulator.run(period, record=[pcn.Record("a")])
    a = result.records["a.value"].values[:-1, 0]
    phases = np.exp(-2j * np.pi * np.arange(len(a)) * dt / period)
    got = 2 * (a * phases[:, None]).mean(axis=0) * 1j
    J = -(np.eye(2) + M @ M.T) / tau
    w = 2 * np.pi / period
    wanted = np.linalg.solve(1j * w * np.eye(2) - J, np.array([1.0, 0.0])) / tau
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5)


def test_from_a_disk_and_labelled(circuit, tmp_path):
    """A memory map of bytes, and an array with dimensions in another order, are what the plain array is."""
    movie = RNG.integers(0, 255, size=(30, 5)).astype(np.uint8)
    np.save(tmp_path / "movie.npy", movie)
    labelled = xarray.DataArray(movie.T, dims=("pixel", "time"), coords={"time": np.arange(30) * 2.0})
    ends = []
    for timed in (
        pcn.TimedArray(movie / 1.0, 2.0),
        pcn.TimedArray(np.load(tmp_path / "movie.npy", mmap_mode="r"), 2.0),
        pcn.TimedArray(labelled),
    ):
        ends.append(pcn.Simulator(circuit).run(60.0, inputs={"x": timed}, targets={"y": np.zeros(3)}).values["h"])
    np.testing.assert_array_equal(ends[1], ends[0])
    np.testing.assert_array_equal(ends[2], ends[0])


def wrong_values():
    nan = np.zeros((6, 5))
    nan[4, 2] = np.nan
    return nan


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: pcn.TimedArray(np.zeros((3, 4)), 1.0), ShapeError, r"input 'x': .*\(3, 4\); needed is \(times, 5\)"),
        (lambda: pcn.TimedArray(wrong_values(), 2.0), DataError, r"first at \(4, 2\), of the value at 8 ms"),
        (lambda: pcn.TimedArray(np.zeros((3, 5)), 0.7), ParameterError, "no multiple .* give 1 ms"),
        (lambda: pcn.TimedArray(np.zeros((3, 5)), 2.6), ParameterError, r"give 3 ms, .* dt = 0.866667 ms"),
        (lambda: pcn.TimedArray(np.zeros((3, 5)), -1.0), ParameterError, "positive"),
        (lambda: pcn.TimedArray(np.zeros((3, 5))), ParameterError, "needs dt="),
        (lambda: pcn.TimedArray(np.zeros((0, 5)), 1.0), ShapeError, "one time at least"),
        (lambda: pcn.TimedArray(3.0, 1.0), ShapeError, r"shape \(\)"),
        (lambda: pcn.TimedArray(["a"], 1.0), DataError, "dtype"),
        (
            lambda: pcn.TimedArray(xarray.DataArray(np.zeros((3, 5)), dims=("t", "x")), 1.0),
            ShapeError,
            "call that of time 'time'",
        ),
        (
            lambda: pcn.TimedArray(xarray.DataArray(np.zeros(3), dims="time", coords={"time": [0.0, 1.0, 3.0]})),
            ParameterError,
            "even steps",
        ),
    ],
)
def test_wrong_ones_are_refused(circuit, make, error, match):
    with pytest.raises(error, match=match):
        pcn.Simulator(circuit).run(10.0, inputs={"x": make()})


def test_what_is_wrong_on_a_disk_is_told_when_it_is_read(circuit, tmp_path):
    """And the simulator stays as it was before."""
    np.save(tmp_path / "x.npy", wrong_values())
    timed = pcn.TimedArray(np.load(tmp_path / "x.npy", mmap_mode="r"), 2.0)
    simulator = pcn.Simulator(circuit)
    with pytest.raises(DataError, match="of the value at 8 ms"):
        simulator.run(12.0, inputs={"x": timed})
    assert simulator.time <= 8.0
    assert np.isfinite(simulator.values["h"]).all()


def test_refusals(circuit):
    timed = pcn.TimedArray(np.zeros((3, 5)), 1.0)
    with pytest.raises(ParameterError, match="give a duration"):
        pcn.Simulator(circuit).run(until=pcn.Settled(), inputs={"x": timed})
    with pytest.raises(ParameterError, match="changes with time"):
        pcn.Simulator(circuit).run(1.0, inputs={"x": np.zeros(5)}, initial={"h": timed})
    bernoulli = pcn.build_circuit(circuit.graph, energies={"y": pcn.Bernoulli()})
    with pytest.raises(DataError, match="target 'y', from 0 ms on"):
        pcn.Simulator(bernoulli).run(
            2.0, inputs={"x": np.zeros(5)}, targets={"y": pcn.TimedArray(np.full((2, 3), 2.0), 1.0)}
        )


def test_no_warning_within_its_end(circuit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pcn.Simulator(circuit).run(3.0, inputs={"x": pcn.TimedArray(np.zeros((3, 5)), 1.0)})


def test_labels_of_time_have_units():
    """Labels in seconds, as netCDF files say it, are no ms."""
    labels = [0.0, 0.25, 0.5]
    for unit, dt in (("s", 250.0), ("ms", 0.25), ("min", 15000.0)):
        values = xarray.DataArray(np.zeros((3, 5)), dims=("time", "unit"), coords={"time": ("time", labels)})
        values["time"].attrs["units"] = unit
        assert pcn.TimedArray(values).dt == dt
    values["time"].attrs["units"] = "days"
    with pytest.raises(
        ParameterError, match="has units 'days'; known are ms, s, us, min, h: give labels in ms, or dt="
    ):
        pcn.TimedArray(values)
    with pytest.raises(DataError, match="time of a TimedArray has dtype"):
        pcn.TimedArray(values.assign_coords(time=["a", "b", "c"]))


def test_another_batch_from_time_zero_on(circuit):
    """A stream that all samples share goes on with as many as are given."""
    x = pcn.TimedArray(RNG.normal(size=(4, 5)), 2.0, periodic=True)
    simulator, y = pcn.Simulator(circuit), RNG.normal(size=(4, 3))
    simulator.run(6.0, inputs={"x": x}, targets={"y": y})
    with pytest.raises(ShapeError, match="batch size changes from 4 to 2 at 6 ms"):
        simulator.run(6.0, targets={"y": y[:2]})
    simulator.reset()
    again = simulator.run(9.0, targets={"y": y[:2]})
    fresh = pcn.Simulator(circuit).run(9.0, inputs={"x": x}, targets={"y": y[:2]})
    np.testing.assert_array_equal(again.values["h"], fresh.values["h"])
    np.testing.assert_array_equal(again.gradients["W1"], fresh.gradients["W1"])


def test_values_too_large_for_float32_are_told_of(circuit):
    simulator = pcn.Simulator(circuit, dtype=np.float32)
    for x in (np.full(5, 1e300), pcn.TimedArray(np.full((2, 5), 1e300), 5.0)):
        with pytest.raises(DataError, match=r"input 'x' has values too large for float32, up to 1e\+300"):
            simulator.run(5.0, inputs={"x": x})


def test_backprop_refuses_streams(circuit):
    with pytest.raises(
        ParameterError, match=r"input 'x' changes with time \(a TimedArray\), which is for Simulator.run"
    ):
        pcn.backprop(circuit, inputs={"x": pcn.TimedArray(np.zeros((2, 5)), 5.0)})


def test_arrays_whose_slices_are_of_another_shape_are_told_of(circuit):
    class Odd:
        shape, dtype = (9, 5), np.dtype(float)

        def __getitem__(self, key):
            return np.ones((9, 4))[key]

    with pytest.raises(DataError, match=r"said to have shape \(9, 5\), and 1 from 0 on have \(1, 4\)"):
        pcn.Simulator(circuit).run(5.0, inputs={"x": pcn.TimedArray(Odd(), 1.0)})


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_threads_and_the_order_of_samples_do_not_matter(circuit, dynamics):
    x, current = RNG.normal(size=(4, 40, 5)), RNG.normal(size=(3, 40, 4))
    order = RNG.permutation(40)

    def run(threads, chosen):
        return pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.Kernel(threads=threads)).run(
            17.0,
            inputs={"x": pcn.TimedArray(x[:, chosen], 2.0, periodic=True)},
            targets={"y": np.ones((40, 3))},
            perturb=[pcn.Inject("h", pcn.TimedArray(current[:, chosen], 3.0, periodic=True), start=4.0)],
        )

    every = np.arange(40)
    one, two, turned = run(1, every), run(2, every), run(2, order)
    for name, values in one.values.items():
        np.testing.assert_array_equal(two.values[name], values)
        np.testing.assert_array_equal(turned.values[name], values[order])
    for name, gradient in one.gradients.items():
        np.testing.assert_array_equal(two.gradients[name], gradient)


def test_what_is_of_one_time_says_so(circuit):
    timed = {"x": pcn.TimedArray(np.zeros((3, 5)), 1.0)}
    with pytest.raises(ParameterError, match="input 'x' changes with time"):
        pcn.backprop(circuit, inputs=timed, targets={"y": np.ones(3)})
    with pytest.raises(DataError, match="changes with time, and an array of one time is needed"):
        pcn.Parameter(timed["x"])
    with pytest.raises(ParameterError, match="'x' is a TimedArray, and a wavefront is of constant data"):
        pcn.wavefront(pcn.Simulator(circuit), 10.0, inputs=timed, targets={"y": np.ones(3)})


def test_the_end_is_told_of_once(circuit):
    """As a run passes it, or where it was behind when it was given; not in every run from then on."""
    timed, data = pcn.TimedArray(np.zeros((3, 5)), 1.0), {"targets": {"y": np.ones(3)}}
    simulator = pcn.Simulator(circuit)
    simulator.run(2.0, inputs={"x": timed}, **data)
    with pytest.warns(PcneuroWarning, match="ends at 3 ms, and the run at 5 ms"):
        simulator.run(3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulator.run(3.0)
        simulator.run(3.0, inputs={"x": timed})
    with pytest.warns(PcneuroWarning, match="ends at 3 ms, and the run at 12 ms"):
        simulator.run(1.0, inputs={"x": pcn.TimedArray(np.zeros((3, 5)), 1.0)})


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_nothing_is_read_in_the_midst_of_a_change(circuit, dynamics):
    """What a disk refuses then would leave neurons and clock apart."""
    simulator = pcn.Simulator(circuit, dynamics=dynamics)
    values, under_way = RNG.normal(size=(300, 5)), []

    class Disk:
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, part):
            under_way.append(simulator._state._torn)
            return values[part]

    simulator.run(300.0, inputs={"x": pcn.TimedArray(Disk(), 1.0)}, targets={"y": np.zeros(3)})
    assert len(under_way) > 1
    assert not any(under_way)
