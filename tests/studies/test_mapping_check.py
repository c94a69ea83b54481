"""The task ``mapping_check``, and ``pcneuro check --against sanafe``: a mapping held against SANA-FE."""

from __future__ import annotations

import json

import pytest

from pcneuro.cli import main
from pcneuro.errors import ConfigurationError
from tests.extras import with_sanafe
from tests.studies.conftest import SMALL

FILE = SMALL.replace('"run"', '"mapping_check"')


@with_sanafe
def test_both_count_alike(project):
    report, summary, _ = project(FILE)
    (run,) = summary["runs"]
    assert run["agrees"]
    assert (run["against"], run["tolerance"]) == ("sanafe", 1e-12)
    assert run["worst"] <= 1e-12
    held = run["held"]
    assert held["packets"]["pcneuro"] == held["packets"]["sanafe"] > 0
    assert len(held) == 8
    assert report.tables[-1].title == "The first sample by pcneuro and by SANA-FE"


def test_a_rate_has_no_events_to_replay(project):
    with pytest.raises(ConfigurationError, match="has no steps in which each neuron sends"):
        project('task = "mapping_check"\ncircuit = "circuits.py:small"\nrate = 0.5\nsteps = 10\n')


@with_sanafe
def test_the_command_takes_files_whose_task_is_mapping(project, capsys):
    file = project.folder / "mapping.toml"
    file.write_text(SMALL.replace('"run"', '"mapping"'))
    out = project.folder / "checked"
    assert main(["check", str(file), "--against", "sanafe", "--out", str(out)]) == 0
    assert json.loads((out / "summary.json").read_text())["runs"][0]["agrees"]
    assert main(["check", str(file), "--against", "nest", "--out", str(out), "--overwrite"]) == 2
    assert "against" in capsys.readouterr().err
