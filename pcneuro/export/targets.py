"""What a target is that can be run and compared with the kernel, and those that there are."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.circuit import Circuit
from pcneuro.dynamics import AbstractDynamics
from pcneuro.integrators import AbstractIntegrator
from pcneuro.record import Record


@dataclass(frozen=True)
class Exported:
    """State at the end of a run in another simulator, under the names of ``pcneuro.Result``."""

    gradients: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    predictions: dict[str, np.ndarray]
    records: Any
    time: float


@dataclass(frozen=True)
class Asked:
    """A run: what a simulator is made of, and what its ``run`` is given. ``duration`` in ms."""

    circuit: Circuit
    dynamics: AbstractDynamics
    integrator: AbstractIntegrator
    duration: float
    inputs: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    clamp: Mapping[str, np.ndarray]
    records: Sequence[Record]


TARGETS: dict[str, type[AbstractTarget]] = {}


class AbstractTarget(ABC):
    """Another simulator. A subclass in a module of this package is found by itself."""

    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        TARGETS[cls.name] = cls

    @abstractmethod
    def run(self, asked: Asked) -> Exported:
        """The same run there.

        Raises MissingExtraError where its library is not installed, and ParameterError for what it cannot represent.
        """


def targets() -> dict[str, type[AbstractTarget]]:
    """Name -> target, of all that there are."""
    import pcneuro.export as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(TARGETS.items()))
