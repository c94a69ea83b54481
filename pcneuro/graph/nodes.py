"""The nodes of a graph: a leaf, or an operator applied to other nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from pcneuro.errors import DataError
from pcneuro.graph.leaves import Leaf
from pcneuro.ops.base import AbstractOperator, Shape


@dataclass(frozen=True)
class Node:
    """A vertex candidate: a leaf, or an operator applied to other nodes.

    ``marked`` tells that the user gave it neurons of its own with ``pcn.vertex``; ``where`` is the line of the traced
    function that made it.
    """

    name: str
    source: AbstractOperator | Leaf
    operands: tuple[str, ...]
    shape: Shape
    marked: bool = False
    where: str = field(default="", compare=False)

    @property
    def operator(self) -> AbstractOperator:
        """The operator of a node that is no leaf."""
        assert isinstance(self.source, AbstractOperator)
        return self.source

    @property
    def is_leaf(self) -> bool:
        """Whether the node is an Input, Parameter, Latent, Recurrent or Constant."""
        return not isinstance(self.source, AbstractOperator)

    @property
    def size(self) -> int:
        """Number of units of one sample."""
        return math.prod(self.shape)

    def compute(self, *operands: np.ndarray) -> np.ndarray:
        """The operator's output for operands with a batch axis. DataError names the node that cannot take them."""
        try:
            return self.source.forward(*operands)  # type: ignore[union-attr]
        except DataError as error:
            raise DataError(f"node {self.name!r}: {error}") from None
