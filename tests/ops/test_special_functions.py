"""The functions of scipy.special: traced ones against SciPy's, and numbers against mpmath."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.special as sp
from mpmath import mp
from scipy.special import log_softmax, logsumexp, polygamma, softmax

import pcneuro as pcn
from pcneuro.errors import TraceError
from pcneuro.kernels.primitives import PRIMITIVES
from tests.helpers import assert_close
from tests.kernels import accuracy
from tests.ops.test_rounding import check


def inside(function):
    """A function of numbers between 0 and 1, of any numbers."""
    return lambda x: function(1 / (1 + np.exp(-x)))


MASK = np.array([True, False, True])
FUNCTIONS = {
    "expit and logit": lambda x: sp.expit(x) * inside(sp.logit)(2 * x),
    "error functions": lambda x: sp.erf(x) + sp.erfc(x) * x + inside(sp.erfinv)(x) + inside(sp.erfcinv)(x),
    "normal": lambda x: sp.ndtr(x) + inside(sp.ndtri)(x) + sp.log_ndtr(3 * x) + sp.log_ndtr(x - 30) / 1000,
    "log_expit": lambda x: sp.log_expit(x) + sp.log_expit(50 * x),
    "gamma": lambda x: sp.gammaln(x) + sp.gamma(2 + np.abs(x)) + sp.digamma(x + 3) + sp.psi(np.abs(x)),
    "polygamma": lambda x: polygamma(1, x + 3) + sp.polygamma(np.array([0, 2, 3]), x + 4),
    "entropies": lambda x: sp.entr(np.abs(x)) + sp.rel_entr(np.abs(x), np.abs(x[::-1])) + sp.kl_div(x**2, x[::-1] ** 2),
    "xlogy": lambda x: sp.xlogy(x, np.abs(x[::-1])) + sp.xlog1py(x, np.abs(x[::-1])) + sp.xlogy(0.0, x * 0),
    "exponentials": lambda x: sp.exprel(x) + sp.exprel(1e-5 * x) + sp.cosm1(x) + sp.exp10(x) + sp.expm1(x) * sp.exp2(x),
    "boxcox": lambda x: sp.boxcox(np.abs(x), x[::-1]) + sp.boxcox(np.abs(x), 0.0) + sp.log1p(x**2) + sp.cbrt(x),
    "bessel": lambda x: sp.i0(3 * x) + sp.i1(x) + sp.i0e(9 * x) + sp.i1e(4 * x) + np.i0(x),
    "round": lambda x: sp.round(x) * x,
    "logsumexp": lambda x: logsumexp(x) + logsumexp(x, axis=1, keepdims=True) + sp.logsumexp(x, axis=(0, 1)),
    "logsumexp of factors": lambda x: (
        sp.logsumexp(x, axis=0, b=np.array([[1.0], [0.0]])) + logsumexp(x, axis=0, b=-1.5, return_sign=True)[0]
    ),
    "logsumexp under a mask": lambda x: logsumexp(np.where(MASK, x, -np.inf), axis=-1) + logsumexp([x[0, 0], x[1, 1]]),
    "softmax": lambda x: softmax(x) + softmax(x, axis=1) + sp.softmax(np.stack([x, x * x]), axis=(0, 2))[1],
    "log_softmax": lambda x: log_softmax(x) + sp.log_softmax(x, axis=0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_scipys_values_and_the_derivatives_of_differences(name):
    check(FUNCTIONS[name], np.random.default_rng(5).normal(size=(2, 3)))


def test_a_power_transform_at_zero():
    """-1/y, whose derivative is 1/y^2."""
    graph = pcn.trace(lambda y: sp.boxcox(np.zeros(2), y), y=pcn.Parameter([0.5, 2.0]))
    result = pcn.backprop(graph, targets={"out": [-1.0, -1.5]})
    assert_close(result.values["out"][0], [-2.0, -0.5], 1e-15)
    assert_close(result.gradients["y"], [-4.0, 0.25], 1e-15)


def test_the_package_does_without_scipy_special():
    code = "import sys, pcneuro; assert 'scipy.special' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_refused_says_what_to_write():
    with pytest.raises(TraceError, match="whole number"):
        pcn.trace(lambda x: polygamma(x, 2.0), x=pcn.Input((2,)))


# name: its values with many digits, and where they are looked at
EXACT = {
    "erfc": (mp.erfc, (-3, 20)),
    "ndtri": (lambda p: -mp.sqrt(2) * mp.erfinv(1 - 2 * p), (1e-9, 1 - 1e-9)),
    "erfinv": (mp.erfinv, (-0.9999, 0.9999)),
    "log_ndtr": (lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), (-40, 7)),
    "log_ndtr_slope": (lambda x: mp.npdf(x) / (mp.erfc(-x / mp.sqrt(2)) / 2), (-40, 7)),
    "gammaln": (lambda x: mp.log(abs(mp.gamma(x))), (-5, 100)),
    "gamma": (mp.gamma, (-5, 100)),
    "digamma": (mp.digamma, (-5, 100)),
    "exprel": (lambda x: mp.expm1(x) / x, (-5, 5)),
    "exprel_slope": (lambda x: (mp.exp(x) - mp.expm1(x) / x) / x, (-5, 5)),
    "sinc_slope": (lambda x: (mp.cos(mp.pi * x) - mp.sin(mp.pi * x) / (mp.pi * x)) / x, (-5, 5)),
    "i0": (lambda x: mp.besseli(0, x), (-60, 60)),
    "i1": (lambda x: mp.besseli(1, x), (-60, 60)),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), (-60, 60)),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), (-20, 20)),
    "logit": (lambda x: mp.log(x / (1 - x)), (1e-9, 1 - 1e-9)),
}


@pytest.mark.parametrize("name", EXACT)
def test_numbers_are_exact(name):
    function, (low, high) = EXACT[name]
    x = np.random.default_rng(6).uniform(low, high, 200)
    with mp.workdps(40):
        expected = np.array([float(function(mp.mpf(float(v)))) for v in x])
    for got in (accuracy.applied(name, x), PRIMITIVES[name].array(x)):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3, 7, 20])
def test_derivatives_of_digamma_are_exact(order):
    x = np.random.default_rng(7).uniform(-4, 30, 100)
    with mp.workdps(40):
        expected = np.array([float(mp.polygamma(order, mp.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(accuracy.applied("polygamma", np.full(100, float(order)), x), expected, rtol=3e-12)


def test_a_derivative_of_digamma_of_no_whole_order_is_no_number():
    assert np.isnan(accuracy.applied("polygamma", np.array([0.5, -1.0]), np.ones(2))).all()


def test_edges():
    x = np.array([-np.inf, -1.0, -0.0, 0.0, 1.0, 2.0, np.inf, np.nan])
    for name in ("erfc", "ndtri", "erfinv", "log_ndtr", "gammaln", "digamma", "exprel", "entr", "logit"):
        with np.errstate(all="ignore"):
            expected = getattr(sp, name)(x)
        assert_close(accuracy.applied(name, x), expected, 1e-14, name)
