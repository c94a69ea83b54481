"""A gated recurrent unit whose parameters are a named tuple (Cho et al. 2014)."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

import pcneuro as pcn


class GRU(NamedTuple):
    Wz: Any
    Uz: Any
    Wr: Any
    Ur: Any
    Wh: Any
    Uh: Any


def gated_recurrent_unit(x, gru):
    h = np.zeros(gru.Uz.shape[0])
    for row in x:
        z = expit(row @ gru.Wz + h @ gru.Uz)
        r = expit(row @ gru.Wr + h @ gru.Ur)
        candidate = np.tanh(row @ gru.Wh + (r * h) @ gru.Uh)
        h = (1 - z) * h + z * candidate
    return h


def sample(seed: int = 1) -> dict:
    """A sequence."""
    return {"x": np.random.default_rng(seed).normal(size=(4, 3))}


def make(length: int = 4, hidden: int = 4, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the last state."""
    rng = np.random.default_rng(seed)
    gru = GRU(*(rng.normal(size=(n, hidden)) for n in (3, hidden) * 3))
    return pcn.build_circuit(pcn.trace(gated_recurrent_unit, x=pcn.Input((length, 3)), gru=pcn.Parameters(gru)))
