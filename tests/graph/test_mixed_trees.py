"""Trees that have inputs, latents and parameters: values are given, and come, for the leaves of one kind."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError, UnknownNameError


@pytest.fixture(scope="module")
def mixed():
    """A tree that has an input, a latent and parameters."""
    model = {
        "x": pcn.Input((2,)), "z": pcn.Latent((2,), prior=0.0), "layers": [pcn.Parameter(np.ones((2, 2)))],
        "data": {"offset": pcn.Input((2,))},
    }  # fmt: skip

    def program(m):
        return pcn.vertex(np.tanh(m["layers"][0] @ (m["x"] + m["z"])), "h") - m["data"]["offset"]

    return pcn.trace(program, m=model)


def test_a_tree_of_several_kinds_is_given_and_comes_kind_by_kind(mixed):
    inputs, latents = {"x": [0.1, 0.2], "data": {"offset": [0.3, 0.4]}}, {"z": [0.5, 0.6]}
    named = {"m__x": inputs["x"], "m__data__offset": inputs["data"]["offset"]}
    targets = {"out": [0.0, 0.0]}
    expected = pcn.backprop(mixed, named, targets, latents={"m__z": latents["z"]})
    result = pcn.backprop(mixed, {"m": inputs}, targets, latents={"m": latents})
    np.testing.assert_array_equal(result.gradients["m__layers__0"], expected.gradients["m__layers__0"])
    tree = result.gradients["m"]
    assert tree["layers"][0] is result.gradients["m/layers/0"] is result.gradients["m__layers__0"]
    assert tree["x"] is tree["z"] is tree["data"]["offset"] is None
    assert "m/x" not in result.gradients
    assert result.gradients.get("m/x") is None
    with pytest.raises(KeyError):
        result.gradients["m/x"]
    sim = pcn.Simulator(pcn.build_circuit(mixed), engine=pcn.Reference(), dynamics=pcn.Strict())
    sim.set_parameters({"m": tree})
    np.testing.assert_array_equal(sim.parameters["m__layers__0"], tree["layers"][0])
    held = sim.run(2.0, inputs={"m": inputs}, targets=targets, clamp={"m": {**latents, "x": None}})
    np.testing.assert_array_equal(held.values["m/z"], [latents["z"]])
    begun = []
    for initial in ({"m": latents}, {"m__z": latents["z"]}):
        sim.reset()
        begun.append(sim.run(1.0, clamp={}, initial=initial).values["m/z"])
    np.testing.assert_array_equal(*begun)


@pytest.mark.parametrize(
    ("inputs", "error", "match"),
    [
        ({"x": [0.1, 0.2]}, ParameterError, "m is a dict of x; needed is a dict of x, data,"),
        ({"x": [0.1, 0.2], "data": None}, ParameterError, "m/data is None; needed is a dict of offset"),
        ({"x": [0.1, 0.2], "data": {"offset": [0.3, 0.4]}, "z": [1.0, 2.0]}, UnknownNameError, "unknown input 'm__z'"),
        ({"x": [0.1, 0.2], "data": {"offset": [0.3, 0.4]}, "y": None}, ParameterError, "dict of x, data, y; needed"),
    ],
)
def test_what_is_needed_of_a_tree_of_several_kinds(inputs, error, match, mixed):
    with pytest.raises(error, match=match):
        pcn.backprop(mixed, {"m": inputs})
    with pytest.raises(DataError, match=r"input 'm' is a dict: give samples leaf by leaf"):
        pcn.Examples({"m": inputs}, {"out": [[0.0, 0.0]]})
