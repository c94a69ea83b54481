"""How learning stands after a pass through the examples, and the same as a row of a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pcneuro.learning.examples import Score


@dataclass(frozen=True)
class Epoch:
    """How learning stood after ``number`` passes through the examples; 0 is the start.

    ``train`` is the score on as many of the samples learned from as there are to test with, always the same ones;
    ``rate`` is the learning rate, ``seconds`` is wall-clock time spent on gradients and updates in this epoch, and
    ``measured`` is what the trainer's ``measure`` returned.
    """

    number: int
    train: Score
    test: Score
    rate: float
    seconds: float
    measured: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def row(self) -> dict[str, Any]:
        """It as plain values, for a file."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Any, number: int) -> Epoch:
        """The epoch ``number`` from what ``row`` gave, which anybody may have written. Raises ValueError."""
        wanted = {"number", "train", "test", "rate", "seconds", "measured"}
        if not isinstance(row, dict) or row.keys() != wanted or row["number"] != number:
            raise ValueError(f"epoch {number} is not the row of one")
        if not isinstance(row["measured"], dict):
            raise ValueError(f"what was measured after epoch {number} is no table")
        rate, seconds = (_number(row[key], f"{key} of epoch {number}") for key in ("rate", "seconds"))
        # A rate that has come down to 0 ends learning.
        if not (0 <= rate < math.inf and 0 <= seconds < math.inf):
            raise ValueError(f"rate or seconds of epoch {number} are out of range")
        train, test = (_score(row[key], f"the {key} score of epoch {number}") for key in ("train", "test"))
        return cls(number, train, test, rate, seconds, row["measured"])


def _score(row: Any, what: str) -> Score:
    if not isinstance(row, dict) or row.keys() != {"loss", "accuracy"}:
        raise ValueError(f"{what} is none")
    return Score(_number(row["loss"], what), _number(row["accuracy"], what))


def _number(value: Any, what: str) -> float:
    """A float, which may be NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what} is no number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{what} is too large a number") from None
