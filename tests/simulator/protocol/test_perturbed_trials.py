"""Perturbations of trials: what a column names is done in its trials, as by hand."""

import json

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError, UnknownNameError

RNG = np.random.default_rng(5)
W1, W2 = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
CIRCUIT = pcn.build_circuit(
    pcn.trace(
        lambda x, W1, W2: pcn.vertex(pcn.vertex(np.tanh(x @ W1), "h") @ W2, "y"),
        x=pcn.Input((3,)),
        W1=pcn.Parameter(W1),
        W2=pcn.Parameter(W2),
    )
)
TABLE = {"x": [1.0, 2.0, 1.0, 0.5], "duration": 20.0, "delay": 5.0, "perturb": ["light", None, "light", "current"]}
DONE = {
    "light": [pcn.Silence("h", start=5.0, stop=15.0), pcn.Cut(("y.error", "h.value"))],
    "current": pcn.Inject("h", 0.3, start=10.0),
}
TARGETS = {"targets": {"y": np.ones(2)}}


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=["kernel", "reference"])
@pytest.mark.parametrize("between", [pcn.ResetState(), pcn.KeepState()], ids=repr)
def test_trials_have_what_their_cells_name(engine, between):
    settings = {"dynamics": pcn.Strict(), "engine": engine}
    record = [pcn.Record("h"), pcn.Record("y", "error")]
    protocol = pcn.Protocol(TABLE, perturbations=DONE, between=between)
    simulator, other = (pcn.Simulator(CIRCUIT, **settings) for _ in range(2))
    for each in (simulator, other):
        each.run(3.0, inputs={"x": np.zeros(3)}, **TARGETS)
    result = protocol.run(simulator, record=record, **TARGETS)
    by_hand = []
    for onset in (3.0 + protocol.table["onset"][[0, 2]]).tolist():
        by_hand += [
            pcn.Silence("h", start=onset + 5, stop=onset + 15),
            pcn.Cut(("y.error", "h.value"), start=onset, stop=onset + 20),
        ]
    onset = 3.0 + protocol.table["onset"][3]
    by_hand.append(pcn.Inject("h", 0.3, start=onset + 10, stop=onset + 20))
    plain = pcn.Protocol({k: v for k, v in TABLE.items() if k != "perturb"}, between=between)
    wanted = plain.run(other, record=record, perturb=by_hand, **TARGETS)
    for each in record:
        np.testing.assert_array_equal(result.records[each.name].values, wanted.records[each.name].values)
    aligned = protocol.aligned(result)
    assert not aligned["h.value"].values[[0, 2], 5:15].any()
    assert aligned["h.value"].values[1, 5:15].all()
    assert aligned["perturb"].values.tolist() == ["light", "", "light", "current"]
    marks = json.loads(aligned.attrs["perturbations"])
    assert marks[0] == {"what": "light: Silence('h')", "start": 5.0, "stop": 15.0}
    assert len(marks) == 3


def test_many_trials_make_one_engine():
    table = {"x": 1.0, "duration": [6.0] * 300, "perturb": ["cut"] * 300}
    protocol = pcn.Protocol(table, perturbations={"cut": pcn.Cut(("y.error", "h.value"), stop=3.0)}, interval=2.0)
    simulator = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict())
    made, original = [], simulator._state.made  # what is counted has no public name

    def counted(*arguments):
        made.append(1)
        return original(*arguments)

    simulator._state.made = counted
    assert protocol.run(simulator, **TARGETS).stats["steps"] == 2400
    assert len(made) == 1


@pytest.mark.parametrize(
    ("table", "done", "error", "match"),
    [
        ({"duration": [5.0]}, DONE, DataError, "without a column 'perturb'"),
        ({"duration": [5.0], "perturb": ["lihgt"]}, DONE, UnknownNameError, "did you mean 'light'"),
        ({"duration": [5.0], "perturb": ["a"]}, {"a": 3}, ParameterError, "perturb= is 3"),
        ({"duration": [5.0], "perturb": ["a"]}, [3], ParameterError, "perturbations are a list"),
    ],
)
def test_wrong_names_are_refused(table, done, error, match):
    with pytest.raises(error, match=match):
        pcn.Protocol(table, perturbations=done)


def test_names_without_perturbations_are_no_labels():
    """A column that is empty is none; what it names is done, or told of."""
    table = {"x": [0, 1], "duration": 10.0, "perturb": [None, "light"]}
    with pytest.raises(
        DataError, match=r"^column 'perturb' of trial 1 is 'light', and there are no perturbations: give"
    ):
        pcn.Protocol(table)
    pcn.Protocol({**table, "perturb": [None, None]})


def test_windows_that_reach_into_the_next_are_refused():
    table = {"x": 1.0, "duration": [6.0, 6.0], "perturb": ["a", "a"]}
    for each in (pcn.Silence("h", stop=9.0), pcn.Inject("h", 1.0, stop=9.0)):
        with pytest.raises(ParameterError, match=r"twice from 6 ms on|goes on to the next trial"):
            pcn.Protocol(table, perturbations={"a": each}).run(pcn.Simulator(CIRCUIT, dynamics=pcn.Strict()))
