"""What a study is: something that is run once for each point of a space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pcneuro.batch.row import Row
from pcneuro.studies.spaces import AbstractSpace

Values = Mapping[str, Any]
STUDIES: dict[str, type[AbstractStudy]] = {}
"""Kind, which is the class name -> class."""


class AbstractStudy(ABC):
    """Runs by the values that a space gives. Another process makes it again of what ``described`` says."""

    warms: ClassVar[bool] = False
    """Whether a first run of a process takes longer than others, as it compiles something, and can be done twice."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        STUDIES[cls.__name__] = cls

    @property
    @abstractmethod
    def name(self) -> str:
        """What folders of its results are called."""

    @property
    def seed(self) -> int:
        """The seed of its first replicate."""
        return 0

    @abstractmethod
    def check(self, values: Values) -> None:
        """Raise ConfigurationError for values, or keys, that it cannot be run with. Nothing is simulated."""

    @abstractmethod
    def check_names(self, values: Values) -> None:
        """Raise ConfigurationError for keys that name what there is not in the circuit of a run with these values."""

    @abstractmethod
    def perform(
        self,
        numbers: Sequence[int],
        values: Sequence[Values],
        scratch: Callable[[int], Path],
        stopped: Callable[[], bool],
    ) -> list[Row]:
        """Do runs; one row each, in their order.

        A run that fails or diverges is a row. What does not depend on the run, such as lowering a circuit, is kept from
        one call to the next. ``scratch`` is a folder of a run's own, for checkpoints. Where ``stopped`` becomes true
        (Ctrl-C), KeyboardInterrupt is raised, and nothing is kept of the runs.
        """

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """All of it as JSON has it: what ``from_described`` makes it of."""

    @classmethod
    @abstractmethod
    def from_described(cls, described: Mapping[str, Any]) -> AbstractStudy:
        """The study that was ``described``. Raises ConfigurationError."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Of what is described that which results depend on: not where it is, nor what it is called."""

    @abstractmethod
    def files(self, space: AbstractSpace) -> dict[str, str]:
        """Digests of the files that its runs read, as far as it, or the space, names them."""
