"""The seed of a file is that of everything that is drawn; and a sweep over it says what it does not draw."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.studies import read

DRAWN = """
import numpy as np
import pcneuro as pcn
import xarray

def drawn(size=4, seed=0):
    W, V = np.random.default_rng(seed).normal(size=(2, size, size))
    function = lambda x, W, V: pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "out")
    return pcn.trace(function, x=pcn.Input((size,)), W=pcn.Parameter(W), V=pcn.Parameter(V))

def another(seed=5):
    return drawn(4, seed)

def given():
    return drawn(4, 3)

def noisy():
    return pcn.build_circuit(given(), noise={"h": pcn.WhiteNoise(0.1)})

def experiment(laboratory):
    return pcn.Experiment({"drawn": laboratory.generator.normal()}, xarray.Dataset())
"""
TEXT = """
task = "run"
circuit = "drawn.py:drawn"
duration = 50.0
[inputs]
x = [0.1, 0.2, 0.3, 0.4]
[targets]
out = [1.0, 0.0, 0.0, 0.0]
"""
SWEEP = "[sweep]\nseed = [0, 1, 2]\n"


@pytest.fixture
def carried_out(project):
    (project.folder / "drawn.py").write_text(DRAWN)
    return project


def loss(seed, delays=None):
    """The loss of the run in the file, in Python."""
    W, V = np.random.default_rng(seed).normal(size=(2, 4, 4))

    def function(x, W, V):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "out")

    graph = pcn.trace(function, x=pcn.Input((4,)), W=pcn.Parameter(W), V=pcn.Parameter(V))
    sim = pcn.Simulator(pcn.build_circuit(graph, delays=0.0 if delays is None else delays))
    result = sim.run(50.0, inputs={"x": [0.1, 0.2, 0.3, 0.4]}, targets={"out": [1.0, 0.0, 0.0, 0.0]})
    return result.loss, {name: float(np.linalg.norm(g)) for name, g in result.gradients.items()}


def actual(summary):
    return [(run["loss"], run["gradient_norms"]) for run in summary["runs"]]


def test_a_sweep_over_the_seed_draws_the_weights(carried_out):
    _, summary, _ = carried_out(TEXT + SWEEP)
    assert actual(summary) == [loss(seed) for seed in (0, 1, 2)]
    assert len({run["loss"] for run in summary["runs"]}) == 3


def test_a_seed_that_is_not_given_is_that_of_the_function(carried_out):
    text = TEXT.replace("py:drawn", "py:another")
    assert actual(carried_out(text)[1]) == [loss(5)]
    assert actual(carried_out(text, "seed=2")[1]) == [loss(2)]
    assert actual(carried_out(text, "arguments.seed=7", "seed=2")[1]) == [loss(7)]


def test_delays_are_drawn_from_it(carried_out):
    delays = 'delays = {kind = "UniformDelay", low = 1.0, high = 9.0}\n'
    _, summary, _ = carried_out(TEXT.replace("[inputs]", f"{delays}[inputs]") + SWEEP)
    assert actual(summary) == [loss(seed, pcn.UniformDelay(1.0, 9.0, seed)) for seed in (0, 1, 2)]
    assert len({run["gradient_norms"]["W"] for run in summary["runs"]}) == 3


@pytest.mark.parametrize(
    ("table", "key"),
    [('dataset = {kind = "pendulum"}', "dataset"), ('dataset = {kind = "names", seed = 9}', "dataset")],
)
def test_data_sets_are_drawn_from_it_unless_they_have_a_seed_of_their_own(carried_out, table, key):
    head = 'task = "training"\ncircuit = "drawn.py:drawn"\nduration = 1.0\nseed = 4\n'
    text = f"{head}{table}\noptimizer = {{rate = 0.1}}\n"
    (carried_out.folder / "x.toml").write_text(text)
    (run,) = read(carried_out.folder / "x.toml").runs
    assert getattr(run.task, key).seed == (9 if "seed" in table else 4)
    (unstated,) = read(carried_out.folder / "x.toml", ["arguments.size=3"]).runs
    assert unstated.task.seed == 4


def test_phases_of_spiking_neurons_are_drawn_from_it(carried_out):
    text = TEXT.replace('"run"', '"check"\nagainst = "brian2-spiking"\nseed = 4')
    (carried_out.folder / "x.toml").write_text(text + '[spiking.errors]\nphases = {kind = "Seeded"}\n')
    assert read(carried_out.folder / "x.toml").runs[0].task.spiking.errors.phases.seed == 4
    (run,) = read(carried_out.folder / "x.toml", ["spiking.errors.phases.seed=1"]).runs
    assert run.task.spiking.errors.phases.seed == 1


def test_further_seeds_of_a_training_go_on_from_the_first(carried_out):
    """The function's own default among them: no weights are drawn twice."""
    text = 'task = "training"\ncircuit = "drawn.py:reader"\nduration = 5.0\nepochs = 0\nseeds = 2\n'
    text += "samples = 20\ntest_samples = 5\nbatch_size = 20\n"
    (carried_out.folder / "drawn.py").write_text(
        DRAWN
        + (
            "\ndef reader(seed=1):\n"
            "    W = np.random.default_rng(seed).normal(size=(64, 10)) / 8\n"
            "    return pcn.trace(lambda x, W: np.tanh(x @ W), x=pcn.Input((64,)), W=pcn.Parameter(W))\n"
        )
    )
    starts = {}
    for name, sets in (("default", []), ("stated", ["seed=1"]), ("other", ["seed=3"])):
        _, _, records = carried_out(text + '[dataset]\nkind = "digits"\nseed = 0\n[optimizer]\nrate = 0.1\n', *sets)
        starts[name] = records["test_loss"].isel(source=0, epoch=0).values.tolist()
    assert starts["default"] == starts["stated"]
    assert len({*starts["default"], *starts["other"]}) == 4


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (TEXT + "[arguments]\nseed = 3\n", r"leaves arguments\.seed as given: leave arguments\.seed out"),
        (
            TEXT.replace("py:drawn", "py:given"),
            r"does not draw the weights of drawn\.py:given: it has no argument seed",
        ),
    ],
)
def test_a_sweep_that_draws_no_weights_says_so(carried_out, text, warning):
    with pytest.warns(pcn.PcneuroWarning, match=warning) as caught:
        _, summary, _ = carried_out(text + SWEEP)
    assert len(caught) == 1
    assert actual(summary) == [loss(3)] * 3


def test_a_seed_that_is_swept_itself_is_no_fault(carried_out):
    _, summary, _ = carried_out(TEXT + SWEEP + '"arguments.seed" = [1, 2]\n')
    assert actual(summary) == [loss(seed) for _ in range(3) for seed in (1, 2)]


def test_a_sweep_over_the_seed_may_be_of_noise_alone(carried_out):
    """Or of what an experiment draws, or of the order of trials: weights that stay are no fault then."""
    _, summary, _ = carried_out(TEXT.replace("py:drawn", "py:noisy") + SWEEP)
    assert len({run["error_norms"]["h"] for run in summary["runs"]}) == 3
    experiment = 'task = "experiment"\ncircuit = "drawn.py:given"\nexperiment = "drawn.py:experiment"\n'
    _, summary, _ = carried_out(experiment + SWEEP)
    assert len({run["drawn"] for run in summary["runs"]}) == 3
    trials = """
task = "protocol"
circuit = "drawn.py:given"
interval = [5.0, 50.0]
trial = [{x = 1.0, duration = 10.0}, {x = 2.0, duration = 10.0}]
record = [{vertex = "h"}]
"""
    _, summary, _ = carried_out(trials + SWEEP)
    assert summary["status"] == "completed"
