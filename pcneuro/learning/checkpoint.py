"""Checkpoints of learning: one file of JSON and plain arrays, written whole or not at all. Reading one runs no code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import CircuitFileError
from pcneuro.files import read_archive, write_archive
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
}
"""What decides on how learning goes on; a checkpoint is taken up where all of it is the same."""


@dataclass(frozen=True)
class Checkpoint:
    """Where learning stands: parameters, what the optimiser remembers of each, updates so far, and the epochs done."""

    settings: Mapping[str, Any]
    updates: int
    epochs: list[dict[str, Any]]
    parameters: dict[str, np.ndarray]
    memory: dict[str, Memory]

    def write(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Write it. Raises OutputError where the file exists (without ``overwrite``) or cannot be written."""
        facts = {"settings": dict(self.settings), "updates": self.updates, "epochs": self.epochs}
        arrays = {f"parameter/{name}": value for name, value in self.parameters.items()}
        for name, memory in self.memory.items():
            arrays |= {f"memory/{k}/{name}": value for k, value in enumerate(memory)}
        write_archive(path, KIND, facts, arrays, overwrite=overwrite)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read it. Raises CircuitFileError for a file that is damaged, of another version, or something else."""
        facts, arrays = read_archive(path, KIND)
        parameters = {k.removeprefix("parameter/"): v for k, v in arrays.items() if k.startswith("parameter/")}
        try:
            memory = {}
            for name, value in parameters.items():
                slots = sum(key.startswith("memory/") and key.split("/", 2)[2] == name for key in arrays)
                memory[name] = tuple(arrays[f"memory/{k}/{name}"] for k in range(slots))
                if any(a.shape != value.shape for a in memory[name]):
                    raise ValueError(f"memory of {name!r}")
            settings = {key: facts["settings"][key] for key in MEANING}
            updates, epochs = int(facts["updates"]), list(facts["epochs"])
            if [epoch["number"] for epoch in epochs] != list(range(len(epochs))) or not epochs:
                raise ValueError("epochs")
            wrong = next((n for n, a in parameters.items() if a.dtype != np.float64 or not np.isfinite(a).all()), None)
            if wrong is not None:
                raise ValueError(f"values of {wrong!r}")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise CircuitFileError(f"{path} holds no valid checkpoint: {type(error).__name__}: {error}") from None
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
    """Parameters by name out of a checkpoint, for ``Circuit.with_parameters``. Raises CircuitFileError."""
    return Checkpoint.read(path).parameters
