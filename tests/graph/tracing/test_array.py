"""The traced array: what NumPy's users write, and what cannot be traced, told by name, line and remedy."""

from __future__ import annotations

import copy
import decimal
import math
import numbers
import re
import sys

import numba
import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.special
import scipy.stats
from numpy.lib.stride_tricks import as_strided
from numpy.polynomial.chebyshev import chebval
from numpy.polynomial.polynomial import polyval

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.function_libraries import AUTOGRAD, Ours
from tests.graph.tracing import library_of_functions
from tests.helpers import assert_close, case, check_case, every_case

OUTSIDE = np.zeros(3)
USED = [
    case("a loop", lambda np, a, b: _steps(np, a, b), (3,), (3, 3), low=-0.5, high=0.5),
    case("rows", lambda np, a, b: np.stack([row @ b for row in a]), (2, 3), (3,)),
    case("one-liner", lambda np, a: np.sqrt((a**2).sum(axis=0)) / len(a) - a.ndim * a.size, (2, 3)),
    case("normalised", lambda np, a: (a - a.mean()) / np.sqrt(np.mean((a - a.mean()) ** 2) + 1e-3), (5,)),
    case("shape arithmetic", lambda np, a: a.reshape(a.shape[0] * a.shape[1]) / np.size(a), (2, 3)),
    case("like", lambda np, a: a + np.ones_like(a) * np.full_like(a, 2.0) - np.zeros_like(a), (2, 3)),
    case("negative power", lambda np, a: a**-2 + 1 / a**3, (3,), low=0.5),
    case("divisive normalisation", lambda np, a, b: a**2 / (b**2 + np.sum(a**2)), (4,), ()),
    case("gating", lambda np, a, b: np.sigmoid(a) * np.tanh(b) + (1 - np.sigmoid(a)) * b, (3,), (3,), analytic=False),
    case("polynomial", lambda np, a: sum(k * a**k for k in range(4)), (3,)),
    case("comparison by identity", lambda np, a: a if a is not None else -a, (3,)),
]

SCALARS = [
    case("2*x", lambda np, a: 2 * a, (3,)),
    case("x/2", lambda np, a: a / 2, (3,)),
    case("1-x", lambda np, a: 1 - a, (3,)),
    case("2/x", lambda np, a: 2 / a, (3,), low=0.5),
    case("x**3", lambda np, a: a**3, (3,)),
    case("x**2", lambda np, a: a**2, (3,)),
    case("x**-1", lambda np, a: a**-1, (3,), low=0.5),
    case("x**0.5", lambda np, a: a**0.5, (3,), low=0.5),
    case("x**1", lambda np, a: a**1, (3,)),
    case("2**x", lambda np, a: 2**a, (3,)),
    case("abs(x)", lambda np, a: abs(a), (3,), analytic=False),
    case("-x", lambda np, a: -a, (3,)),
    case("+x", lambda np, a: 2 * (+a), (3,), by_autograd=False),
    case("np.float64 on the left", lambda np, a: np.float64(2.0) * a - np.float64(1) / a, (3,), low=0.5),
    case("numbers without axes", lambda np, a, b: np.tanh(a * b + 1), (), ()),
    case("sum of a list", lambda np, a: sum([a[0], a[1], 2 * a[2]]), (3,)),
    case("fabs", lambda np, a: np.fabs(a), (3,), analytic=False),
    case("float_power", lambda np, a: np.float_power(a, 3), (3,), by_autograd=False),
    case("clip", lambda np, a: np.clip(a, -0.5, 0.5) * a, (8,), analytic=False),
    case("one bound", lambda np, a: np.clip(a, a_min=0.1, a_max=None), (8,), analytic=False),
]


def _steps(np, h, w):
    for _ in range(4):
        h = np.tanh(h @ w)
    return h


@every_case(USED + SCALARS)
def test_what_users_write(each):
    check_case(each)


def test_a_polynomial_has_a_gradient_at_zero():
    graph = pcn.trace(lambda w: sum(3.0 * w**k for k in range(4)), w=pcn.Parameter(0.0))
    assert pcn.backprop(graph, targets={"out": 0.0}).gradients["w"] == 9.0


def test_the_libraries_of_the_tests_agree():
    """Ours and autograd's are written independently; on plain arrays they are the same functions."""
    x = np.linspace(-3, 3, 11)
    for name in ("cbrt", "relu", "sigmoid", "softplus", "gelu", "softmax"):
        assert_close(getattr(Ours(), name)(x), getattr(AUTOGRAD, name)(x), 1e-14, name)


@pytest.mark.parametrize("attribute", ["shape", "ndim", "size", "dtype"])
def test_facts_about_an_array_are_those_of_one_sample(attribute):
    seen = []
    pcn.trace(lambda x: seen.append(getattr(x, attribute)) or 2 * x, x=pcn.Input((2, 3)), check=False)
    assert seen == [getattr(np.zeros((2, 3)), attribute)]


def _seen(function):
    actual = []
    pcn.trace(lambda x: actual.append(function(x)) or 2 * x, x=pcn.Input((2, 3)), check=False)
    return actual[0]


def test_what_an_array_answers_while_traced():
    assert _seen(repr) == "<traced array 0 of shape (2, 3)>"
    assert _seen(len) == 2
    assert _seen(lambda x: f"{x}") == "<traced array 0 of shape (2, 3)>"
    assert _seen(lambda x: (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1))) == ((2, 3), 2, 6, 3)
    assert _seen(lambda x: len({x, x, x[0]})) == 2
    assert _seen(lambda x: hasattr(x, "no_such_thing")) is False
    assert _seen(lambda x: [row.shape for row in x]) == [(3,), (3,)]


def _decay(t, s):
    return -s


REFUSED = {
    # Python's protocols
    "if": (lambda x: x if x[0] else -x, "a decision", "np.where"),
    "and": (lambda x: x and 1, "a decision", "by & and |"),
    "in": (lambda x: 1.0 in x, "a decision", "np.where"),
    "float": (lambda x: float(x[0]), "a plain number made of the traced result of index by float", "leave float() out"),
    "int": (lambda x: int(x[0]), "by int", "for an index x.astype(int)"),
    "math": (lambda x: math.atan(x[0]), "by math.atan", "write np.arctan"),
    "math of another name": (lambda x: math.lgamma(x[0]), "by math.lgamma", "write scipy.special.gammaln"),
    "math, handed on": (lambda x: list(map(math.sin, x)), "a plain number", "np. functions instead of math."),
    "max": (lambda x: max(x[0], 0.0), "by max", "np.maximum(x, y) for two"),
    "sorted": (lambda x: sorted(x), "by sorted", "write np.sort(x)"),
    "range": (lambda x: range(x[0]), "by range", "range(n), and choose by np.where"),
    "number of NumPy": (lambda x: np.float64(x[0]), "by np.float64", "or write x.astype(float)"),
    "drawn": (lambda x: np.random.normal(x), "by np.random.normal", "mean + scale * noise"),  # noqa: NPY002
    "generator": (lambda x: np.random.default_rng(0).normal(x), "default_rng(0).normal", "mean + scale * noise"),
    "format": (lambda x: f"{x[0]:.2f}", "formatting a traced value as '.2f'", "it has a shape only"),
    # Writes
    "out": (lambda x: np.sin(x, out=OUTSIDE), "out= of another array", "np.array(a)"),
    "shape": (lambda x: setattr(x, "shape", (3, 1)), "an in-place reshape", "a.reshape"),
    "read-only view": (
        lambda x: np.broadcast_to(x, (2, 3)).fill(0),
        "a write to a view that is read-only",
        "np.array(a)",
    ),
    # Indices and masks that depend on the data
    "index": (lambda x: OUTSIDE[x[0]], "turning a traced array into a plain one", "np.take(a, i)"),
    # Functions that have no derivative or are not known
    "index of itself": (lambda x: x[x], "indexing by a traced array of float64", "np.argmax"),
    "index in a list": (lambda x: x[[x[0]]], "indexing by a traced array of float64", "np.argmax"),
    "histogram": (lambda x: np.histogram(x), "np.histogram of traced values", "soft bins"),
    "eig": (lambda x: np.linalg.eig(np.outer(x, x)), "np.linalg.eig", "may be complex; np.linalg.eigh"),
    "rank": (lambda x: np.linalg.matrix_rank(np.outer(x, x)), "np.linalg.matrix_rank", "a rank has no derivative"),
    "svd": (lambda x: np.linalg.svd(np.outer(x, x)), "np.linalg.svd with singular vectors", "compute_uv=False"),
    "allclose": (lambda x: np.allclose(x, 0), "np.allclose, a decision on traced values,", "constants outside"),
    "add.at": (lambda x: np.add.at(OUTSIDE, [0, 0, 1], x), "np.add.at on an array from outside", "np.array(a)"),
    "add.at, traced": (lambda x: np.add.at(2 * x, (x,), 1.0), "places that depend on the data", "constant indices"),
    "+= outside": (lambda x: OUTSIDE.__iadd__(x), "out= of another array", "begin with np.array(a)"),
    "element outside": (lambda x: OUTSIDE.__setitem__(0, x[0]), "a plain number", "np.array(a)"),
    "size": (lambda x: np.zeros(x), "np.zeros of a traced value", "shapes and bounds cannot depend on data"),
    "traced place": (lambda x: (2 * x).__setitem__(x, 1.0), "a write to a place that depends on the data", "np.where"),
    "ufunc where": (lambda x: np.sin(x, where=np.ones(3, bool)), "np.sin with where= and without out=", "give out="),
    "ufunc dtype": (lambda x: np.add(x, 1, dtype=np.float32), "np.add with dtype=", "plainly"),
    "sum out": (lambda x: np.sum(x, axis=0, out=OUTSIDE[:1]), "np.sum with out=", "leave out out="),
    "einsum of lists that are none": (lambda x: np.einsum(x, x), "this form of np.einsum", 'np.einsum("ij,jk->ik"'),
    "einsum dtype": (lambda x: np.einsum("i->", x, dtype=float), "np.einsum with these arguments", "leave out"),
    "nditer": (lambda x: np.nditer(x), "np.nditer of a traced array", "np.ravel(a)"),
    "strides": (lambda x: as_strided(x, (2,), (8,)), "as_strided", "pcn.operator"),
    # Other libraries
    "sparse": (lambda x: scipy.sparse.eye(3) @ x, "turning a traced array into a plain one", "M.toarray()"),
    "solve_ivp": (lambda x: scipy.integrate.solve_ivp(_decay, (0, 1), x), "scipy.integrate.solve_ivp", "pcn.operator"),
    "fsolve": (lambda x: scipy.optimize.fsolve(lambda p: p - x, [0.0] * 3), "scipy.optimize.fsolve", "as Newton's"),
    "least_squares": (lambda x: scipy.optimize.least_squares(np.sin, x), "scipy.optimize.least_squares", "Newton's"),
    "masked array": (lambda x: np.ma.masked_array(x, [0, 1, 0]), "np.ma.MaskedArray", "np.where(mask, x, 0)"),
    # What raises an error of its own
    "sqrtm": (lambda x: scipy.linalg.sqrtm(np.outer(x, x)), "scipy.linalg.sqrtm", "raises TypeError"),
    "spline": (lambda x: scipy.interpolate.CubicSpline([0, 1, 2], [0, 1, 4])(x), "CubicSpline", "np.interp"),
    "decimal": (lambda x: decimal.Decimal(x[0]), "decimal.Decimal", "use floats, and np. functions"),
    "bytes": (lambda x: memoryview(x), "memoryview", "a traced array has no values"),
    # Constants
    "string": (lambda x: x + "a", "a constant of dtype <U1", "real numbers"),
    "None": (lambda x: x * None, "a constant of dtype object", "real numbers"),
}


@pytest.mark.parametrize(("function", "what", "instead"), REFUSED.values(), ids=REFUSED)
def test_refusals_say_what_where_and_what_to_write_instead(function, what, instead):
    with pytest.raises(TraceError) as caught:
        pcn.trace(function, x=pcn.Input((3,)))
    text = str(caught.value)
    line = f"(test_array.py:{function.__code__.co_firstlineno}: "
    assert "\n" not in text
    assert what in text.split(" cannot be traced")[0]
    assert line in text
    assert instead in text.rsplit("): ", 1)[1]


def test_an_error_of_the_function_itself_is_raised_as_it_is():
    """What it raises on plain arrays, too, is nothing that tracing is to blame for."""

    def function(x):
        raise KeyError("of my own")

    with pytest.raises(KeyError, match="of my own"):
        pcn.trace(function, x=pcn.Input((3,)))


def test_a_users_ufunc_is_not_taken_for_one_of_the_same_name():
    @numba.vectorize(["float64(float64)"])
    def tanh(x):
        return x - 1.0

    with pytest.raises(TraceError, match=r"the ufunc tanh .*cannot be traced"):
        pcn.trace(lambda x: tanh(x), x=pcn.Input((3,)))


def test_arrays_of_another_trace_are_refused():
    kept = []
    pcn.trace(lambda x: kept.append(x) or 2 * x, x=pcn.Input((3,)))
    with pytest.raises(TraceError, match=r"an array of another trace.*\(test_array\.py"):
        pcn.trace(lambda x: x + kept[0], x=pcn.Input((3,)))
    with pytest.raises(TraceError, match="an array of another trace"):
        pcn.trace(lambda x: kept[0], x=pcn.Input((3,)))


# The line


def test_the_line_is_the_users_and_not_a_librarys():
    """A function from a library is told by its own line only where the user has none."""
    with pytest.raises(
        TraceError, match=r"inside scipy\.signal\.medfilt .*\(test_array\.py:\d+: pcn\.trace\(lambda x: scipy"
    ):
        pcn.trace(lambda x: scipy.signal.medfilt(x), x=pcn.Input((3,)))
    with pytest.raises(TraceError, match=r"\(library_of_functions\.py:\d+: return np\.unique\(x\)"):
        pcn.trace(lambda x: library_of_functions.without_duplicates(x), x=pcn.Input((3,)))
    with pytest.raises(TraceError, match=r"\(_signaltools\.py:\d+: "):
        pcn.trace(scipy.signal.medfilt, volume=pcn.Input((3,)))


def test_the_line_of_code_without_a_file():
    namespace: dict = {"np": np}
    exec("def f(x):\n    return np.packbits(x)", namespace)
    with pytest.raises(TraceError, match=r"np\.packbits cannot be traced \(<string>:2\): "):
        pcn.trace(namespace["f"], x=pcn.Input((3,)))


def test_a_file_beside_the_package_is_no_part_of_it(tmp_path, monkeypatch):
    """Paths are compared by folder: a user's pcneuro_models.py beside pcneuro/ is the user's."""
    from pcneuro.ops import registry

    monkeypatch.setattr(registry, "_OWN", (*registry._OWN, f"{tmp_path}/pcneuro/"))
    (tmp_path / "pcneuro_models.py").write_text("import numpy as np\ndef f(x):\n    return np.unique(x)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import pcneuro_models

    with pytest.raises(TraceError, match=r"\(pcneuro_models\.py:3: return np\.unique\(x\)\)"):
        pcn.trace(pcneuro_models.f, x=pcn.Input((3,)))
    del sys.modules["pcneuro_models"]


def test_nodes_know_their_lines():
    graph = pcn.trace(library_of_functions.twice_tanh, x=pcn.Input((3,)))
    assert [n.where for n in graph.nodes.values() if n.name != "x"] == [
        "library_of_functions.py:13: y = 2 * x",
        "library_of_functions.py:13: y = 2 * x",
        "library_of_functions.py:14: return np.tanh(y)",
    ]
    assert graph.nodes["x"].where == ""


def test_shapes_that_do_not_broadcast():
    for function in (lambda a, b: a + b, lambda a, b: np.hypot(a, b), lambda a, b: pcn.elementwise("x*y", "xy")(a, b)):
        with pytest.raises(ShapeError, match=r"shapes \(3,\) and \(2,\) do not broadcast \(test_array\.py:\d+: "):
            pcn.trace(function, a=pcn.Input((3,)), b=pcn.Input((2,)))


def test_a_traced_array_is_not_copied_by_accident():
    """Shallow copies stand for the same array."""
    graph = pcn.trace(lambda x: copy.copy(x) * 2, x=pcn.Input((3,)))
    assert list(graph.nodes) == ["x", "constant", "out"]


# What functions ask


def energy(v):
    """Another for arrays than for numbers."""
    return np.sum(v**2) if isinstance(v, np.ndarray) else 0.5 * v**2


ASKED = {
    "isinstance of an array": energy,
    "isinstance of a number": lambda v: energy(v[1]),
    "isinstance of an element": lambda v: v if isinstance(v[0], float) else v / 255,
    "isscalar": lambda v: v * 2 if np.isscalar(v[0]) and not np.isscalar(v) else v * 3,
    "a number of Python": lambda v: v * 2 if isinstance(v[0], numbers.Real) else v * 3,
    "iterable": lambda v: v * 2 if np.iterable(v) and not np.iterable(v[0]) else v * 3,
    "several polynomials": lambda v: np.sum(polyval(v, np.arange(6.0).reshape(3, 2))),
    "several Chebyshev polynomials": lambda v: np.sum(chebval(v, np.arange(6.0).reshape(3, 2))),
    "a deep copy": lambda v: copy.deepcopy({"v": v})["v"] * 2,
    "memo by text": lambda v: (lambda memo: memo(v[:1]) + 10 * memo(v[1:2]))(_memo(np.square)),
}


def _memo(function):
    known = {}
    return lambda v: known[str(v)] if str(v) in known else known.setdefault(str(v), function(v))


@pytest.mark.parametrize("function", ASKED.values(), ids=ASKED)
def test_a_function_that_asks_takes_the_same_branch(function):
    v = np.array([0.5, 2.0])
    graph = pcn.trace(function, v=pcn.Parameter(v))
    assert_close(pcn.backprop(graph).values["out"][0], function(v), 1e-15)


def test_a_refusal_that_the_function_catches_is_an_error_all_the_same():
    def f(x, w):
        try:
            w = float(w)
        except (TypeError, ValueError):
            w = np.ones(3)
        return w * x

    leaves = {"x": pcn.Input((3,)), "w": pcn.Parameter(np.ones(3))}
    line = f.__code__.co_firstlineno + 2
    for check in (True, False):
        with pytest.raises(TraceError, match=rf"\(test_array\.py:{line}: w = float.*has caught this error"):
            pcn.trace(f, check=check, **leaves)


def test_the_function_of_a_library_that_gave_up_is_named():
    x0 = np.zeros(3)
    for function, name in (
        (lambda x: scipy.integrate.odeint(lambda y, t: -y, x, [0.0, 1.0])[-1], "scipy.integrate.odeint"),
        (lambda x: scipy.integrate.odeint(lambda y, t: x, x0, [0.0, 1.0])[-1], "scipy.integrate.odeint"),
    ):
        with pytest.raises(TraceError, match=rf"inside {re.escape(name)} cannot be traced \(test_array\.py"):
            pcn.trace(function, x=pcn.Input((3,)))


def test_reshapes_of_reshapes_are_one_node():
    """Through a vertex nothing is read: it keeps its neurons."""

    def function(x):
        there = np.reshape(x, (2, 3))[None]
        back = there[0].ravel()
        marked = pcn.vertex(np.reshape(x, (3, 2)), "marked")
        return {"same": back * 2.0, "once": there[0].T * 1.0, "read": marked.ravel() + 1.0}

    graph = pcn.trace(function, x=pcn.Input((6,)))
    assert graph.outputs["same"].operands[0] == "x"
    taken = [graph.nodes[graph.nodes[graph.outputs[name].name].operands[0]] for name in ("once", "read")]
    assert [node.operands for node in taken] == [("index",), ("marked",)]
    assert graph.nodes["index"].operands == ("x",)
