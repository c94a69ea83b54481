"""What dynamics are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

DYNAMICS: dict[str, type[AbstractDynamics]] = {}


class Network(Protocol):
    """What the reference simulator offers to dynamics."""

    def predict(self) -> None:
        """Compute every prediction from the present values."""


class AbstractDynamics(ABC):
    """tau dv/dt = drive - e, with e = precision (v - prediction); variants differ in when predictions are computed.

    Instruction lists are named as in ``program.Program.code``. The error of clamped outputs with an energy of their own
    is written between ``before_error`` and ``after_error``.
    """

    holds_predictions: ClassVar[bool]
    """Whether predictions and their derivatives stay those of the feedforward sweep while the state moves."""
    superposes: ClassVar[bool]
    """Whether the state at any time is linear in the errors that it began with, so that what several of them bring
    about adds up: what ``FastForward``, ``Sequential``, bounds and extrapolated events need."""
    state: ClassVar[str]
    """Region that is integrated."""
    activity: ClassVar[tuple[str, ...]]
    """Regions, one or two, that add up to the value neurons' activity where they are free."""
    before_error: ClassVar[tuple[str, ...]]
    after_error: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        DYNAMICS[cls.__name__] = cls

    @abstractmethod
    def refresh(self, network: Network) -> None:
        """In the reference simulator: what is computed anew before errors are."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))
