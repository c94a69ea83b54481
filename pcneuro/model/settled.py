"""Settled: when a run has reached equilibrium and may stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.quantities import NOT_NEGATIVE, SHARE, milliseconds, number


@dataclass(frozen=True)
class Settled:
    """Equilibrium, for ``run(until=...)``: nothing moves any more, up to a tolerance.

    A sample has settled where in every free population, with the largest absolute values over its units::

        max |tau dv/dt| = max |drive - e|  <=  atol + rtol * max(|drive|, |e|)

    so that each population's errors, however small, are as near to what drives them; those of a latent without a prior,
    which has none, are compared with its activity v. Or where a step changes the population by no more than the
    rounding of its state (v - prediction under fixed prediction, else v), as it can come no nearer.

    With conduction delays this has to hold for as long as the longest of them, as what is on its way might move
    something yet; where neurons send only changes above a threshold, until nothing is on its way.

    Parameters
    ----------
    rtol
        From 0 to below 1. Errors and gradients are then off by about this share for each hop to the output.
    atol
        In units of the errors, not negative.
    limit
        The run ends after so many ms in any case.

    Raises ParameterError for values out of range.

    Examples
    --------
    >>> result = pcn.Simulator(circuit).run(until=pcn.Settled(rtol=1e-4), **data)
    >>> result.status
    <Status.COMPLETED: 'completed'>
    """

    rtol: float = 1e-4
    atol: float = 0.0
    limit: float = 100_000.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rtol", number("rtol of Settled", self.rtol, SHARE))
        object.__setattr__(self, "atol", number("atol of Settled", self.atol, NOT_NEGATIVE))
        object.__setattr__(self, "limit", milliseconds("limit of Settled", self.limit))

    def missed(self, open_: int, blocks: int, taken: float) -> str:
        """That so many blocks of samples have not settled within ``taken`` ms."""
        return (
            f"{open_} of {blocks} blocks of samples not settled to {self!r} after {taken:g} ms; run() goes on "
            "from there, or try a larger limit or rtol"
        )

    def limits(self, dtype: np.dtype) -> np.ndarray:
        """rtol, atol, and the rounding of a state, as the kernels take them."""
        return np.array([self.rtol, self.atol, np.finfo(dtype).eps], dtype=dtype)

    def holds(
        self, drive: np.ndarray, error: np.ndarray, state: np.ndarray, gain: np.ndarray, predicted: bool
    ) -> np.ndarray:
        """Whether each sample of one population, arrays of (batch, \\*shape), has settled; the kernel's twin.

        ``gain`` is what a step multiplies drive - error by; ``predicted`` tells whether there is an error.
        """
        rtol, atol, rounding = self.limits(drive.dtype)
        away, height = np.abs(drive - error), np.where(np.isfinite(state), np.abs(state), 0.0)
        largest = [
            each.reshape(len(drive), -1).max(axis=1)
            for each in (
                away,
                np.maximum(np.abs(drive), np.abs(error)) if predicted else height,
                gain.astype(drive.dtype) * away,
                height,
            )
        ]
        distance, scale, change, highest = largest
        near = (distance <= rtol * scale + atol) | (change <= rounding * highest)
        return np.asarray(near & np.isfinite(distance))
