"""The task experiment: functions of users' own."""

import json

import pytest

from pcneuro.errors import ConfigurationError, PcneuroError
from pcneuro.simulator.result import Status
from pcneuro.studies import read, simulate

FUNCTIONS = """
import signal
import numpy as np
import pcneuro as pcn
import xarray

def double():
    return pcn.trace(lambda x, w: pcn.vertex(x * w, "y"), x=pcn.Input(()), w=pcn.Parameter(2.0))

def run(laboratory, x, more=1.0):
    result = laboratory.simulator().run(5.0, inputs={"x": x})
    laboratory.progress(1.0)
    return pcn.Experiment({"y": float(result.values["y"][0]) * more, "list": [1, 2.5]}, xarray.Dataset({"y": 1.0}))

def nothing(laboratory):
    return 3

def fails(laboratory):
    raise KeyError("gone")

def leaves(laboratory):
    raise SystemExit(3)

def interrupted(laboratory):
    def report(elapsed, completed, start, duration):
        if completed == 0:
            signal.raise_signal(signal.SIGINT)
    laboratory.simulator().run(5.0, inputs={"x": 1.0}, report=report)
    return pcn.Experiment({"y": 1.0}, xarray.Dataset())
"""


def plan(folder, function, *sets, options="x = 3.0"):
    (folder / "own.py").write_text(FUNCTIONS)
    text = f'task = "experiment"\ncircuit = "own.py:double"\nexperiment = "{function}"\n[options]\n{options}\n'
    (folder / "file.toml").write_text(text)
    return read(folder / "file.toml", sets)


def test_its_numbers_are_the_summarys(tmp_path):
    report = simulate(plan(tmp_path, "own.py:run", 'sweep={"options.more" = [1.0, 3.0]}'), tmp_path / "out")
    runs = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["runs"]
    assert [run["y"] for run in runs] == [6.0, 18.0]
    assert report.tables[0].rows[1][1:] == ["list", "1, 2.5"]


@pytest.mark.parametrize(
    ("function", "options", "match"),
    [
        ("own.py:run", "", "x is missing|is missing: run"),
        ("own.py:run", "x = 1.0\nz = 2.0", r"unknown argument of run\(\)"),
        ("own.py:rum", "", "no function 'rum'"),
        ("own.py", "", "write 'file.py:function'"),
        ("other.py:run", "", "no file"),
        ("own.py:nothing", "", "returned 3"),
        ("own.py:fails", "", "raised KeyError: 'gone'"),
        ("own.py:leaves", "", "raised SystemExit: 3"),
    ],
)
def test_what_does_not_work_is_told_in_a_line(tmp_path, function, options, match):
    with pytest.raises((ConfigurationError, PcneuroError), match=match) as told:
        simulate(plan(tmp_path, function, options=options), tmp_path / "out")
    assert "\n" not in str(told.value)


def test_what_was_simulated_until_ctrl_c_is_no_result(tmp_path):
    report = simulate(plan(tmp_path, "own.py:interrupted", options=""), tmp_path / "out")
    assert report.status is Status.INTERRUPTED
