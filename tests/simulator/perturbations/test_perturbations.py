"""Perturbations: one run with them is the runs in a row with circuits and clamps changed, bit for bit."""

import json

import networkx
import numpy as np
import pytest
from matplotlib import pyplot
from scipy.linalg import expm

import pcneuro as pcn
from pcneuro.errors import (
    ParameterError,
    PcneuroWarning,
)
from tests.simulator.perturbations.chain_for_tests import (
    BACK,
    CIRCUIT,
    DATA,
    FORWARD,
    RECORD,
    RNG,
    W1,
    W2,
    W3,
    X,
    Y,
    every_dynamics,
    every_engine,
    graph_of,
)

CHANGED = {
    "forward": (pcn.Cut(FORWARD, start=20.0, stop=50.0), pcn.build_circuit(
        graph_of(to_g=lambda h: h - pcn.ops.stop_feedback(h)), precision={"g": 2.0}
    )),
    "back": (
        pcn.Cut(BACK, start=20.0, stop=50.0),
        pcn.build_circuit(graph_of(to_g=pcn.ops.stop_feedback), precision={"g": 2.0}),
    ),
    "precision": (
        pcn.SetPrecision("h", [0.5, 1.0, 2.0, 3.0], start=20.0, stop=50.0),
        pcn.build_circuit(graph_of(), precision={"g": 2.0, "h": [0.5, 1.0, 2.0, 3.0]}),
    ),
}  # fmt: skip


@every_dynamics
@every_engine
@pytest.mark.parametrize("changed", CHANGED)
def test_a_changed_circuit_is_taken_up_and_left_again(engine, dynamics, changed):
    """Three simulators, each of which begins where the last has ended."""
    perturbation, other = CHANGED[changed]
    settings = {"engine": engine, "dynamics": dynamics}
    simulator = pcn.Simulator(CIRCUIT, **settings)
    whole = simulator.run(70.0, perturb=[perturbation], record=RECORD, **DATA)
    values, rows = {}, []
    for circuit, duration in ((CIRCUIT, 20.0), (other, 30.0), (CIRCUIT, 20.0)):
        last = pcn.Simulator(circuit, **settings).run(duration, initial=values, record=RECORD, **DATA)
        values = {name: last.values[name] for name in ("h", "g")}
        rows.append(last)
    for record in RECORD:
        wanted = np.concatenate([part.records[record.name].values[:-1] for part in rows])
        np.testing.assert_array_equal(whole.records[record.name].values[:-1], wanted)
    np.testing.assert_array_equal(whole.gradients["W1"], last.gradients["W1"])
    assert whole.energy == last.energy
    np.testing.assert_array_equal(simulator.errors["g"], last.errors["g"])


@pytest.mark.parametrize(
    ("engine", "dtype"),
    [(pcn.Kernel(), np.float32), (pcn.Kernel(tolerance=1e-3), np.float64), (pcn.Reference(), np.float32)],
    ids=["float32", "tolerance", "reference in float32"],
)
def test_single_precision_and_tolerances(engine, dtype):
    settings = {"engine": engine, "dynamics": pcn.Strict(), "dtype": dtype}
    perturbation, other = CHANGED["back"]
    whole = pcn.Simulator(CIRCUIT, **settings).run(50.0, perturb=perturbation, **DATA)
    values = pcn.Simulator(CIRCUIT, **settings).run(20.0, **DATA).values
    initial = {name: values[name] for name in ("h", "g")}
    last = pcn.Simulator(other, **settings).run(30.0, initial=initial, **DATA)
    for name in ("h", "g"):
        np.testing.assert_array_equal(whole.values[name], last.values[name])
        assert whole.values[name].dtype == dtype


@every_dynamics
@every_engine
def test_silent_values_are_clamped_at_zero(engine, dynamics):
    """A target is silenced, too, and is a target again; what was silent goes on from zero."""
    settings = {"engine": engine, "dynamics": dynamics}
    silent = [pcn.Silence("h", start=10.0, stop=25.0), pcn.Silence("y.value", start=15.0, stop=30.0)]
    timed = {"inputs": {"x": X}, "targets": {"y": pcn.TimedArray(np.stack([Y, -Y, 2 * Y, Y]), 10.0)}}
    whole = pcn.Simulator(CIRCUIT, **settings).run(40.0, perturb=silent, record=RECORD, **timed)
    simulator, rows = pcn.Simulator(CIRCUIT, **settings), []
    zero = {"clamp": {"h": np.zeros((3, 4))}}
    for duration, goal, clamp in (
        (10.0, Y, {"clamp": {}}),
        (5.0, -Y, zero),
        (5.0, 0 * Y, zero),
        (5.0, 0 * Y, zero),
        (5.0, 0 * Y, {"clamp": {}}),
        (10.0, Y, {"clamp": {}}),
    ):
        last = simulator.run(duration, inputs={"x": X}, targets={"y": goal}, record=RECORD, **clamp)
        rows.append(last)
    for record in RECORD:
        wanted = np.concatenate([part.records[record.name].values[:-1] for part in rows])
        np.testing.assert_array_equal(whole.records[record.name].values[:-1], wanted)
    assert not whole.records["h.value"].values[10:26].any()
    assert whole.records["h.value"].values[26].any()
    np.testing.assert_array_equal(whole.gradients["W2"], last.gradients["W2"])


@every_engine
def test_silent_errors_drive_nothing(engine):
    """In a linear circuit a -> b -> c: a then follows its prediction, and b sums up what comes of c."""
    A, B = RNG.normal(size=(2, 2)) / 2, RNG.normal(size=(2, 2)) / 2
    graph = pcn.trace(
        lambda u, W1, A, B: pcn.vertex(pcn.vertex(pcn.vertex(u @ W1, "a") @ A, "b") @ B, "c"),
        **{"u": pcn.Input((2,)), "W1": pcn.Parameter(np.eye(2)), "A": pcn.Parameter(A), "B": pcn.Parameter(B)},
    )
    circuit = pcn.build_circuit(graph, tau=10.0)
    u, c = RNG.normal(size=2), RNG.normal(size=2)
    start = {"a": RNG.normal(size=(1, 2)), "b": RNG.normal(size=(1, 2))}
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(0.0625), engine=engine)
    data = {"inputs": {"u": u}, "targets": {"c": c}, "initial": start}
    result = simulator.run(8.0, perturb=[pcn.Silence("b.error")], **data)
    np.testing.assert_allclose(result.values["a"][0], u + np.exp(-0.8) * (start["a"][0] - u), rtol=0, atol=1e-9)
    # tau db/dt = B (c - b B)
    J, rest = -B @ B.T, np.linalg.solve(B @ B.T, B @ c)
    np.testing.assert_allclose(result.values["b"][0], rest + expm(0.8 * J) @ (start["b"][0] - rest), rtol=0, atol=1e-9)
    assert not result.errors["b"].any()
    assert np.isfinite(result.energy)
    assert simulator.errors["b"].any()


@every_engine
def test_silent_errors_that_integrate_begin_again_at_zero(engine):
    circuit = pcn.build_circuit(graph_of(), error_tau={"g": 5.0})
    for other in (circuit, pcn.build_circuit(graph_of(), error_tau={"g": 5.0, "h": 3.0})):
        simulator = pcn.Simulator(other, dynamics=pcn.Strict(), engine=engine)
        silent = pcn.Silence("g.error", start=10.0, stop=20.0)
        errors = simulator.run(40.0, perturb=[silent], record=[pcn.Record("g", "error")], **DATA).records["g.error"]
        assert errors.values[5].any()
        assert not errors.values[10:21].any()
        assert errors.values[22].all()


@every_engine
def test_a_cut_of_what_is_silent_anyway_changes_no_bit(engine):
    """Noise, what it has left behind, the past of cycles and weights go on through another circuit."""

    def net(x, past, W1, W2):
        h = pcn.vertex(np.tanh(x @ W1 + 0.5 * past), "h")
        return pcn.vertex(h @ W2, "y")

    graph = pcn.trace(
        net,
        x=pcn.Input((5,)),
        past=pcn.Recurrent("h", (4,), delay=7.0),
        W1=pcn.Parameter(W1),
        W2=pcn.Parameter(W2),
    )
    noise = {"h": pcn.WhiteNoise(0.3), "y": pcn.OrnsteinUhlenbeck(0.5, tau=20.0)}
    circuit = pcn.build_circuit(graph, noise=noise)
    cut = pcn.Cut(("x.value", "h.error"), start=10.0, stop=30.0)
    runs = [
        pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine, seed=3).run(
            60.0, inputs={"x": np.zeros((40, 5))}, perturb=perturb
        )
        for perturb in ([], [cut])
    ]
    for name in ("h", "y"):
        np.testing.assert_array_equal(runs[1].values[name], runs[0].values[name])


def test_a_dendrite_that_others_share_is_cut_for_one_only():
    def net(x, W1, W2):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        drive = h @ W2  # no vertex: computed for both
        return {"a": pcn.vertex(np.sin(drive), "a"), "b": pcn.vertex(np.cos(drive), "b")}

    circuit = pcn.build_circuit(
        pcn.trace(net, x=pcn.Input((5,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2)), vertices="marked"
    )
    for engine in (pcn.Kernel(), pcn.Reference()):
        result = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine).run(
            5.0, inputs={"x": X}, perturb=pcn.Cut(("h.value", "b.error"))
        )
        assert result.predictions["b"].tolist() == np.ones((3, 4)).tolist()
        np.testing.assert_allclose(result.predictions["a"], np.sin(result.values["h"] @ W2), rtol=1e-14)


@every_engine
def test_precision_over_time_is_one_circuit_after_the_other(engine):
    values = np.array([1.0, 4.0, 0.5])
    settings = {"engine": engine, "dynamics": pcn.Strict()}
    timed = pcn.SetPrecision("h", pcn.TimedArray(np.repeat(values[:, None], 4, axis=1), 10.0), stop=30.0)
    whole = pcn.Simulator(CIRCUIT, **settings).run(40.0, perturb=[timed], **DATA)
    single = [
        pcn.SetPrecision("h", value, start=10.0 * k, stop=10.0 * (k + 1)) for k, value in enumerate(values.tolist())
    ]
    parted = pcn.Simulator(CIRCUIT, **settings).run(40.0, perturb=single, **DATA)
    np.testing.assert_array_equal(parted.values["h"], whole.values["h"])
    assert not np.array_equal(whole.values["h"], pcn.Simulator(CIRCUIT, **settings).run(40.0, **DATA).values["h"])


def test_runs_in_pieces_streams_and_threads():
    perturb = [pcn.Silence("h", start=10.0, stop=20.0), pcn.Cut(BACK, start=15.0, stop=35.0)]
    settings = {"dynamics": pcn.Strict()}
    whole = pcn.Simulator(CIRCUIT, **settings).run(50.0, perturb=perturb, **DATA)
    simulator = pcn.Simulator(CIRCUIT, engine=pcn.Kernel(threads=2), **settings)
    simulator.run(5.0, **DATA)
    with pytest.warns(PcneuroWarning, match="starts at 15 ms, and the run ends at 12 ms"):
        simulator.run(7.0, perturb=perturb)
    for duration in (8.0, 30.0):
        last = simulator.run(duration)
    np.testing.assert_array_equal(last.values["g"], whole.values["g"])
    chunks = list(pcn.Simulator(CIRCUIT, **settings).stream(50.0, perturb=perturb, record=RECORD, **DATA))
    np.testing.assert_array_equal(chunks[-1].records["h.value"].values[-1], whole.values["h"])
    marks = json.loads(chunks[0].records.attrs["perturbations"])
    assert marks[0] == {"what": "Silence('h')", "start": 10.0, "stop": 20.0}
    assert list(whole.perturbations) == perturb


def test_what_lasts_goes_on_with_the_next_run_unless_it_is_taken_away(tmp_path):
    simulator = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict())
    plain = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict())
    silenced = simulator.run(10.0, perturb=[pcn.Silence("h"), pcn.Silence("g.error", start=4.0)], **DATA)
    assert not silenced.values["h"].any()
    assert not silenced.errors["g"].any()
    assert simulator.clamped.keys() == {"y"}
    assert simulator.errors["g"].any()
    twice = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict())
    twice.run(6.0, perturb=silenced.perturbations, **DATA)
    np.testing.assert_array_equal(twice.run(4.0).values["g"], silenced.values["g"])
    simulator.store(tmp_path / "state")
    values = simulator.run(20.0, perturb=[]).values
    plain.restore(tmp_path / "state")
    np.testing.assert_array_equal(plain.run(20.0).values["h"], values["h"])
    simulator.reset()
    fresh = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict()).run(15.0, **DATA)
    np.testing.assert_array_equal(simulator.run(15.0).values["h"], fresh.values["h"])
    with simulator.stream(1e7, perturb=pcn.Cut(BACK)) as stream:
        next(stream)
        with pytest.raises(ParameterError, match="while a perturbation lasts"):
            simulator.store(tmp_path / "midst")
    simulator.store(tmp_path / "behind")
    with simulator.stream(1e7, perturb=pcn.Cut(BACK)) as stream:
        next(stream)
        simulator.set_parameters({"W1": 2 * W1})
    np.testing.assert_array_equal(simulator.parameters["W1"], 2 * W1)
    simulator.reset()
    wider = pcn.Simulator(CIRCUIT.with_parameters({"W1": 2 * W1}), dynamics=pcn.Strict()).run(15.0, **DATA)
    np.testing.assert_array_equal(simulator.run(15.0, perturb=[]).values["h"], wider.values["h"])


@every_engine
@pytest.mark.parametrize(
    "inject",
    [pcn.Inject("h", 0.5, start=5.0, stop=25.0), pcn.Inject("h", pcn.TimedArray(RNG.normal(size=(30, 4)), 1.0))],
    ids=["constant", "timed"],
)
def test_currents_beside_others_flow_where_neurons_are_free(engine, inject):
    settings = {"engine": engine, "dynamics": pcn.Strict()}
    cut = pcn.Cut(BACK, start=15.0, stop=25.0)
    perturb = [inject, pcn.Silence("h", start=10.0, stop=20.0), cut]
    whole = pcn.Simulator(CIRCUIT, **settings).run(30.0, perturb=perturb, **DATA)
    simulator = pcn.Simulator(CIRCUIT, **settings)
    simulator.run(10.0, perturb=[inject], **DATA)
    simulator.run(10.0, clamp={"h": np.zeros((3, 4))}, perturb=[cut])
    last = simulator.run(10.0, clamp={}, perturb=[inject, cut])
    np.testing.assert_array_equal(last.values["h"], whole.values["h"])
    np.testing.assert_array_equal(last.values["g"], whole.values["g"])


@every_engine
def test_what_diverges_under_a_perturbation_can_be_used_again(engine):
    steep = CIRCUIT.with_parameters({"W3": 40 * W3})
    simulator = pcn.Simulator(steep, dynamics=pcn.Strict(), engine=engine)
    with pytest.warns(PcneuroWarning, match="diverged"):
        result = simulator.run(2000.0, perturb=pcn.Cut(FORWARD), **DATA)
    assert result.status == "diverged"
    simulator.reset()
    simulator.set_parameters({"W3": W3})
    simulator.reset()
    wanted = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict(), engine=engine).run(20.0, **DATA)
    np.testing.assert_array_equal(simulator.run(20.0, perturb=[]).values["h"], wanted.values["h"])


@every_engine
def test_restarts_in_the_midst_of_a_perturbation(engine):
    settings = {"engine": engine, "dynamics": pcn.Strict()}
    cut = pcn.Cut(BACK, start=10.0, stop=30.0)
    result = pcn.Simulator(CIRCUIT, **settings).run(40.0, restarts=[10.0, 20.0], perturb=cut, record=RECORD, **DATA)
    alone = pcn.Simulator(CHANGED["back"][1], **settings).run(10.0, record=RECORD, **DATA)
    for first in (10, 20):
        for record in RECORD:
            rows = result.records[record.name].values[first : first + 10]
            np.testing.assert_array_equal(rows, alone.records[record.name].values[:-1])


@every_engine
def test_plasticity_goes_on_in_another_circuit(engine):
    circuit = pcn.build_circuit(graph_of(), plasticity={"W1": pcn.Hebbian(tau=200.0)})
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    before = simulator.run(20.0, **DATA).parameters["W1"]
    during = simulator.run(20.0, perturb=pcn.Cut(BACK)).parameters["W1"]
    assert not np.array_equal(before, during)
    np.testing.assert_array_equal(simulator.parameters["W1"], during)
    held = simulator.run(20.0, learn=False).parameters["W1"]
    np.testing.assert_array_equal(held, during)
    assert not np.array_equal(simulator.run(20.0, perturb=[]).parameters["W1"], during)


def test_events_are_drawn_with_their_bands():
    simulator = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict(), engine=pcn.EventDriven(threshold=0.0))
    result = simulator.run(30.0, perturb=pcn.Silence("h", start=5.0, stop=9.0), events=pcn.RecordEvents(), **DATA)
    ax = pcn.plot.raster(result.events)
    (band,) = [patch for patch in ax.patches if patch.get_gid() == "Silence('h')"]
    assert (band.get_x(), band.get_width()) == (5.0, 4.0)
    pyplot.close(ax.figure)


def test_attributes_have_room_for_many():
    given = [pcn.Silence("h", start=2.0 * k, stop=2.0 * k + 1.0) for k in range(1500)]
    simulator = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict())
    result = simulator.run(3000.0, perturb=given, record=[pcn.Record("h", every=100.0)], **DATA)
    marks = json.loads(result.records.attrs["perturbations"])
    assert marks[-1] == {"what": "1100 more", "start": 800.0, "stop": 800.0}
    assert len(result.records.attrs["perturbations"]) < 60_000


@every_engine
@pytest.mark.parametrize("ends", ["EE", "EI", "IE", "II"])
def test_a_cut_in_a_rate_network_is_its_weights_at_zero(engine, ends):
    """Though its populations are outputs, which nothing but cycles reads."""

    def network(cut):
        graph = networkx.DiGraph()
        for name, size, sign in (("E", 4, "excitatory"), ("I", 2, "inhibitory")):
            graph.add_node(name, size=size, transfer="tanh", bias=0.5, sign=sign)
        for k, (a, b) in enumerate(("EE", "EI", "IE", "II")):
            graph.add_edge(a, b, weight=0.0 if a + b == cut else 0.1 * (k + 1), delay=float(k % 2))
        return pcn.Simulator(pcn.from_networkx(graph, dt=1.0), dynamics=pcn.Strict(), engine=engine)

    record = [pcn.Record(name, "value") for name in "EI"]
    cut = network("").run(30.0, perturb=[pcn.Cut((f"{ends[0]}.value", f"{ends[1]}.error"))], record=record)
    without = network(ends).run(30.0, record=record)
    whole = network("").run(30.0, record=record)
    for name in "EI":
        np.testing.assert_array_equal(cut.records[f"{name}.value"], without.records[f"{name}.value"])
    assert not np.array_equal(cut.values[ends[1]], whole.values[ends[1]])
