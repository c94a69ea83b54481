"""Everything in circuits/ and simulations/ runs, and gives the numbers that are known."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.studies import Sources, read, simulate
from tests.data import writers

ROOT = Path(__file__).parents[2]
SIMULATIONS = ROOT / "simulations"
pytestmark = pytest.mark.drawn
CIRCUITS = sorted(path.stem for path in (ROOT / "circuits").glob("*.py"))
FEW = ["epochs=1", "seeds=2", "duration=20", "batch_size=4", "samples=8", "test_samples=4"]
IMAGES = [
    *FEW,
    "data=data",
    "dataset.train=8",
    "dataset.test=4",
    "arguments.features=[2, 3]",
    "arguments.hidden=[8, 8]",
]
SMALLER = {
    "mlp": "sizes=[64, 20, 10]",
    "cnn": "channels=1, size=8, kernel=3, features=[2, 3], hidden=[8, 8]",
    "rnn": "length=3, vocabulary=5, hidden=4, classes=10",
}
ONE_POINT = "{thresholds=[0.5], samples=1, duration=20.0}"
PARETO = [
    f"{{circuit=['circuits/{name}.py:{name}'], arguments=[{{{arguments}}}], options=[{ONE_POINT}]}}"
    for name, arguments in SMALLER.items()
]
"""Runs on small circuits, with their options: those of a sweep take the place of a file's."""
ONE_PHASE = 'sweep={"spiking.errors.phases.kind" = ["Seeded"]}'
SHORT = {
    "delays": ["duration=60", "samples=2", "sweep.delays=[0.0, 5.0]"],
    "cortical_check": ["duration=60", "arguments.sizes=[4, 3, 2]", "spiking.decoding.window=30", "tolerance=1.0"],
    "mismatch": ["repeats=1"],
    "dendritic": ["options={alone=20, epochs=1}"],
    "relaxing_constraints": [
        "arguments.sizes=[784, 8, 6, 10]",
        "options={dataset='mnist5k', epochs=1, seeds=1, batch=400, rate=1e-5}",
    ],
    "relaxing_constraints_quick": [
        "arguments.sizes=[64, 20, 16, 10]",
        "options={dataset='digits', epochs=1, seeds=2, batch=64, rate=1e-3}",
    ],
    "cnn_digits": FEW,
    "quantisation": ["options={bits=[2], thresholds=[0.3], train=64, test=32, epochs=1, seeds=1}"],
    "mapping_pareto": [f"sweep=[{', '.join(PARETO)}]"],
    "mapping": ["duration=20", "samples=1", "arguments.sizes=[64, 20, 10]"],
    "event_driven": ["duration=30", "samples=1", "thresholds=[0.1, 1.0]"],
    "ode_pendulum": [*FEW, "arguments.steps=2", "dataset.steps=2"],
    "rnn_names": [*FEW, "data=data", "arguments.hidden=8", "arguments.classes=2"],
    "lstm_shakespeare": [
        *FEW,
        "data=data",
        "arguments={length=8, hidden=8, vocabulary=5}",
        "dataset.length=8",
        "sample_length=20",
    ],
    "spiking_check": [
        ONE_PHASE,
        "units=[3]",
        "durations=[260]",
        "samples=2",
        "duration=100",
        "spiking.decoding.window=50",
        "spiking.errors.units=3",
        "arguments.sizes=[64, 5, 10]",
        "learning={epochs=1, samples=16, batch_size=16, units=2, duration=20, window=10, optimizer={rate=0.1}}",
    ],
    "spiking_lstm": [
        "units=[3]",
        "durations=[]",
        "duration=60",
        "spiking.decoding.window=30",
        "arguments={length=1, vocabulary=3, hidden=2}",
        ONE_PHASE,
    ],
    "cnn_cifar10": IMAGES,
    "cnn_cifar100": IMAGES,
    "cnn_svhn": IMAGES,
}
QUICK = [name for name in SHORT if name.partition("_")[0] in ("cnn", "ode", "rnn", "lstm")]
SHORT |= {f"{name}_quick": SHORT[name] for name in QUICK}
DRAWN_BY_OTHERS = {"cnn_cifar10", "cnn_cifar100", "cnn_svhn", *(f"{name}_quick" for name in QUICK)}
"""Simulations with the pictures of others that are here, of which only other numbers are seen."""
WITH_KNOWN_NUMBERS = (
    "quickstart scalar_graph chain kalman online_digits bogacz_tutorial sampling rao_ballard oddball attention "
    "pc_graph mismatch_negativity prediction_error_neurons "
    "alpha_oscillation prospective_configuration end_stopping"
).split()
"""Those that run in a test of their own."""
BATCHES = ["delays_and_tau", "rate_depth_map"]
"""Those of ``tests/batch/test_shipped_batches.py``."""


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """Small files of every data set, in a folder ``data``."""
    folder = tmp_path_factory.mktemp("shipped") / "data"
    writers.write_cifar10(folder)
    writers.write_cifar100(folder)
    for part in ("train", "test"):
        images, labels = writers.pixels(8, 32, 32, 3), np.arange(1, 9)
        writers.write_mat(folder / "svhn" / f"{part}_32x32.mat", X=np.moveaxis(images, 0, -1), y=labels[:, None])
    for language in ("A", "B"):
        (folder / "names").mkdir(exist_ok=True)
        (folder / "names" / f"{language}.txt").write_text(f"{language}da\n{language}na\n" * 10)
    (folder / "shakespeare").mkdir()
    (folder / "shakespeare" / "input.txt").write_text("abcd\n" * 200)
    return folder


def carry_out(name, out, *sets):
    """What a simulation writes as its summary; it ends with tables, pictures and records."""
    report = simulate(read(SIMULATIONS / f"{name}.toml", sets), out)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "completed"
    assert report.tables
    assert any(file.endswith(".png") for file in summary["files"])
    with xarray.open_dataset(out / "records.nc") as records:
        assert len(records.data_vars)
    return summary


def test_nothing_is_left_out():
    assert sorted([*SHORT, *WITH_KNOWN_NUMBERS, *BATCHES]) == sorted(path.stem for path in SIMULATIONS.glob("*.toml"))


@pytest.mark.parametrize("name", CIRCUITS)
def test_circuits_are_made_and_described(name):
    """Each file has a function of its own name, which needs no arguments."""
    circuit = Sources([ROOT / "circuits"]).circuit(f"{name}.py:{name}", {})
    assert isinstance(circuit, pcn.Circuit)
    assert str(circuit)


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # Brian2 calls what its own dependencies have renamed.
@pytest.mark.parametrize("name", SHORT)
def test_simulations_run(name, tmp_path, data_folder, monkeypatch, request):
    if name in DRAWN_BY_OTHERS:
        request.getfixturevalue("undrawn")
    monkeypatch.chdir(data_folder.parent)
    carry_out(name, tmp_path / "out", *SHORT[name])


def test_the_scalar_graph_has_the_numbers_of_the_paper(tmp_path):
    summary = carry_out("scalar_graph", tmp_path / "out")
    *fixed, strict = summary["runs"]
    assert [run["eta"] for run in fixed] == [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    steps = [run["parameters"]["v0"]["steps_to_tolerance"] for run in fixed]
    assert steps == [1659, 825, 326, 159, 75, 25, 2]
    for run in fixed:
        assert run["parameters"]["v0"]["true"] == pytest.approx(-11.370532186716, abs=1e-11)
        assert run["parameters"]["theta"]["final"] == pytest.approx(-0.879223533720, abs=1e-6)
    assert strict["dynamics"] == "Strict()"
    assert strict["parameters"]["v0"]["final"] == pytest.approx(-3.4136083, abs=1e-6)


def test_the_chain_follows_the_erlang_curve(tmp_path):
    summary = carry_out("chain", tmp_path / "out")
    assert [run["set"]["arguments.length"] for run in summary["runs"]] == [3, 10, 30]
    for run in summary["runs"]:
        length = run["set"]["arguments.length"]
        assert [row["hops"] for row in run["vertices"].values()] == list(range(length))[::-1]
        assert run["largest_deviation_continuous"] < 2e-6
        assert all(abs(row["norm_ratio"] - 1) < 1e-5 for row in run["against_backprop"].values())


def test_the_quickstart_learns_the_digits_as_backprop_does(tmp_path):
    summary = carry_out("quickstart", tmp_path / "out", "epochs=3")
    (run,) = summary["runs"]
    learning = run["learning"]
    assert learning["predictive coding"]["test_accuracy"][-1] > 0.9
    assert learning["predictive coding"]["test_accuracy"] == learning["backprop"]["test_accuracy"]
    for compared in run["gradients_against_backprop"]:
        for row in compared.values():
            assert row["cosine"] == pytest.approx(1, abs=1e-9)
            assert row["norm_ratio"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("path", [*SIMULATIONS.glob("*.toml"), *(ROOT / "circuits").glob("*.py")], ids=lambda p: p.name)
def test_circuits_use_the_public_interface_only(path):
    text = path.read_text(encoding="utf-8")
    assert "from pcneuro" not in text
    assert "pcn._" not in text


def test_kalman(tmp_path):
    """The circuit's estimates are those of a Kalman filter with a constant variance; the paper's scalar case, too."""
    summary = carry_out("kalman", tmp_path / "out", "options.observations=20")
    (run,) = summary["runs"]
    assert run["largest distance from the closed form"] < 1e-9


def test_digits_are_learned_online(tmp_path):
    """All of them once, in one compiled run of 143.7 s of simulated time."""
    summary = carry_out("online_digits", tmp_path / "out")
    (run,) = summary["runs"]
    assert run["simulated time (s)"] == 143.7
    assert run["accuracy"] >= 0.9


def test_bogaczs_exercises(tmp_path):
    """Figures of an independent computation, by quadrature and by simultaneous Euler steps of 0.01."""
    summary = carry_out("bogacz_tutorial", tmp_path / "out", "options.trials=20")
    (run,) = summary["runs"]
    assert run["posterior mean"] == pytest.approx(1.484795, abs=5e-6)
    assert run["posterior deviation"] == pytest.approx(0.327961, abs=5e-6)
    assert run["most likely size after 1 step and after 100"] == pytest.approx([2.58, 1.5674706], abs=2e-7)
    assert run["size and errors of the network at the end"] == pytest.approx([1.552420, -1.430506, -0.441673], abs=5e-7)
    assert run["least size of the network, and its time (ms)"] == pytest.approx([0.893254, 0.84], abs=5e-7)
    assert run["size and errors at equilibrium"] == pytest.approx([1.567468375, -1.432532, -0.456957], abs=5e-7)
    wanted = ["(-0.956957+3.290285j)", "(-0.956957-3.290285j)", "(-1+0j)"]
    assert run["eigenvalues of the network there (1/ms)"] == wanted
    assert run["largest distance from its closed form"] < 1e-12


def test_sampling_finds_the_posterior(tmp_path):
    """Within bounds that are computed from how fast a sample forgets, and from Euler's covariance."""
    summary = carry_out("sampling", tmp_path / "out", "options={samples=200, duration=1000.0}")
    (run,) = summary["runs"]
    for what in ("mean", "covariance"):
        off = np.abs(np.subtract(run[what], run[f"posterior {what}"]))
        assert (off <= run[f"bound on the error of the {what}"]).all()
        assert np.max(run[f"bound on the error of the {what}"]) < 0.03


@pytest.mark.usefixtures("undrawn")
def test_error_neurons_of_pictures_come_to_their_closed_form(tmp_path, monkeypatch):
    """Of random pictures, which there are without scikit-learn, too."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    summary = carry_out("rao_ballard", tmp_path / "out", "options={samples=64, epochs=1, shown=1000.0}")
    (run,) = summary["runs"]
    assert run["largest distance from the closed form, of the largest error"] < 1e-9


def test_error_neurons_answer_less_to_long_bars_where_there_is_feedback(tmp_path):
    """End-stopping (Rao & Ballard 1999, figure 5): it goes when predictions of the second level are cut."""
    pytest.importorskip("sklearn")
    options = "options={samples=512, epochs=6, rate=0.05, shown=400.0}"
    summary = carry_out("rao_ballard", tmp_path / "out", options)
    (run,) = summary["runs"]
    one, everyone = (
        run[name]
        for name in (
            "error at full length, of the largest, with feedback and without",
            "that of all units of the module",
        )
    )
    for feedback, alone in (one, everyone):
        assert feedback < 0.8
        assert alone > 0.94
    assert run["largest distance from the closed form, of the largest error"] < 1e-9


def test_errors_answer_to_what_is_not_expected(tmp_path):
    """More to deviants than to the same tone where none is expected, and more to that than to standards."""
    summary = carry_out("oddball", tmp_path / "out", "options={trials=80, learned=24}")
    (run,) = summary["runs"]
    assert run["largest distance of the memory from its equations"] < 1e-12
    errors = run["mean error while a tone is heard"]
    assert errors["deviant"] > errors["control"] > 2 * errors["standard"]
    assert errors["omission"] > 2 * errors["standard"]


def test_what_is_attended_is_seen_sooner(tmp_path):
    """Response times without noise are those of the closed form, to a step and what is left of the trial before."""
    summary = carry_out("attention", tmp_path / "out", "options.repeats=2")
    (run,) = summary["runs"]
    assert run["largest distance from the equations"] < 1e-12
    exact, closed = run["response time (ms) without noise"], run["its closed form"]
    assert closed == pytest.approx(
        {"valid": 20 * np.log(2), "neutral": 100 / 3 * np.log(2.5), "invalid": 50 * np.log(5)}
    )
    for kind, time in closed.items():
        assert abs(exact[kind] - time) < 2.0
    onset = run["error at the onset of a target"]
    assert onset == pytest.approx({"valid": 4.0, "neutral": 2.0, "invalid": 1.0}, abs=1e-3)


def test_a_graph_is_asked_by_conditioning(tmp_path):
    """Weights are ridge regressions, answers the closed form; the lower half is nearer than that of the mean image."""
    pytest.importorskip("sklearn")
    few = "arguments={decay=40.0, tau_plasticity=1000.0}", "options={train=300, asked=100}"
    (run,) = carry_out("pc_graph", tmp_path / "out", *few)["runs"]
    assert run["largest distance of weights from regressions"] < 1e-12
    assert run["largest distance of what settled from the closed form"] < 1e-9
    errors = run["error of the completed half, a pixel"]
    assert errors["the circuit"] < 0.85 * errors["the mean image"]
    assert run["accuracy of labels"] > 0.8
    assert run["generated images whose nearest mean image is theirs"] == 1.0


def test_mismatch_shows_in_the_layer_that_errors_reach(tmp_path):
    """Which layer that is the scheme says. In that of error neurons deviants and standards are nearly the same."""
    (run,) = carry_out("mismatch_negativity", tmp_path / "out", "options={trials=80, learned=24}")["runs"]
    waves = run["peak of difference waves: ms, and potential"]
    off = run["largest distance of the potential of value neurons from the sum of absolute errors"]
    assert off < 1e-12
    for values, errors, scheme in (("L5", "L2/3", "bastos_2012"), ("L2/3", "L5", "errors_in_layer_5")):
        for difference in ("deviant - standard", "deviant - control", "omission - standard"):
            time, peak = waves[scheme][difference][values]
            assert peak > 0.05
            # To two steps of Euler's method.
            assert time == pytest.approx(run["latency of errors (closed form, ms)"], abs=2.0)
        assert abs(waves[scheme]["deviant - standard"][errors][1]) < 0.05
        assert waves[scheme]["omission - standard"][errors][1] < -2.0
    assert waves["bastos_2012"]["deviant - control"]["L5"] == waves["errors_in_layer_5"]["deviant - control"]["L2/3"]


def test_prediction_error_neurons_come_of_balanced_inhibition(tmp_path):
    """The circuit before learning, with the weights that balance it, and with what it has learned, nearly those."""
    summary = carry_out("prediction_error_neurons", tmp_path / "out", "options.pairs=60")
    (run,) = summary["runs"]
    conditions = ("baseline", "feedback", "playback", "mismatch")
    before, learned, balanced = (
        [run[f"rate of E {when}"][name] for name in conditions] for when in ("before", "learned", "balanced")
    )
    assert before == pytest.approx([1.84932, 3.50431, 1.83273, 4.11697], abs=5e-6)
    assert balanced == pytest.approx([1.25, 1.25, 1.25, 2.15636], abs=5e-6)
    assert learned == pytest.approx(balanced, abs=0.06)
    wanted = {"EP": -30.2692, "DS": -18.3537, "PS": -0.292066, "PV": -0.175239}
    for name, weight in wanted.items():
        assert run[f"weight {name}"]["balanced"] == pytest.approx(weight, rel=3e-6)
        assert run[f"weight {name}"]["learned"] == pytest.approx(weight, rel=0.12)


def test_transport_delays_ring_at_ten_hertz(tmp_path):
    """Lambert's W, and the modes of Euler's steps; an echo that is the response to a flash within its error."""
    summary = carry_out("alpha_oscillation", tmp_path / "out", "options={samples=32, duration=4000.0}")
    (run,) = summary["runs"]
    assert run["largest distance from the equations"] < 1e-14
    assert run["its closed form (Hz)"] == pytest.approx(10.087, abs=5e-4)
    assert run["the closed form of that (ms)"] == pytest.approx(316.7, abs=0.05)
    assert run["ringing (Hz)"] == pytest.approx(10.087, abs=5e-4)
    assert run["its decay (ms)"] == pytest.approx(316.7, abs=0.05)
    for dt, wanted in run["these of Euler's steps in closed form"].items():
        assert run["ringing and decay at each step"][dt] == pytest.approx(wanted, rel=1e-6)
    assert run["root mean square of their distance, in standard errors"] < 1.5
    assert run["peak of the echo's spectrum (Hz)"] == pytest.approx(9.95, abs=0.15)


def test_settled_neurons_change_outputs_towards_their_targets(tmp_path):
    """More than backprop at every depth but one layer, where both do so exactly; and what is right is spoilt less."""
    summary = carry_out("prospective_configuration", tmp_path / "out", "options={networks=10, duration=6000.0}")
    (run,) = summary["runs"]
    assert run["largest distance from the closed form"] < 1e-9
    for rate in ("0.0001", "0.01", "0.1"):
        settled, backprop = (
            run[f"target alignment of {rule}, rate {rate}"] for rule in ("predictive coding", "backprop")
        )
        assert settled["1 layers"] == pytest.approx(1.0, abs=1e-12)
        assert backprop["1 layers"] == pytest.approx(1.0, abs=1e-12)
        assert all(settled[depth] > backprop[depth] + 0.02 for depth in ("2 layers", "4 layers", "6 layers"))
    assert run["least that predictive coding expects of salmon"] > 0.93
    assert run["least that backprop expects of salmon"] < 0.8


STOPPED = "error of the module at full length, of the largest, with feedback and without"


def test_bars_under_passes(tmp_path):
    """Pairs are the same bit for bit; with interneurons circuits settle where those without do."""
    (run,) = carry_out("end_stopping", tmp_path / "out", "options={samples=128, epochs=4, shown=200.0}")["runs"]
    assert max(run["largest distance from the closed form, of the largest error"].values()) < 1e-6
    for numbers in (run[STOPPED], run["loss of other pictures"]):
        assert numbers["SplitErrors"] == numbers["none"]
    assert all(loss < run["loss of a prediction of zero"] for loss in run["loss of other pictures"].values())


@pytest.mark.long
def test_end_stopping_survives_all_passes_but_one(tmp_path):
    """It is lost where error neurons compare random mixtures of value neurons."""
    pytest.importorskip("sklearn")
    (run,) = carry_out("end_stopping", tmp_path / "out")["runs"]
    stopped = run[STOPPED]
    lost = stopped.pop("RandomErrorConnectivity")
    assert min(lost) > 0.98
    for feedback, alone in stopped.values():
        assert feedback < 0.88
        assert alone > 0.93
