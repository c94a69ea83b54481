"""Batches in pieces: gradients of each, which are added up in an order that only the number of pieces decides on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar, final

from pcneuro.learning.examples import Arrays, Examples, Score
from pcneuro.learning.sources import AbstractSource, Gradients
from pcneuro.simulator.result import Status

T = TypeVar("T")


class AbstractDivision(ABC):
    """How batches are divided, and who finds the gradients of their pieces."""

    @abstractmethod
    def of(self, source: AbstractSource) -> AbstractSource:
        """A source of the same gradients, found in pieces."""


class AbstractPieces(AbstractSource):
    """The gradients of another ``source``, found in pieces of so many ``samples``, of which the last may have fewer.

    Which ones they are depends on ``samples`` alone, and so do the bits of the sum. Scores are found in this process.
    """

    def __init__(self, source: AbstractSource, samples: int) -> None:
        self.circuit, self.source, self.samples = source.circuit, source, samples

    def gradients(self, parameters: Arrays, examples: Examples, first: int = 0) -> Gradients:
        total = self.of_pieces(parameters, list(self._pieces(examples, first)))
        return replace(total, gradients=self.circuit.graph.by_leaf(total.gradients))

    @abstractmethod
    def of_pieces(self, parameters: Arrays, pieces: Sequence[tuple[int, Examples]]) -> Gradients:
        """Gradients of all pieces, each with the number of its first sample, by ``summed`` and ``joined``."""

    def _pieces(self, examples: Examples, first: int) -> Iterator[tuple[int, Examples]]:
        for begin in range(0, len(examples), self.samples):
            yield first + begin, examples.take(slice(begin, begin + self.samples))

    def score(self, parameters: Arrays, examples: Examples, output: str | None = None) -> Score:
        return self.source.score(parameters, examples, output)

    def settings(self) -> str:
        return f"{self.source.settings()} in pieces of {self.samples} samples"


@final
class InTurn(AbstractPieces):
    """Gradients of the pieces of a batch one after the other, in this process."""

    def of_pieces(self, parameters: Arrays, pieces: Sequence[tuple[int, Examples]]) -> Gradients:
        found = []
        for first, piece in pieces:
            found.append(self.source.gradients(parameters, piece, first))
            if found[-1].status is not Status.COMPLETED:
                return found[-1]
        return summed(found, joined)


def joined(left: Gradients, right: Gradients) -> Gradients:
    """Gradients of two parts of a batch as those of both; where one was not completed, how the first of them ended."""
    for part in (left, right):
        if part.status is not Status.COMPLETED:
            return part
    total = {name: gradient + right.gradients[name] for name, gradient in left.gradients.items()}
    return Gradients(total, left.loss + right.loss)


def summed(parts: Sequence[T], join: Callable[[T, T], T]) -> T:
    """Parts joined two and two, then what came of it two and two, until there is one; an odd last one waits."""
    while len(parts) > 1:
        parts = [join(*parts[k : k + 2]) if k + 1 < len(parts) else parts[k] for k in range(0, len(parts), 2)]
    return parts[0]
