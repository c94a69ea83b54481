"""Random order: what any strategy has to be better than."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcneuro.mapping.partition.abstract import AbstractStrategy
from pcneuro.mapping.partition.problem import Problem


class RandomOrder(AbstractStrategy):
    """Nodes in random order, each on the core that has most room left.

    Examples
    --------
    >>> pcn.mapping.RandomOrder().name
    'random'
    """

    name = "random"

    def starts(self, problem: Problem, natural: np.ndarray, cores: int, seed: int) -> Iterator[np.ndarray]:
        for number in range(problem.tries):
            order = np.random.Generator(np.random.Philox([seed, number])).permutation(problem.nodes)
            # Dealt out like cards, the large ones first.
            order = order[np.argsort(-problem.nets.size[order], kind="stable")]
            core = np.empty(problem.nodes, dtype=np.int64)
            core[order] = np.arange(problem.nodes) % cores
            yield core

    def worthwhile(self, problem: Problem) -> bool:
        """Only where many starts cost nothing."""
        return problem.tries > 1
