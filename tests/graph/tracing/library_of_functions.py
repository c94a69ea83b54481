"""Functions in a file of their own, whose lines the tests know."""

import numpy as np


def without_duplicates(x):
    """Cannot be traced."""
    return np.unique(x)


def twice_tanh(x):
    """Two nodes, two lines."""
    y = 2 * x
    return np.tanh(y)
