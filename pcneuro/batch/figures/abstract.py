"""What a kind of figure of a batch is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pcneuro.batch.figures.points import Points

PICTURES: dict[str, type[AbstractPicture]] = {}
"""Kind, which is the file's name without suffix -> class."""


class AbstractPicture(ABC):
    """A kind of figure of a batch: which batches it is for, and how it is drawn."""

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        PICTURES[cls.kind] = cls

    @classmethod
    @abstractmethod
    def fits(cls, points: Points) -> bool:
        """Whether it shows what these points are like."""

    @classmethod
    @abstractmethod
    def draw(cls, points: Points) -> Figure:
        """The figure, a panel for each number."""
