"""Reading a simulation file: TOML, keys set on the command line, the grid of a sweep; and where a value came from."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pcneuro.errors import ConfigurationError, ParameterError, warn
from pcneuro.files.toml import Problem, checked, get, located, nearest, read_toml, shown_at
from pcneuro.quantities import whole
from pcneuro.studies.keys import Keys, set_text, split, toml_value
from pcneuro.studies.seeds import SEED, seeded
from pcneuro.studies.spaces import AbstractSpace, Joined, Listed, Replicated, space_of
from pcneuro.studies.spaces.axes import AxisError
from pcneuro.studies.spaces.reading import NEEDED
from pcneuro.studies.tables import KIND
from pcneuro.studies.task import TASKS, AbstractTask

SWEEP = "sweep"
REPLICATES = "replicates"
BATCH = "batch"
"""Table of how many runs are done: by whom, and where they are kept."""
ONE_RUN = Listed([{}])
"""The space of a file without a sweep, whose run may be done several times."""


@dataclass(frozen=True)
class PlannedRun:
    """One run that a file asks for: its task, and what the sweep sets for it, by dotted key."""

    task: AbstractTask
    swept: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A simulation file, read: what it says (``raw``), with what was set on top, and the space of its runs, if any."""

    path: Path
    raw: Mapping[str, Any]
    overrides: Mapping[Keys, Any]
    space: AbstractSpace | None = None
    words: tuple[str, ...] = ()
    """Of the command line that made it, behind ``pcneuro``, where that is not the file and what was set."""

    @property
    def sets(self) -> tuple[str, ...]:
        """What was set on top, as texts that ``read`` takes."""
        return tuple(set_text(keys, value) for keys, value in self.overrides.items())

    @property
    def name(self) -> str:
        """Name of the file without its suffix."""
        return self.path.stem

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the files that it names are looked for, in this order."""
        beside = self.path.resolve().parent
        return tuple(dict.fromkeys((beside, beside.parent, Path.cwd())))

    @property
    def base(self) -> dict[str, Any]:
        """The keys of the task, without what sweeps and batches set."""
        return {key: value for key, value in self.raw.items() if key not in (SWEEP, BATCH)}

    def __len__(self) -> int:
        """How many runs the file asks for."""
        return 1 if self.space is None else len(self.space)

    def run(self, number: int) -> PlannedRun:
        """The run of this number, checked. Raises ConfigurationError: the file, the key, its value, what is wrong."""
        return self.with_swept({} if self.space is None else self.space.values(number))

    def with_swept(self, values: Mapping[str, Any]) -> PlannedRun:
        """The run with these values by dotted key, checked. Raises ConfigurationError."""
        try:
            return self._planned(values)
        except Problem as problem:
            raise self.error(problem, values) from None

    def checked(self) -> Plan:
        """Itself, with its runs checked; of a batch the first. Raises ConfigurationError."""
        if BATCH in self.raw:
            self.run(0)
        else:
            assert self.runs
        return self

    @cached_property
    def runs(self) -> tuple[PlannedRun, ...]:
        """All of them. Raises ConfigurationError for the first one with something wrong."""
        return tuple(self.run(number) for number in range(len(self)))

    def _planned(self, values: Mapping[str, Any]) -> PlannedRun:
        """A run with values of all keys that any run sets; what its own part leaves out is as without it."""
        raw = self.base
        kind = task_of(raw)
        raw = with_values(raw, values)
        task = seeded(checked(kind, raw), raw)
        found = {}
        for key in values if self.space is None else self.space.keys:
            try:
                found[key] = get(raw, split(key))
            except KeyError:
                found[key] = _default(task, split(key))
        return PlannedRun(task, found)

    def error(self, problem: Problem, swept: Mapping[str, Any] = MappingProxyType({})) -> ConfigurationError:
        """The one line about a problem in the run with these ``swept`` values: where it is, and what is wrong."""
        raw = self.base if swept else dict(self.raw)
        with suppress(Problem):
            raw = with_values(raw, swept)
        return ConfigurationError(describe(self.path, problem, raw, self.overrides, {split(key) for key in swept}))


def parse_set(text: str) -> tuple[Keys, Any]:
    """``integrator.dt=0.5`` as keys and value; a value that is no TOML is taken for a text.

    Raises ConfigurationError.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigurationError(f"--set {text}: write key=value, such as --set integrator.dt=0.5")
    try:
        keys = split(key.strip())
    except Problem as problem:
        raise ConfigurationError(f"--set {text}: {key.strip()!r} {problem.text}") from None
    return keys, toml_value(value)


def put(raw: dict[str, Any], keys: Keys, value: Any) -> None:
    """Set a value, and make the tables on the way to it. Raises Problem where something else is in the way."""
    for depth, key in enumerate(keys[:-1]):
        inner = raw.setdefault(key, {})
        if not isinstance(inner, dict):
            raise Problem(keys[: depth + 1], f"is no table, so {'.'.join(keys)} cannot be set")
        raw = inner
    raw[keys[-1]] = value


def with_values(raw: Mapping[str, Any], swept: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a file's tables with the values that the sweep sets for one run."""
    tables = copy.deepcopy(dict(raw))
    for key, value in swept.items():
        put(tables, split(key), value)
    return tables


def describe(
    path: Path, problem: Problem, raw: Mapping[str, Any], overrides: Mapping[Keys, Any], swept: set[Keys]
) -> str:
    """One line about a problem, which says where the value came from: the file, ``--set``, or the sweep."""
    keys, shown = problem.path, shown_at(raw, problem.path)
    if any(keys[: len(prefix)] == prefix for prefix in swept if prefix):
        return f'{path}: [{SWEEP}] "{".".join(keys)}"{shown}: {problem.text}'
    if any(keys[: len(prefix)] == prefix for prefix in overrides):
        return f"--set {'.'.join(keys)}{shown.replace(' = ', '=', 1)}: {problem.text}"
    return located(path, problem, raw)


def _space(raw: Any, folder: Path, seed: Any) -> AbstractSpace:
    """What each run sets: the space of each table, with replicates from the file's seed on; one after the other."""
    tables = raw if isinstance(raw, list) else [raw]
    spaces: list[AbstractSpace] = []
    for number, table in enumerate(tables):
        try:
            space = _replicated(table, folder, seed)
            check_swept(space)
        except Problem as problem:
            raise problem.below(*((SWEEP, str(number)) if isinstance(raw, list) else (SWEEP,))) from None
        spaces.append(space)
    if not spaces:
        raise Problem((SWEEP,), NEEDED)
    try:
        return spaces[0] if len(spaces) == 1 else Joined(spaces)
    except AxisError as error:
        raise Problem((SWEEP, error.key), error.text) from None


def _replicated(table: Any, folder: Path, seed: Any) -> AbstractSpace:
    """The space of a table, each run so often as ``replicates`` says."""
    if not isinstance(table, Mapping) or isinstance(table.get(REPLICATES, []), list):
        return space_of(table, folder)
    rest = {key: value for key, value in table.items() if key != REPLICATES}
    space = space_of(rest, folder) if rest else ONE_RUN
    try:
        return Replicated(space, whole(REPLICATES, table[REPLICATES], 1), first=whole("seed", seed, 0))
    except AxisError as error:
        raise Problem((error.key,), error.text) from None
    except ParameterError as error:
        raise Problem((REPLICATES,), str(error)) from None


def check_swept(space: AbstractSpace) -> None:
    """Raise Problem for a key that no sweep can set."""
    for key in space.keys:
        if split(key)[0] in (SWEEP, BATCH, "task"):
            raise Problem((key,), "cannot be swept")


def read(path: str | Path, sets: Sequence[str] = ()) -> Plan:
    """Read a simulation file, with ``sets`` such as ``"integrator.dt=0.5"`` on top, and check the runs it asks for.

    Of a batch it checks the first run; each of the others is checked when it is its turn.

    Raises ConfigurationError: the file, the table, the key and its value, and the nearest key there is.
    """
    return opened(path, sets).checked()


def opened(path: str | Path, sets: Sequence[str] = ()) -> Plan:
    """Read a simulation file, its task and its space, as ``read`` does; its runs are not checked.

    Raises ConfigurationError.
    """
    path = Path(path)
    return planned(path, read_toml(path), dict(parse_set(text) for text in sets))


def planned(path: Path, raw: dict[str, Any], overrides: Mapping[Keys, Any]) -> Plan:
    """The plan of a file's tables, into which ``overrides`` are put. Raises ConfigurationError."""
    try:
        for own_keys, value in overrides.items():
            put(raw, own_keys, value)
        plan = Plan(path, raw, overrides)
        task_of(raw)
        if SWEEP in raw:
            plan = Plan(path, raw, overrides, _space(raw[SWEEP], path.parent, raw.get(SEED, 0)))
    except Problem as problem:
        raise Plan(path, raw, overrides).error(problem) from None
    for note in plan.space.notes if plan.space else ():
        warn(f"{path}: {note}")
    return plan


def task_of(raw: Mapping[str, Any]) -> type[AbstractTask]:
    """The task that a file's tables are of. Raises Problem."""
    kind = raw.get("task")
    if kind is None:
        raise Problem(("task",), f"is missing: one of {', '.join(sorted(TASKS))}")
    if not isinstance(kind, str) or kind not in TASKS:
        raise Problem(("task",), f"unknown task; {nearest(str(kind), sorted(TASKS))}")
    return TASKS[kind]


def _default(holder: Any, keys: Keys) -> Any:
    """What a task has where the file says nothing; None where it has nothing either."""
    for key in keys:
        holder = type(holder).__name__ if key == KIND else getattr(holder, key, None)
    return holder
