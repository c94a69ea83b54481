"""Latin hypercubes: random points of which each axis has one in each of as many equal parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from pcneuro.studies.spaces.sampled import AbstractSampled


@final
@dataclass(frozen=True, repr=False)
class LatinHypercube(AbstractSampled):
    """``runs`` random points: each of as many equal parts of each axis has one (``scipy.stats.qmc.LatinHypercube``).

    Parameters
    ----------
    axes
        Dotted key -> ``(low, high)``, or a ``pcn.spaces.Range``, which may be logarithmic or of whole numbers.
    runs
        How many.
    seed
        Of what is drawn.

    Raises
    ------
    ParameterError
        For ranges that are none, and numbers that are not whole.
    CapacityError
        More than 10^9 runs.

    Examples
    --------
    >>> space = pcn.spaces.LatinHypercube({"tau": pcn.spaces.Range(5.0, 50.0, log=True)}, runs=8, seed=1)
    >>> 5.0 <= space.values(0)["tau"] <= 50.0
    True
    """

    kind: ClassVar[str] = "latin_hypercube"

    def drawn(self) -> np.ndarray:
        from scipy.stats import qmc

        return qmc.LatinHypercube(len(self.axes), rng=np.random.default_rng(self.seed)).random(self.runs)
