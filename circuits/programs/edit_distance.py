"""The distance of words with costs of insertion, deletion and exchange that are learned: Wagner & Fischer's table."""

import numpy as np

import pcneuro as pcn

WORDS = ("synapse", "snaps")


def edit_distance(insertion, deletion, exchange):
    first, second = WORDS
    D = np.zeros((len(first) + 1, len(second) + 1))
    D[:, 0] = deletion * np.arange(len(first) + 1)
    D[0, :] = insertion * np.arange(len(second) + 1)
    for i in range(1, len(first) + 1):
        for j in range(1, len(second) + 1):
            swapped = D[i - 1, j - 1] + (0 if first[i - 1] == second[j - 1] else exchange)
            D[i, j] = min_of(D[i - 1, j] + deletion, D[i, j - 1] + insertion, swapped)
    return D[-1, -1]


def min_of(*ways):
    return np.min(np.array(ways))


def make() -> pcn.Circuit:
    """A circuit whose output is the distance of two words."""
    costs = {"insertion": 1.1, "deletion": 0.9, "exchange": 1.6}
    return pcn.build_circuit(pcn.trace(edit_distance, **{name: pcn.Parameter(value) for name, value in costs.items()}))
