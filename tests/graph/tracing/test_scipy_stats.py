"""Densities of scipy.stats on traced arrays: SciPy's values, and gradients of central differences of SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import pcneuro as pcn
from pcneuro.errors import TraceError
from tests.helpers import assert_close

X = np.array([0.3, 0.8, 0.55])
POINTS = np.array([[0.1, 0.5], [-0.3, 1.0], [0.7, 0.0]])
COUNTS = np.array([0, 2, 1])

DENSITIES = {
    "norm": lambda x: scipy.stats.norm.logpdf(x[0], x[1], scale=x) + scipy.stats.norm(x[0], 2.0).pdf(X),
    "tails of norm": lambda x: (
        scipy.stats.norm.cdf(x) * scipy.stats.norm.logsf(x, x[0]) + scipy.stats.norm.sf(x) + scipy.stats.norm.logcdf(x)
    ),
    "other tails": lambda x: scipy.stats.expon.cdf(x - 0.4) + scipy.stats.expon.sf(x) + scipy.stats.logistic.cdf(x),
    "symmetric": lambda x: (
        scipy.stats.laplace.logpdf(x, 0.1) + scipy.stats.logistic.logpdf(x) + scipy.stats.cauchy.logpdf(x, scale=x[0])
    ),
    "t": lambda x: scipy.stats.t.logpdf(X, x[0] + 3, loc=x[1]),
    "positive": lambda x: (
        scipy.stats.gamma.logpdf(X, x + 1, scale=x[0])
        + scipy.stats.chi2.logpdf(x, 3)
        + scipy.stats.weibull_min.logpdf(x, 1.5)
        + scipy.stats.lognorm.logpdf(x, x[0])
        + scipy.stats.halfnorm.logpdf(x)
    ),
    "outside": lambda x: scipy.stats.expon.pdf(x - 0.4) + scipy.stats.gamma.pdf(x - 0.4, 2.5),
    "beta": lambda x: scipy.stats.beta.logpdf(x, 2.0, x[1] + 1) + scipy.stats.beta(2.0, 3.0).pdf(x),
    "normal of several dimensions": lambda x: (
        scipy.stats.multivariate_normal.logpdf(np.outer(X, x[:2]), x[1:], [[1.0 + x[0], 0.3], [0.3, x[1]]])
        + scipy.stats.multivariate_normal.logpdf(POINTS, mean=x[:2], cov=x[1:])
        + scipy.stats.multivariate_normal.pdf(x, 0.2, x[0])
        + scipy.stats.multivariate_normal.logpdf(x)
    ),
    "counts": lambda x: (
        scipy.stats.poisson.logpmf(COUNTS, x)
        + scipy.stats.binom.logpmf(COUNTS, 3, x)
        + scipy.stats.nbinom.logpmf(COUNTS, 2.5, x)
        + scipy.stats.geom.logpmf(COUNTS + 1, x)
        + scipy.stats.betabinom.logpmf(COUNTS, 3, x, 1.5)
        + scipy.stats.bernoulli.pmf(COUNTS, x[0])
    ),
}


@pytest.mark.parametrize("function", DENSITIES.values(), ids=DENSITIES)
def test_values_are_those_of_scipy_and_gradients_those_of_differences(function):
    before = scipy.stats.rv_continuous.logpdf
    graph = pcn.trace(function, x=pcn.Parameter(X))
    assert scipy.stats.rv_continuous.logpdf is before
    expected, way = function(X), np.array([1.0, -0.5, 0.7])
    result = pcn.backprop(graph, targets={"out": np.zeros(3)})
    assert_close(result.values["out"][0], expected, 1e-12)
    step = 1e-5
    slope = (function(X + step * way) - function(X - step * way)) / (2 * step)
    assert_close(np.sum(result.gradients["x"] * way), np.sum(expected * slope), 1e-8)


def test_what_is_not_known_is_refused_by_name():
    with pytest.raises(TraceError, match=r"scipy\.stats\.gumbel_r\.logpdf cannot be traced .*scipy\.special"):
        pcn.trace(lambda x: scipy.stats.gumbel_r.logpdf(x), x=pcn.Parameter(X))
