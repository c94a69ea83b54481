"""Data sets that a Python package ships: nothing is downloaded, and there is no official test."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import numpy as np

from pcneuro.data.abstract import AbstractDataset, LoadedDataset
from pcneuro.data.parts import Images, held_out
from pcneuro.errors import MissingExtraError

INSTALL = "pip install 'pcneuro[data]'"


@dataclass(frozen=True)
class AbstractPackagedDigits(AbstractDataset[Images]):
    """Digits, of which the share ``test``, drawn from ``seed``, is kept for testing.

    Raises ParameterError, when it is loaded, for a share outside of (0, 1).
    """

    test: float = 0.2
    seed: int = 0

    package: ClassVar[str]

    @abstractmethod
    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """All images, float32 in [0, 1] of (samples, 1, height, width), and their labels, int64."""

    def whole(self) -> Images:
        """All images, in the order of the package. Raises MissingExtraError where it is not installed."""
        if not self._installed():
            raise MissingExtraError(f"{self.name} comes with {self.source}: {INSTALL}")
        images, labels = self.read()
        return Images(images, labels, tuple(map(str, range(10))))

    def load(self) -> LoadedDataset[Images]:
        images = self.whole()
        train, test = held_out(len(images), self.test, self.seed)
        return LoadedDataset(self.name, images.take(train), images.take(test))

    def status(self) -> str:
        return "installed" if self._installed() else INSTALL

    def _installed(self) -> bool:
        return find_spec(self.package) is not None
