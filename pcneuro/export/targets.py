"""Targets: other simulators that are run and compared with the kernel; each is found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.gradient_history import gradient_history
from pcneuro.engines import RunData
from pcneuro.export.spiking import Spiking
from pcneuro.graph.forward import forward_pass
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.recording.record import Record


@dataclass(frozen=True)
class Exported:
    """State at the end of a run in another simulator, under the names of ``pcneuro.Result``.

    Arrays have shape (batch, \\*shape); outputs stand under both of their names; latents without a prior have neither
    errors nor predictions. ``hebbian`` makes gradients of values and errors.
    """

    gradients: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    predictions: dict[str, np.ndarray]
    records: Any
    time: float
    spikes: dict[str, np.ndarray] = field(default_factory=dict)
    """Vertex -> a table of spikes, where a target has them (``pcneuro.export.brian2.SPIKE``)."""

    def __repr__(self) -> str:
        return f"<Exported at {self.time:g} ms: {', '.join(self.values)}; gradients of {', '.join(self.gradients)}>"


@dataclass(frozen=True)
class RunRequest:
    """A run from the feedforward sweep: what a simulator is made of, and what its ``run`` is given (ms)."""

    circuit: Circuit
    dynamics: AbstractDynamics
    integrator: AbstractIntegrator
    duration: float
    inputs: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    clamp: Mapping[str, np.ndarray]
    records: Sequence[Record]
    spiking: Spiking = field(default_factory=Spiking)
    """For targets whose neurons spike."""

    @property
    def keywords(self) -> dict[str, Any]:
        """Inputs, targets and clamps, as keywords."""
        return {"inputs": self.inputs, "targets": self.targets, "clamp": self.clamp}


TARGETS: dict[str, type[AbstractTarget]] = {}


class AbstractTarget(ABC):
    """Another simulator that can be run; what only writes files needs none.

    A subclass in a module of this package is found by itself: all modules are imported for that, so that a target's
    library is to be imported inside functions.
    """

    name: ClassVar[str]
    tolerance: ClassVar[float] = 1e-9
    """Largest relative error that counts as agreement, unless another one is asked for."""
    at_records: ClassVar[bool] = True
    """Whether it agrees with the kernel at all times; else at the end of a run only."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if TARGETS.setdefault(cls.name, cls) is not cls:
            raise ValueError(f"two targets are called {cls.name!r}")

    @abstractmethod
    def run(self, request: RunRequest) -> Exported:
        """The same run there.

        Raises MissingExtraError where its library is not installed, and ParameterError for what it cannot represent.
        """


def hebbian(
    circuit: Circuit,
    dynamics: AbstractDynamics,
    data: RunData,
    values: Mapping[str, np.ndarray],
    errors: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """dL/dparameter from the activities that another simulator has come to since the feedforward sweep."""
    latents = {name: array for name, array in data.initial.items() if name in circuit.graph.latents}
    sweep = forward_pass(circuit.graph, {**data.inputs, **latents, **data.clamped})
    begin = {name: np.broadcast_to(sweep[name], values[name].shape) for name in circuit.vertices}
    seeds = {name: error for name, error in errors.items() if circuit.has_prediction(name)}
    history = gradient_history(
        circuit,
        dynamics,
        data.inputs,
        {name: np.stack([begin[name], values[name]]) for name in circuit.vertices},
        {name: np.stack([np.zeros_like(error), error]) for name, error in seeds.items()},
        list(circuit.parameters),
    )
    return circuit.graph.by_leaf({name: gradients[-1] for name, gradients in history.items()})


def targets() -> dict[str, type[AbstractTarget]]:
    """Name -> target, of all that there are."""
    import pcneuro.export as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(TARGETS.items()))
