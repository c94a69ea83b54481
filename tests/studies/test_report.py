"""The report of a run: what it says of the run's end, and the command that does it again."""

import html
import json
import re
import shlex

import numpy as np
import pytest

from pcneuro.studies import read
from pcneuro.studies.file import parse_set
from pcneuro.studies.keys import set_text
from tests.circuits_for_tests import diverges
from tests.studies.conftest import SMALL

EVIL = "it's </script><b>&"


def text_of(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def command_of(folder):
    (text,) = re.findall(r'<pre [^>]*aria-label="command">(.*?)</pre>', text_of(folder))
    return shlex.split(html.unescape(text))


def test_the_command_of_a_report_does_the_same_again(project):
    report, summary, _ = project(SMALL, "duration=5.0", "inputs.x.kind=normal", f"description={json.dumps(EVIL)}")
    first, second, path, *more = command_of(report.folder)
    assert (first, second, path, more[::2]) == ("pcneuro", "run", "x.toml", ["--set"] * 3)
    assert read(path, more[1::2]).raw == summary["settings"]
    assert "</script><b>" not in text_of(report.folder)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=inf", np.inf),
        ("a.b=[1, true, 0.1]", [1, True, 0.1]),
        ('"a b".c={d = "\\n\\"\\u007f"}', {"d": '\n"\x7f'}),
        ("a=x y", "x y"),
    ],
)
def test_what_is_set_is_told_as_it_is_taken(text, value):
    keys, there = parse_set(text)
    assert there == value
    assert parse_set(set_text(keys, there)) == (keys, value)


def test_a_report_that_cannot_be_made_loses_no_results(project, monkeypatch):
    def fails(*arguments):
        raise RuntimeError("no page")

    monkeypatch.setattr("pcneuro.studies.report.circuit_part", fails)
    with pytest.raises(RuntimeError, match="no page"):
        project(SMALL)
    (folder,) = (project.folder / "results").iterdir()
    assert {"summary.json", "records.nc"} <= {path.name for path in folder.iterdir()}
    assert "report.html" not in json.loads((folder / "summary.json").read_text(encoding="utf-8"))["files"]


@diverges
def test_a_run_that_diverges_has_a_report_that_says_so(project):
    text = 'task = "run"\ncircuit = "circuits.py:steep"\nduration = 3000.0\n[inputs]\nx = 1.0\n[targets]\nout = 0.0\n'
    text += '[integrator]\ndt = 5.0\n[[record]]\nvertex = "h"\n[dynamics]\nkind = "Strict"\n'
    report, _, _ = project(text)
    page = text_of(report.folder)
    assert f'<p class="note">diverged: {html.escape(report.message)}</p>' in page
    assert 'class="course"' in page
