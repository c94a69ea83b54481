"""Values for inputs, targets and clamps: as they stand in the file, out of another file, or drawn with a seed."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from pcneuro.errors import ConfigurationError
from pcneuro.files import ArrayFile, npy_array, open_regular
from pcneuro.files.toml import Problem, Table
from pcneuro.model.timed import TimedArray
from pcneuro.studies.tables import made_from

VALUES: dict[str, type[AbstractValues]] = {}


class AbstractValues(Table):
    """A source of values for one leaf or vertex."""

    kind: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        VALUES[cls.kind] = cls

    changes: ClassVar[bool] = False
    """Whether they are a ``TimedArray``."""

    @abstractmethod
    def array(self, shape: tuple[int, ...], samples: int, generator: np.random.Generator, folder: Path) -> Any:
        """Values of the leaf's own shape, or of shape (samples, \\*shape). ``folder`` is that of the file."""


class LiteralValues(AbstractValues):
    """``x = [0.5, 1.0]``: the values themselves, of the leaf's own shape or with an axis of samples in front."""

    kind = "given"
    values: list[Any] | float | int

    def array(self, shape: tuple[int, ...], samples: int, generator: np.random.Generator, folder: Path) -> np.ndarray:
        return np.array(self.values, dtype=np.float64)


class Normal(AbstractValues):
    """``{kind = "normal", mean = 0.0, scale = 1.0}``: drawn from a normal distribution."""

    kind = "normal"
    mean: float = Field(0.0, allow_inf_nan=False)
    scale: float = Field(1.0, ge=0, allow_inf_nan=False)

    def array(self, shape: tuple[int, ...], samples: int, generator: np.random.Generator, folder: Path) -> np.ndarray:
        return generator.normal(self.mean, self.scale, (samples, *shape))


class Uniform(AbstractValues):
    """``{kind = "uniform", low = 0.0, high = 1.0}``: drawn from a uniform distribution."""

    kind = "uniform"
    low: float = Field(0.0, allow_inf_nan=False)
    high: float = Field(1.0, allow_inf_nan=False)

    def array(self, shape: tuple[int, ...], samples: int, generator: np.random.Generator, folder: Path) -> np.ndarray:
        return generator.uniform(self.low, self.high, (samples, *shape))


class OneHot(AbstractValues):
    """``{kind = "one_hot"}``: a 1 at a random place of the last axis, 0 elsewhere."""

    kind = "one_hot"

    def array(self, shape: tuple[int, ...], samples: int, generator: np.random.Generator, folder: Path) -> np.ndarray:
        classes = shape[-1] if shape else 1
        return np.eye(classes)[generator.integers(0, classes, (samples, *shape[:-1]))].reshape(samples, *shape)


class FileValues(AbstractValues):
    """``{kind = "file", path = "images.npy"}``: a NumPy file; a relative path begins at the simulation file."""

    kind = "file"
    path: str

    def array(self, shape: tuple[int, ...], samples: int, generator: np.random.Generator, folder: Path) -> np.ndarray:
        path = folder / self.path
        try:
            with open_regular(path) as file:
                return npy_array(file, os.fstat(file.fileno()).st_size)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"cannot read the values in {path}: {reason}") from None


class TimedValues(AbstractValues):
    """``{kind = "timed", path = "movie.npy", dt = 16.0}``: values over time, from a NumPy file read piece by piece.

    Or ``values = [[0.0, 1.0], [1.0, 0.0]]`` in the file itself. Each holds for ``dt`` ms; ``periodic = true`` begins
    again at the end.
    """

    kind = "timed"
    changes = True
    path: str | None = None
    values: list[Any] | None = None
    dt: float = Field(gt=0, allow_inf_nan=False)
    periodic: bool = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.path is None) == (self.values is None):
            raise Problem(("path",), "or values: give one of the two")
        return self

    def array(self, shape: tuple[int, ...], samples: int, generator: np.random.Generator, folder: Path) -> TimedArray:
        if self.path is None:
            return TimedArray(self.values, self.dt, periodic=self.periodic)
        path = folder / self.path
        try:
            return TimedArray(ArrayFile.of_npy(path), self.dt, periodic=self.periodic)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"cannot read the values in {path}: {reason}") from None


def values_of(raw: Any) -> Any:
    """The values that a number, an array or a table with a kind stands for. Raises Problem."""
    if isinstance(raw, AbstractValues):
        return raw
    if isinstance(raw, bool) or not isinstance(raw, Mapping | list | int | float):
        raise Problem((), "needs a number, an array, or a table with a kind")
    if not isinstance(raw, Mapping):
        try:
            numeric = np.array(raw).dtype.kind in "iuf"
        except ValueError:
            numeric = False
        if not numeric:
            raise Problem((), "needs numbers, as many in every row")
        return LiteralValues(values=raw)
    return made_from({name: made for name, made in VALUES.items() if made is not LiteralValues}, None, raw)


Values = Annotated[AbstractValues, BeforeValidator(values_of)]
