"""``pcneuro run --dry-run`` says what a file would do, and leaves nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pcneuro.cli.app import execute


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Try a file in an empty folder; the lines that it prints."""
    root = Path.cwd()
    monkeypatch.chdir(tmp_path)

    def tried(name, *options):
        code = execute(["run", str(root / "simulations" / f"{name}.toml"), "--dry-run", *options])
        lines = capsys.readouterr().out.splitlines()
        assert not any(tmp_path.iterdir())
        return code, lines

    return tried


def said(lines, what):
    (line,) = (line for line in lines if line.startswith(what))
    return line.removeprefix(what).strip()


def test_a_run_is_told_of_and_nothing_is_left(run):
    code, lines = run("chain")
    assert code == 0
    assert said(lines, "runs") == "3, 700 steps each time that it is simulated"
    # 3 predictions, 2 of which have feedback, and two synapses between value and error neurons of each vertex.
    assert "7 neurons of 7 populations, 11 synapses" in said(lines, "circuit")
    assert said(lines, "time").endswith("by the pace of the first run")
    assert lines[-1] == "Nothing was written."


def test_a_long_run_is_ended_after_a_piece_of_it(run, monkeypatch):
    monkeypatch.setattr("pcneuro.studies.estimate.PIECE", 0.2)
    code, lines = run("quickstart", "--set", "epochs=2000")
    assert code == 0
    share = re.search(r"by the pace of ([\d.]+) %? ?of the first run|by the pace of ([\d.]+)% of", said(lines, "time"))
    assert share


def test_a_batch_and_a_shard_of_it(run):
    pytest.importorskip("zarr")
    code, lines = run("rate_depth_map")
    assert code == 0
    assert said(lines, "runs").startswith("10,000 by ")
    assert said(run("rate_depth_map", "--shard", "1/4")[1], "runs").startswith("2,500 by 1 workers")


def test_what_cannot_run_is_told_as_ever(run):
    assert run("chain", "--set", "integrator.dt=100.0")[0] == 2
