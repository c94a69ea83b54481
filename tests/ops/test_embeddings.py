"""Embeddings: rows of a table by tokens, wherever tokens and table come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, ShapeError
from tests.circuits_for_tests import diverges
from tests.helpers import (
    ENGINE_RUNS,
    assert_all_close,
    assert_close,
    check_engines_agree,
    check_file,
    complex_step_gradients,
    plain,
    run_kernel,
    targets_near,
)

VOCABULARY, FEATURES = 5, 3
RNG = np.random.default_rng(0)
CONSTANT = np.array([4, 0, 4])


@dataclass(frozen=True)
class Text:
    """A function of one sample's ``tokens``, of a ``table``, and of ``x`` and ``w`` to compute others from."""

    name: str
    function: Callable[..., Any]
    tokens: tuple[int, ...] | None = (4,)
    """The input's shape; None where tokens are no input."""
    x: tuple[int, ...] | None = None
    parameters: tuple[str, ...] = ("table",)

    def __str__(self) -> str:
        return self.name

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The parameters' values."""
        rng = np.random.default_rng(1)
        every = {
            "table": rng.normal(size=(VOCABULARY, FEATURES)),
            "w": rng.normal(size=(VOCABULARY, 1)),
            "names": np.array([[0.0, 3.0], [3.0, 2.0]]),
        }
        return {name: every[name] for name in self.parameters}

    def graph(self) -> pcn.Graph:
        leaves: dict[str, Any] = {name: pcn.Parameter(value) for name, value in self.values.items()}
        for name, shape in (("tokens", self.tokens), ("x", self.x)):
            if shape is not None:
                leaves[name] = pcn.Input(shape)
        return pcn.trace(self.function, **leaves)

    def inputs(self, batch: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(batch)
        actual: dict[str, np.ndarray] = {}
        if self.tokens is not None:
            actual["tokens"] = rng.integers(0, VOCABULARY, (batch, *self.tokens))
        if self.x is not None:
            actual["x"] = rng.normal(size=(batch, *self.x))
        return actual


def embed(tokens, table):
    return pcn.ops.embedding(tokens, table)


TEXTS = [
    Text("a table that is learned", lambda tokens, table: np.tanh(embed(tokens, table))),
    Text("one token", embed, ()),
    Text("a page", embed, (2, 3)),
    Text("a computed table", lambda tokens, table, w: embed(tokens, np.tanh(table) * w), parameters=("table", "w")),
    Text("a table of activities", lambda tokens, x, w: np.sin(embed(tokens, w * x)), (4,), (FEATURES,), ("w",)),
    Text("moved tokens", lambda tokens, table: embed(tokens[::-1], table) * embed(np.stack([tokens]), table)),
    Text("tied to the readout", lambda tokens, table: np.tanh(embed(tokens, table)) @ table.T),
    Text("known tokens", lambda x, table: embed(CONSTANT, table) * x, None, (3, FEATURES)),
    Text("parameters as tokens", lambda names, table: embed(names, table), None, None, ("names", "table")),
    Text(
        "parameters as tokens, a table of activities",
        lambda names, x, w: np.tanh(embed(names, w * x)),
        None,
        (FEATURES,),
        ("names", "w"),
    ),
    Text(
        "tokens that are quantities, too",
        # Small angles: sines of larger ones magnify a rounding error of float32 beyond the tolerance.
        lambda tokens, table: np.tanh(embed(tokens, table)) + np.sum(np.sin(0.1 * tokens * table[0, 0])),
    ),
]
every_text = pytest.mark.parametrize("text", TEXTS, ids=str)


@every_text
def test_forward_is_that_of_plain_indexing(text):
    batch = 3 if text.inputs(1) else 1
    inputs = text.inputs(batch)
    values = pcn.backprop(text.graph(), inputs).values["out"]
    assert_close(values, plain(text.function, inputs, text.values, batch)["out"], 1e-14)


def test_plain_arrays():
    table = RNG.normal(size=(VOCABULARY, FEATURES))
    tokens = np.array([[0, 4], [4, 1]])
    for given in (tokens, tokens.astype(float), tokens.tolist()):
        np.testing.assert_array_equal(embed(given, table), table[tokens])
        np.testing.assert_array_equal(embed(given, table.tolist()), table[tokens])


@every_text
def test_gradients_are_those_of_complex_steps(text):
    batch = 4 if text.inputs(1) else 1
    inputs, graph = text.inputs(batch), text.graph()
    targets = {"out": RNG.normal(size=(batch, *graph.outputs["out"].shape))}
    got = pcn.backprop(graph, inputs, targets).gradients
    names = {name: value for name, value in text.values.items() if name == "names"}
    rest = {name: value for name, value in text.values.items() if name not in names}

    def function(**leaves):
        return text.function(**leaves, **names)

    expected = complex_step_gradients(function, inputs, targets, rest, batch)
    # Tokens are no quantities: their derivative is zero, whatever they are computed from.
    assert_all_close(got, expected | {name: np.zeros_like(value) for name, value in names.items()}, 1e-12)


@every_text
def test_kernel_is_the_reference(text):
    graph = text.graph()
    for dtype, vertices, batch, strict in ENGINE_RUNS:
        count = batch if text.inputs(1) else 1
        inputs = text.inputs(count)
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        targets = targets_near(graph, inputs, count, 0.1)
        check_engines_agree(graph, inputs, targets, dtype, vertices, strict=strict, tolerance=tolerance, what=str(text))


def test_the_table_adds_up_over_positions_and_samples():
    graph = pcn.trace(embed, tokens=pcn.Input((3,)), table=pcn.Parameter(np.zeros((VOCABULARY, 1))))
    tokens, target = np.array([[1, 1, 4], [4, 1, 0]]), np.array([[[1.0], [10], [100]], [[1000], [1e4], [1e5]]])
    expected = -np.array([[1e5], [10011], [0], [0], [1100]])
    np.testing.assert_array_equal(pcn.backprop(graph, {"tokens": tokens}, {"out": target}).gradients["table"], expected)
    result = pcn.Simulator(pcn.build_circuit(graph)).run(0.0, inputs={"tokens": tokens}, targets={"out": target})
    np.testing.assert_array_equal(result.gradients["table"], expected)


def test_threads_change_nothing():
    graph = pcn.trace(
        lambda tokens, table: np.tanh(embed(tokens, table)),
        tokens=pcn.Input((64,)),
        table=pcn.Parameter(RNG.normal(size=(20, 48))),
    )
    circuit = pcn.build_circuit(graph)
    batch = 700  # enough for the sum to be split
    data = {"inputs": {"tokens": RNG.integers(0, 20, (batch, 64))}, "targets": {"out": np.zeros((batch, 64, 48))}}
    actual = [
        pcn.Simulator(circuit, dtype=np.float32, engine=pcn.Kernel(n)).run(2.0, **data).gradients["table"]
        for n in (1, 2, 3)
    ]
    assert np.abs(actual[0]).max() > 0
    np.testing.assert_array_equal(actual[0], actual[1])
    np.testing.assert_array_equal(actual[0], actual[2])


def test_a_file_keeps_it(tmp_path):
    text = TEXTS[4]
    inputs = text.inputs(3)
    check_file(text.graph(), inputs, targets_near(text.graph(), inputs, 3, 0.1), tmp_path / "c")


def test_it_is_a_plastic_projection_from_the_tokens():
    circuit = pcn.build_circuit(TEXTS[0].graph())
    edge = circuit.nx["tokens.value"]["embedding.error"]["prediction"]
    assert (edge["parameters"], edge["hebbian"], edge["synapses"]) == (("table",), True, 4 * FEATURES)
    assert "embedding over synapses from tokens of v_pre, table" in circuit.equations()


# What is no token

BAD = (5, -1, 1.5, 1e300)
engines = pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Kernel(threads=1), pcn.Reference()], ids=str)


@pytest.mark.parametrize("bad", BAD)
@engines
def test_a_token_outside_the_vocabulary_is_named(engine, bad):
    graph = TEXTS[0].graph()
    inputs = TEXTS[0].inputs(40)
    good = inputs["tokens"].astype(float)
    wrong = good.copy()
    wrong[37, 2] = bad
    expected = (
        f"node 'embedding': embedding: token {float(bad)} (sample 37, position (2,)) is not in the vocabulary of 5: "
        "give whole numbers from 0 to 4"
    )
    sim = pcn.Simulator(pcn.build_circuit(graph), engine=engine)
    targets = {"out": np.zeros((40, 4, FEATURES))}
    with pytest.raises(DataError) as caught:
        sim.run(5.0, inputs={"tokens": wrong}, targets=targets)
    assert str(caught.value) == expected
    with pytest.raises(DataError) as caught:
        pcn.backprop(graph, {"tokens": wrong})
    assert str(caught.value) == expected
    # Nothing has happened to the simulator.
    result = sim.run(5.0, inputs={"tokens": good}, targets=targets)
    fresh = pcn.Simulator(pcn.build_circuit(graph), engine=engine)
    np.testing.assert_array_equal(
        result.gradients["table"], fresh.run(5.0, inputs={"tokens": good}, targets=targets).gradients["table"]
    )


@engines
def test_a_token_that_is_carried_away(engine):
    """Where tokens have neurons of their own, something else may move them away from a whole number."""

    def network(tokens, table):
        names = pcn.vertex(tokens * 1.0, "names")
        return {"a": embed(names, table), "b": names * table[0, 0]}

    graph = pcn.trace(network, tokens=pcn.Input((4,)), table=pcn.Parameter(np.ones((VOCABULARY, FEATURES))))
    inputs = {"tokens": np.arange(4.0)}
    targets = {"b": np.full(4, 100.0)}
    circuit = pcn.build_circuit(graph)
    assert pcn.Simulator(circuit, engine=engine).run(50.0, inputs=inputs, targets=targets).status == "completed"
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    with pytest.raises(DataError, match=r"^node 'a': embedding: token \d+\.\d+ \(sample 0, position \(\d,\)\)"):
        sim.run(50.0, inputs=inputs, targets=targets)


@diverges
def test_divergence_elsewhere_still_has_its_cure():
    """The advice on dt comes from small displacements, of which a token allows none."""

    def network(tokens, table, w):
        names = pcn.vertex(tokens[::-1], "names")
        h = pcn.vertex(embed(names, table), "h")
        return pcn.vertex(h * h * w, "out")

    graph = pcn.trace(
        network,
        tokens=pcn.Input((2,)),
        table=pcn.Parameter(np.ones((VOCABULARY, FEATURES))),
        w=pcn.Parameter(np.full((2, FEATURES), 5.0)),
    )
    sim = pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict(), integrator=pcn.Euler(9.0))
    result = sim.run(900.0, inputs={"tokens": [0, 4]}, targets={"out": np.zeros((2, FEATURES))})
    assert result.status == "diverged"
    assert "population 'h'" in result.message
    assert "try dt = " in result.message


@pytest.mark.parametrize("bad", [*BAD, np.nan])
def test_known_tokens_are_checked_at_once(bad):
    table = np.zeros((VOCABULARY, FEATURES))
    with pytest.raises(DataError, match=r"embedding: token .* \(sample 0, position \(1,\)\) is not in .* of 5"):
        embed(np.array([0, bad]), table)
    with pytest.raises(DataError, match="is not in the vocabulary of 5"):
        pcn.trace(lambda table: embed(np.array([0, bad]), table), table=pcn.Parameter(table))


@pytest.mark.parametrize("bad", [*BAD, np.nan])
@pytest.mark.parametrize("kernel", ["embed", "embed_vjp", "embed_hebb"])
def test_kernels_touch_nothing_outside_the_table(kernel, bad):
    tokens, lanes = np.array([[0.0, 1.0], [1.0, bad]]), 2
    buf = np.concatenate([tokens.ravel(), np.ones(6 * lanes)])
    shared = np.zeros(2)
    rows = {"embed": [2, 0, 0, 1], "embed_vjp": [4, 0, 2, 1], "embed_hebb": [0, 0, 0, 2]}[kernel]
    assert run_kernel(kernel, [*rows, 2, 2, 1], [], buf, shared, lanes, lanes) == 2
    assert (buf[8 + 4 :] == 1).all()


@pytest.mark.parametrize("shape", [(5,), (5, 3, 2), ()])
def test_a_table_has_two_axes(shape):
    with pytest.raises(ShapeError, match=r"embedding takes tokens and a table \(vocabulary, features\), got shapes"):
        embed(np.zeros(2), np.zeros(shape))
    with pytest.raises(ShapeError, match=r"takes tokens and a table .*test_embeddings\.py"):
        pcn.trace(embed, tokens=pcn.Input((2,)), table=pcn.Parameter(np.zeros(shape)))
