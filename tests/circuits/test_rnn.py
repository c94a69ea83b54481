"""What the recurrent network's documentation says about short words and embeddings."""

from __future__ import annotations

import numpy as np

import pcneuro as pcn
from circuits.rnn import rnn
from tests.circuits.small import one_hot

SIZES = {"vocabulary": 5, "hidden": 7, "classes": 3, "seed": 1}


def test_rows_of_zeros_before_a_word_change_nothing():
    rng = np.random.default_rng(0)
    word, target = one_hot(rng, 4, 5), one_hot(rng, 3)
    padded = np.concatenate([np.zeros((3, 5)), word])
    short = pcn.Simulator(rnn(length=4, **SIZES)).run(100.0, inputs={"x": word}, targets={"out": target})
    long = pcn.Simulator(rnn(length=7, **SIZES)).run(100.0, inputs={"x": padded}, targets={"out": target})
    assert long.loss == short.loss
    np.testing.assert_array_equal(long.predictions["h_3"], 0)
    for name, gradient in short.gradients.items():
        np.testing.assert_allclose(long.gradients[name], gradient, rtol=1e-12, atol=1e-15)


def test_an_embedding_is_a_one_hot_row_times_its_table():
    numbers = np.array([3, 0, 4, 3, 1])
    embedded = rnn(length=5, embedding=4, **SIZES)
    p = embedded.parameters
    plain = rnn(length=5, **SIZES).with_parameters({"W": p["E"] @ p["W"], **{name: p[name] for name in "UVb"}})
    expected = pcn.backprop(plain, {"x": np.eye(5)[numbers]}).values["out"]
    np.testing.assert_allclose(pcn.backprop(embedded, {"x": numbers}).values["out"], expected, atol=1e-14)
