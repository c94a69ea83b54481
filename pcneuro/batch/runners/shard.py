"""A shard: every so manieth block of a batch, for jobs that know of each other nothing but their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, final

from pcneuro.batch import locks
from pcneuro.batch.runners.abstract import AbstractRunner
from pcneuro.batch.runners.here import Here
from pcneuro.batch.runners.processes import Processes
from pcneuro.batch.settings import Settings
from pcneuro.errors import ConfigurationError
from pcneuro.quantities import whole
from pcneuro.studies.observer import AbstractObserver


@final
@dataclass(frozen=True)
class Shard(AbstractRunner):
    """Part ``number`` of ``count``, counted from 1: blocks ``number - 1``, ``number - 1 + count``, and so on.

    Blocks of all shards together are all blocks, and none is in two of them. Shards may begin at the same moment, and
    write to one store, or to stores of their own, which ``pcneuro batch merge`` joins.

    Parameters
    ----------
    number, count
        Which one, and how many there are.
    runner
        What does its blocks.
    """

    kind: ClassVar[str] = "shard"
    number: int
    count: int
    runner: AbstractRunner = field(default_factory=Here)

    def __post_init__(self) -> None:
        whole("number of the shard, counted from 1,", self.number, 1, whole("count of shards", self.count, 1))

    @classmethod
    def from_text(cls, text: str, runner: AbstractRunner | None = None) -> Self:
        """``3/16`` as the third of sixteen. Raises ConfigurationError."""
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal()) or not 1 <= int(number) <= int(count):
            raise ConfigurationError(f"--shard {text}: write 3/16 for the third of sixteen; they are counted from 1")
        return cls(int(number), int(count), runner or Here())

    @property
    def name(self) -> str:
        """As files are called after it."""
        return f"{self.number}-of-{self.count}"

    @property
    def workers(self) -> int:
        return self.runner.workers

    @property
    def sees_all(self) -> bool:
        return False

    def described(self) -> dict[str, Any]:
        """Local processes: whoever goes on with the whole batch is no shard of it."""
        return Processes().described()

    def begin(self, folder: Path, settings: Settings, workers: int | None, observer: AbstractObserver) -> None:
        self.runner.begin(folder, settings, workers, observer)

    def lock(self, folder: Path) -> AbstractContextManager[None]:
        return locks.shard(folder, self.name)

    def share(self, blocks: Sequence[int]) -> Sequence[int]:
        return [block for block in blocks if block % self.count == self.number - 1]

    def run(self, folder: Path, blocks: Sequence[int], observer: AbstractObserver, done: Callable[[int], None]) -> None:
        self.runner.run(folder, blocks, observer, done)
