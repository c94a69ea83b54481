"""The equations' text is computed by a small interpreter of its own, and must give what backpropagation gives."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from scipy.special import erf

import pcneuro as pcn
from pcneuro.circuit.equations import blocks, equations
from pcneuro.circuit.equations.expressions import brian2_text, is_taken
from pcneuro.ops.base import apply
from pcneuro.ops.maps import FUNCTIONS, Map
from pcneuro.ops.primitives import PRIMITIVES

_FUNCTIONS = {
    name: getattr(np, name)
    for name in "exp expm1 log log1p log10 sin cos tan sinh cosh tanh arcsin arccos arctan sqrt sign clip abs "
    "floor".split()
} | {"erf": erf, "inf": np.inf, "pi": np.pi}
# What Brian2 must be given, as it must erf
_FUNCTIONS |= {
    name: primitive.array
    for name, primitive in PRIMITIVES.items()
    if primitive.lane is not None and not primitive.brian2
}
_EQUATION = re.compile(r"(\w+) = (.*?) : 1(?:  #.*)?$")
_SUM = re.compile(r"(\w+) : 1  # = (.*)$")
_WEIGHTED = re.compile(r"sum over synapses (from|to) (\S+) of (\w+)\[i, j\]\*(\w+)_(?:pre|post)$")
_RULE = re.compile(r"# d (\w+)(\[i, j\])? ~ (.*)$")


class Interpreter:
    """Computes the blocks of circuits of vectors, at the equilibrium of fixed prediction (err = feedback)."""

    def __init__(self, circuit: pcn.Circuit, inputs: dict, targets: dict) -> None:
        self.circuit, self.blocks = circuit, blocks(circuit)
        self.state: dict[str, dict] = {name: dict(_FUNCTIONS) for name in self.blocks}
        self.gradients = {name: np.zeros_like(value) for name, value in circuit.parameters.items()}
        for name in self.blocks:
            self.forward(name, inputs)
        for name in reversed(self.blocks):
            if name not in inputs:
                self.backward(name, targets)
        for name in self.blocks:
            self.learn(name)

    def lines(self, name: str) -> list[str]:
        return self.blocks[name].splitlines()

    def settle(self, name: str) -> None:
        """Compute every equation whose variables are known, until nothing is left that can be."""
        state, changed = self.state[name], True
        while changed:
            changed = False
            for line in self.lines(name):
                actual = _EQUATION.match(line)
                if actual and actual[1] not in state and _names(actual[2]) <= state.keys():
                    state[actual[1]] = self.value(actual[2], state)
                    changed = True

    @staticmethod
    def value(expression: str, state: dict) -> np.ndarray:
        return eval(expression, {"__builtins__": {}}, state)

    def forward(self, name: str, inputs: dict) -> None:
        state = self.state[name]
        state |= {"precision": 1.0, "clamped": 1.0} | self.circuit.parameters
        if name in inputs:
            state["v"] = inputs[name]
            return
        for line in self.lines(name):
            actual = _SUM.match(line)
            if actual and not actual[1].startswith("f_"):
                state[actual[1]] = self.arriving(actual[2])
        self.settle(name)
        # The feedforward sweep: v = prediction, which would make err = 0.
        state.setdefault("v", state.get("prediction"))
        state.pop("err", None)

    def arriving(self, text: str) -> np.ndarray:
        if actual := _WEIGHTED.match(text):
            return self.state[actual[2]]["v"] @ self.circuit.parameters[actual[3]]
        place = re.match(r"(?:v_pre, one to one|v_pre, broadcast|mean over synapses) from (\S+)", text)[1]
        value = self.state[place]["v"]
        return value.mean() if text.startswith("mean") else value

    def backward(self, name: str, targets: dict) -> None:
        state, total = self.state[name], 0.0
        for line in self.lines(name):
            actual = _SUM.match(line)
            if actual and actual[1].startswith("f_"):
                state[actual[1]] = self.returning(actual[2], np.shape(state["v"]))
                total = total + state[actual[1]]
        if name in targets:
            state["v"] = targets[name]
        else:
            state["err"] = total
        for line in self.lines(name):
            if actual := re.match(r"(total_exp_prediction) : 1", line):
                state[actual[1]] = np.exp(state["prediction"]).sum()
        self.settle(name)

    def returning(self, text: str, shape: tuple) -> np.ndarray:
        if actual := _WEIGHTED.match(text):
            return self.state[actual[2]][actual[4]] @ self.circuit.parameters[actual[3]].T
        if actual := re.match(r"sum over synapses to (\S+) of d mean/d v_pre \* (\w+)_post$", text):
            return np.full(shape, self.state[actual[1]][actual[2]] / np.prod(shape))
        place, name = re.match(r"sum over synapses to (\S+) of (\w+)_post$", text).groups()
        value = np.broadcast_to(self.state[place][name], np.shape(self.state[place]["v"]))
        return value.sum() if shape == () else value

    def learn(self, name: str) -> None:
        for line in self.lines(name):
            actual = _RULE.match(line)
            if actual and actual[2]:
                source = self.presynaptic(name, actual[1])
                post = re.fullmatch(r"v_pre\*(\w+)_post", actual[3])[1]
                self.gradients[actual[1]] -= np.outer(self.state[source]["v"], self.state[name][post])
            elif actual:
                rule, _, summed = actual[3].partition(", summed")
                change = np.broadcast_to(self.value(rule, self.state[name]), np.shape(self.state[name]["v"]))
                self.gradients[actual[1]] -= change.sum() if summed else change

    def presynaptic(self, name: str, weight: str) -> str:
        actual = [_WEIGHTED.match(m[2]) for line in self.lines(name) if (m := _SUM.match(line))]
        (source,) = {m[2] for m in actual if m and m[1] == "from" and m[3] == weight}
        return source


def _names(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}


def agree(circuit: pcn.Circuit, inputs: dict, targets: dict) -> None:
    reference = pcn.backprop(circuit, inputs, targets)
    actual = Interpreter(circuit, inputs, targets)
    for name, gradient in reference.gradients.items():
        assert actual.gradients[name] == pytest.approx(gradient, rel=1e-9, abs=1e-12), name
    for name in circuit.vertices:
        assert actual.state[name]["err"] == pytest.approx(reference.errors[name][0], rel=1e-9, abs=1e-12), name


def scalar_graph() -> pcn.Graph:
    def scalar(v0, theta):
        v1 = pcn.vertex(theta * v0, "v1")
        v2 = pcn.vertex(np.sqrt(v1), "v2")
        v3 = pcn.vertex(v0**2, "v3")
        return pcn.vertex(np.tan(v2) + np.sin(v3), "v4")

    return pcn.trace(scalar, v0=pcn.Parameter(5.0), theta=pcn.Parameter(2.0))


def cell_graph() -> pcn.Graph:
    """Two steps of a gated cell whose gates are folded, with a normalisation that crosses units."""
    rng = np.random.default_rng(1)
    transfer = pcn.elementwise("a*tanh(a/2) + sigmoid(a)", ("a",))

    def cell(x, y, W, U, F, b, s):
        h = pcn.vertex(np.tanh(x @ W), "h0")
        for k, u in enumerate((x, y)):
            gate = pcn.ops.sigmoid(u @ W + b)
            candidate = transfer(h @ U + u @ F)
            h = pcn.vertex(gate * h + (1 - gate) * candidate - s * np.mean(h), f"h{k + 1}")
        return pcn.vertex(np.maximum(h * h @ U, 0.1) / (2 + h * h), "out")

    shapes = {"W": (3, 4), "U": (4, 4), "F": (3, 4), "b": (4,), "s": ()}
    leaves = {name: pcn.Parameter(rng.normal(size=shape)) for name, shape in shapes.items()}
    return pcn.trace(cell, x=pcn.Input((3,)), y=pcn.Input((3,)), **leaves)


@pytest.mark.parametrize("vertices", ["marked", "all"])
def test_scalar_graph(vertices: str) -> None:
    circuit = pcn.build_circuit(scalar_graph(), vertices=vertices)
    agree(circuit, {}, {"v4": np.array(1.0)})
    actual = Interpreter(circuit, {}, {"v4": np.array(1.0)})
    assert actual.gradients["v0"] == pytest.approx(-11.370532186716)
    assert actual.gradients["theta"] == pytest.approx(-0.879223533720)


@pytest.mark.parametrize(
    "energy", [pcn.SquaredError(), pcn.Bernoulli(), pcn.SoftmaxCrossEntropy()], ids=lambda energy: energy.kind
)
def test_cell_with_compartments(energy) -> None:
    rng = np.random.default_rng(2)
    circuit = pcn.build_circuit(cell_graph(), energies={"out": energy})
    target = np.array([0.1, 0.2, 0.3, 0.4])
    agree(circuit, {"x": rng.normal(size=3), "y": rng.normal(size=3)}, {"out": target})


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_elementwise_function(name: str) -> None:
    operator = Map(name)
    low = 1.2 if name == "arccosh" else 0.2
    if len(operator.names) > 2 or operator.definition.derivatives[0] == 0.0 or name == "polygamma":
        pytest.skip("of more operands than two, or nothing comes back through it")

    def function(a, b):
        operands = [pcn.vertex(a * a, "left"), b][: len(operator.names)]
        return pcn.vertex(apply(operator, *operands), "out")

    leaves = {"a": pcn.Parameter(np.sqrt([low, low + 0.1])), "b": pcn.Parameter(np.array([0.9, 0.15]))}
    agree(pcn.build_circuit(pcn.trace(function, **leaves)), {}, {"out": np.array([0.5, 0.25])})


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_primitive_is_written_in_functions_that_brian2_has(name: str) -> None:
    primitive = PRIMITIVES[name]
    x, y = np.array([0.3, 0.7]), np.array([0.5, 0.6])
    x = 1 + x if name == "arccosh" else x
    text = brian2_text((name, "x", "y")[: 1 + primitive.arity])
    x = np.array([1.0, 2.0]) if name == "polygamma" else x
    expected = primitive.array(x, y) if primitive.arity == 2 else primitive.array(x)
    assert Interpreter.value(text, _FUNCTIONS | {"x": x, "y": y}) == pytest.approx(expected)


def test_mlp_reads_as_in_a_paper() -> None:
    def network(x, W1, b1, W2):
        h1 = pcn.vertex(np.tanh(x @ W1 + b1), "h1")
        return pcn.vertex(h1 @ W2, "out")

    leaves = {
        "W1": pcn.Parameter(np.ones((5, 4))),
        "b1": pcn.Parameter(np.zeros(4)),
        "W2": pcn.Parameter(np.ones((4, 3))),
    }
    circuit = pcn.build_circuit(pcn.trace(network, x=pcn.Input((5,)), **leaves), tau={"out": [5.0, 5.0, 8.0]})
    actual = blocks(circuit)
    assert actual["x"].splitlines()[1] == "v : 1  # clamped to data"
    assert actual["h1"].splitlines() == [
        "# h1: hidden, 4 value and error neurons, shape (4,)",
        "dv/dt = (f_out - err)/tau : 1",
        "err = precision*(v - prediction) : 1",
        "prediction = tanh(I_x_W1 + b1) : 1",
        "g_add = (1 - prediction**2)*err : 1",
        "I_x_W1 : 1  # = sum over synapses from x of W1[i, j]*v_pre",
        "f_out : 1  # = sum over synapses to out of W2[i, j]*err_post",
        "b1 : 1 (constant)",
        "precision : 1 (shared, constant)  # 1",
        "tau : second (shared, constant)  # 10 ms",
        "# d W1[i, j] ~ v_pre*g_add_post",
        "# d b1 ~ g_add",
    ]
    assert "tau : second (constant)  # 5 to 8 ms" in actual["out"]
    assert circuit.equations() == equations(circuit)
    assert all(block in equations(circuit) for block in actual.values())


def test_latents() -> None:
    def generate(z, y, W):
        return pcn.vertex(z @ W + y, "senses")

    leaves = {"z": pcn.Latent((2,)), "y": pcn.Latent((3,), prior=0.5), "W": pcn.Parameter(np.ones((2, 3)))}
    actual = blocks(pcn.build_circuit(pcn.trace(generate, **leaves)))
    assert "dv/dt = f_senses/tau : 1" in actual["z"].splitlines()
    assert "err" not in actual["z"].replace("err_post", "")
    assert "dv/dt = (f_senses - err)/tau : 1" in actual["y"].splitlines()
    assert "prediction : 1 (shared, constant)  # 0.5, the prior's mean" in actual["y"].splitlines()


def test_products_of_activities_name_their_indices() -> None:
    def function(a, b):
        return pcn.vertex(pcn.vertex(2 * a, "left") @ pcn.vertex(3 * b, "right"), "out")

    actual = blocks(pcn.build_circuit(pcn.trace(function, a=pcn.Input((2, 3)), b=pcn.Input((3, 4)))))
    assert "# = sum over j of (v[i, j] of left)*(v[j, k] of right)" in actual["out"]
    assert "# = sum over k of (v[j, k] of right)*(err[i, k] of out)" in actual["left"]
    assert "# = sum over i of (v[i, j] of left)*(err[i, k] of out)" in actual["right"]


def test_names_that_mean_something_else_to_brian2() -> None:
    for name in (
        "e",
        "pi",
        "t",
        "dt",
        "i",
        "N",
        "xi",
        "xi_2",
        "ms",
        "mV",
        "kHz",
        "nS",
        "amp",
        "exp",
        "lambda",
        "w_pre",
    ):
        assert is_taken(name), name
    for name in ("W1", "b1", "h1", "out", "x", "gate", "theta", "A", "m", "v0"):
        assert not is_taken(name), name

    def function(x, e, v):
        return pcn.vertex(x * e + v, "tau")

    leaves = {"e": pcn.Parameter(np.ones(2)), "v": pcn.Parameter(np.ones(2))}
    (_, actual) = blocks(pcn.build_circuit(pcn.trace(function, x=pcn.Input((2,)), **leaves))).values()
    assert "prediction = v_x*e_0 + v_2 : 1" in actual


def test_a_long_formula_is_cut_and_a_long_dendrite_is_no_recursion() -> None:
    def function(x):
        for _ in range(1500):
            x = np.tanh(x) * x
        return pcn.vertex(x, "out")

    text = equations(pcn.build_circuit(pcn.trace(function, x=pcn.Input((2,)))))
    assert max(map(len, text.splitlines())) < 200


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # Brian2 calls what its own dependencies have renamed.
@pytest.mark.parametrize("graph", [scalar_graph, cell_graph])
@pytest.mark.parametrize("vertices", ["marked", "all"])
def test_brian2_reads_every_block(graph, vertices: str) -> None:
    import brian2

    actual = blocks(pcn.build_circuit(graph(), vertices=vertices))
    assert len(actual) > 3
    for name, block in actual.items():
        read = brian2.Equations(block)
        population = name not in ("x", "y") and "." not in name
        assert ("v" in read.diff_eq_names) == population
