"""Complex arrays inside traced functions, held against NumPy and, for losses of real outputs, autograd."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import TraceError
from tests.helpers import assert_close, case, check_case, every_case

K = np.array([0.5 - 1.0j, 1.2 + 0.3j, -0.7 + 0.1j])
EYE = np.eye(2, 3) > 0


def real(name, function, *shapes, **settings):
    """A case with complex values inside, which complex steps would take for their own."""
    return case(name, function, *shapes, analytic=False, **settings)


CASES = [
    real("products and sums", lambda np, a, b: np.real((1.0 - a * K) * (b + 2j) - K), (2, 3), (3,)),
    real("quotients", lambda np, a: np.imag((a + 1j) / (a * K + 2.0) + a / K - 1j / (a + 1j)), (3,)),
    real("powers", lambda np, a: np.real((a * K) ** 3 + (a + 1j) ** -2), (3,)),
    real("absolute values", lambda np, a: np.abs(a * K) + np.abs(a + 1j) ** 2, (2, 3)),
    real("exp", lambda np, a: np.real(np.exp(a * K)) * np.imag(np.exp(1j * a)), (3,)),
    real("sin and cos", lambda np, a: np.real(np.sin(a * K) * np.cos(a + 1j)), (3,)),
    real("sinh and cosh", lambda np, a: np.imag(np.sinh(a * K) / np.cosh(a + 1j)), (3,)),
    real("matmul", lambda np, a, b: np.real(np.matmul(a * K, np.outer(K, K)) @ np.conj(b * 1j)), (2, 3), (3,)),
    real("einsum", lambda np, a: np.real(np.einsum("ij,j,kj->ik", a * K, K, a + 1j)), (2, 3)),
    real("sum and mean", lambda np, a: np.imag(np.sum(a * K, axis=1) * np.mean(a + 1j)), (2, 3)),
    real("structure", lambda np, a: np.real(np.concatenate([a * K, a + 1j]).T[1:, ::-1] * K[:2, None]), (2, 3)),
    real("where", lambda np, a: np.imag(np.where(EYE, a * K, a * 1j)), (2, 3)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


X = np.random.default_rng(2).normal(size=(2, 3))
AS_NUMPY = {
    "parts of real arrays": lambda x: (x.real + np.real(x), x.imag + np.imag(x)),
    "methods": lambda x: (x * K).swapaxes(0, 1).ravel().take([1, 2]).conj().repeat(2),
    "transposed": lambda x: (x * K).transpose() @ (1j * x).reshape(2, -1) @ (x * K).T.T.flatten()[3:],
    "a loop": lambda x: sum(z * z for z in x[0] * K),
    "in place": lambda x: add_twice(x * K, 1j * x),
    "an array of a list": lambda x: np.array([x[0, 0] * 1j, x[0, 1]]),
    "np.asarray": lambda x: np.asarray(x * K),
    "zeros alike": lambda x: np.zeros_like(x * K) + x,
    "questions": lambda x: x if np.iscomplexobj(1j * x) and (1j * x).ndim == np.ndim(x) else -x,
    "zeroth power": lambda x: (x * K) ** 0 + np.square(x * K),
    "products of all": lambda x: np.prod(x * K, axis=0) + np.prod(x * K, axis=1, keepdims=True),
    "conjugated in products": lambda x: (
        np.vdot(x * K, 1j * x) + np.vecdot(x * K, K) + np.vecmat(x[:, 0] * 1j, x * K)[:2]
    ),
    "dot, inner, outer": lambda x: np.dot(K, x[0]) + np.inner(x[0], K) + np.outer(x[0], K),
    "tensordot": lambda x: np.tensordot(K, x * K, (0, 1)),
    "kron": lambda x: np.kron(x, K),
    "convolve": lambda x: np.convolve(x[0] * K, K, "same") + np.correlate(x[0] * K, K, "same"),
    "diff, trace, pad": lambda x: np.diff(x * K)[:, :1] + np.trace(1j * x) + np.pad(x * K, 1)[1:3, :2],
    "split": lambda x: np.split(x * K, 3, axis=1)[1],
    "cumulative sums": lambda x: np.cumsum(x * K, axis=1),
    "norms": lambda x: (np.linalg.norm(x * K), np.linalg.norm(1j * x + 1.0, axis=0)),
    "variances": lambda x: (np.var(x * K, axis=0, ddof=1), np.std(x + 1j * x)),
    "logarithms": lambda x: np.log10(x * K) + np.log2(1j * x + 2.0),
    "tan and tanh": lambda x: np.tan(x * K) + np.tanh(1j * x - 1.0),
    "rounded": lambda x: np.round(x * K, 1) + np.around(10 * x * K) + (x * K).round(2) + np.rint(3j * x),
    "cumulative products": lambda x: np.cumprod(x * K, axis=1) + np.reshape((1j * x).cumprod(), (2, 3)),
    "average": lambda x: (
        np.average(x * K, axis=0, weights=[1.0, 3.0]) + np.average(1j * x) + np.average(x * K, 0, x**2)
    ),
    "equal": lambda x: (x * K == x[0] * K) * 1.0 + 2.0 * (x * K != np.conj(x * K)) + 1j * x,
    "powers of zero": lambda x: (0j * x) ** (0.0 * x) + (0j * x) ** np.array([0.0, 2.5, 1.0 + 1.0j]) + (0j * x) ** x**2,
    "powers of constants": lambda x: np.power(2.0, 1j * x) * np.exp(1j) ** x,
}


def add_twice(z, w):
    """In place, which makes a new array while it is traced."""
    z += w
    z *= 2.0
    return z


def halves(z):
    """Both parts, side by side."""
    one, other = z if isinstance(z, tuple) else (z.real, z.imag)
    return np.concatenate([np.ravel(one), np.ravel(other)])


@pytest.mark.parametrize("function", AS_NUMPY.values(), ids=AS_NUMPY)
def test_values_are_those_of_numpy(function):
    graph = pcn.trace(lambda x: halves(function(x)), x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], halves(function(X)), 1e-14)


def test_a_hyperbolic_tangent_far_out_is_one():
    graph = pcn.trace(lambda x: np.real(np.tanh(x + 0.3j)), x=pcn.Parameter([-800.0, 800.0]))
    assert_close(pcn.backprop(graph).values["out"][0], [-1.0, 1.0], 0)


def of_its_own(x):
    """An array of the function's own takes real, complex and constant values."""
    z = np.zeros((3, 3), dtype=complex)
    z[0] = x[0]
    z[1:] = 1j * x
    z[2, 1] += x[0, 0]
    z[:, 0] *= 2j
    z[1, 2] = 3.0 - 1.0j
    return z


def filtered(x):
    """A spectrum without its high waves, the first one turned."""
    spectrum = np.fft.fft(x, axis=0)
    spectrum[1:] = 0
    spectrum[0, 1:] *= 2j
    return np.fft.ifft(spectrum, axis=0)


def through_views(x):
    """Slices, transposed arrays and parts share what they are of."""
    z = x * K
    z[:, 1:][0] += 1j
    z.T[0] = 5.0
    z.real[1, 1] = -1.0
    np.copyto(z[:, 2], 1j * x[:, 0])
    return z


def apart(x):
    """Copies, conjugates, sums and powers share nothing with what they come from."""
    z = x * K
    for copy in (z.conj(), z + 1.0, +z, z**1, z.copy(), np.array(z), z.astype(complex), x.astype(complex), x + 0j):
        copy[0] = 7.0
    return z + x


WRITTEN = {"of its own": of_its_own, "filtered": filtered, "through views": through_views, "apart": apart}


@pytest.mark.parametrize("function", WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_is_what_numpy_writes(function):
    graph = pcn.trace(lambda x: halves(function(1.0 * x)), x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], halves(function(X.copy())), 1e-14)


def test_an_absolute_value_at_zero_has_derivative_zero():
    graph = pcn.trace(lambda x: np.abs(K * x), x=pcn.Parameter(np.zeros(3)))
    gradients = pcn.backprop(graph, targets={"out": np.ones(3)}).gradients
    assert_close(gradients["x"], np.zeros(3), 0)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x * 1j, r"output 'out', which is complex, cannot be traced.*return \.real, \.imag or np\.abs"),
        (lambda x: pcn.vertex(x * 1j, "z").real, r"a vertex 'z' of complex values.*mark \.real"),
        (lambda x: np.maximum(x * 1j, x), r"np\.maximum of complex values.*no order"),
        (lambda x: x if (1j * x)[0] else 2 * x, "a decision on a complex traced value"),
        (lambda x: pcn.ops.relu(x * 1j), r"relu of complex values"),
        (lambda x: np.real_if_close(1j * x), r"np\.real_if_close, a decision.*write np\.real"),
        (lambda x: (1j * x).astype(float), r"complex values as float64"),
        (lambda x: np.arcsin(1j * x), r"np\.arcsin of complex values"),
        (lambda x: (1j * x).argmax(), r"\.argmax of complex values"),
    ],
)
def test_what_complex_values_cannot_do_is_refused(function, text):
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((3,)))
