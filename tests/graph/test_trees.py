"""Trees of leaves as arguments, by name, by path and whole; and the ways in which functions take arguments."""

from __future__ import annotations

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
        with pytest.raises(KeyError):
            result.gradients[missing]


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


# Ways in which functions take arguments


class Model:
    def __init__(self, scale):
        self.scale = scale

    def method(self, x, w):
        return self.scale * x * w

    def __call__(self, x, /, *, w):
        return self.scale * x * w


def scaled(scale, x, w):
    return scale * x * w


def only_by_place(x, w, /):
    return 3.0 * x * w


def with_rest(x, *others, scale=3.0):
    return scale * x * others[0]


def with_default(x, power=1.0, *weights, **more):
    return 3.0 * x**power * weights[0] * (more["w"] if more else 1.0)


def only_by_name(*, x, w):
    return 3.0 * x * w


X, W = pcn.Input((2,)), pcn.Parameter([0.5, 2.0])


@pytest.mark.parametrize(
    ("function", "places", "named", "names"),
    [
        (Model(3.0).method, (X, W), {}, ["x", "w"]),
        (Model(3.0), (X,), {"w": W}, ["x", "w"]),
        (functools.partial(scaled, 3.0), (), {"x": X, "w": W}, ["x", "w"]),
        (functools.partial(scaled, 3.0), (X, W), {}, ["x", "w"]),
        (functools.partial(scaled, scale=3.0), (), {"x": X, "w": W}, ["x", "w"]),
        (only_by_place, (), {"w": W, "x": X}, ["w", "x"]),
        (only_by_place, (X, W), {}, ["x", "w"]),
        (with_rest, (X, W), {}, ["x", "others__0"]),
        (with_rest, (), {"x": X, "others": [W]}, ["x", "others__0"]),
        (with_default, (), {"x": X, "weights": (W,)}, ["x", "weights__0"]),
        (only_by_name, (), {"x": X, "w": W}, ["x", "w"]),
        (lambda **leaves: 3.0 * leaves["x"] * leaves["w"], (), {"x": X, "w": W}, ["x", "w"]),
        (lambda *leaves: 3.0 * leaves[0] * leaves[1], (X, W), {}, ["leaves__0", "leaves__1"]),
    ],
)  # fmt: skip
def test_functions_of_every_kind(function, places, named, names):
    graph = pcn.trace(function, *places, **named)
    assert [name for name, node in graph.nodes.items() if name in names] == names
    data = {next(iter(graph.inputs)): [1.0, -1.0]}
    np.testing.assert_allclose(pcn.backprop(graph, data).values["out"], [[1.5, -6.0]])


def test_arguments_that_the_function_does_not_take():
    with pytest.raises(TraceError, match=r"leaf 'scale' is a float: .*functools.partial\(f, scale=...\)"):
        pcn.trace(scaled, scale=3.0, x=X, w=W)
    with pytest.raises(TraceError, match="given 'x' twice"):
        pcn.trace(scaled, X, X, W, x=X)
    with pytest.raises(TraceError, match=r"scaled takes 3 arguments by place, 4 are given"):
        pcn.trace(scaled, X, X, W, W)
    with pytest.raises(TraceError, match=r"calling scaled with leaves x, w: missing .*'scale'.*functools.partial"):
        pcn.trace(scaled, x=X, w=W)


def test_the_example_of_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "programs.md").read_text()
    block = next(part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "pcn.Parameters(" in part)
    names: dict[str, Any] = {"np": np, "pcn": pcn}
    exec(block, names)
    np.testing.assert_array_equal(names["sim"].parameters["params"][0]["W"], names["params"][0]["W"])
    assert names["gradients"][1]["W"].shape == (8, 2)
