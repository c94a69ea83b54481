"""Circuits that a file names."""

import pytest

import pcneuro as pcn
from pcneuro.files.toml import Problem
from pcneuro.studies.sources import Sources

CODE = """
import numpy as np
import pcneuro as pcn
from beside_the_circuit import WEIGHT

LIMIT = 3

def graph(weight=WEIGHT):
    return pcn.trace(lambda x, w: w * x, x=pcn.Input(()), w=pcn.Parameter(weight))

def circuit(tau):
    return pcn.build_circuit(graph(), tau=tau)

def number():
    return 3

def fails():
    raise ValueError("not\\ntoday")

def leaves():
    raise SystemExit(3)

def traces():
    return pcn.trace(lambda x: np.unique(x), x=pcn.Input((3,)))

def anything(**arguments):
    return graph()
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    (tmp_path / "c.py").write_text(CODE)
    (tmp_path / "beside_the_circuit.py").write_text("WEIGHT = 2.0\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return Sources([tmp_path / "none", tmp_path])


def problem(sources, reference, **arguments):
    with pytest.raises(Problem) as caught:
        sources.circuit(reference, arguments)
    return ".".join(caught.value.path), caught.value.text


def test_a_function_gives_a_graph_or_a_circuit(sources):
    assert sources.circuit("c.py:graph", {}).parameters == {"w": 2.0}
    assert sources.circuit("c.py:graph", {"weight": 5.0}).parameters == {"w": 5.0}
    assert sources.circuit("c.py:circuit", {"tau": 7.0}).tau["out"] == 7.0
    assert isinstance(sources.circuit("c.py:anything", {"a": 1}), pcn.Circuit)


def test_a_file_is_run_once(sources):
    sources.circuit("c.py:graph", {})
    (module,) = sources.modules.values()
    sources.circuit("c.py:circuit", {"tau": 1.0})
    assert list(sources.modules.values()) == [module]


def test_a_saved_circuit_runs_no_code(sources, tmp_path):
    sources.circuit("c.py:graph", {"weight": 4.0}).save(tmp_path / "saved.npz")
    other = Sources([tmp_path])
    assert other.circuit("saved.npz", {}).parameters == {"w": 4.0}
    assert other.modules == {}
    assert problem(other, "saved.npz", a=1) == ("arguments.a", "a saved circuit takes no arguments")
    (tmp_path / "damaged.npz").write_bytes((tmp_path / "saved.npz").read_bytes()[:200])
    assert "damaged or truncated" in problem(other, "damaged.npz")[1]


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("nowhere.py:f", "there is no file 'nowhere.py' in"),
        ("nowhere.npz", "there is no file 'nowhere.npz' in"),
        ("c.py:grap", "c.py has no function 'grap'; did you mean 'graph'?"),
        ("c.py:LIMIT", "c.py has no function 'LIMIT'; known: graph, circuit, number"),
        ("c.py", "name the function too, as in 'c.py:function' (the file has: graph, circuit,"),
        ("c.py:number", "number() returned a int; needed is a Graph or a Circuit"),
        ("c.py:fails", "fails() raised ValueError: not today (c.py, line 18)"),
        ("c.py:leaves", "leaves() raised SystemExit: 3 (c.py, line 21)"),
        ("c.py:traces", "traces() raised TraceError: "),
        ("broken.py:f", "broken.py does not run: SyntaxError: invalid syntax (broken.py, line 1)"),
    ],
)
def test_what_is_wrong_with_a_circuit(sources, reference, text):
    path, actual = problem(sources, reference)
    assert path == "circuit"
    assert actual.startswith(text)
    assert "\n" not in actual


def test_arguments_are_checked_before_the_call(sources):
    assert problem(sources, "c.py:graph", weigth=1) == (
        "arguments.weigth",
        "unknown argument of graph(); did you mean 'weight'?",
    )
    assert problem(sources, "c.py:circuit") == ("arguments.tau", "is missing: circuit() needs it")
