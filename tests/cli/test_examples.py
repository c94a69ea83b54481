"""``pcneuro examples``, and the names of examples in other commands."""

import shutil
import tomllib
from pathlib import Path

import pytest

from pcneuro.studies import examples, read

ROOT = Path(__file__).parents[2]
SIMULATIONS = sorted(path.stem for path in (ROOT / "simulations").glob("*.toml"))


def test_list_has_every_simulation_and_circuit_and_what_it_is(pcneuro):
    code, out, err = pcneuro("examples", "list")
    assert (code, err) == (0, "")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    scripts = [path.relative_to(ROOT).as_posix() for path in (ROOT / "simulations").glob("*.py")]
    circuits = [path.relative_to(ROOT).as_posix() for path in (ROOT / "circuits").rglob("*.py")]
    assert sorted(rows) == sorted([*SIMULATIONS, *scripts, *circuits])
    assert rows["chain"] == tomllib.loads((ROOT / "simulations" / "chain.toml").read_text())["description"]
    assert rows["circuits/cnn.py"].startswith("A convolutional classifier of images")


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_copy_has_all_that_the_example_names(pcneuro, folder, name):
    place = folder / "copy"
    code, out, err = pcneuro("examples", "copy", name, "copy")
    assert (code, err) == (0, "")
    copied = [line for line in out.splitlines() if not line.startswith("to run it")]
    assert sorted(copied) == sorted(str(path.relative_to(folder)) for path in place.rglob("*.*"))
    assert out.splitlines()[-1] == f"to run it: pcneuro run copy/simulations/{name}.toml"
    plan = read(place / "simulations" / f"{name}.toml")
    task = plan.run(0).task
    for reference in (task.circuit, getattr(task, "experiment", task.circuit)):
        file = reference.rpartition(":")[0]
        assert (place / file).read_bytes() == (ROOT / file).read_bytes()


def test_a_script_is_copied_with_the_files_beside_it(pcneuro, folder):
    assert pcneuro("examples", "copy", "simulations/optuna_digits.py")[0] == 0
    made = sorted(str(path) for kind in ("circuits", "simulations") for path in Path(kind).iterdir())
    assert made == ["circuits/mlp.py", "simulations/optuna_digits.py", "simulations/quickstart.toml"]


def test_copy_overwrites_nothing_and_shares_what_is_the_same(pcneuro, refused, folder):
    assert pcneuro("examples", "copy", "quickstart", "mine")[0] == 0
    code, out, _ = pcneuro("examples", "copy", "mapping", "mine")
    assert (code, out.splitlines()[0]) == (0, "mine/simulations/mapping.toml")
    changed = folder / "mine" / "circuits" / "mlp.py"
    changed.write_text("mine = 1")
    line = "mine/circuits/mlp.py exists already, and differs from the example: choose another folder"
    assert refused("examples", "copy", "quantisation", "mine") == line
    assert changed.read_text() == "mine = 1"
    assert not (folder / "mine" / "simulations" / "quantisation.toml").exists()
    assert refused("examples", "copy", "quickstart", "x.toml") == "x.toml exists, and is no folder: choose another name"


def test_commands_take_the_names_of_examples(pcneuro, folder):
    table = pcneuro("show", "quickstart")[1]
    assert "784" not in table
    assert table == pcneuro("show", "simulations/quickstart.toml")[1] == pcneuro("show", "quickstart.toml")[1]
    assert "Circuit of 3 vertices" in pcneuro("show", "circuits/chain.py:chain")[1]
    code, _, err = pcneuro("run", "chain", "--set", 'sweep={"arguments.length" = [3]}', "--out", "out")
    assert (code, (folder / "out" / "summary.json").is_file()) == (0, True), err


def test_a_file_that_is_there_comes_before_an_example(pcneuro, folder):
    (folder / "quickstart").write_text((folder / "x.toml").read_text())
    code, out, _ = pcneuro("run", "quickstart")
    assert (code, "\nresults/quickstart: " in out) == (0, True), out
    (folder / "circuits").mkdir()
    (folder / "circuits" / "chain.py").write_text((folder / "circuits.py").read_text())
    assert pcneuro("show", "circuits/chain.py:small")[0] == 0


NO_FILE, NO_EXAMPLE = "there is no such file, and no example of this name", "there is no example of this name"
LIST = "pcneuro examples list has them"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("run", "quickstrat"), f"quickstrat: {NO_FILE}: did you mean 'quickstart'?"),
        (("run", "circuits/mlp.py"), f"circuits/mlp.py: {NO_FILE}: {LIST}"),
        (("run", "a/chian.toml"), f"a/chian.toml: {NO_FILE}: {LIST}"),
        (
            ("run", "simulations/chian.toml"),
            f"simulations/chian.toml: {NO_FILE}: did you mean 'simulations/chain.toml'?",
        ),
        (("check", "zzz", "--against", "x"), f"zzz: {NO_FILE}: {LIST}"),
        (("show", "circuits/mpl.py:mlp"), f"circuits/mpl.py: {NO_FILE}: did you mean 'circuits/mlp.py'?"),
        (("batch", "script", "mismach"), f"mismach: {NO_FILE}: did you mean 'mismatch'?"),
        (("examples", "copy", "quikstart"), f"quikstart: {NO_EXAMPLE}: did you mean 'quickstart'?"),
        (("examples", "copy", "../pyproject.toml"), f"../pyproject.toml: {NO_EXAMPLE}: {LIST}"),
    ],
)
def test_what_is_no_example_is_one_line(refused, arguments, line):
    assert refused(*arguments) == line


def test_an_installed_package_has_them_inside(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "pcneuro"
    (package / "examples").mkdir(parents=True)
    shutil.copytree(ROOT / "simulations", package / "examples" / "simulations")
    monkeypatch.setattr(examples, "PACKAGE", str(package))
    assert examples.find("quickstart") == package / "examples" / "simulations" / "quickstart.toml"
    assert examples.find("circuits/mlp.py") is None
    shutil.rmtree(package / "examples")
    assert examples.names() == []
