"""An epidemic (susceptible, infected, recovered; Kermack & McKendrick 1927) whose infectivity changes."""

import numpy as np

import pcneuro as pcn


def epidemic(infectivity, recovery, infected):
    S, I, R = 1 - infected, infected, 0.0  # noqa: E741, as in every textbook
    curve = []
    for day in range(8):
        beta = infectivity[day // 2]
        new = beta * S * I
        S, I, R = S - new, I + new - recovery * I, R + recovery * I  # noqa: E741
        curve.append([S, I, R])
    return np.array(curve)


def make() -> pcn.Circuit:
    """A circuit whose output are the three fractions of each day."""
    leaves = {
        "infectivity": pcn.Parameter([0.9, 0.7, 0.4, 0.2]),
        "recovery": pcn.Parameter(0.2),
        "infected": pcn.Parameter(0.05),
    }
    return pcn.build_circuit(pcn.trace(epidemic, **leaves))
