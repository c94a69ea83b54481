"""Trees of leaves as arguments, by name, by path and whole."""

from __future__ import annotations

import enum
import functools
import pickle
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse

import pcneuro as pcn
from pcneuro.errors import (
    CircuitFileError,
    DataError,
    GraphError,
    ParameterError,
    ShapeError,
    TraceError,
    UnknownNameError,
)
from pcneuro.files import read_archive, write_archive

RNG = np.random.default_rng(0)


class Layer(NamedTuple):
    W: Any
    b: Any


@dataclass(frozen=True)
class Head:
    gain: Any
    width: int
    activation: Any = np.tanh
    note: str | None = None

    def __post_init__(self):
        np.float64(self.gain)  # converts, as users' do, and would refuse what is traced


def parameters():
    return {
        "layers": [Layer(RNG.normal(size=(3, 4)), np.zeros(4)), (RNG.normal(size=(4, 2)), None)],
        "head": Head(1.5, 2),
    }


def program(params, x):
    first, (W, none) = params["layers"]
    assert none is None
    assert isinstance(params["head"], Head)
    assert isinstance(first, Layer)
    hidden = pcn.vertex(np.tanh(x @ first.W + first.b), "hidden")
    return params["head"].gain * params["head"].activation(hidden @ W) * params["head"].width


NAMES = ["params__layers__0__W", "params__layers__0__b", "params__layers__1__0", "params__head__gain"]
PATHS = ["params/layers/0/W", "params/layers/0/b", "params/layers/1/0", "params/head/gain"]
DATA = {"inputs": {"x": [0.3, -0.2, 0.5]}, "targets": {"out": [0.4, -0.1]}}


@pytest.fixture(scope="module")
def graph():
    return pcn.trace(program, params=pcn.Parameters(parameters()), x=pcn.Input((3,)))


def flat_gradients(tree):
    """The same program of single leaves."""

    def flat(W, b, V, gain, x):
        return gain * np.tanh(pcn.vertex(np.tanh(x @ W + b), "hidden") @ V) * 2

    layers = tree["layers"]
    leaves = {"W": layers[0].W, "b": layers[0].b, "V": layers[1][0], "gain": tree["head"].gain}
    traced = pcn.trace(flat, x=pcn.Input((3,)), **{name: pcn.Parameter(value) for name, value in leaves.items()})
    return list(pcn.backprop(traced, **DATA).gradients.values())


def test_leaves_are_called_after_their_paths(graph):
    assert list(graph.parameters) == NAMES
    assert dict(graph.trees["params"].paths) == dict(zip(PATHS, NAMES, strict=True))


def test_gradients_are_those_of_single_leaves_and_come_as_the_tree(graph):
    result = pcn.backprop(graph, **DATA)
    tree = graph.trees["params"].of({name: graph.parameters[name].source.value for name in NAMES})
    for name, path, expected in zip(NAMES, PATHS, flat_gradients(tree), strict=True):
        np.testing.assert_allclose(result.gradients[name], expected, rtol=1e-12)
        assert result.gradients[path] is result.gradients[name]
    gradients = result.gradients["params"]
    assert gradients["layers"][0].W is result.gradients["params__layers__0__W"]
    assert gradients["head"].width == 2
    assert list(result.gradients) == NAMES
    for missing in ("other", "params/other", 3):
        assert missing not in result.gradients
        assert result.gradients.get(missing, "nothing") == "nothing"
        with pytest.raises(KeyError):
            result.gradients[missing]
    for values in (result.gradients, result.gradients.copy()):
        assert all(key in values for key in ("params", *PATHS, *NAMES))
        assert values.get("params/head/gain") is values.get("params")["head"].gain is values[NAMES[-1]]


def test_every_way_in_takes_trees_and_paths(graph):
    circuit = pcn.build_circuit(graph)
    sim = pcn.Simulator(circuit, engine=pcn.Reference())
    new = parameters()
    sim.set_parameters({"params": new})
    result = sim.run(5.0, **DATA)
    expected = flat_gradients(new)
    for given in (pcn.backprop(circuit, **DATA, parameters={"params": new}), sim.run(600.0)):
        for name, gradient in zip(NAMES, expected, strict=True):
            np.testing.assert_allclose(given.gradients[name], gradient, rtol=1e-9, atol=1e-12)
    assert isinstance(result.gradients["params"]["layers"][0], Layer)
    assert sim.gradients["params"]["head"].gain.shape == ()
    assert sim.parameters["params"]["layers"][1][1] is None
    other = circuit.with_parameters({"params/layers/0/b": np.ones(4)})
    np.testing.assert_array_equal(other.parameters["params"]["layers"][0].b, np.ones(4))
    assert list(graph.with_parameters({"params": new}).trees["params"].paths) == PATHS
    examples = pcn.Examples({"x": RNG.normal(size=(6, 3))}, {"out": RNG.normal(size=(6, 2))})
    trainer = pcn.Trainer(
        pcn.Backprop(circuit), pcn.SGD(0.1), examples, examples, batch=3, parameters={"params": new},
        measure=lambda p: {"gain": float(p["params"]["head"].gain)},
    )  # fmt: skip
    learned = trainer.run(1).parameters["params"]
    assert learned["head"].gain != new["head"].gain
    assert trainer.epochs[0].measured == {"gain": 1.5}


def test_one_step_of_learning_as_users_of_trees_write_it(graph):
    sim = pcn.Simulator(pcn.build_circuit(graph), engine=pcn.Reference())
    before = sim.run(600.0, **DATA)

    params, gradients = sim.parameters["params"], before.gradients["params"]
    layer = Layer(*(p - 0.01 * g for p, g in zip(params["layers"][0], gradients["layers"][0], strict=True)))
    head = replace(params["head"], gain=params["head"].gain - 0.01 * gradients["head"].gain)
    sim.set_parameters({"params": {"layers": [layer, params["layers"][1]], "head": head}})
    assert sim.run(600.0).loss < before.loss


def test_a_saved_circuit_keeps_its_trees_and_records_come_back_as_dicts(graph, tmp_path):
    circuit = pcn.build_circuit(graph)
    circuit.save(tmp_path / "circuit.pcn")
    loaded = pcn.load_circuit(tmp_path / "circuit.pcn")
    assert loaded.graph.trees["params"].paths == graph.trees["params"].paths
    tree = loaded.parameters["params"]
    assert tree["layers"][0].keys() == {"W", "b"}
    assert isinstance(tree["layers"][1], tuple)
    assert tree["head"]["width"] == 2
    assert tree["head"]["note"] is None
    for one, other in ((loaded, circuit.parameters["params"]), (circuit, tree)):
        again = one.with_parameters({"params": other})
        for name in NAMES:
            np.testing.assert_array_equal(again.parameters[name], circuit.parameters[name])
    sim = pcn.Simulator(circuit, engine=pcn.Reference())
    sim.run(2.0, **DATA)
    sim.store(tmp_path / "state")
    pcn.Simulator(loaded, engine=pcn.Reference()).restore(tmp_path / "state")


BROKEN = [
    3, [], {"params": 3}, {"params": {"leaf": "nothing"}}, {"params": {"leaf": "hidden"}}, {"params": {"set": []}},
    {"params": {"list": [[1, {"leaf": NAMES[0]}]]}}, {"params": {"dict": [["a", {"leaf": NAMES[0]}]] * 2}},
    {"params": {"dict": [["a", {"leaf": NAMES[0]}], ["b", {"leaf": NAMES[0]}]]}}, {"hidden": {"leaf": NAMES[0]}},
    {"params": {"dict": [[None, {"leaf": NAMES[0]}]]}}, {"params": {"setting": []}}, {"a/b": {"leaf": NAMES[0]}},
    {"params": functools.reduce(lambda part, _: {"list": [[0, part]]}, range(60), {"leaf": NAMES[0]})},
    {"params": {"dict": [["a/b", {"leaf": NAMES[0]}], ["a", {"dict": [["b", {"leaf": NAMES[1]}]]}]]}},
    {"params": {"leaf": NAMES[0], "list": []}}, {"params": {"dict": [3]}}, {"out": {"leaf": NAMES[0]}},
]  # fmt: skip


@pytest.mark.parametrize("trees", BROKEN, ids=str)
def test_a_file_whose_trees_are_none_is_refused(trees, graph, tmp_path):
    pcn.build_circuit(graph).save(tmp_path / "circuit.pcn")
    facts, arrays = read_archive(tmp_path / "circuit.pcn", "circuit")
    write_archive(tmp_path / "broken.pcn", "circuit", facts | {"trees": trees}, arrays, overwrite=False)
    with pytest.raises(CircuitFileError):
        pcn.load_circuit(tmp_path / "broken.pcn")


def test_a_tree_is_pickled_with_its_graph(graph):
    again = pickle.loads(pickle.dumps(graph))
    assert again.trees["params"].paths == graph.trees["params"].paths
    gradients = pickle.loads(pickle.dumps(pcn.backprop(graph, **DATA).gradients))
    assert isinstance(gradients["params"]["head"], Head)


def test_inputs_and_latents_are_trees_too():
    def oscillator(state, forces, k):
        return {"q": state["p"] * forces[0], "p": -k * state["q"] + forces[1]}

    state = {"q": pcn.Input((2,)), "p": pcn.Latent((2,), prior=1.0)}
    graph = pcn.trace(oscillator, state=state, forces=(pcn.Input(()), pcn.Input((2,))), k=pcn.Parameter(2.0))
    assert list(graph.inputs) == ["state__q", "forces__0", "forces__1"]
    assert list(graph.latents) == ["state__p"]
    inputs = {"state/q": [1.0, 2.0], "forces": [[0.5], [[3.0, 4.0]]]}
    values = pcn.backprop(graph, inputs, latents={"state/p": [1.0, -1.0]}).values
    np.testing.assert_array_equal(values["q"], [[0.5, -0.5]])
    np.testing.assert_array_equal(values["p"], [[1.0, 0.0]])
    np.testing.assert_array_equal(values["state"]["q"], [[1.0, 2.0]])
    sim = pcn.Simulator(pcn.build_circuit(graph), engine=pcn.Reference(), dynamics=pcn.Strict())
    result = sim.run(3.0, inputs=inputs, clamp={"state/p": [1.0, -1.0]})
    np.testing.assert_array_equal(result.predictions["q"], [[0.5, -0.5]])


def test_sparse_matrices_and_mappings():
    dense = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 1.0]])
    tree = OrderedDict({"fc.weight": scipy.sparse.csr_array(dense), 7: np.float32(2.0)})
    graph = pcn.trace(lambda t, x: t[7] * (t["fc.weight"] @ x), t=pcn.Parameters(tree), x=pcn.Input((3,)))
    assert list(graph.parameters) == ["t__fc_weight", "t__7"]
    result = pcn.backprop(graph, {"x": [1.0, 2.0, 3.0]}, {"out": [0.0, 0.0]}, {"t": tree})
    assert result.gradients["t/fc.weight"].shape == (3,)
    np.testing.assert_allclose(result.values["out"], [2.0 * dense @ [1.0, 2.0, 3.0]])


class Attributes(dict):
    """A dict whose entries are attributes, too, whatever is asked for."""

    def __getattr__(self, name):
        return self[name]


class OfItself(dict):
    """A dict that is its own attributes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.__dict__ = self


@pytest.mark.parametrize("kind", [Attributes, OfItself])
def test_dicts_of_a_class_of_their_own_stay_what_they_are(kind):
    tree = kind(W=np.array([2.0, 3.0]), inner=kind(b=np.ones(2)))
    graph = pcn.trace(lambda t, x: t.W * x + t.inner.b, t=pcn.Parameters(tree), x=pcn.Input((2,)))
    result = pcn.backprop(graph, {"x": [1.0, 2.0]}, {"out": [0.0, 0.0]})
    np.testing.assert_array_equal(result.values["out"], [[3.0, 7.0]])
    np.testing.assert_array_equal(result.gradients["t"].W, [3.0, 14.0])
    assert type(result.gradients["t"].inner) is kind


class Activation(enum.Enum):
    TANH = "tanh"


@dataclass
class Settings:
    W: Any
    width: Any
    used: Any
    kind: Any
    dtype: Any
    activation: Any


def test_settings_in_dataclasses_and_in_files(tmp_path):
    settings = Settings(np.ones(2), np.int64(3), np.False_, Activation.TANH, np.dtype(float), lambda x: x)
    graph = pcn.trace(lambda s, x: s.W * x * s.width, s=pcn.Parameters(settings), x=pcn.Input((2,)))
    again = graph.trees["s"].of({"s__W": 1.0})
    assert replace(again, W=0.0) == replace(settings, W=0.0)
    pcn.build_circuit(graph).save(tmp_path / "circuit.pcn")
    tree = pcn.load_circuit(tmp_path / "circuit.pcn").graph.trees["s"].of({"s__W": 1.0})
    assert tree == {
        "W": 1.0, "width": 3, "used": False, "kind": "TANH", "dtype": "float64", "activation": "<lambda>"
    }  # fmt: skip


def test_the_cost_of_paths_is_linear():
    count = 3000
    graph = pcn.trace(lambda p, x: p[0] * x, p=pcn.Parameters([1.0] * count), x=pcn.Input(()), check=False)
    paths = graph.trees["p"].paths
    assert graph.trees["p"].paths is paths
    assert len(graph.checked_parameters(dict.fromkeys(paths, 2.0))) == count


def test_vertices_of_trees_by_path():
    state = {"q": pcn.Input(()), "p": pcn.Latent((), prior=1.0)}
    graph = pcn.trace(lambda s: s["q"] * s["p"], s=state)
    for given in ({"s/p": 4.0}, {"s__p": 4.0}):
        assert pcn.build_circuit(graph, precision=given).precision["s__p"] == 4.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Brian2 warns of its parser when it is imported
def test_gradients_of_other_simulators_have_trees(graph):
    check = pcn.check(pcn.build_circuit(graph), 2.0, against="brian2-rate", **DATA)
    for result in (check.result, check.other):
        assert result.gradients["params"]["layers"][1][0] is result.gradients["params__layers__1__0"]


# What is refused


def cyclic():
    tree: list[Any] = [1.0]
    tree.append(tree)
    return tree


@pytest.mark.parametrize(
    ("tree", "error", "match"),
    [
        ({"n": 3, "W": np.ones(2)}, TraceError, r"Parameters/n is 3: whole numbers are settings in dataclasses"),
        ([1.0, {(1, 2): 2.0}], TraceError, "Parameters/1 has the key a tuple"),
        ([1.0, object()], TraceError, r"Parameters/1 is .*: give lists, tuples"),
        ([1.0, 1j], TraceError, r"Parameters/1 is"),
        ([], TraceError, "without leaves"),
        ({"a": None}, TraceError, "without leaves"),
        (cyclic(), TraceError, "more than 50 branches"),
        ({"a": np.array(["x"])}, DataError, "Parameters/a: "),
        ({"a": np.zeros(0)}, ShapeError, "Parameters/a: "),
        ({"a.b": 1.0, "a_b": 2.0}, GraphError, "have the same name"),
    ],
)
def test_what_is_no_tree_of_parameters(tree, error, match):
    with pytest.raises(error, match=match):
        pcn.Parameters(tree)


def test_names_that_trees_take():
    tree = pcn.Parameters({"W": 1.0})
    for function in (lambda t: pcn.vertex(2 * t["W"], "t"), lambda t: {"t": 2 * t["W"]}):
        with pytest.raises(GraphError, match="'t' is used twice"):
            pcn.trace(function, t=tree)
    with pytest.raises(TraceError, match="two leaves are called 't__W'"):
        pcn.trace(lambda t, t__W: t["W"] * t__W, t=tree, t__W=pcn.Input(()))
    with pytest.raises(GraphError, match="letters"):
        pcn.trace(lambda t: 2 * t["W" * 100], t=pcn.Parameters({"W" * 100: 1.0}))
    with pytest.raises(GraphError, match="two leaves of a tree have the path t/a/b"):
        pcn.trace(lambda t: t["a/b"] * t["a"]["b"], t=pcn.Parameters({"a/b": 1.0, "a": {"b": 2.0}}))
    with pytest.raises(DataError, match="parameter 't__W' has 1 of 1 values"):
        pcn.trace(lambda t: 2 * t["W"], t=pcn.Parameters({"W": np.nan}))
    with pytest.raises(TraceError, match=r"t/1 is a ndarray: wrap it as Parameter"):
        pcn.trace(lambda t: t[0] * t[1], t=[pcn.Input(()), np.ones(2)])


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        ({"params": 3}, ParameterError, r"params is 3; needed is a dict of layers, head"),
        ({"params": {"layers": [], "head": Head(1.0, 2)}}, ParameterError, r"params/layers is a list of nothing"),
        ({"params": {"head": Head(1.0, 2)}}, ParameterError, "params is a dict of head; needed"),
        ({"params/heads": 1.0}, UnknownNameError, "path in parameters"),
        ({"params/head/gain": 1.0, "params__head__gain": 2.0}, ParameterError, "twice"),
        ({"other": 1.0}, UnknownNameError, "parameter"),
    ],
)
def test_values_that_do_not_fit_the_tree(values, error, match, graph):
    with pytest.raises(error, match=match):
        pcn.backprop(graph, **DATA, parameters=values)
    with pytest.raises(error, match=match):
        graph.with_parameters(values)


def test_the_example_of_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "programs.md").read_text()
    block = next(part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "pcn.Parameters(" in part)
    names: dict[str, Any] = {"np": np, "pcn": pcn}
    exec(block, names)
    np.testing.assert_array_equal(names["sim"].parameters["params"][0]["W"], names["params"][0]["W"])
    assert names["gradients"][1]["W"].shape == (8, 2)
