"""What Latin hypercubes and Sobol sequences have in common: points of a unit cube, as values within ranges."""

from __future__ import annotations

import decimal
import hashlib
import math
import sys
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from pcneuro.errors import ConfigurationError, ParameterError, told
from pcneuro.files.toml import Problem
from pcneuro.quantities import flag, whole
from pcneuro.studies.spaces.abstract import AbstractSpace
from pcneuro.studies.spaces.axes import EXAMPLE, AxisError, check_keys, check_runs
from pcneuro.studies.spaces.tables import only

_DIGITS = decimal.Context(prec=34)
"""Of logarithms and exponentials, which decimal numbers round correctly: the same bits on all processors."""
DIGEST = "digest"


@final
@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high`` that points of a cube are spread over.

    Parameters
    ----------
    low, high
        The ends, finite; ``low`` is below ``high``.
    log
        Whether as many points are between 1 and 10 as between 10 and 100; ``low`` is then above 0.
    whole
        Whether only whole numbers are taken, both ends included.

    Raises
    ------
    ParameterError
        For other ends.

    Examples
    --------
    >>> pcn.spaces.Range(1, 100, whole=True).high
    100
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        for name in ("log", "whole"):
            object.__setattr__(self, name, flag(name, getattr(self, name)))
        for name in ("low", "high"):
            end = getattr(self, name)
            if not _is_finite(end):
                raise ParameterError(f"{name} is {told(end)}; needed is a finite number")
            if self.whole and end != math.floor(end):
                raise ParameterError(f"{name} is {told(end)}; give a whole number")
            object.__setattr__(self, name, int(end) if self.whole else float(end))
        if not self.low < self.high:
            raise ParameterError(f"low is {self.low:g} and high {self.high:g}: low has to be below high")
        if self.log and self.low <= 0:
            raise ParameterError(f"low is {self.low:g}, and has no logarithm: it has to be above 0")

    def at(self, share: float) -> float:
        """The number at a share of the way, from 0 to below 1."""
        # Each whole number has as long a part of the way as its neighbours, the last one too.
        high = self.high + 1 if self.whole else self.high
        if not self.log:
            value = self.low * (1 - share) + high * share
        else:
            low, end = (_DIGITS.ln(decimal.Decimal(number)) for number in (self.low, high))
            value = float(_DIGITS.exp(_DIGITS.fma(decimal.Decimal(share), _DIGITS.subtract(end, low), low)))
        value = min(max(value, self.low), self.high)
        return math.floor(value) if self.whole else value

    def described(self) -> dict[str, Any]:
        """As files have it."""
        return {"low": self.low, "high": self.high, "log": self.log, "whole": self.whole}


@dataclass(frozen=True, repr=False)
class AbstractSampled(AbstractSpace):
    """``runs`` points within ``axes``, drawn with a seed. They are drawn once, when the first is asked for."""

    axes: Mapping[str, Range | tuple[float, float]]
    runs: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.axes, Mapping) or not self.axes:
            raise ParameterError(
                f"axes is {told(self.axes)}: give keys and their ranges, such as {{'integrator.dt': (0.1, 1.0)}}, "
                f"not lists of values as {EXAMPLE}"
            )
        check_keys(self.axes)
        object.__setattr__(self, "axes", {key: _range(key, given) for key, given in self.axes.items()})
        object.__setattr__(self, "runs", whole("runs", self.runs, 1))
        object.__setattr__(self, "seed", whole("seed", self.seed, 0))
        check_runs(self.runs)

    @abstractmethod
    def drawn(self) -> np.ndarray:
        """Points of the unit cube, (runs, axes), each number from 0 to below 1."""

    @cached_property
    def _points(self) -> np.ndarray:
        return self.drawn()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.axes)

    def __len__(self) -> int:
        return self.runs

    def values(self, number: int) -> dict[str, Any]:
        self.check_number(number)
        shares = self._points[number].tolist()
        ranges = self.axes.items()
        return {key: given.at(share) for (key, given), share in zip(ranges, shares, strict=True)}  # type: ignore[union-attr]

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self._points, "<f8").tobytes()).hexdigest()

    def described(self) -> dict[str, Any]:
        axes = {key: given.described() for key, given in self.axes.items()}  # type: ignore[union-attr]
        return {"kind": self.kind, "axes": axes, "runs": self.runs, "seed": self.seed, DIGEST: self._digest}

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Self:
        fields = only(table, "axes", "runs", seed=0, **({DIGEST: table[DIGEST]} if DIGEST in table else {}))
        digest = fields.pop(DIGEST, None)
        if not isinstance(fields["axes"], Mapping):
            raise Problem(("axes",), 'needs keys and their ranges, such as "integrator.dt" = {low = 0.1, high = 1.0}')
        made = cls(**{**fields, "axes": _nested(fields["axes"])})
        if digest is not None and digest != made._digest:
            raise ConfigurationError(f"this SciPy draws other points of a {cls.kind} than the one that it was made by")
        return made


def _is_finite(end: Any) -> bool:
    """Whether it is a number that a float can have."""
    if isinstance(end, bool) or not isinstance(end, int | float | np.integer | np.floating):
        return False
    exact = end.item() if isinstance(end, np.generic) else end
    return bool(-sys.float_info.max <= exact <= sys.float_info.max)


def _nested(axes: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Ranges by dotted key, of tables that may stand in one another."""
    found: dict[str, Any] = {}
    for key, given in axes.items():
        if isinstance(given, Mapping) and given and not {"low", "high"} & set(given):
            found |= _nested(given, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = given
    return found


def _range(key: str, given: Any) -> Range:
    if isinstance(given, Range):
        return given
    if not isinstance(given, Mapping) and not (isinstance(given, list | tuple) and len(given) == len(("low", "high"))):
        raise AxisError(key, "needs a range: low and high, and log or whole where it is so", given)
    try:
        return (
            Range(**only(given, "low", "high", log=False, whole=False)) if isinstance(given, Mapping) else Range(*given)
        )
    except Problem as problem:
        raise AxisError(key, f"{'.'.join(problem.path)}: {problem.text}") from None
    except ParameterError as error:
        raise AxisError(key, str(error)) from None
