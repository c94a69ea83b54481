"""The task protocol: trials of a file are those of Protocol, and the shipped one has the answers of its model."""

import numpy as np
import pytest
import xarray
from scipy.optimize import brentq

import pcneuro as pcn
from pcneuro.errors import ConfigurationError, DataError
from tests.studies.conftest import CIRCUITS, png_size
from tests.studies.test_shipped import carry_out

TASK = """
task = "protocol"
circuit = "circuits.py:small"
seed = 4
interval = 5.0
before = 2.0
{top}
[values]
x = [[0.1, 0.2, 0.3], [1.0, 0.0, -1.0]]
[values.out]
left = [1.0, 0.0]
right = [0.0, 1.0]
[rest]
out = 0.5
[[record]]
vertex = "h"
variable = "error"
[[record]]
vertex = "out"
{trials}
"""
ROWS = [
    {"x": 1, "out": "left", "duration": 12.0, "condition": "a"},
    {"x": 0, "out": "right", "duration": 20.0, "condition": "b"},
    {"x": 0, "duration": 8.0, "condition": "a"},
]
TRIALS = "\n".join("[[trial]]\n" + "\n".join(f"{key} = {value!r}" for key, value in row.items()) for row in ROWS)


def by_hand():
    names: dict = {}
    exec(CIRCUITS, names)
    bank = np.array([[0.1, 0.2, 0.3], [1.0, 0.0, -1.0]])
    values = {"x": bank, "out": {"left": [1.0, 0.0], "right": [0.0, 1.0]}}
    protocol = pcn.Protocol(ROWS, values=values, rest={"out": 0.5}, interval=5.0, seed=4, repeats=2)
    record = [pcn.Record("h", "error"), pcn.Record("out")]
    return protocol.aligned(protocol.run(pcn.Simulator(pcn.build_circuit(names["small"]())), record=record), before=2.0)


@pytest.mark.drawn
def test_trials_of_a_file_are_those_of_a_protocol(project):
    report, summary, records = project(TASK.format(top="repeats = 2", trials=TRIALS))
    wanted = by_hand()
    np.testing.assert_array_equal(records["h.error"].values, wanted["h.error"].values)
    np.testing.assert_array_equal(records["onset"].values, wanted["onset"].values)
    assert records["condition"].values.tolist() == ["a", "b", "a"] * 2
    (run,) = summary["runs"]
    assert (run["trials"], run["by"]) == (6, "condition")
    assert run["conditions"]["a"]["trials"] == 4
    assert run["conditions"]["b"]["largest"]["h.error"]["norm"] > 0
    assert png_size(report.folder / "trials.png")[0] > 1000
    assert report.tables[0].columns[1] == "condition"


def test_a_csv_file_and_a_sweep(project):
    lines = ["x,out,duration,condition", "1,left,12,a", "0,right,20,b", "0,,8,a"]
    (project.folder / "trials.csv").write_text("\n".join(lines))
    text = TASK.format(
        top='table = "trials.csv"\nrepeats = 2', trials='[sweep]\n"between.kind" = ["ResetState", "KeepState"]'
    )
    _, summary, records = project(text)
    np.testing.assert_array_equal(records["h.error"].values[0], by_hand()["h.error"].values)
    assert len(summary["runs"]) == 2
    assert not np.array_equal(records["h.error"].values[0], records["h.error"].values[1])


@pytest.mark.parametrize(
    ("top", "trials", "error", "match"),
    [
        ("", "", ConfigurationError, "table: is missing: the path of a CSV file of trials"),
        ('table = "t.csv"', TRIALS, ConfigurationError, "trial .*: stands beside table"),
        ('table = "t.csv"', "", DataError, r"cannot read the table of trials .*t\.csv"),
        ("between = {kind = 'Reset'}", TRIALS, ConfigurationError, "did you mean 'ResetState'"),
        ("interval = [1.0]", TRIALS, ConfigurationError, "interval"),
    ],
)
def test_what_is_wrong_is_one_line(project, top, trials, error, match):
    text = TASK.format(top=top, trials=trials)
    with pytest.raises(error, match=match) as told:
        project(text.replace("interval = 5.0\n", "") if "interval" in top else text)
    assert "\n" not in str(told.value)


def test_perturbations_of_trials_and_of_the_run(project):
    trials = TRIALS.replace("condition = 'b'", "condition = 'b'\nperturb = 'light'")
    trials += """
[perturbations.light]
kind = "Silence"
population = "h"
start = 4.0
stop = 9.0
[[perturb]]
kind = "Cut"
edge = ["out.error", "h.value"]
start = 20.0
"""
    report, _, records = project(TASK.format(top="repeats = 2", trials=trials + '[[record]]\nvertex = "h"\n'))
    lit = records["perturb"].values == "light"
    assert lit.sum() == 2
    assert not records["h.value"].values[lit, 6:11].any()
    assert records["h.value"].values[~lit, 6:11].any()
    assert "Silence('h')" in records.attrs["perturbations"]
    assert (report.folder / "trials.png").exists()


def test_mismatch_and_playback_have_the_errors_of_the_equilibrium(tmp_path):
    """v1 rests where -(v1 - tanh(w x)) + w (1 - tanh(w v1)^2) (y - tanh(w v1)) is zero, and e2 = y - tanh(w v1)."""
    summary = carry_out("mismatch", tmp_path / "out", "repeats=3")
    (run,) = summary["runs"]
    w, flow = 1.2, 0.56766

    def error(x, y):
        def pull(v):
            return -(v - np.tanh(w * x)) + w * (1 - np.tanh(w * v) ** 2) * (y - np.tanh(w * v))

        return y - np.tanh(w * brentq(pull, -2, 2))

    records = {label: row["largest"]["v2.error"]["norm"] for label, row in run["conditions"].items()}
    assert set(records) == {"feedback", "mismatch", "playback"}
    aligned = xarray.load_dataset(tmp_path / "out" / "records.nc")
    late = aligned.sel(time=119.0)["v2.error"].values.ravel()
    for label, x, y in (("feedback", 0.5, flow), ("mismatch", 0.5, 0.0), ("playback", 0.0, flow)):
        np.testing.assert_allclose(late[aligned.condition.values == label], error(x, y), rtol=0, atol=1e-6)
