"""Simulation files: what is read, and the one line about what is wrong."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ConfigurationError
from pcneuro.files.toml import Problem
from pcneuro.model.delays import DELAYS
from pcneuro.studies import read
from pcneuro.studies.file import parse_set
from pcneuro.studies.tables import made_from
from pcneuro.studies.task import TASKS

MINIMAL = 'task = "run"\ncircuit = "c.py:f"\nduration = 10.0\n'


@pytest.fixture
def file(tmp_path):
    def write(text, name="x.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def fails(path, *sets):
    with pytest.raises(ConfigurationError) as caught:
        read(path, sets)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(str(path), "x.toml")


def test_a_minimal_file_has_the_defaults_of_the_api(file):
    (run,) = read(file(MINIMAL)).runs
    task = run.task
    assert (task.dynamics, task.integrator, task.engine) == (pcn.FixedPrediction(), pcn.Euler(), pcn.Kernel())
    assert (task.dtype, task.seed, task.arguments, run.swept) == ("float64", 0, {}, {})


def test_tables_become_objects(file):
    text = MINIMAL + '[integrator]\nkind = "RungeKutta4"\ndt = 2\n[dynamics]\nkind = "Strict"\n[engine]\nthreads = 1\n'
    task = read(file(text)).runs[0].task
    assert task.integrator == pcn.RungeKutta4(2.0)
    assert task.dynamics == pcn.Strict()
    assert task.engine == pcn.Kernel(threads=1)


def test_records_are_tables(file):
    text = MINIMAL + '[[record]]\nvertex = "h"\nvariable = "error"\nunits = [0, 2]\n[[record]]\nvertex = "g"\n'
    task = read(file(text)).runs[0].task
    assert task.record == [pcn.Record("h", "error", units=[0, 2]), pcn.Record("g")]


def test_values_are_given_or_drawn(file, tmp_path):
    np.save(tmp_path / "v.npy", np.arange(6.0).reshape(2, 3))
    text = MINIMAL + (
        "[inputs]\na = 1\nb = [1.0, 2.0, 3.0]\n"
        'c = {kind = "normal", mean = 2.0, scale = 0.0}\nd = {kind = "uniform", low = 3.0, high = 4.0}\n'
        'e = {kind = "one_hot"}\nf = {kind = "file", path = "v.npy"}\n'
    )
    task = read(file(text)).runs[0].task

    def array(name, shape=(3,)):
        return task.inputs[name].array(shape, 5, np.random.default_rng(0), tmp_path)

    assert array("a").shape == ()
    np.testing.assert_array_equal(array("b"), [1, 2, 3])
    np.testing.assert_array_equal(array("c"), np.full((5, 3), 2.0))
    assert array("d").shape == (5, 3)
    assert ((array("d") >= 3) & (array("d") < 4)).all()
    np.testing.assert_array_equal(array("e").sum(axis=-1), np.ones(5))
    assert set(np.unique(array("e", (2, 4)))) == {0.0, 1.0}
    np.testing.assert_array_equal(array("f"), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(array("d"), array("d"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("duratoin = 5\n", "x.toml: duratoin = 5: unknown key; did you mean 'duration'?"),
        ("[integrator]\ndtt = 1.0\n", "x.toml: [integrator] dtt = 1.0: unknown key; did you mean 'dt'?"),
        ("[integratr]\ndt = 1.0\n", "x.toml: [integratr]: unknown table; did you mean 'integrator'?"),
        ('[integrator]\ndt = "a"\n', "x.toml: [integrator] dt = 'a': should be a valid number"),
        ("[integrator]\ndt = -1.0\n", "x.toml: [integrator]: dt is -1.0; give a positive, finite number, in ms"),
        (
            '[integrator]\nkind = "Eular"\n',
            "x.toml: [integrator] kind = 'Eular': unknown kind; did you mean 'Euler'?",
        ),
        ("[dynamics]\nkind = 3\n", "x.toml: [dynamics] kind = 3: unknown kind; known: FixedPrediction, Strict"),
        ("integrator = 3\n", "x.toml: integrator = 3: needs a table"),
        ("[engine]\nthreads = 0\n", "x.toml: [engine]: threads is 0; give a whole number"),
        ("seed = 1.5\n", "x.toml: seed = 1.5: should be a valid integer"),
        ("seed = true\n", "x.toml: seed = True: should be a valid integer"),
        ('dtype = "float16"\n', "x.toml: dtype = 'float16': should be 'float64' or 'float32'"),
        ("[inputs]\nx = true\n", "x.toml: [inputs] x = True: needs a number, an array, or a table with a kind"),
        ("[inputs]\nx = [[1, 2], [3]]\n", "x.toml: [inputs] x = [[1, 2], [3]]: needs numbers"),
        ("[inputs]\nx = {mean = 1.0}\n", "x.toml: [inputs.x] kind: is missing: one of normal, uniform"),
        (
            '[inputs]\nx = {kind = "normal", scal = 1.0}\n',
            "x.toml: [inputs.x] scal = 1.0: unknown key; did you mean 'scale'?",
        ),
        ("until = {rtol = 2.0}\n", "x.toml: [until]: rtol of Settled is 2.0; give a number from 0 to below 1"),
        ("until = {rtoll = 0.1}\n", "x.toml: [until] rtoll = 0.1: unknown key; did you mean 'rtol'?"),
        ("until = {}\n", "x.toml: [until]: stands beside duration: give one of the two, and limit in until"),
        ("[[record]]\nunits = [1]\n", "x.toml: [record.0] vertex: is missing"),
        ('[[record]]\nvertex = "h"\nevry = 1.0\n', "x.toml: [record.0] evry = 1.0: unknown key; did you mean 'every'?"),
        ('[record]\nvertex = "h"\n', "x.toml: [record]: needs tables: write [[record]] above the keys of each"),
        ("[arguments]\nx = 1\n[sweep]\n", "x.toml: [sweep]: needs keys and their values"),
        ("sweep = 3\n", "x.toml: sweep = 3: needs keys and their values"),
        ("[sweep]\nseed = 3\n", "x.toml: [sweep] seed = 3: needs a list of at least one value"),
        ("[sweep]\nseed = []\n", "x.toml: [sweep] seed = []: needs a list of at least one value"),
        ('[sweep]\ntask = ["run"]\n', "x.toml: [sweep] task = ['run']: cannot be swept"),
        (
            '[sweep]\n"integrator.dtt" = [0.1, 0.2]\n',
            "x.toml: [sweep] \"integrator.dtt\" = 0.1: unknown key; did you mean 'dt'?",
        ),
        (
            '[sweep]\n"integrator.dt" = [0.1, "b"]\n',
            "x.toml: [sweep] \"integrator.dt\" = 'b': should be a valid number",
        ),
        ('[sweep]\n"seed.x" = [1]\n[inputs]\n', None),
        ('seed = 1\n[sweep]\n"seed.x" = [1]\n', "is no table, so seed.x cannot be set"),
    ],
)
def test_one_line_about_what_is_wrong(file, more, message):
    actual = fails(file(MINIMAL + more))
    assert actual.startswith(message or "x.toml") or message in actual


def test_what_is_missing_is_said_with_its_meaning(file):
    text = MINIMAL.replace("duration = 10.0\n", "")
    assert fails(file(text)) == "x.toml: duration: is missing: the time to simulate, in ms"
    # A key that is missing is often one that is misspelt: that is said instead.
    assert fails(file(text + "duraton = 1\n")).endswith("did you mean 'duration'?")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "x.toml: task: is missing: one of check, divergence, event_driven, experiment, mapping, protocol, "
            "relaxation, run, spiking, training, wavefront",
        ),
        ('task = "trainin"', "x.toml: task = 'trainin': unknown task; did you mean 'training'?"),
        ("task = 3", "x.toml: task = 3: unknown task"),
        ("a = ", "x.toml is no TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2", "x.toml is no TOML: "),
    ],
)
def test_a_file_without_a_task_or_without_sense(file, text, message):
    assert fails(file(text)).startswith(message)


def test_files_that_cannot_be_read(tmp_path):
    assert fails(tmp_path / "x.toml") == "cannot read x.toml: No such file or directory"
    (tmp_path / "x.toml").mkdir()
    assert fails(tmp_path / "x.toml") == "cannot read x.toml: Is a directory"
    (tmp_path / "y.toml").write_bytes(b"\xff\xfe\x00")
    assert "is no TOML" in fails(tmp_path / "y.toml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=3", (("seed",), 3)),
        ("integrator.dt=0.5", (("integrator", "dt"), 0.5)),
        ("circuit=circuits/mlp.py:mlp", (("circuit",), "circuits/mlp.py:mlp")),
        ('circuit="a b"', (("circuit",), "a b")),
        ("arguments.sizes=[1, 2]", (("arguments", "sizes"), [1, 2])),
        ('inputs.x={kind="normal"}', (("inputs", "x"), {"kind": "normal"})),
        ('sweep."integrator.dt"=[1.0]', (("sweep", "integrator.dt"), [1.0])),
        ("description=", (("description",), "")),
        ("a.b = true", (("a", "b"), True)),
    ],
)
def test_set_takes_toml_or_text(text, expected):
    assert parse_set(text) == expected


@pytest.mark.parametrize("text", ["seed", "=3", " =3", "a b=3", "a..b=3", "a=3\nb"])
def test_set_without_key_or_value(text):
    if text.startswith("a=3"):
        assert parse_set(text) == (("a",), "3\nb")
        return
    with pytest.raises(ConfigurationError, match="--set"):
        parse_set(text)


def test_a_set_key_is_above_the_file_and_blamed_for_what_is_wrong(file):
    path = file(MINIMAL + "[integrator]\ndt = 1.0\n")
    assert read(path, ["integrator.dt=0.25", "seed=4"]).runs[0].task.integrator == pcn.Euler(0.25)
    assert fails(path, "integrator.dtt=0.5") == "--set integrator.dtt=0.5: unknown key; did you mean 'dt'?"
    assert fails(path, "duration=long") == "--set duration='long': should be a valid number"
    assert fails(path, "duration.x=3") == "x.toml: duration = 10.0: is no table, so duration.x cannot be set"


def test_a_sweep_is_a_grid(file):
    text = MINIMAL + '[sweep]\n"integrator.dt" = [0.5, 1.0]\nseed = [1, 2, 3]\n'
    runs = read(file(text)).runs
    assert [run.swept for run in runs] == [{"integrator.dt": dt, "seed": s} for dt in (0.5, 1.0) for s in (1, 2, 3)]
    assert [(run.task.integrator.dt, run.task.seed) for run in runs] == [tuple(r.swept.values()) for r in runs]


def test_keys_of_a_sweep_may_stand_in_tables(file):
    assert [r.swept for r in read(file(MINIMAL + "[sweep.integrator]\ndt = [0.5]\n")).runs] == [{"integrator.dt": 0.5}]


def test_several_sweeps_follow_each_other_and_fill_in_what_they_leave_out(file):
    text = MINIMAL + '[[sweep]]\n"integrator.dt" = [0.5, 2.0]\n[[sweep]]\n"dynamics.kind" = ["Strict"]\n'
    runs = read(file(text)).runs
    assert [run.swept for run in runs] == [
        {"integrator.dt": 0.5, "dynamics.kind": "FixedPrediction"},
        {"integrator.dt": 2.0, "dynamics.kind": "FixedPrediction"},
        {"integrator.dt": 1.0, "dynamics.kind": "Strict"},
    ]


def test_tasks_are_found_by_themselves():
    assert sorted(TASKS) == [
        "check",
        "divergence",
        "event_driven",
        "experiment",
        "mapping",
        "protocol",
        "relaxation",
        "run",
        "spiking",
        "training",
        "wavefront",
    ]


def test_delays_of_single_synapses_and_of_distances_are_lists():
    """Of whatever type an object wants an array."""
    by_hand = made_from(DELAYS, "SynapticDelays", {"values": [[1.0, 2.5]]})
    by_distance = made_from(DELAYS, "DistanceDelay", {"source": [[0.0]], "target": [[1.0], [2.5]], "velocity": 1})
    np.testing.assert_array_equal(by_hand.values[0], by_distance.between(np.array([0, 0]), np.array([0, 1])))
    for wrong in ([[1.0], [1.0, 2.0]], ["x"], [{"a": 1}]):
        with pytest.raises(Problem, match="no array of numbers; give a list of numbers"):
            made_from(DELAYS, "SynapticDelays", {"values": wrong})
