"""The digits that scikit-learn ships (Alpaydin & Kaynak 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.data.files import scaled
from pcneuro.data.packages import AbstractPackagedDigits

LARGEST = 16
"""Of the pixels: each counts the ink in a square of 4 x 4."""


@dataclass(frozen=True)
class Digits(AbstractPackagedDigits):
    """1,797 handwritten digits, grey images of 1 x 8 x 8; the class of a digit is the digit.

    Examples
    --------
    >>> digits = pcn.data.Digits(test=0.2, seed=0).load()
    >>> len(digits.train.classes)
    10
    """

    name: ClassVar[str] = "digits"
    title: ClassVar[str] = "1,797 grey images of handwritten digits, 8 x 8"
    source: ClassVar[str] = "scikit-learn"
    terms: ClassVar[str] = "CC BY 4.0 (UCI, 10.24432/C50P49)"
    package: ClassVar[str] = "sklearn"

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        return scaled(digits.images, LARGEST)[:, np.newaxis], digits.target.astype(np.int64)
