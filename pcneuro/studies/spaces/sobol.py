"""Sobol sequences: points that fill a cube evenly, more evenly with every power of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.studies.spaces.sampled import AbstractSampled

MOST_AXES = 21_201
"""For more, SciPy has no direction numbers (Joe and Kuo 2008)."""


@final
@dataclass(frozen=True, repr=False)
class Sobol(AbstractSampled):
    """The first ``runs`` points of a scrambled Sobol sequence (``scipy.stats.qmc.Sobol``).

    Its first 2^m points are balanced: every axis has as many in each of 2^k equal parts. Other numbers of runs are
    taken as they are, with a warning.

    Parameters
    ----------
    axes
        Dotted key -> ``(low, high)``, or a ``pcn.spaces.Range``, which may be logarithmic or of whole numbers.
    runs
        How many; best a power of two.
    seed
        Of the scrambling.

    Raises
    ------
    ParameterError
        For ranges that are none, and numbers that are not whole.
    CapacityError
        More than 10^9 runs.

    Examples
    --------
    >>> len(pcn.spaces.Sobol({"tau": (5.0, 50.0)}, runs=8, seed=1))
    8
    """

    kind: ClassVar[str] = "sobol"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.axes) > MOST_AXES:
            raise ParameterError(f"axes has {len(self.axes):,} keys; a Sobol sequence has {MOST_AXES:,} at most")

    @property
    def _power(self) -> int:
        """Least m of which 2^m is at least as many as there are runs."""
        return (self.runs - 1).bit_length()

    def drawn(self) -> np.ndarray:
        from scipy.stats import qmc

        sequence = qmc.Sobol(len(self.axes), rng=np.random.default_rng(self.seed))
        points: np.ndarray = sequence.random_base2(self._power)[: self.runs]
        return points

    @property
    def notes(self) -> Sequence[str]:
        most = 1 << self._power
        if most == self.runs:
            return ()
        return (
            f"a Sobol sequence of {self.runs:,} runs is not balanced, as powers of two are: take {most >> 1:,} or "
            f"{most:,}",
        )
