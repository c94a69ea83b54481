"""Word vectors by skip-gram with negative sampling (Mikolov et al. 2013): rows of tables by index arrays."""

import numpy as np

import pcneuro as pcn

CENTRES = np.array([0, 1, 2, 3])
CONTEXTS = np.array([1, 2, 3, 0])
NEGATIVES = np.array([[4, 2], [0, 4], [4, 1], [2, 1]])


def word_vectors(E, C):
    centre, context, negatives = E[CENTRES], C[CONTEXTS], C[NEGATIVES]
    positive = np.sum(centre * context, axis=-1)
    negative = np.matmul(negatives, centre[:, :, None])[..., 0]
    return np.logaddexp(0, -positive).sum() + np.logaddexp(0, negative).sum()


def make(words: int = 5, width: int = 3, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the loss."""
    rng = np.random.default_rng(seed)
    leaves = {name: pcn.Parameter(rng.normal(size=(words, width))) for name in "EC"}
    return pcn.build_circuit(pcn.trace(word_vectors, **leaves))
