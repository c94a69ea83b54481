"""Optimizers: local rules by which synapses change, from their own weight, gradient and memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from pcneuro.quantities import NOT_NEGATIVE, POSITIVE, SHARE, Range, number

OPTIMIZERS: dict[str, type[AbstractOptimizer]] = {}
Memory = tuple[np.ndarray, ...]


class AbstractOptimizer(ABC):
    """Turns gradients into new parameters, elementwise. It holds settings; what it remembers is passed along."""

    rate: float

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        OPTIMIZERS[cls.__name__] = cls

    @abstractmethod
    def start(self, value: np.ndarray) -> Memory:
        """What is remembered of a parameter before the first update: arrays of its shape."""

    @abstractmethod
    def update(
        self, value: np.ndarray, gradient: np.ndarray, memory: Memory, rate: float, number: int
    ) -> tuple[np.ndarray, Memory]:
        """A parameter's new value and memory.

        ``gradient`` is averaged over the batch, ``rate`` is ``self.rate`` times the schedule's factor, and ``number``
        counts updates from 1. Given arrays are left as they are.
        """


_CLIP = Range("a positive number, or None for no clipping", lambda x: x > 0.0)


def _set(optimizer: AbstractOptimizer, **ranges: Range) -> None:
    """Make settings floats, so that equal ones are written alike in checkpoints. Raises ParameterError."""
    for name, among in ranges.items():
        what = "learning rate" if name == "rate" else name
        object.__setattr__(optimizer, name, number(what, getattr(optimizer, name), among))


def _clipped(gradient: np.ndarray, clip: float | None) -> np.ndarray:
    return gradient if clip is None else np.clip(gradient, -clip, clip)


@dataclass(frozen=True)
class SGD(AbstractOptimizer):
    """Gradient descent, with momentum: m <- momentum m + g + weight_decay theta, theta <- theta - rate m.

    ``clip`` limits each synapse's own gradient to [-clip, clip]; None is off. (Clipping by the norm over all synapses
    would not be local.) Polyak (1964). Raises ParameterError for settings out of range.

    Examples
    --------
    >>> pcn.SGD(0.1, momentum=0.9).momentum
    0.9
    """

    rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip: float | None = None

    def __post_init__(self) -> None:
        _set(self, rate=POSITIVE, weight_decay=NOT_NEGATIVE, momentum=SHARE)
        if self.clip is not None:
            _set(self, clip=_CLIP)

    def start(self, value: np.ndarray) -> Memory:
        return (np.zeros(value.shape),) if self.momentum else ()

    def update(
        self, value: np.ndarray, gradient: np.ndarray, memory: Memory, rate: float, number: int
    ) -> tuple[np.ndarray, Memory]:
        change = _clipped(gradient, self.clip)
        if self.weight_decay:
            change = change + self.weight_decay * value
        if memory:
            change = self.momentum * memory[0] + change
            memory = (change,)
        return value - rate * change, memory


@dataclass(frozen=True)
class Adam(AbstractOptimizer):
    """Adam, with weight decay apart from the gradient (AdamW).

    m <- beta1 m + (1 - beta1) g,   s <- beta2 s + (1 - beta2) g^2,
    theta <- theta - rate (m / (1 - beta1^n) / (sqrt(s / (1 - beta2^n)) + epsilon) + weight_decay theta)

    at update n. m and s are a synapse's own. ``clip`` as in ``SGD``. Kingma & Ba (2015), Loshchilov & Hutter (2019).
    Raises ParameterError for settings out of range.

    Examples
    --------
    >>> pcn.Adam(0.001, weight_decay=0.01).rate
    0.001
    """

    rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip: float | None = None

    def __post_init__(self) -> None:
        _set(self, rate=POSITIVE, weight_decay=NOT_NEGATIVE, beta1=SHARE, beta2=SHARE, epsilon=POSITIVE)
        if self.clip is not None:
            _set(self, clip=_CLIP)

    def start(self, value: np.ndarray) -> Memory:
        return np.zeros(value.shape), np.zeros(value.shape)

    def update(
        self, value: np.ndarray, gradient: np.ndarray, memory: Memory, rate: float, number: int
    ) -> tuple[np.ndarray, Memory]:
        g = _clipped(gradient, self.clip)
        m = self.beta1 * memory[0] + (1 - self.beta1) * g
        s = self.beta2 * memory[1] + (1 - self.beta2) * g * g
        step = m / (1 - self.beta1**number) / (np.sqrt(s / (1 - self.beta2**number)) + self.epsilon)
        return value - rate * (step + self.weight_decay * value), (m, s)
