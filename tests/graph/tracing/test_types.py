"""Types that a float does not hold exactly, and NaN: as NumPy has them, or refused by name, with what to write."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, TraceError
from tests.helpers import assert_close

X = np.array([1.5, -2.0, 0.3, -0.7])

REFUSED = {
    "narrower whole numbers": (lambda x: (1e5 * x).astype(np.int16), r"\.astype\(int16\), which wraps around"),
    "without a sign": (lambda x: x.astype(np.uint8), r"write \.astype\(int\)"),
    "a sum": (lambda x: (x > 0) * np.int8(100) + np.int8(100), r"np\.multiply of int8, which wraps around"),
    "below zero": (lambda x: (x > 0).astype(np.uint8) - 2, r"np\.subtract of uint8, which wraps around"),
    "a choice": (lambda x: np.where(x > 0, np.uint8(3), np.uint8(5)) - np.uint8(4), "np.subtract of uint8"),
    "a product": (lambda x: np.full(4, 100, np.int8) @ (x > 0), "a product of arrays of int8, which wraps around"),
    "few digits": (lambda x: np.float32(0.1) + np.float32(0.2) * (x > 0), "which NumPy rounds to float32"),
    "fewer digits": (lambda x: np.exp(x > 0), r"np\.exp of bool, which NumPy rounds to float16"),
    "a traced power": (lambda x: 2 ** x.astype(int), r"write 2\.0 \*\* n"),
    "a shuffle": (lambda x: _shuffled(x), r"np\.random\.shuffle of a traced array .*x\[order\]"),
    "what is left of NaN": (lambda x: _filled(x, 3), "reading NaN, which an array was made with"),
    "a sum with NaN": (lambda x: _added(x), "reading NaN, which an array was made with"),
}


def _shuffled(x):
    np.random.shuffle(x)  # noqa: NPY002, it is refused
    return x


def _filled(x, count):
    a = np.full(4, np.nan)
    for i in range(count):
        a[i] = 2 * x[i]
    return a


def _added(x):
    a = np.full(4, np.nan)
    a += x
    return a


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_float_does_not_hold_is_refused(name):
    function, text = REFUSED[name]
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Parameter(X), check=False)


def test_whole_numbers_have_no_negative_powers():
    with pytest.raises(ValueError, match="Integers to negative integer powers"):
        pcn.trace(lambda x: x.astype(int) ** -1, x=pcn.Parameter(X), check=False)


def test_a_constant_of_nan_says_what_to_write():
    with pytest.raises(DataError, match=r"1 of 1 values NaN \(test_types.*np\.sum\(mask\)"):
        pcn.trace(lambda x: np.nansum(np.where(x > 0, x, np.nan)), x=pcn.Parameter(X))


KEPT = {
    "NaN that is written over": lambda x: _filled(x, 4),
    "truth values": lambda x: (x > 0).astype(np.int8).astype(float) * x,
    "wider than one": lambda x: np.convolve(x > 0, x > 0) + 0.0,
    "slid": lambda x: np.correlate(x > 0, x > 0) + 0.0,
    "counted": lambda x: np.convolve(x > 0, [1, 1]) + 0.5,
    "chosen": lambda x: np.where(x > 0, np.float32(1.1), np.float32(2.2)) * x,
    "a float's power": lambda x: 2.0 ** x.astype(int) + x.astype(int) ** 2,
}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_float_holds_is_numpys(name):
    graph = pcn.trace(KEPT[name], x=pcn.Parameter(X), check=False)
    assert_close(pcn.backprop(graph).values["out"][0], KEPT[name](X.copy()), 1e-14)
