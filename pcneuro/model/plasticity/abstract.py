"""What a rule of plasticity is: what drives a parameter while a circuit runs, and how fast the parameter follows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np

from pcneuro.errors import ParameterError, told
from pcneuro.ops.formula import Formula, substitute, to_text, variables_of
from pcneuro.quantities import NOT_NEGATIVE, milliseconds, number

PLASTICITY: dict[str, type[AbstractPlasticity]] = {}

UNBOUNDED = (-math.inf, math.inf)

DESCENT = "descent"
"""In the equation of a rule: -dL/dtheta of the parameter that it follows. The other names are these."""
LEARNED = "learned"
"""The parameter, or variance, itself."""
PRE, POST = "pre", "post"
"""The activity before a synapse of a dense product, and that of the value neuron which the product predicts."""
VALUE, PREDICTION = "value", "prediction"
"""Those of the unit of a vertex whose variance is learned."""
MEAN = "mean"
"""The mean activity of the vertex that a rule names, over units and samples."""
NAMED = "named"
"""The activity of the vertex that a rule names, at the unit of the column of a dense product."""


@dataclass(frozen=True)
class Product:
    """The dense product x @ W that a parameter W enters.

    ``pre`` is the node that x is, ``post`` the vertex whose prediction the product enters, unit by unit.
    """

    pre: str
    post: str


class Anatomy(Protocol):
    """What a rule may ask of the circuit that it is for."""

    def product(self, parameter: str) -> Product:
        """The one dense product that a parameter enters. Raises ParameterError where it enters anything else."""

    def pre(self, parameter: str) -> str:
        """The node x of the one dense product x @ W that a parameter W enters. Raises ParameterError for all else."""

    def columns(self, parameter: str) -> int:
        """How many columns a matrix of weights has."""

    def units(self, vertex: str) -> int:
        """How many units a vertex has."""

    def check_like(self, parameter: str, other: str) -> None:
        """Raise UnknownNameError where the other is no parameter, ShapeError where it is of another shape."""

    def vertex(self, what: str, name: str) -> str:
        """The vertex of this name, or of the output. Raises UnknownNameError, which says ``what`` it is for."""

    def check_variance(self, vertex: str) -> None:
        """Raise ParameterError for a vertex that nothing predicts, or whose precision weighs another energy."""


class Activity(Protocol):
    """What the reference simulator offers to rules: arrays (batch, \\*shape) by vertex or node."""

    @property
    def parameters(self) -> Mapping[str, np.ndarray]: ...
    @property
    def anatomy(self) -> Anatomy: ...
    @property
    def value(self) -> Mapping[str, np.ndarray]: ...
    @property
    def prediction(self) -> Mapping[str, np.ndarray]: ...
    @property
    def presynaptic(self) -> Mapping[str, np.ndarray]: ...

    def hebbian(self, parameter: str) -> np.ndarray:
        """-dL/dparameter, summed over the batch."""


class DriveCode(Protocol):
    """What the compiler offers to rules that have instructions of their own: rows of both buffers of a program.

    ``drive`` is the row of the shared buffer that the sum over samples is to be added to, ``share`` that of
    1 / samples of the batch.
    """

    @property
    def drive(self) -> int: ...
    @property
    def share(self) -> int: ...
    @property
    def anatomy(self) -> Anatomy: ...

    def emit(self, kernel: str, *arguments: int) -> None:
        """Append an instruction for one of the operator kernels."""

    def constant(self, value: float) -> int:
        """Row of the shared buffer that holds a number."""

    def parameter(self, name: str) -> tuple[int, int]:
        """First row of a parameter, or of what else is learned, in the shared buffer, and how many it has."""

    def presynaptic(self, node: str) -> tuple[int, int]:
        """First row of the activity of a node as predictions read it, and how many it has."""

    def activity(self, vertex: str) -> tuple[int, int, int]:
        """First row of the value neurons' activity, the first of the rows to be added to that (-1: none), and units."""

    def deviation(self, vertex: str) -> tuple[int, int]:
        """First row of value - prediction of a vertex, and how many units it has."""


class AbstractPlasticity(ABC):
    """A parameter theta follows a drive, which the batch is summed to: tau dtheta/dt = drive - decay theta.

    Integrated together with the neurons, it is theta <- theta + dt/tau (drive - decay theta) by Euler's method, with
    the drive at the begin of a step; and clipped to bounds. With an interval ``every`` it is one such change, of
    every/tau, at the end of each interval, with the drive at the state there. A subclass says what the drive is.

    Parameters
    ----------
    tau
        Time constant in ms, or a quantity of time.
    decay
        What the parameter is pulled back by, per unit of itself.
    bounds
        The least and the greatest value, or None.
    every
        Interval between changes in ms, a multiple of dt; None: the parameter is integrated.

    Raises ParameterError for values out of range, and bounds the wrong way round.
    """

    tau: float
    decay: float
    bounds: tuple[float, float] | None
    every: float | None

    of_vertex: ClassVar[bool] = False
    """Whether it is given for a vertex, and changes what its error neurons have; else for a parameter."""
    hebbian: ClassVar[bool] = False
    """Whether the drive is a Hebbian sum, of what it ``follows``, so that it needs no instructions of its own."""
    over_samples: ClassVar[str] = ""
    """What the batch makes of the equation, in words: ``"sum of "``, ``"mean of "``; nothing where a name says it."""
    reads_deviations: ClassVar[bool] = False
    """Whether its drive reads value - prediction where errors are something else."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        known = PLASTICITY.get(cls.__name__)
        # The same class may be made again, as where a cell of a notebook is run twice.
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ParameterError(f"there is a rule of plasticity {cls.__name__!r} already: choose another name")
        PLASTICITY[cls.__name__] = cls

    def __post_init__(self) -> None:
        """Make fields what they are to be; raises ParameterError for what they cannot be."""
        kind = type(self).__name__
        object.__setattr__(self, "tau", milliseconds(f"tau of {kind}", self.tau))
        object.__setattr__(self, "decay", number(f"decay of {kind}", self.decay, NOT_NEGATIVE))
        if self.every is not None:
            object.__setattr__(self, "every", milliseconds(f"every of {kind}", self.every))
        if self.bounds is not None:
            object.__setattr__(self, "bounds", self._pair(self.bounds))

    def _check_name(self, field: str) -> None:
        """Raise ParameterError for a field that is no name."""
        value = getattr(self, field)
        if not isinstance(value, str):
            raise ParameterError(f"{field} of {type(self).__name__} is {told(value)}; give a name")

    def _pair(self, bounds: Any) -> tuple[float, float]:
        what = f"bounds of {type(self).__name__}"
        try:
            low, high = (float(bound) for bound in bounds)
        except (TypeError, ValueError):
            raise ParameterError(f"{what} are {told(bounds)}; give a pair (least, greatest), or None") from None
        if not low < high:
            swap = f", such as ({high:g}, {low:g})" if high < low else ""
            raise ParameterError(f"{what} are ({low:g}, {high:g}); give the least one first, below the other{swap}")
        return low, high

    @property
    def limits(self) -> tuple[float, float]:
        """The bounds; infinite where there are none."""
        return UNBOUNDED if self.bounds is None else self.bounds

    def follows(self, name: str) -> str:
        """The parameter whose Hebbian sum drives this one, where the rule is ``hebbian``."""
        return name

    def check(self, name: str, anatomy: Anatomy) -> None:  # noqa: B027, most are for any parameter
        """Raise ParameterError or UnknownNameError for a parameter, or vertex, that the rule is not for."""

    @abstractmethod
    def drive(self, activity: Activity, name: str) -> np.ndarray:
        """The drive now, of the parameter's shape."""

    def emit(self, name: str, code: DriveCode) -> None:  # noqa: B027, Hebbian sums are there already
        """For the compiled program: append the instructions that add a block's part of the drive to ``code.drive``."""

    @property
    @abstractmethod
    def equation(self) -> Formula:
        """The drive of one entry by one sample, a formula of ``DESCENT``, ``LEARNED``, ``PRE`` and so on.

        What a rule is elsewhere, in texts and in other simulators, is written from it.
        """

    @property
    def slope(self) -> Formula:
        """tau dtheta/dt of one entry: ``equation`` less the decay."""
        if not self.decay:
            return self.equation
        leak = LEARNED if self.decay == 1 else ("multiply", float(self.decay), LEARNED)
        return ("subtract", self.equation, leak)

    @property
    def names(self) -> frozenset[str]:
        """The names in the equation."""
        return frozenset(variables_of(self.equation))

    def mean_of(self) -> str | None:
        """The vertex whose mean activity is the ``MEAN`` of the equation."""
        return None

    def named_vertex(self) -> str | None:
        """The vertex whose activity is ``NAMED`` in the equation."""
        return None

    def formula(self, name: str) -> str:
        """The drive of a parameter, or of what is learned of a vertex, in words of ``Circuit.equations``."""
        words = {
            DESCENT: f"-dL/d{self.follows(name)}",
            LEARNED: name,
            PRE: PRE,
            POST: POST,
            VALUE: f"{name}.v",
            PREDICTION: f"{name}.prediction",
            MEAN: f"mean of {self.mean_of()}.v",
            NAMED: f"{self.named_vertex()}.v",
        }
        return self.over_samples + to_text(substitute(self.equation, words))

    def change(self, value: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """tau dtheta/dt."""
        return drive - self.decay * value

    def bounded(self, value: np.ndarray) -> np.ndarray:
        """The value within bounds. What is no number stays so."""
        return value if self.bounds is None else np.clip(value, *self.bounds)

    def attributes(self) -> dict[str, Any]:
        """The object's data as plain values and arrays, for saving."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {name: np.array(value) if name == "bounds" and value else value for name, value in values.items()}

    def text(self) -> str:
        """The rule in a few words, for tables and attributes: ``"Hebbian, tau 1000 ms"``."""
        parts = [f"{type(self).__name__}, tau {self.tau:g} ms"]
        parts += [f"decay {self.decay:g}"] if self.decay else []
        parts += [f"from {self.limits[0]:g} to {self.limits[1]:g}"] if self.bounds is not None else []
        parts += [f"every {self.every:g} ms"] if self.every is not None else []
        return ", ".join(parts)
