"""``pcneuro new``: what it writes runs as it is, and nothing is overwritten."""

import re

from tests.cli.test_run import summary

FILES = ["README.md", "circuit.py", "simulation.toml"]


def test_the_folder_runs_as_it_is_and_as_its_readme_says(pcneuro, folder, monkeypatch):
    code, out, _ = pcneuro("new", "sub/mine")
    assert code == 0
    assert out.splitlines()[-1] == "to run it: cd sub/mine && pcneuro run simulation.toml"
    mine = folder / "sub" / "mine"
    assert sorted(path.name for path in mine.iterdir()) == FILES
    monkeypatch.chdir(mine)
    assert pcneuro("run", "simulation.toml")[0] == 0
    assert summary(mine / "results" / "simulation")["status"] == "completed"
    readme = (mine / "README.md").read_text()
    assert readme.startswith("# mine\n")
    (change,) = re.findall(r"`pcneuro (run simulation.toml --set [^`]*)`", readme)
    assert pcneuro(*change.split())[0] == 0
    assert pcneuro("show", "circuit.py:network")[0] == 0
    assert '{kind = "file", path = "x.npy"}' in readme


def test_nothing_is_overwritten(pcneuro, refused, folder):
    (folder / "mine").mkdir()
    assert pcneuro("new", "mine")[0] == 0
    (folder / "mine" / "circuit.py").write_text("precious")
    assert refused("new", "mine") == "mine exists already, and is not empty: choose another name"
    assert (folder / "mine" / "circuit.py").read_text() == "precious"
    assert refused("new", "x.toml").startswith("x.toml exists already")
