"""The table ``[batch]`` of a simulation file: how its runs are done, and where they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pcneuro.batch.layout import SETTINGS
from pcneuro.batch.row import EVERYTHING
from pcneuro.batch.runners import RUNNERS, AbstractRunner, Processes, Shard
from pcneuro.batch.store.checking import described
from pcneuro.errors import ConfigurationError
from pcneuro.files.toml import Problem, Table, checked
from pcneuro.studies.file import BATCH, Plan
from pcneuro.studies.tables import made_from


def _runner(raw: Any) -> Any:
    """A runner, of a table with its kind. Which shard it is, is said on the command line."""
    return made_from({kind: made for kind, made in RUNNERS.items() if made is not Shard}, Processes.kind, raw)


class BatchTable(Table):
    """Keys of ``[batch]``."""

    runner: Annotated[AbstractRunner, BeforeValidator(_runner)] = Processes()
    """Who does the runs; a table with a kind."""
    replicates: int = Field(1, ge=1)
    """How often each run is done, with the file's seed and those above it."""
    block: int | None = Field(None, ge=1)
    """Consecutive runs that one process does and writes together; by their time, where it is missing."""
    pack: bool = True
    """Whether runs that differ in data only are simulated side by side."""
    keep: list[str] = Field([EVERYTHING], min_length=1)
    """Names of numbers and records that are kept, or patterns such as "parameters.*"."""


def batch_table(plan: Plan) -> BatchTable:
    """The table of a file, or what it is where there is none. Raises ConfigurationError."""
    try:
        return checked(BatchTable, plan.raw.get(BATCH, {}))
    except Problem as problem:
        raise plan.error(problem.below(BATCH)) from None


def runner_of(folder: Path) -> AbstractRunner:
    """The runner that the batch in a folder began with. Raises StoreError, and ConfigurationError where it is none."""
    raw = described(folder).get("runner")
    try:
        return _runner(raw)
    except Problem as problem:
        raise ConfigurationError(f"{folder / SETTINGS}: {problem.below('runner')}") from None
