"""Networks to be mapped: axons from sparse matrices, and layered ones whose neurons are near what they are tied to."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from pcneuro.mapping.axons import Axons


def axons_from(matrix: sp.csr_matrix, sizes=None, unit=None) -> Axons:
    """Axons of a matrix (source, target), by default of one population; each neuron is a unit of its own."""
    matrix = sp.csr_matrix(matrix)
    matrix.sort_indices()
    neurons = matrix.shape[0]
    sizes = [neurons] if sizes is None else sizes
    fan_out = np.diff(matrix.indptr)
    neuron = np.flatnonzero(fan_out)
    first = np.append(0, np.cumsum(fan_out[neuron])).astype(np.int64)
    unit = np.arange(neurons) if unit is None else unit
    kind = np.zeros(neuron.size, dtype=np.uint8)
    names = tuple(f"p{k}" for k in range(len(sizes)))
    return Axons(names, tuple(sizes), unit, neuron, kind, first, matrix.indices.astype(np.int32))


def random_matrix(rng: np.random.Generator, neurons: int, density: float) -> sp.csr_matrix:
    """Each synapse there with a probability, but that of a neuron with itself."""
    dense = rng.random((neurons, neurons)) < density
    np.fill_diagonal(dense, False)
    return sp.csr_matrix(dense)


def layered(rng: np.random.Generator, sizes, fan_out: int, window: int, share: float) -> sp.csr_matrix:
    """Layers whose neurons reach a window of the next one and of the one before, a share of them anywhere in it."""
    begins = np.cumsum([0, *sizes])
    sources, targets = [], []
    for one, two in ((k, k + 1) for k in range(len(sizes) - 1)):
        for a, b in ((one, two), (two, one)):
            source = np.repeat(np.arange(sizes[a]), fan_out)
            target = np.rint(source * sizes[b] / sizes[a] + rng.uniform(-window / 2, window / 2, source.size))
            anywhere = rng.random(source.size) < share
            target = np.where(anywhere, rng.integers(sizes[b], size=source.size), target.astype(int) % sizes[b])
            sources.append(source + begins[a])
            targets.append(target + begins[b])
    source, target = np.concatenate(sources), np.concatenate(targets)
    matrix = sp.csr_matrix((np.ones(source.size, np.int8), (source, target)), shape=(begins[-1],) * 2)
    matrix.data[:] = 1
    return matrix
