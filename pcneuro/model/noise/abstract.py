"""What noise is: what it adds to the state of a population in a time step, from normal numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pcneuro.errors import ParameterError, ShapeError, told
from pcneuro.quantities import plain

NOISES: dict[str, type[AbstractNoise]] = {}


@dataclass(frozen=True)
class Stirring:
    """What a time step does to each unit of a population, with a normal number z: arrays of its shape.

    eta <- persistence eta + amplitude z, and then state <- state + gain eta. Eta begins at zero.
    """

    persistence: np.ndarray
    amplitude: np.ndarray
    gain: np.ndarray


@dataclass(frozen=True, eq=False)
class AbstractNoise(ABC):
    """Noise of one population, independent between its units and samples.

    Parameters
    ----------
    sigma
        Deviation: a number, or an array of the vertex's shape. Raises ParameterError unless finite and not negative.
    """

    sigma: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        NOISES[cls.__name__] = cls

    def __post_init__(self) -> None:
        self._set("sigma", self.sigma)

    @property
    @abstractmethod
    def persists(self) -> bool:
        """Whether eta goes on from step to step, and is part of the state."""

    @abstractmethod
    def stirring(self, dt: float, white: np.ndarray, drive: np.ndarray) -> Stirring:
        """What a step of ``dt`` ms does to units, to which white noise of deviation 1 would add ``white``.

        A drive of 1 would add ``drive``.
        """

    @abstractmethod
    def equations(self, tau: str, number: str) -> tuple[str, list[str]]:
        """In Brian2's syntax: what is added to the derivative of the state, and further lines of the population.

        ``tau`` is the name of the state's time constant, ``number`` tells apart noise of one block.
        """

    def attributes(self) -> dict[str, Any]:
        """The object's data as plain values and arrays, for saving."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def check(self, vertex: str, shape: tuple[int, ...]) -> None:
        """Raise ShapeError where an array is not of a vertex's shape."""
        for name, value in self.attributes().items():
            if np.ndim(value) and np.shape(value) != shape:
                raise ShapeError(
                    f"noise of {vertex!r}, of shape {shape}: {name} of {type(self).__name__} has shape "
                    f"{np.shape(value)}; give a number or an array of that shape"
                )

    def _set(self, name: str, value: Any, *, zero: bool = True) -> None:
        """Make a field a float or a read-only array; finite, not negative, and above zero unless ``zero`` may be."""
        what = f"{name} of {type(self).__name__}"
        try:
            array = np.array(plain(what, value))
            if array.dtype.kind not in "iuf":
                raise ValueError
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise ParameterError(f"{what} is {told(value)}; give a number or an array of numbers") from None
        if not (np.isfinite(array).all() and ((array >= 0) if zero else (array > 0)).all()):
            wanted = "not negative" if zero else "positive"
            least = array.min() if np.isfinite(array).all() else array[~np.isfinite(array)][0]
            raise ParameterError(f"{what} must be finite and {wanted}, got {least:g}")
        array.flags.writeable = False
        object.__setattr__(self, name, array if array.ndim else float(array))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            np.array_equal(a, b)
            for a, b in zip(self.attributes().values(), other.attributes().values(), strict=True)  # type: ignore[attr-defined]
        )

    def __hash__(self) -> int:
        return hash((type(self), *(np.asarray(value).tobytes() for value in self.attributes().values())))

    def __repr__(self) -> str:
        parts = []
        for name, value in self.attributes().items():
            low, high = np.min(value), np.max(value)
            parts.append(f"{name}={low:g}" if low == high else f"{name}={low:g} to {high:g}")
        return f"{type(self).__name__}({', '.join(parts)})"
