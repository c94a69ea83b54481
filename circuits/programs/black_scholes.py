"""Prices of European call options (Black & Scholes 1973)."""

import numpy as np
from scipy.special import ndtr

import pcneuro as pcn


def black_scholes(spot, volatility, rate):
    strike, maturity = np.array([90.0, 100.0, 110.0]), np.array([0.5, 1.0, 2.0])
    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * maturity) / (volatility * np.sqrt(maturity))
    d2 = d1 - volatility * np.sqrt(maturity)
    return spot * ndtr(d1) - strike * np.exp(-rate * maturity) * ndtr(d2)


def make() -> pcn.Circuit:
    """A circuit whose outputs are three prices, and whose gradients are the options' greeks."""
    leaves = {"spot": pcn.Parameter(100.0), "volatility": pcn.Parameter(0.2), "rate": pcn.Parameter(0.03)}
    return pcn.build_circuit(pcn.trace(black_scholes, **leaves))
