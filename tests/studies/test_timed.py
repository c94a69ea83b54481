"""Values that change with time in simulation files."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ConfigurationError, DataError, ParameterError
from pcneuro.studies import AbstractObserver
from pcneuro.studies.sources import Sources

TIMED = """
task = "run"
circuit = "circuits.py:small"
duration = 12.0
samples = 2
dynamics = {kind = "Strict"}
[[record]]
vertex = "h"
[inputs]
x = {kind = "timed", path = "movie.npy", dt = 2.0}
[targets]
out = {kind = "timed", values = [[0.0, 1.0], [1.0, 0.0]], dt = 3.0, periodic = true}
"""
MOVIE = np.random.default_rng(2).normal(size=(6, 2, 3))


class Listener(AbstractObserver):
    """Keeps what is said."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)

    def progress(self, share, note=""):
        pass


def test_what_a_file_says_is_what_python_does(project):
    np.save(project.folder / "movie.npy", MOVIE)
    listener = Listener()
    _, summary, records = project(TIMED, observer=listener)
    (run,) = summary["runs"]
    assert run["status"] == "completed"
    assert "against_backprop" not in run
    said = "\n".join(listener.said)
    assert f"inputs.x: {project.folder / 'movie.npy'}, 6 values of shape (2, 3) (float64), each for 2 ms" in said
    assert "targets.out: 2 values of shape (2,) (float64), each for 3 ms, 6 ms in all, again and again" in said
    circuit = Sources([project.folder]).circuit("circuits.py:small", {})
    wanted = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(
        12.0,
        inputs={"x": pcn.TimedArray(MOVIE, 2.0)},
        targets={"out": pcn.TimedArray([[0.0, 1.0], [1.0, 0.0]], 3.0, periodic=True)},
        record=[pcn.Record("h")],
    )
    np.testing.assert_array_equal(records["h.value"], wanted.records["h.value"])


@pytest.mark.parametrize(
    ("sets", "match"),
    [
        (['task="relaxation"'], r"\[inputs.x\]: changes with time, and the task 'relaxation'"),
        (['task="divergence"'], r"\[inputs.x\]: changes with time, and the task 'divergence'"),
        (["inputs.x.dt=0.0"], r"dt"),
        (["inputs.x.dt=nan"], r"dt"),
        (["inputs.x.perodic=true"], r"perodic.*periodic"),
        (["inputs.x.values=[[1.0, 2.0, 3.0]]"], "give one of the two"),
        (["inputs.x.dt=1.5"], r"no multiple of the integrator's 1 ms"),
        (['inputs.x.path="circuits.py"'], r"cannot read the values in .*circuits.py: it is no array"),
        (['inputs.x.path="nothing.npy"'], r"cannot read the values in .*nothing.npy: No such file"),
        (['inputs.x.path="objects.npy"'], r"it has object in it, and no numbers"),
        (['inputs.x.path="huge.npy"'], r"it has another size than an array of float64 of shape \(1000000000, 3\)"),
        (['inputs.x.path="fortran.npy"'], r"Fortran order"),
        (['inputs.x.path="number.npy"'], r"no axis of time"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(project, sets, match):
    folder = project.folder
    np.save(folder / "movie.npy", MOVIE)
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(folder / "fortran.npy", np.asfortranarray(np.ones((4, 3))))
    np.save(folder / "number.npy", np.float64(3.0))
    with open(folder / "huge.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 3)})
    with pytest.raises((ConfigurationError, ParameterError), match=match) as caught:
        project(TIMED.replace('[[record]]\nvertex = "h"\n', "") if "task" in sets[0] else TIMED, *sets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dynamics", ["Strict", "FixedPrediction"])
def test_a_check_plays_the_same_to_both(project, dynamics):
    np.save(project.folder / "movie.npy", MOVIE)
    text = TIMED.replace('task = "run"', 'task = "check"\nagainst = "reference"').replace('"Strict"', f'"{dynamics}"')
    _, summary, _ = project(text)
    (run,) = summary["runs"]
    assert run["agrees"]
    assert run["worst"] < 1e-9


def test_protocols_take_streams_as_stimuli_by_name_only(project):
    """A movie that begins with the trial; what is the same in all trials does not change."""
    np.save(project.folder / "movie.npy", MOVIE[:, 0])
    text = """
task = "protocol"
circuit = "circuits.py:small"
dynamics = {kind = "Strict"}
[[trial]]
x = "film"
duration = 12.0
onset = 5.0
[values.x]
film = {kind = "timed", path = "movie.npy", dt = 2.0}
[[record]]
vertex = "h"
variable = "prediction"
"""
    _, _, records = project(text)
    circuit = Sources([project.folder]).circuit("circuits.py:small", {})
    film = np.repeat(MOVIE[:, 0], 2, axis=0)
    shown = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(
        12.0, inputs={"x": pcn.TimedArray(film, 1.0)}, record=[pcn.Record("h", "prediction")]
    )
    got = records["h.prediction"].values.reshape(-1, 4)
    np.testing.assert_array_equal(got[:12], shown.records["h.prediction"].values[:12, 0])
    with pytest.raises((ConfigurationError, ParameterError, DataError)) as caught:
        project(text + '[rest]\nx = {kind = "timed", path = "movie.npy", dt = 2.0}\n')
    assert "\n" not in str(caught.value)
