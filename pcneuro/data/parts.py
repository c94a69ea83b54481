"""Samples to learn from or to test with: images, passages, words, trajectories; as arrays, and for circuits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pcneuro.data.vocabulary import Vocabulary
from pcneuro.errors import DataError, ParameterError


class AbstractPart(ABC):
    """Samples; the first axis of each array counts them.

    Examples
    --------
    >>> issubclass(pcn.data.Images, pcn.data.AbstractPart)
    True
    """

    @property
    @abstractmethod
    def inputs(self) -> np.ndarray:
        """As a circuit's input takes them: float32, or float64 where it is computed; shape (samples, \\*shape)."""

    @property
    @abstractmethod
    def targets(self) -> np.ndarray:
        """As a circuit's output is compared with them: of the same dtype; of classes and characters, one-hot over the
        last axis."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples."""

    @abstractmethod
    def take(self: P, indices: np.ndarray | slice) -> P:
        """The samples with these indices, such as ``slice(1000)`` for the first thousand."""

    @abstractmethod
    def describe(self) -> str:
        """What a sample is, in a few words."""


P = TypeVar("P", bound=AbstractPart)


@dataclass(frozen=True, eq=False)
class Images(AbstractPart):
    """Labelled images.

    Attributes
    ----------
    images
        float32 in [0, 1], the file's 0 to 255 (or whatever its largest value is) divided by that: shape (samples,
        channels, height, width). Colours are red, green, blue.
    labels
        int64, shape (samples,): indices into ``classes``.
    classes
        Names of the classes; their number is that of the classes.

    Raises
    ------
    DataError
        For images that are not of this kind and shape, and for labels out of range.

    Examples
    --------
    >>> pictures = np.zeros((2, 1, 8, 8), np.float32)  # samples, channels, height, width
    >>> pcn.data.Images(pictures, np.array([0, 1]), ("zero", "one")).classes
    ('zero', 'one')
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.float32:
            raise DataError(
                f"images of dtype {self.images.dtype} and shape {self.images.shape}; needed is float32 of (samples, "
                "channels, height, width)"
            )
        check_labels(self.labels, len(self.images), self.classes)

    @property
    def inputs(self) -> np.ndarray:
        return self.images

    @property
    def targets(self) -> np.ndarray:
        return one_hot(self.labels, len(self.classes))

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: np.ndarray | slice) -> Images:
        return Images(self.images[indices], self.labels[indices], self.classes)

    def describe(self) -> str:
        return f"images of {' x '.join(map(str, self.images.shape[1:]))}, {len(self.classes)} classes"


@dataclass(frozen=True, eq=False)
class Words(AbstractPart):
    """Labelled words.

    Attributes
    ----------
    tokens
        int64, shape (samples, length), with ``vocabulary.padding`` in front of words that are shorter: what a word is
        read to is its last character, for all words at the same time.
    lengths
        int64, shape (samples,): characters of each word, the last so many tokens.
    labels, classes
        As those of ``Images``.
    vocabulary
        The characters.

    Raises
    ------
    DataError
        For arrays that are not of this kind and shape, and for labels out of range.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.lengths.shape != self.tokens.shape[:1]:
            raise DataError(
                f"tokens of shape {self.tokens.shape} and lengths of shape {self.lengths.shape}; needed are "
                "(samples, length) and (samples,)"
            )
        check_labels(self.labels, len(self.tokens), self.classes)

    @property
    def inputs(self) -> np.ndarray:
        """One-hot rows of characters, rows of zeros for padding: float32, shape (samples, length, vocabulary)."""
        return self.vocabulary.one_hot(self.tokens)

    @property
    def targets(self) -> np.ndarray:
        return one_hot(self.labels, len(self.classes))

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, indices: np.ndarray | slice) -> Words:
        return Words(self.tokens[indices], self.lengths[indices], self.labels[indices], self.classes, self.vocabulary)

    def describe(self) -> str:
        size = f"{self.tokens.shape[1]} characters, of a vocabulary of {len(self.vocabulary)}"
        return f"words of at most {size}, {len(self.classes)} classes"


@dataclass(frozen=True, eq=False)
class Passages(AbstractPart):
    """Passages of a text, each with what follows: of every character, the next.

    Attributes
    ----------
    tokens
        int64, shape (samples, length).
    following
        int64, shape (samples, length): ``tokens`` one character later.
    vocabulary
        The characters.

    Raises
    ------
    DataError
        For arrays of other shapes.

    Examples
    --------
    >>> words = pcn.data.Vocabulary("ab")
    >>> tokens = np.array([[0, 1, 0]])
    >>> pcn.data.Passages(tokens, np.roll(tokens, -1), words).tokens.shape
    (1, 3)
    """

    tokens: np.ndarray
    following: np.ndarray
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.following.shape != self.tokens.shape:
            raise DataError(
                f"tokens of shape {self.tokens.shape}, following tokens of shape {self.following.shape}; needed is "
                "(samples, length) for both"
            )

    @property
    def inputs(self) -> np.ndarray:
        """One-hot rows of characters: float32, shape (samples, length, vocabulary)."""
        return self.vocabulary.one_hot(self.tokens)

    @property
    def targets(self) -> np.ndarray:
        return self.vocabulary.one_hot(self.following)

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, indices: np.ndarray | slice) -> Passages:
        return Passages(self.tokens[indices], self.following[indices], self.vocabulary)

    def describe(self) -> str:
        return f"passages of {self.tokens.shape[1]} characters, of a vocabulary of {len(self.vocabulary)}"


@dataclass(frozen=True, eq=False)
class Trajectories(AbstractPart):
    """Motions: where each begins, and where it is after every step.

    Attributes
    ----------
    starts
        float64, shape (samples, variables).
    states
        float64, shape (samples, steps, variables): after one step, after two, and so on.
    step
        In s.

    Raises
    ------
    DataError
        For arrays of other shapes.

    Examples
    --------
    >>> pcn.data.Trajectories(np.zeros((4, 2)), np.zeros((4, 20, 2)), step=0.1).step
    0.1
    """

    starts: np.ndarray
    states: np.ndarray
    step: float

    def __post_init__(self) -> None:
        if self.states.ndim != 3 or self.starts.shape != self.states.shape[::2]:
            raise DataError(
                f"starts of shape {self.starts.shape}, states of shape {self.states.shape}; needed are (samples, "
                "variables) and (samples, steps, variables)"
            )

    @property
    def inputs(self) -> np.ndarray:
        return self.starts

    @property
    def targets(self) -> np.ndarray:
        return self.states

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, indices: np.ndarray | slice) -> Trajectories:
        return Trajectories(self.starts[indices], self.states[indices], self.step)

    def describe(self) -> str:
        _, steps, variables = self.states.shape
        return f"motions of {variables} variables, {steps} steps of {self.step:g} s"


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """float32 of shape (samples, classes): a 1 at each label."""
    return np.eye(classes, dtype=np.float32)[labels]


def check_labels(labels: np.ndarray, samples: int, classes: tuple[str, ...]) -> None:
    """Raise DataError unless there is one label a sample, an index into ``classes``."""
    if labels.shape != (samples,) or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels of dtype {labels.dtype} and shape {labels.shape}; needed are integers of shape ({samples},)"
        )
    wrong = (labels < 0) | (labels >= len(classes))
    if wrong.any():
        first = int(wrong.argmax())
        raise DataError(f"label {labels[first]} of sample {first} is out of range: 0 to {len(classes) - 1}")


def held_out(samples: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices to learn from and to test with, for data that has no official test: a permutation drawn from ``seed``.

    Raises ParameterError for a share outside of (0, 1).
    """
    if not 0 < share < 1:
        raise ParameterError(f"test={share}: the share of the samples kept for testing is between 0 and 1")
    order = np.random.default_rng(seed).permutation(samples)
    held = min(max(1, round(share * samples)), samples - 1)
    return order[held:], order[:held]
