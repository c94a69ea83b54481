"""Hop-count distributions: the weights of paths of k hops after n steps, or at a time.

With one rate everywhere, fixed prediction is e' = A e + b - e in units of that rate: A pulls errors one hop upstream,
b is what the clamped populations send. From rest, e = sum_k P[K >= k] A^(k-1) b, and an initial e0 decays as
sum_k P[K = k] A^k e0, where K is the number of hops made: Binomial(n, eta) after n Euler steps, Poisson at a time, when
P[K >= k] is Erlang's distribution function (the regularised incomplete gamma function).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pcneuro.model.integrators import AbstractIntegrator, Euler, ExponentialEuler

Shares = tuple[np.ndarray, np.ndarray]
"""P[K >= k] and P[K = k], of shape (times, hops + 1)."""


def erlang_share(hops: np.ndarray, time: np.ndarray) -> np.ndarray:
    """P[K >= hops] at times in units of the common time constant: Erlang's distribution function."""
    from scipy.special import gammainc

    return np.where(hops == 0, 1.0, gammainc(np.maximum(hops, 1), time))


def binomial_share(hops: np.ndarray, steps: np.ndarray, eta: float) -> np.ndarray:
    """P[K >= hops] after so many steps, each of which takes an error one hop on with probability ``eta``."""
    from scipy.special import betainc

    reached = betainc(np.maximum(hops, 1), np.maximum(steps - hops + 1, 1), eta)
    return np.where(hops == 0, 1.0, np.where(hops <= steps, reached, 0.0))


def poisson(time: np.ndarray, hops: int) -> Shares:
    """At times in units of the common time constant."""
    from scipy.special import gammaln, xlogy

    t, k = np.asarray(time, dtype=np.float64)[:, None], np.arange(hops + 1)[None]
    return erlang_share(k, t), np.exp(xlogy(k, t) - t - gammaln(k + 1))


def binomial(steps: np.ndarray, eta: float, hops: int) -> Shares:
    """After so many steps, each of which takes an error one hop on with probability ``eta``."""
    from scipy.special import gammaln, xlog1py, xlogy

    n, k = np.asarray(steps, dtype=np.float64)[:, None], np.arange(hops + 1)[None]
    possible = k <= n
    rest = np.where(possible, n - k, 0.0)
    logarithm = gammaln(n + 1) - gammaln(k + 1) - gammaln(rest + 1) + xlogy(k, eta) + xlog1py(rest, -eta)
    return binomial_share(k, n, eta), np.where(possible, np.exp(logarithm), 0.0)


def stepped(integrator: AbstractIntegrator, steps: np.ndarray, eta: float, hops: int) -> Shares:
    """The same for any integrator, whose weights need not be probabilities: it steps two chains, one from rest."""
    chains = np.zeros((2, hops + 1))
    chains[:, 0] = 1.0  # K >= 0 is held at one, K = 0 leaks
    shares_by_step = np.zeros((2, len(steps), hops + 1))
    done = 0
    for at in np.argsort(steps, kind="stable"):
        while done < steps[at]:
            before = chains
            slopes: list[np.ndarray] = []
            for row in integrator.tableau:
                now = before + eta * sum((a * k for a, k in zip(row, slopes, strict=False)), np.zeros(()))
                slope = -now
                slope[:, 1:] += now[:, :-1]
                slope[0, 0] = 0.0
                slopes.append(slope)
            chains = before + eta * sum(b * k for b, k in zip(integrator.weights, slopes, strict=True))
            done = done + 1 if not np.array_equal(chains, before) else int(steps.max())
        shares_by_step[:, at] = chains
    return shares_by_step[0], shares_by_step[1]


@lru_cache(16)
def shares(integrator: AbstractIntegrator, after: tuple[int, ...], eta: float, hops: int) -> Shares:
    """After so many steps of an integrator, of which one leaks the share ``eta``."""
    steps = np.array(after)
    if isinstance(integrator, Euler | ExponentialEuler) and eta <= 1:
        return binomial(steps, eta, hops)
    return stepped(integrator, steps, eta, hops)
