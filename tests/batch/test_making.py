"""What batches are made of: files, tables and functions, what tells two of them apart, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.batch import Batch
from pcneuro.errors import ConfigurationError, OutputError, ParameterError, PcneuroError
from pcneuro.studies import read
from tests.batch import functions
from tests.batch.small import contents

pytest.importorskip("zarr")

CIRCUITS = """
import numpy as np
import pcneuro as pcn
from helper import WEIGHT

def line(weight=WEIGHT):
    def network(x, w):
        return pcn.vertex(w * x, "y")
    return pcn.trace(network, x=pcn.Input(()), w=pcn.Parameter(weight))
"""
FILE = """
task = "run"
circuit = "circuits.py:line"
duration = 20.0
engine = {kind = "Reference"}
[inputs]
x = {kind = "file", path = "x.npy"}
[targets]
y = 1.0
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circuits.py").write_text(CIRCUITS)
    (tmp_path / "helper.py").write_text("WEIGHT = 2.0\n")
    np.save(tmp_path / "x.npy", np.array(1.0))
    (tmp_path / "x.toml").write_text(FILE)
    return tmp_path


def test_a_function_is_a_study(tmp_path):
    space = {"width": [1.0, -1.0, 3], "height": [2.0]}
    rows = Batch(functions.area, space).run(tmp_path / "batch").dataset()
    assert rows["status"].values.tolist() == [1, 2, 1]
    assert rows["area"].values.tolist() == pytest.approx([2.0, np.nan, 6.0], nan_ok=True)
    assert rows["sides"].values[[0, 2]].tolist() == [[1.0, 2.0], [3.0, 2.0]]
    assert rows["nested.count"].values[0] == 2.0
    assert rows["nested.flag"].values[0] == 1.0
    assert str(rows["message"].values[1]) == "area() raised ValueError: no such width (functions.py, line 15)"


def test_what_functions_return(tmp_path):
    rows = Batch(functions.dataset, {"width": [1, 2]}).run(tmp_path / "dataset").dataset()
    assert rows["trace"].sel(run=1).values.tolist() == [0.0, 2.0, 4.0]
    assert rows["sum"].values.tolist() == [3.0, 6.0]
    rows = Batch(functions.result, {"target": [1.0, 4.0]}).run(tmp_path / "result").dataset()
    assert rows["loss"].values.tolist() == [functions.result(t).loss for t in (1.0, 4.0)]
    assert rows["w.gradient"].values.tolist() == [functions.result(t).gradients["w"] for t in (1.0, 4.0)]
    assert rows["y.error"].shape[0] == 2
    rows = Batch(functions.decorated, {"width": [1, 2]}).run(tmp_path / "decorated").dataset()
    assert rows["double"].values.tolist() == [2.0, 4.0]
    rows = Batch(functions.Study.static, {"width": [1, 2]}).run(tmp_path / "static").dataset()
    assert rows["half"].values.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (functions.text, "text() returned answer = 'text', which is neither a number nor an array"),
        (functions.nothing, "nothing() returned None; needed is a dict of numbers and arrays, a Dataset, or a Result"),
        (functions.masked, "masked() returned part with values under a mask: give NaN for what there is not"),
    ],
)
def test_what_functions_must_not_return(tmp_path, function, said):
    rows = Batch(function, {"width": [1]}).run(tmp_path / "batch").dataset()
    assert (rows["status"].values[0], str(rows["message"].values[0])) == (2, said)


@pytest.mark.parametrize("widths", [[1, 2, 1], [2, 1, 1]])
def test_a_record_that_no_memory_holds_is_a_row_that_failed(tmp_path, widths):
    rows = Batch(functions.vast, {"width": widths}).run(tmp_path / "batch").dataset()
    assert rows["status"].values.tolist() == [2 if width > 1 else 1 for width in widths]
    assert [str(each).startswith("Unable to allocate") for each in rows["message"].values] == [w > 1 for w in widths]
    assert rows["trace"].sel(run=2).values.tolist() == [1.0] * 3


def test_whatever_a_function_raises_is_a_row(tmp_path):
    rows = Batch(functions.raising, {"width": [0, 1, 2, 3]}).run(tmp_path / "batch").dataset()
    assert rows["status"].values.tolist() == [2, 2, 2, 2]
    kinds = ["KeyboardInterrupt", "GeneratorExit", "SystemExit", "Unspeakable"]
    assert [str(each).split(" (")[0] for each in rows["message"].values] == [f"raising() raised {k}" for k in kinds]


def test_what_was_simulated_until_ctrl_c_is_no_row(tmp_path):
    batch = Batch(functions.interrupted, {"target": [1.0, 2.0, 3.0]}, block=1)
    whole = batch.run(tmp_path / "whole")
    functions.ctrl_c.add(2.0)
    store = batch.run(tmp_path / "batch")
    assert store.done() == {0}
    batch.run(tmp_path / "batch")
    assert contents(store.folder) == contents(whole.folder)


def test_functions_that_no_worker_finds_are_refused():
    def local(width):
        return {}

    for function, said in (
        (lambda width: {}, "study is a lambda, which no worker can find: define it in a file"),
        (local, r"study is local\(\) within another function, .* move it to the top of its file"),
        (functions.first_shadowed, "shadowed of functions.py is another function than the one that is given"),
        (np.sin, "study is a ufunc; needed is a simulation file"),
        (3, "study is 3; needed is"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            Batch(function, {"width": [1]})
    names: dict = {"__name__": "__main__"}
    exec("def cell(width):\n    return {}\n", names)
    with pytest.raises(ConfigurationError, match=r"cell\(\) of a notebook or a prompt, .*%%writefile"):
        Batch(names["cell"], {"width": [1]})


def test_a_script_that_runs_its_own_function(tmp_path):
    """The script is not run again for the function that it defines; in a worker without a guard it says so."""
    script = """
        import sys
        import pcneuro as pcn

        def twice(x):
            return {"twice": 2 * x}

        print(pcn.Batch(twice, {"x": [1, 2]}).run(sys.argv[1]).dataset()["twice"].values.tolist())
        """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    environment = os.environ | {"PYTHONPATH": str(Path(pcn.__file__).parents[1])}

    def python(*arguments):
        command = [sys.executable, *arguments, "batch"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = python("script.py")
    assert done.stdout == "[2.0, 4.0]\n", done.stderr
    worker = "from pathlib import Path; from pcneuro.batch.work import perform_block; perform_block(Path('batch'), 0)"
    (tmp_path / "batch/runs.zarr/status/c/0").unlink()
    assert "script.py makes a batch where it is imported" in python("-c", worker).stderr


def test_studies_of_files_tables_and_plans_are_the_same(project):
    space = {"arguments.weight": [1.0, 2.0]}
    tables = dict(read("x.toml").raw)
    batches = [Batch(study, space) for study in ("x.toml", Path("x.toml"), tables, read("x.toml"))]
    assert len({batch.hash_of(1) for batch in batches}) == 1
    (project / "swept.toml").write_text(FILE + '[sweep]\n"arguments.weight" = [1.0, 2.0]\n')
    own = Batch("swept.toml")
    assert [own.hash_of(n) for n in (0, 1)] == [batches[0].hash_of(n) for n in (0, 1)]
    assert len({batches[0].hash_of(n) for n in (0, 1)}) == 2
    assert repr(own) == "<Batch of swept.toml: <Grid of 2 runs over arguments.weight>>"
    assert len(Batch("x.toml", replicates=3)) == 3
    assert Batch({**tables, "seed": 5}, space, replicates=2).space.values(3) == {"arguments.weight": 2.0, "seed": 6}


def test_hashes_tell_of_all_that_results_depend_on(project):
    def hashed(study="x.toml", **sets):
        return Batch(study, {"arguments.weight": [1.0], **sets}).hash_of(0)

    base = hashed()
    (project / "x.toml").write_text('description = "told otherwise"\n' + FILE)
    assert hashed() == base
    (project / "x.toml").write_text(FILE.replace('"Reference"}', '"Reference"}\nseed = 1'))
    assert hashed() != base
    (project / "x.toml").write_text(FILE)
    for name, changed in (("circuits.py", CIRCUITS + "\n"), ("helper.py", "WEIGHT = 3.0\n")):
        old = (project / name).read_text()
        (project / name).write_text(changed)
        assert hashed() != base, name
        (project / name).write_text(old)
        assert hashed() == base
    np.save(project / "x.npy", np.array(2.0))
    assert hashed() != base


def test_another_batch_in_the_folder_is_refused_and_it_says_what_differs(project):
    folder, space = project / "out", {"arguments.weight": [1.0, 2.0]}
    Batch("x.toml", space).run(folder)
    before = sorted(path for path in folder.rglob("*"))

    def refused(said, study="x.toml", space=space, **options):
        with pytest.raises(ConfigurationError, match=said) as caught:
            Batch(study, space, **options).run(folder)
        assert "\n" not in str(caught.value)

    refused(
        r"space.axes.arguments.weight is \[1.0, 2.0\] there, and \[1.0, 3.0\] here",
        space={"arguments.weight": [1.0, 3.0]},
    )
    refused(r"keep is \['\*'\] there, and \['loss'\] here", keep=["loss"])
    refused("study.kind is 'FileStudy' there, and 'FunctionStudy' here", functions.area, {"width": [1.0, 2.0]})
    (project / "x.toml").write_text(FILE.replace("20.0", "10.0"))
    refused("study.tables.duration is 20.0 there, and 10.0 here: go on with what it was begun with")
    (project / "x.toml").write_text(FILE)
    (project / "helper.py").write_text("WEIGHT = 3.0\n")
    refused("batch of other files: helper.py has changed since")
    (project / "helper.py").unlink()
    (project / "circuits.py").write_text(CIRCUITS.replace("from helper import WEIGHT", "WEIGHT = 2.0"))
    refused("circuits.py has changed since|helper.py is missing now")
    assert sorted(path for path in folder.rglob("*")) == before


TRAINING = """
task = "training"
circuit = "circuits.py:line"
duration = 5.0
data = "images"
dataset = {kind = "mnist"}
optimizer = {rate = 0.1}
"""


@pytest.mark.parametrize("swept", [False, True])
def test_files_in_the_folder_of_the_data_are_those_of_the_batch(project, swept):
    """Whichever way it is named; they are part of what all runs depend on."""
    (project / "images" / "part").mkdir(parents=True)
    (project / "images" / "part" / "one").write_bytes(b"1")
    (project / "y.toml").write_text(TRAINING.replace("images", "other") if swept else TRAINING)
    space = {"seed": [0, 1]} | ({"data": ["images"]} if swept else {})
    batch = Batch("y.toml", space)
    assert batch.settings.files.keys() == {"circuits.py", "helper.py", "images/part/one"}
    (project / "images" / "part" / "one").write_bytes(b"2")
    assert Batch("y.toml", space).hash_of(0) != batch.hash_of(0)


def test_another_version_of_the_package_is_refused_and_of_others_warned_of(project, monkeypatch):
    folder, batch = project / "out", Batch("x.toml")
    batch.run(folder)
    kept = (folder / "batch.json").read_text()
    numpy = f'"numpy": "{np.__version__}"'
    (folder / "batch.json").write_text(kept.replace(numpy, '"numpy": "1.0"'))
    with pytest.warns(pcn.PcneuroWarning, match=r"begun with numpy 1.0, now .*: rows may differ in the last digits"):
        batch.run(folder)
    (folder / "batch.json").write_text(kept.replace(f'"pcneuro": "{pcn.__version__}"', '"pcneuro": "0.0"'))
    with pytest.raises(ConfigurationError, match=f"begun with pcneuro 0.0, and this is {pcn.__version__}"):
        batch.run(folder)


def test_a_folder_of_something_else_is_left_alone(project):
    (project / "out").mkdir()
    (project / "out/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="exists already, and is no batch"):
        Batch("x.toml").run(project / "out")
    assert [path.name for path in (project / "out").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"integrator.dtt": [1.0]}, r"integrator.dtt.*: unknown key; did you mean 'dt'\?"),
        ({"duratoin": [1.0]}, r"duratoin.*unknown key; did you mean 'duration'\?"),
        ({"arguments.wieght": [1.0]}, r"arguments.wieght.*: unknown argument of line\(\); did you mean 'weight'\?"),
        ({"targets.z": [1.0]}, "targets.z.*: the circuit has no such name; known: y"),
        ({"integrator.dt": [1.0, "x"]}, r"integrator.dt\" = 'x': should be a valid number"),
        ({"seed": [0, -1]}, r"\"seed\" = -1: should be greater than or equal to 0"),
        ({"task": ["check"]}, "task: cannot be swept"),
        (
            {"integrator.dt": [1.0, 0.5], "arguments.weight": [1.0], "samples": [1, 0]},
            "samples.* = 0: should be greater",
        ),
    ],
)
def test_keys_and_values_that_do_not_fit_are_refused_before_anything_is_run(project, space, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        Batch("x.toml", space)
    assert "\n" not in str(caught.value)


def test_arguments_of_functions_are_checked():
    for space, said in (
        ({"widht": [1]}, r"functions.py:area: widht: unknown argument of area\(\); did you mean 'width'\?"),
        ({"height": [1]}, r"functions.py:area: width: is missing: area\(\) needs it"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            Batch(functions.area, space)


def test_a_combination_that_does_not_fit_is_a_row(project):
    """``until`` beside ``duration`` is refused; a list may have each alone, and one run with both."""
    (project / "x.toml").write_text(FILE.replace("duration = 20.0\n", ""))
    runs = [{"duration": 5.0}, {"until": {"limit": 50.0}}, {"duration": 5.0, "until": {"limit": 50.0}}]
    rows = Batch("x.toml", pcn.spaces.Listed(runs)).run(project / "out").dataset()
    assert rows["status"].values.tolist()[0::2] == [1, 2]
    assert "until" in str(rows["message"].values[2])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"space": 3}, "space is 3; needed is one of pcn.spaces"),
        ({"replicates": 0}, "replicates is 0; give a whole number of at least 1"),
        ({"block": 1.5}, "block is 1.5; give a whole number"),
        ({"keep": "loss"}, "keep is 'loss'; needed is a list"),
        (
            {"space": {"seed": [1]}, "replicates": 2},
            "replicates is 2, and the space sets seed itself: leave one of the two out",
        ),
    ],
)
def test_wrong_arguments(project, arguments, said):
    with pytest.raises(ParameterError, match=said):
        Batch("x.toml", **arguments)


def test_wrong_arguments_of_run(project):
    batch = Batch("x.toml")
    for arguments in ({"out": 3}, {"out": "out", "runner": 3}, {"out": "out", "observer": 3}):
        with pytest.raises(PcneuroError, match=r"path of a file is 3|runner|observer"):
            batch.run(**arguments)
