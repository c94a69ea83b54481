"""Densities of scipy.stats on traced arrays. SciPy asks no protocol what they are: these stand in for its methods.

A density of the standard form is a function of scipy.special, as ``s``, of z = (x - loc) / scale, and of the shapes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pcneuro.graph.tracing.of_scipy import array_of, is_traced
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.registry import refuse, stands_in

_ROOT = 0.5 * np.log(2 * np.pi)


def _within(inside: Any, value: Any) -> Any:
    """The logarithm of a density, which is nothing elsewhere."""
    return np.where(inside, value, -np.inf) if is_traced(inside) or not np.all(inside) else value


def _t(s: Any, z: Any, df: Any) -> Any:
    size = s.gammaln((df + 1) / 2) - s.gammaln(df / 2) - 0.5 * np.log(df * np.pi)
    return size - (df + 1) / 2 * np.log1p(z**2 / df)


def _gamma(s: Any, z: Any, a: Any) -> Any:
    return _within(z >= 0, s.xlogy(a - 1, z) - z - s.gammaln(a))


def _beta(s: Any, z: Any, a: Any, b: Any) -> Any:
    return _within((z >= 0) & (z <= 1), s.xlogy(a - 1, z) + s.xlog1py(b - 1, -z) - s.betaln(a, b))


def _binom(s: Any, k: Any, n: Any, p: Any) -> Any:
    ways = s.gammaln(n + 1) - s.gammaln(k + 1) - s.gammaln(n - k + 1)
    return _within((k >= 0) & (k <= n), ways + s.xlogy(k, p) + s.xlog1py(n - k, -p))


def _betabinom(s: Any, k: Any, n: Any, a: Any, b: Any) -> Any:
    ways = -np.log(n + 1) - s.betaln(n - k + 1, k + 1)
    return _within((k >= 0) & (k <= n), ways + s.betaln(k + a, n - k + b) - s.betaln(a, b))


def _nbinom(s: Any, k: Any, n: Any, p: Any) -> Any:
    ways = s.gammaln(n + k) - s.gammaln(k + 1) - s.gammaln(n)
    return _within(k >= 0, ways + n * np.log(p) + s.xlog1py(k, -p))


_LOG_DENSITIES: dict[str, Callable[..., Any]] = {
    "norm": lambda s, z: -(z**2) / 2 - _ROOT,
    "halfnorm": lambda s, z: _within(z >= 0, np.log(2) - z**2 / 2 - _ROOT),
    "lognorm": lambda s, z, shape: _within(z > 0, -(np.log(z) ** 2) / (2 * shape**2) - np.log(shape * z) - _ROOT),
    "laplace": lambda s, z: -np.abs(z) - np.log(2),
    "logistic": lambda s, z: z - 2 * np.logaddexp(0, z),
    "cauchy": lambda s, z: -np.log(np.pi) - np.log1p(z**2),
    "expon": lambda s, z: _within(z >= 0, -z),
    "weibull_min": lambda s, z, c: _within(z >= 0, np.log(c) + s.xlogy(c - 1, z) - z**c),
    "t": _t,
    "gamma": _gamma,
    "chi2": lambda s, z, df: _gamma(s, z / 2, df / 2) - np.log(2),
    "beta": _beta,
    "poisson": lambda s, k, mu: _within(k >= 0, s.xlogy(k, mu) - mu - s.gammaln(k + 1)),
    "bernoulli": lambda s, k, p: _binom(s, k, 1, p),
    "binom": _binom,
    "betabinom": _betabinom,
    "geom": lambda s, k, p: _within(k >= 1, np.log(p) + s.xlog1py(k - 1, -p)),
    "nbinom": _nbinom,
}
_TAILS: dict[tuple[str, str], Callable[..., Any]] = {
    ("norm", "cdf"): lambda s, z: s.ndtr(z),
    ("norm", "sf"): lambda s, z: s.ndtr(-z),
    ("norm", "logcdf"): lambda s, z: s.log_ndtr(z),
    ("norm", "logsf"): lambda s, z: s.log_ndtr(-z),
    ("logistic", "cdf"): lambda s, z: s.expit(z),
    ("expon", "cdf"): lambda s, z: np.where(z >= 0, -np.expm1(-z), 0.0),
    ("expon", "sf"): lambda s, z: np.where(z >= 0, np.exp(-z), 1.0),
}
"""By the names of distribution and method."""


def _standard(self: Any, x: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Any, list[Any]]:
    """z, the scale and the shapes, from the arguments of a method of a distribution."""
    shapes = [] if self.shapes is None else [name.strip() for name in self.shapes.split(",")]
    values = {"loc": 0.0, "scale": 1.0} | dict(zip([*shapes, "loc", "scale"], args, strict=False)) | kwargs
    given = {name: value if is_traced(value) else np.asarray(value) for name, value in values.items()}
    x = x if is_traced(x) else np.asarray(x)
    return (x - given["loc"]) / given["scale"], given["scale"], [given[name] for name in shapes]


def _method(name: str, density: bool) -> Callable[..., Any]:
    def make(original: Callable[..., Any], self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        x, args, kwargs = array_of(current(x)), current(args), current(kwargs)
        if not is_traced([x, args, kwargs]):
            return original(self, x, *args, **kwargs)
        function = _LOG_DENSITIES.get(self.name) if density else _TAILS.get((self.name, name))
        if function is None:
            raise refuse(f"scipy.stats.{self.name}.{name}", "write it out, with functions of scipy.special")
        z, scale, shapes = _standard(self, x, args, kwargs)
        value = function(importlib.import_module("scipy.special"), z, *shapes)
        if not density:
            return value
        value = value - np.log(scale)
        return value if name.startswith("log") else np.exp(value)

    return make


def _normal_in_dimensions(x: Any, mean: Any, cov: Any) -> Any:
    """The logarithm of the density of x (..., dimensions), by Cholesky's factor of the covariance."""
    size = np.size(mean) if mean is not None else np.shape(cov)[0] if np.ndim(cov) == 2 else 1
    mean = np.zeros(size) if mean is None else np.reshape(mean, (size,))
    if np.ndim(cov) == 1 and size > 1:
        cov = np.diag(cov)
    cov = np.reshape(cov, (1, 1)) if size == 1 else cov * np.eye(size) if np.ndim(cov) == 0 else cov
    if np.ndim(x) < 2:
        x = np.reshape(x, (-1, 1) if size == 1 else (1, -1))
    factor = np.linalg.cholesky(cov)
    scaled = np.linalg.solve(factor, np.expand_dims(x - mean, -1))[..., 0]
    logarithm = np.sum(np.log(np.diagonal(factor)))
    return np.squeeze(-0.5 * np.sum(scaled**2, axis=-1) - logarithm - size * _ROOT)


def _of_several(name: str) -> Callable[..., Any]:
    def make(original: Callable[..., Any], x: Any, mean: Any = None, cov: Any = 1, **kwargs: Any) -> Any:
        x, mean, cov = (array_of(current(value)) for value in (x, mean, cov))
        if not is_traced([x, mean, cov]):
            return original(x, mean, cov, **kwargs)
        if kwargs:
            raise refuse(f"scipy.stats.multivariate_normal.{name} with {', '.join(kwargs)}=", "leave it out")
        value = _normal_in_dimensions(*(a if a is None or is_traced(a) else np.asarray(a) for a in (x, mean, cov)))
        return np.exp(value) if name == "pdf" else value

    return make


for _name in ("pdf", "logpdf"):
    stands_in("scipy.stats", f"multivariate_normal.{_name}")(_of_several(_name))
    stands_in("scipy.stats", f"rv_continuous.{_name}")(_method(_name, density=True))
for _name in ("pmf", "logpmf"):
    stands_in("scipy.stats", f"rv_discrete.{_name}")(_method(_name, density=True))
for _name in ("cdf", "sf", "logcdf", "logsf"):
    stands_in("scipy.stats", f"rv_continuous.{_name}")(_method(_name, density=False))
