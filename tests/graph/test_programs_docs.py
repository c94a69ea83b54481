"""docs/programs.md: what it says of kinks, and its index of functions."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.ops.maps import FUNCTIONS
from pcneuro.ops.registry import HANDLERS, STAND_INS, UFUNCS

KINKS = {
    "abs": (lambda x: np.abs(x), (0.0,), (0.0,)),
    "relu": (lambda x: pcn.ops.relu(x), (0.0,), (0.0,)),
    "maximum": (lambda x, y: np.maximum(x, y), (0.0, 0.0), (0.5, 0.5)),
    "minimum": (lambda x, y: np.minimum(x, y), (0.0, 0.0), (0.5, 0.5)),
    "clip": (lambda x: np.clip(x, -1.0, 0.0), (0.0,), (0.5,)),
    "max": (lambda x: np.max(x), (np.zeros(3),), ([1 / 3, 1 / 3, 1 / 3],)),
    "min": (lambda x: np.min(x), (np.array([1.0, 0.0, 0.0]),), ([0.0, 0.5, 0.5],)),
    "sort": (lambda x: np.sort(x)[1], (np.array([0.0, 1.0, 0.0]),), ([0.5, 0.0, 0.5],)),
    "median": (lambda x: np.median(x), (np.array([1.0, 0.0, 0.0]),), ([0.0, 0.5, 0.5],)),
    "std": (lambda x: np.std(x), (np.ones(3),), (np.zeros(3),)),
    "std of one": (lambda x: np.std(x, axis=1)[0], (np.ones((2, 1)),), (np.zeros((2, 1)),)),
    "norm": (lambda x: np.linalg.norm(x), (np.zeros(3),), (np.zeros(3),)),
    "index": (lambda x: x[np.argmax(x)], (np.array([-1.0, 0.0]),), ([0.0, 1.0],)),
    "max_pool2d": (lambda x: pcn.ops.max_pool2d(x, 2)[0, 0, 0], (np.zeros((1, 2, 2)),), ([[[1.0, 0.0], [0.0, 0.0]]],)),
    "hypot": (lambda x, y: np.hypot(x, y), (0.0, 0.0), (0.0, 0.0)),
    "sqrt": (lambda x: np.sqrt(x), (0.0,), (np.inf,)),
    "cbrt": (lambda x: np.cbrt(x), (0.0,), (np.inf,)),
    "power": (lambda x: x**0.5, (0.0,), (np.inf,)),
}


@pytest.mark.parametrize(("function", "at", "derivatives"), KINKS.values(), ids=KINKS)
def test_kinks_are_as_documented(function, at, derivatives):
    leaves = {name: pcn.Parameter(value) for name, value in zip("xy", at, strict=False)}
    graph = pcn.trace(lambda **values: function(*values.values()) + 1.0, **leaves)
    gradients = pcn.backprop(graph, targets={"out": 0.0}).gradients
    for name, derivative in zip("xy", derivatives, strict=False):
        assert np.array_equal(gradients[name], np.asarray(derivative))


def _of_numpy(function):
    """Name of a function of NumPy in the index; None for what is none, such as a type."""
    if isinstance(function, np.ufunc):
        return function.__name__
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, type) or module.partition(".")[0] != "numpy":
        return None
    return f"{module}.{function.__name__}".removeprefix("numpy.").removeprefix("lib.stride_tricks.")


def test_the_index_has_every_function():
    text = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")
    index = text.split("## Index of functions")[1].split("## ")[0]
    found = set()
    for what, names in re.findall(r"^\| (`?[\w., ]+`?) \| `([^`]*)` \|", index, flags=re.MULTILINE):
        module = f"{what.strip('`')}." if what.startswith("`scipy") else ""
        found |= {module + name for name in names.split()}
    wanted = set(map(_of_numpy, HANDLERS)) - {None}
    wanted |= {name for name in FUNCTIONS if isinstance(getattr(np, name, None), np.ufunc)}
    wanted |= {f"{module}.{name}" for module, name in (*UFUNCS, *STAND_INS) if module.startswith("scipy")}
    assert found == wanted
