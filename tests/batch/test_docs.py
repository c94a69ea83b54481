"""docs/batch.md from its first line on, as a reader would follow it in an empty folder."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import xarray

import pcneuro as pcn
from pcneuro.cli.app import execute
from pcneuro.studies import read

pytest.importorskip("zarr")
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8").partition("## Runs side by side")[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, from which Python files are imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("net", "distance"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def here(text):
    """The same done by this process alone."""
    text = text.replace("[batch] # may", '[batch]\nrunner = {kind = "here"} # may').replace("Processes(2)", "None")
    return "" if "kind='dask'" in text else text


def follow(folder, capsys, changed=lambda text: text):
    """Write the files of the page, and do what it says, block by block; the output of each command, and of scripts."""
    said = {}
    for language, text in BLOCKS:
        named = re.match(r"# (\S+)\n", text)
        text = changed(text)
        if named:
            (folder / named[1]).write_text(text, encoding="utf-8")
        if language == "sh":
            for line in text.splitlines():
                command, _, file = line.partition(" > ")
                assert execute(shlex.split(command)[1:]) == 0, line
                said[line] = capsys.readouterr().out
                if file:
                    (folder / file).write_text(said[line], encoding="utf-8")
        elif language == "python" and "__main__" in text:
            (folder / "script.py").write_text(text, encoding="utf-8")
            runpy.run_path(str(folder / (named[1] if named else "script.py")), run_name="__main__")
            said[named[1] if named else "script.py"] = capsys.readouterr().out
    return said


def test_who_follows_the_page_succeeds(folder, capsys):
    pytest.importorskip("SALib")
    check(folder, follow(folder, capsys, here))


@pytest.mark.long
def test_who_follows_it_with_processes_and_dask_succeeds(folder, capsys):
    pytest.importorskip("SALib")
    check(folder, follow(folder, capsys))
    assert pcn.batch.open("with_dask").dataset().equals(pcn.batch.open("results/study").dataset())


def check(folder, said):
    first = next(iter(said.values()))
    assert "33 done, 3 failed of 36 runs" in first
    assert "unstable" in first
    figures = {path.name for path in (folder / "results" / "study" / "figures").iterdir()}
    assert figures == {"heat_map.png", "lines.png"}
    assert said["script.py"].startswith("<Batch of study.toml: <Replicated of 36 runs over")
    rows = pcn.batch.open("results/study").dataset()
    assert rows.equals(pcn.batch.open("by_python").dataset())
    assert rows.equals(pcn.batch.open("whole").dataset())
    with xarray.open_dataset("study.nc") as exported:
        assert exported.sizes["run"] == 36
    assert "'hidden'" in said["sensitivity.py"]
    assert pcn.batch.open("hypercube").status().done == 12
    assert (folder / "hypercube.png").exists()
    script = (folder / "study.sh").read_text(encoding="utf-8")
    assert "#SBATCH --array=1-16" in script
    assert subprocess.run(["bash", "-n", str(folder / "study.sh")], check=False).returncode == 0


def test_tables_of_jobs_are_those_of_files(folder):
    """[batch.runner] of a cluster in a file, whose job can be shown."""
    pytest.importorskip("dask_jobqueue")
    for _, text in BLOCKS:
        named = re.match(r"# (\S+)\n", text)
        if named:
            (folder / named[1]).write_text(text, encoding="utf-8")
    (cluster,) = (text for _, text in BLOCKS if text.startswith("[batch.runner]"))
    path = folder / "study.toml"
    path.write_text(path.read_text(encoding="utf-8") + cluster, encoding="utf-8")
    assert read(path).space is not None
    assert execute(["batch", "script", str(path)]) == 0


@pytest.mark.long
def test_snakemake_does_shards(folder):
    pytest.importorskip("snakemake")
    for _, text in BLOCKS:
        named = re.match(r"# (\S+)\n", text)
        if named:
            (folder / named[1]).write_text(here(text), encoding="utf-8")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        ["snakemake", "--cores", "2"], capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stderr
    with xarray.open_dataset("study.nc") as exported:
        assert exported.sizes["run"] == 36
