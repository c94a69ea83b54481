"""Data to learn from: each kind is a table ``[data]`` of a simulation file."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pcneuro import data
from pcneuro.circuit import Circuit
from pcneuro.errors import ParameterError
from pcneuro.learning import Examples
from pcneuro.simulation.tables import Table

DATASETS: dict[str, type[AbstractDataset]] = {}


class AbstractDataset(Table):
    """Labelled samples, in a part to learn from and a part to test with."""

    kind: ClassVar[str]

    test: float = Field(0.2, gt=0, lt=1)
    """Share of the samples that is kept for the test."""
    seed: int = Field(0, ge=0)
    """Of the split."""
    samples: int | None = Field(None, ge=2)
    """Take so many samples of the (shuffled) data; None for all."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        DATASETS[cls.kind] = cls

    @abstractmethod
    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs of shape (samples, \\*shape), and one-hot targets of shape (samples, classes)."""

    def split(self, circuit: Circuit) -> tuple[Examples, Examples]:
        """Examples to learn from and to test with, for a circuit with one input and one output.

        Raises ParameterError for a circuit that has more of them.
        """
        graph = circuit.graph
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            raise ParameterError(
                f"data of kind {self.kind!r} needs a circuit with one input and one output, got the inputs "
                f"{', '.join(graph.inputs) or 'none'} and the outputs {', '.join(graph.outputs)}"
            )
        inputs, targets = self.load()
        order = np.random.default_rng(self.seed).permutation(len(inputs))[: self.samples]
        held = max(1, round(self.test * len(order)))
        examples = Examples(
            {name: inputs.reshape(len(inputs), *_shape(node.shape, inputs)) for name, node in graph.inputs.items()},
            dict.fromkeys(graph.outputs, targets),
        )
        return examples.take(order[held:]), examples.take(order[:held])


def _shape(wanted: tuple[int, ...], inputs: np.ndarray) -> tuple[int, ...]:
    """The input's own shape where the data has as many units, so that images may be flat or not; else the data's."""
    return wanted if np.prod(wanted) == np.prod(inputs.shape[1:]) else inputs.shape[1:]


class Digits(AbstractDataset):
    """Scikit-learn's 1,797 handwritten digits: images of 8 x 8 in [0, 1], and ten classes."""

    kind = "digits"

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        digits = data.Digits().whole()
        return digits.inputs.reshape(len(digits), -1).astype(float), digits.targets.astype(float)
