"""The log posterior of a hierarchical model: groups share a normal distribution (eight schools; Rubin 1981)."""

import numpy as np
from scipy.special import gammaln

import pcneuro as pcn

EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def normal(x, mean, scale):
    return -0.5 * ((x - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


def student(x, df, scale):
    z = x / scale
    constant = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(df * np.pi) - np.log(scale)
    return constant - (df + 1) / 2 * np.log1p(z**2 / df)


def hierarchical_model(mu, log_tau, z, log_df):
    tau = np.exp(log_tau)
    schools = mu + tau * z
    prior = normal(mu, 0, 20.0) + student(tau, 1 + np.exp(log_df), 10.0) + log_tau + np.sum(normal(z, 0, 1.0))
    return prior + np.sum(normal(EFFECTS, schools, ERRORS))


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log posterior."""
    leaves = {
        "mu": pcn.Parameter(5.0),
        "log_tau": pcn.Parameter(1.2),
        "z": pcn.Parameter(np.random.default_rng(seed).normal(size=8)),
        "log_df": pcn.Parameter(0.4),
    }
    return pcn.build_circuit(pcn.trace(hierarchical_model, **leaves))
