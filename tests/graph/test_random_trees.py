"""Random trees: what is put in comes out, whole and by path, in a circuit and in its file."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro.errors import GraphError
from pcneuro.graph.graph import check_name
from tests.exploring import explored

KEYS = st.sampled_from(["W", "b", "fc.weight", "0", "", "a_b", "é", "to be", "a", "a/b"]) | st.integers(-2, 12)
TREES = st.recursive(
    st.floats(-2.0, 2.0, width=16) | st.none() | st.just("relu") | st.booleans(),
    lambda parts: (
        st.lists(parts, max_size=3) | st.lists(parts, max_size=3).map(tuple) | st.dictionaries(KEYS, parts, max_size=3)
    ),
    max_leaves=6,
)


def numbers_in(tree: Any) -> list[Any]:
    """What is learned, numbers or arrays, in the order in which they stand."""
    if isinstance(tree, dict | list | tuple):
        return [number for part in (tree.values() if isinstance(tree, dict) else tree) for number in numbers_in(part)]
    return [] if tree is None or isinstance(tree, str | bool) else [tree]


def plain(tree: Any) -> Any:
    """The tree with floats in place of arrays without axes."""
    if isinstance(tree, dict):
        return {key: plain(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map(plain, tree))
    return float(tree) if isinstance(tree, np.ndarray) else tree


@explored(st.lists(TREES, min_size=1, max_size=3))
def test_what_is_put_in_comes_out(tree):
    numbers = numbers_in(tree)
    assume(numbers)

    def program(tree, x):
        return sum((k + 1.0) * number for k, number in enumerate(numbers_in(tree))) * x

    try:
        graph = pcn.trace(program, tree=pcn.Parameters(tree), x=pcn.Input(()))
    except GraphError as error:
        if re.search("have the same name|have the path", str(error)):  # as of the keys "0" and 0
            return
        raise
    traced = graph.trees["tree"]
    assert len(traced.paths) == len(set(traced.paths.values())) == len(numbers)
    for name in traced.paths.values():
        check_name(name)
    circuit = pcn.build_circuit(graph)
    assert plain(circuit.parameters["tree"]) == tree
    assert list(traced.leaves(tree).values()) == numbers
    result = pcn.backprop(circuit, {"x": [1.0, 3.0]}, {"out": [0.0, 0.0]})
    total = sum((k + 1.0) * number for k, number in enumerate(numbers))
    expected = [(k + 1.0) * total * 10.0 for k in range(len(numbers))]
    np.testing.assert_allclose(numbers_in(result.gradients["tree"]), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose([result.gradients[path] for path in traced.paths], expected, rtol=1e-12, atol=1e-12)
    with TemporaryDirectory() as folder:
        circuit.save(Path(folder) / "circuit.pcn")
        assert plain(pcn.load_circuit(Path(folder) / "circuit.pcn").parameters["tree"]) == tree
    other = circuit.with_parameters({"tree": result.gradients["tree"]})
    np.testing.assert_allclose(numbers_in(other.parameters["tree"]), expected, rtol=1e-12, atol=1e-12)
