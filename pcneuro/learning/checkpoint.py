"""Checkpoints of learning: one file of JSON and plain arrays, written whole or not at all. Reading one runs no code."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import CircuitFileError
from pcneuro.files import STUMBLES, read_archive, write_archive
from pcneuro.learning.epochs import Epoch
from pcneuro.learning.optimizers import Memory

KIND = "checkpoint"
MEANING = {
    "circuit": "another circuit",
    "start": "other parameters at the start",
    "examples": "other examples",
    "source": "another source of gradients",
    "optimizer": "another optimizer",
    "rates": "another learning-rate schedule",
    "batch": "another batch size",
    "seed": "another seed",
    "output": "another output to score",
}
"""What decides on how learning goes on; a checkpoint is taken up where all of it is the same."""


@dataclass(frozen=True)
class Checkpoint:
    """Where learning stands: parameters, what the optimiser remembers of each, updates so far, and the epochs done."""

    settings: Mapping[str, Any]
    updates: int
    epochs: Sequence[Epoch]
    parameters: dict[str, np.ndarray]
    memory: dict[str, Memory]

    def write(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Write it. Raises OutputError where the file exists (without ``overwrite``) or cannot be written."""
        facts = {"settings": dict(self.settings), "updates": self.updates, "epochs": [e.row() for e in self.epochs]}
        arrays = {f"parameter/{name}": value for name, value in self.parameters.items()}
        for name, memory in self.memory.items():
            arrays |= {f"memory/{k}/{name}": value for k, value in enumerate(memory)}
        write_archive(path, KIND, facts, arrays, overwrite=overwrite)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read it. Raises CircuitFileError for a file that is damaged, of another version, or something else."""
        facts, arrays = read_archive(path, KIND)
        try:
            parameters = {k.removeprefix("parameter/"): _finite(k, a) for k, a in arrays.items() if _is_parameter(k)}
            memory = {name: _memory(name, value, arrays) for name, value in parameters.items()}
            if len(arrays) != len(parameters) + sum(map(len, memory.values())):
                raise ValueError("an array of it is nothing that is learned with")
            given, updates, rows = facts["settings"], facts["updates"], facts["epochs"]
            if not isinstance(given, dict) or not isinstance(rows, list) or not rows:
                raise ValueError("its settings or epochs are none")
            if isinstance(updates, bool) or not isinstance(updates, int) or updates < 0:
                raise ValueError("its number of updates is none")
            epochs = [Epoch.from_row(row, number) for number, row in enumerate(rows)]
            settings = {key: given[key] for key in MEANING}
        except KeyError as error:
            raise CircuitFileError(f"{path} holds no valid checkpoint: there is no {error} in it") from None
        except STUMBLES as error:
            raise CircuitFileError(f"{path} holds no valid checkpoint: {' '.join(str(error).split())}") from None
        return cls(settings, updates, epochs, parameters, memory)

    def check(self, settings: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
        """Raise CircuitFileError unless it was written by learning with the same settings."""
        for key, meaning in MEANING.items():
            if self.settings[key] != settings[key]:
                both = f" ({self.settings[key]} there, {settings[key]} here)"
                digests = key in ("circuit", "start", "examples")
                raise CircuitFileError(
                    f"{path} is a checkpoint of {meaning}{'' if digests else both}: go on with what it was written "
                    "with, or start anew with another file"
                )


def load_parameters(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Parameters by name out of a checkpoint, for ``Circuit.with_parameters``. Raises CircuitFileError.

    Examples
    --------
    >>> import tempfile
    >>> examples = pcn.Examples({"x": np.eye(3)}, {"out": np.ones((3, 2))})
    >>> path = f"{tempfile.mkdtemp()}/learned"
    >>> trainer = pcn.Trainer(pcn.Backprop(circuit), pcn.SGD(0.1), examples, examples, batch=3, checkpoint=path)
    >>> len(trainer.run(1).epochs)
    2
    >>> sorted(pcn.load_parameters(path))
    ['W1', 'W2']
    """
    return Checkpoint.read(path).parameters


def _is_parameter(key: str) -> bool:
    return key.startswith("parameter/")


def _memory(name: str, value: np.ndarray, arrays: Mapping[str, np.ndarray]) -> Memory:
    """What is remembered of a parameter. Raises ValueError where that cannot be."""
    memory: list[np.ndarray] = []
    while (key := f"memory/{len(memory)}/{name}") in arrays:
        memory.append(_finite(key, arrays[key]))
        if memory[-1].shape != value.shape:
            raise ValueError(f"{key} has another shape than {name!r}")
    return tuple(memory)


def _finite(key: str, array: np.ndarray) -> np.ndarray:
    if array.dtype != np.float64 or not np.isfinite(array).all():
        raise ValueError(f"{key} has NaN or infinity, or another type than float64")
    return array
