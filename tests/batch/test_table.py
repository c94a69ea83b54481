"""``[batch]`` of simulation files, and ``pcneuro run`` and ``pcneuro batch resume`` of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pcneuro as pcn
from pcneuro.batch.runners import RUNNERS, Shard
from pcneuro.batch.table import BatchTable, batch_table
from pcneuro.cli.app import execute
from pcneuro.errors import ConfigurationError
from pcneuro.studies import read
from pcneuro.studies.file import opened
from pcneuro.studies.tables import settings_of

pytest.importorskip("zarr")

CIRCUITS = """
import pcneuro as pcn

def line(weight=2.0):
    def network(x, w):
        return pcn.vertex(w * x, "y")
    return pcn.trace(network, x=pcn.Input(()), w=pcn.Parameter(weight))
"""
FILE = """
task = "run"
circuit = "circuits.py:line"
duration = 20.0
engine = {kind = "Reference"}
inputs.x = 1.0
targets.y = 1.0

[sweep]
"arguments.weight" = [1.0, 2.0]
"integrator.dt" = [1.0, 2.0, 25.0]

[batch]
runner = {kind = "here"}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circuits.py").write_text(CIRCUITS)
    (tmp_path / "x.toml").write_text(FILE)
    return tmp_path


def run(capsys, *arguments):
    code = execute([str(each) for each in arguments])
    return code, *capsys.readouterr()


def test_a_file_is_run_as_a_batch(project, capsys):
    code, out, err = run(capsys, "run", "x.toml")
    assert (code, err) == (0, "")
    first, why, figures, report = out.splitlines()
    assert report == "report: results/x/report.html"
    assert figures == "figures: results/x/figures/heat_map.png, results/x/figures/lines.png"
    assert first == "results/x: 4 done, 2 failed of 6 runs"
    assert why.startswith("  2 failed, the first of them run 2: ")
    assert "unstable" in why
    rows = pcn.batch.open("results/x").dataset()
    assert rows["status"].values.tolist() == [1, 1, 2, 1, 1, 2]
    assert rows["loss"].values[3] == pcn.Batch("x.toml").run("again").dataset()["loss"].values[3]


def test_a_folder_is_gone_on_with_or_begun_anew_or_left(project, capsys):
    assert run(capsys, "run", "x.toml", "--out", "o")[0] == 0
    before = Path("o/batch.json").read_bytes()
    code, _, err = run(capsys, "run", "x.toml", "--out", "o")
    assert code == 2
    assert "o has a batch already: choose another --out, or pass --resume to go on with it, or --overwrite" in err
    shutil.rmtree("o/runs.zarr/status/c")
    assert pcn.batch.open("o").status().ended == 0
    assert run(capsys, "run", "x.toml", "--out", "o", "--resume")[:2] == (0, run(capsys, "batch", "resume", "o")[1])
    code, _, err = run(capsys, "run", "x.toml", "--out", "o", "--resume", "--set", "duration=10.0")
    assert code == 2
    assert "study.tables.duration is 20.0 there, and 10.0 here" in err
    assert Path("o/batch.json").read_bytes() == before
    assert run(capsys, "run", "x.toml", "--out", "o", "--overwrite", "--set", "duration=10.0")[0] == 0
    assert pcn.batch.open("o").dataset()["time"].values[0] == 10.0
    assert {path.name for path in project.iterdir()} - {"__pycache__"} == {"circuits.py", "o", "x.toml"}
    code, _, err = run(capsys, "run", "x.toml", "--out", "o", "--overwrite", "--resume")
    assert (code, "pass one of them" in err) == (2, True)


def test_without_a_folder_the_unfinished_one_is_gone_on_with(project, capsys):
    for name in ("results/x", "results/x-2"):
        assert run(capsys, "run", "x.toml")[1].startswith(f"{name}: ")
    code, _, err = run(capsys, "run", "x.toml", "--resume")
    assert (code, "there is nothing to resume" in err) == (2, True)
    Path("results/x/runs.zarr/status/c/1").unlink()
    assert run(capsys, "run", "x.toml", "--resume")[1].startswith("results/x: 4 done, 2 failed of 6 runs")


def test_shards_share_a_folder(project, capsys):
    code, out, _ = run(capsys, "run", "x.toml", "--shard", "1/2")
    assert (code, out.splitlines()[0].startswith("results/x: ")) == (0, True)
    assert "to do" in out
    assert run(capsys, "run", "x.toml", "--shard", "2/2")[1].startswith("results/x: 4 done, 2 failed of 6 runs")
    code, _, err = run(capsys, "run", "x.toml", "--shard", "3/2")
    assert (code, "--shard 3/2: write 3/16" in err) == (2, True)


def test_nothing_that_is_done_is_told_by_the_exit_code(project, capsys):
    code, out, _ = run(capsys, "run", "x.toml", "--set", 'sweep={"integrator.dt" = [30.0, 40.0]}')
    assert (code, out.splitlines()[0]) == (2, "results/x: 2 failed of 2 runs")


def test_many_kinds_of_failures_are_not_all_printed(project, capsys):
    (project / "circuits.py").write_text(CIRCUITS + "\n\ndef wrong(name):\n    raise ValueError(name)\n")
    names = ", ".join(f"'{letter}'" for letter in "abcdefgh")
    sets = 'circuit="circuits.py:wrong"', f"sweep={{'arguments.name' = [{names}]}}"
    code, out, _ = run(capsys, "run", "x.toml", "--set", sets[0], "--set", sets[1])
    assert code == 2
    assert out.splitlines()[-2] == "  and 3 kinds more: pcneuro batch status results/x"


def test_replicates_and_what_is_kept(project):
    (project / "x.toml").write_text(FILE.replace("[batch]", '[batch]\nreplicates = 3\nblock = 4\nkeep = ["loss"]'))
    command = [sys.executable, "-m", "pcneuro", "run", "x.toml", "--set", "seed=5"]
    environment = os.environ | {"PYTHONPATH": str(Path(pcn.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("results/x: 12 done, 6 failed of 18 runs"), done.stderr
    rows = pcn.batch.open("results/x").dataset()
    assert rows["seed"].values[:4].tolist() == [5, 6, 7, 5]
    assert "loss" in rows
    assert "energy" not in rows
    assert json.loads(Path("results/x/batch.json").read_text())["layout"]["block"] == 4


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("blok = 3", r"x.toml: \[batch\] blok = 3: unknown key; did you mean 'block'\?"),
        ("block = 0", r"\[batch\] block = 0: should be greater than or equal to 1"),
        ("replicates = 1.5", r"\[batch\] replicates = 1.5: should be a valid integer"),
        ("keep = []", r"\[batch\] keep = \[\]"),
        ('runner = {kind = "desk"}', r"\[batch.runner\] kind = 'desk': unknown kind"),
        ('runner = {kind = "processes", number = 0}', r"\[batch.runner\]: number of processes is 0"),
        ('runner = "here"', r"\[batch\] runner = 'here': needs a table"),
    ],
)
def test_wrong_tables_are_refused_in_one_line(project, table, said):
    (project / "x.toml").write_text(FILE.partition("[batch]")[0] + f"[batch]\n{table}\n")
    with pytest.raises(ConfigurationError, match=said) as caught:
        batch_table(opened("x.toml"))
    assert "\n" not in str(caught.value)


def test_a_wrong_key_of_a_sweep_is_told_with_its_file(project, capsys):
    code, _, err = run(capsys, "run", "x.toml", "--set", 'sweep={"integrator.dtt" = [1.0]}')
    assert code == 2
    assert "x.toml: [sweep] \"integrator.dtt\" = 1.0: unknown key; did you mean 'dt'?" in err
    assert not Path("results").exists()


def test_every_key_is_told():
    text = (Path(__file__).parents[2] / "docs/simulations.md").read_text(encoding="utf-8")
    section = text.partition("### `[batch]`")[2].partition("\n## ")[0]
    for key in BatchTable.model_fields:
        assert f"`{key}`" in section, key
    for kind, runner in RUNNERS.items():
        if runner is not Shard:
            assert f'"{kind}"' in section, kind
            assert all(f"`{name}`" in section for name in settings_of(runner).model_fields), kind


def test_the_task_of_a_file_with_a_batch_is_still_read(project):
    assert len(read("x.toml")) == 6
